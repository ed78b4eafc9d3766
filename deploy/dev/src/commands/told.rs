//! What is said on standard output: where everything is, and what to try.

use std::io::{Write, stdout};
use std::time::Duration;

use anyhow::Context;
use tandem_dev::workspace;

use crate::stack::configure::{HANDLE, ORG, SERVICE};
use crate::stack::state::{self, State};

/// Writes a line.
pub(crate) fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(stdout(), "{text}").context("nobody listens")
}

/// Says where everything is.
pub(crate) fn addresses(state: &State) -> anyhow::Result<()> {
    let at = &state.addresses;
    line("")?;
    line(format_args!("  webhooks, REST API      {}", at.http))?;
    line(format_args!("  gRPC API                {}", at.admin))?;
    line(format_args!("  simulated PagerDuty     {}", at.pagerduty))?;
    line(format_args!("  NATS                    {}", at.nats))?;
    line(format_args!("  Postgres                {}", without_password(&at.database)))?;
    for (name, address) in &at.ops {
        line(format_args!("  {name:<24}{address}/metrics"))?;
    }
    let data = workspace::dev_name();
    line(format_args!("  data and logs           {0}/, {0}/log/", data.display()))
}

/// Says what to try next.
pub(crate) fn next(took: Duration) -> anyhow::Result<()> {
    line(format_args!("\nTandem is up ({:.1} s). Try:\n", took.as_secs_f32()))?;
    line(format_args!("  cargo dev im integration get {HANDLE}"))?;
    line(
        "  cargo dev im incident create --title \"Checkout is slow\" --severity SEV-2 --type infrastructure",
    )?;
    line("  cargo dev demo\n")
}

/// Runs `cargo dev env`.
pub(crate) fn env() -> anyhow::Result<()> {
    let state = running()?;
    let at = &state.addresses;
    let exports = [
        ("TANDEM_HTTP_URL", &at.http),
        ("TANDEM_ADMIN_URL", &at.admin),
        ("NATS_URL", &at.nats),
        ("DATABASE_URL", &at.database),
        ("PAGERDUTY_URL", &at.pagerduty),
    ];
    for (name, value) in exports {
        line(format_args!("export {name}='{value}'"))?;
    }
    line(format_args!("export TANDEM_ORG='{ORG}'"))?;
    line(format_args!("export PAGERDUTY_SERVICE='{SERVICE}'"))
}

/// What runs here, or how to change that.
pub(crate) fn running() -> anyhow::Result<State> {
    let root = workspace::root()?;
    let is_up = |state: &State| {
        state.ready && state.supervisor.as_ref().is_some_and(state::Process::is_alive)
    };
    state::load(&root)
        .filter(is_up)
        .context("nothing is running here; start it with `cargo dev up`")
}

fn without_password(url: &str) -> String {
    let (Some((scheme, rest)), true) = (url.split_once("://"), url.contains('@')) else {
        return url.to_owned();
    };
    let (user, host) = rest.split_once('@').unwrap_or(("", rest));
    let user = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let shown = without_password("postgres://tandem:secret@127.0.0.1:15432/tandem");
        assert_eq!(shown, "postgres://tandem@127.0.0.1:15432/tandem");
        assert_eq!(without_password("postgres://tandem@h/d"), "postgres://tandem@h/d");
        assert_eq!(without_password("nothing"), "nothing");
    }
}
