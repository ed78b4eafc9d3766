//! Owns the command line: `serve` runs a simulator, the others speak to a running one.
//!
//! What a command prints on standard output is JSON, except the one line `serve` starts with.

mod remote;
mod serve;

use clap::{Parser, Subcommand};

/// A strict fake of `PagerDuty` for staging and tests.
#[derive(Debug, Parser)]
#[command(name = "pagerduty-sim", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a simulator until interrupted.
    Serve(serve::Serve),
    /// Play a person of the account: trigger, acknowledge, resolve, annotate, …
    Act(remote::ActArgs),
    /// Show the REST calls that were received.
    Calls(remote::CallsArgs),
    /// Show the attempts to deliver webhooks.
    Deliveries(remote::Plain),
    /// Show all incidents in full.
    Incidents(remote::Plain),
    /// Show, turn or restore the knobs.
    Faults(remote::FaultsArgs),
    /// Start over: no incidents, no calls, knobs as at the start.
    Reset(remote::Plain),
}

impl Cli {
    /// Does what the command line says.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Serve(serve) => serve.run().await,
            Command::Act(args) => args.run().await,
            Command::Calls(args) => args.run().await,
            Command::Deliveries(args) => args.get("/_sim/deliveries").await,
            Command::Incidents(args) => args.get("/_sim/incidents").await,
            Command::Faults(args) => args.run().await,
            Command::Reset(args) => args.reset().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_tells_every_option_of_serve() {
        let readme = include_str!("../README.md");
        let cli = Cli::command();
        let serve = cli.find_subcommand("serve").unwrap();
        for option in serve.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(readme.contains(&format!("`--{option}`")), "{option}");
        }
    }
}
