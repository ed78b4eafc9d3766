//! Looking a connection over, from the inside outwards: what admin needs itself, what the service
//! that makes the calls finds, then what only the configuration can tell.

use jiff::SignedDuration;
use secrecy::SecretString;
use tandem_bus::config::signing_secret_place;
use tandem_connectors::{checkup::Check, inbound};
use tandem_domain::{clock::Offset, integration::Integration};
use tandem_store::integrations::Stored;

use crate::{Admin, ask};

/// Clocks further apart than this are worth a look: people compare times by eye.
const APART: SignedDuration = SignedDuration::from_secs(5);

/// Makes every check.
pub(crate) async fn checks(admin: &Admin, stored: &Stored, offset: Offset) -> Vec<Check> {
    let integration = &stored.integration;
    let mut made = vec![postgres(admin).await, nats(admin), enabled(integration)];
    match ask::silence(stored) {
        Some(silence) if silence.kind == "NO_TOKEN" => {
            let found = silence.message(integration);
            made.push(if integration.direction.outbound() {
                Check::failed("token", found, "")
            } else {
                Check::warning("token", format!("what webhooks miss is not found: {found}"), "")
            });
        }
        Some(silence) => {
            made.push(Check::skipped("egress", silence.message(integration)));
        }
        None => match ask::checks(admin, integration).await {
            Ok(checks) => {
                made.push(Check::ok("egress", "answers"));
                made.extend(checks);
            }
            Err(why) => {
                let way_out = format!(
                    "start tandem-{}-egress; the account was not looked at",
                    integration.connector
                );
                made.push(Check::failed("egress", why, way_out));
            }
        },
    }
    made.push(signature(admin, stored));
    made.push(clock(offset));
    made
}

async fn postgres(admin: &Admin) -> Check {
    let name = "postgres";
    if admin.store.is_ready().await {
        return Check::ok(name, "answers, and its schema is recent enough");
    }
    Check::failed(name, "does not answer, or its schema is too old", "tandem-admin migrate")
}

fn nats(admin: &Admin) -> Check {
    let name = "nats";
    if admin.bus.connected() {
        return Check::ok(name, "connected");
    }
    Check::failed(name, "there is no connection", "start it, or see NATS_URL")
}

fn enabled(integration: &Integration) -> Check {
    let (name, handle) = ("enabled", &integration.handle);
    if integration.enabled && integration.paused {
        let found = "paused: takes webhooks in, and what is to go out waits";
        return Check::warning(name, found, format!("im integration resume {handle}"));
    }
    if integration.enabled {
        return Check::ok(name, "takes part");
    }
    let way_out = format!("im integration enable {handle}");
    Check::warning(name, "disabled: neither takes webhooks in nor sends changes out", way_out)
}

/// Whether each signing secret that is held can sign a delivery and verify it.
fn signature(admin: &Admin, stored: &Stored) -> Check {
    let (name, integration) = ("signature", &stored.integration);
    if !integration.direction.inbound() {
        return Check::skipped(name, "not needed: it is outbound only");
    }
    let way_out =
        format!("im integration configure {} --signing-secret-file <FILE>", integration.handle);
    let secrets = stored.secrets();
    let held = secrets.len();
    if held == 0 {
        return Check::failed(name, "no signing secret is held: every webhook is refused", way_out);
    }
    let place = signing_secret_place(integration.id);
    let works = |sealed: &String| {
        admin.keyring.open(&place, sealed).is_ok_and(|secret| round_trip(integration, &secret))
    };
    let working = secrets.iter().filter(|sealed| works(sealed)).count();
    match held - working {
        0 => Check::ok(name, format!("{held} held, each signs and verifies")),
        broken => {
            let found = format!("{broken} of {held} held cannot be used: another master key?");
            Check::failed(name, found, way_out)
        }
    }
}

/// Signs a sample and verifies it, as ingress does for `/test`.
fn round_trip(integration: &Integration, secret: &SecretString) -> bool {
    inbound(&integration.connector).is_some_and(|inbound| {
        let sample = inbound.sample(secret);
        inbound.verify(&sample.headers, sample.body, std::slice::from_ref(secret)).is_ok()
    })
}

/// How far the account's clock is from ours, as it was measured.
fn clock(offset: Offset) -> Check {
    let name = "clock";
    let Offset { lo, hi, at } = offset;
    if at.is_none() {
        return Check::skipped(name, "not measured yet: the next change tells");
    }
    let shown = |us: i64| format!("{:+.1} s", SignedDuration::from_micros(us).as_secs_f64());
    let found = format!("the account's clock differs by {} to {}", shown(lo), shown(hi));
    let apart = i64::try_from(APART.as_micros()).unwrap_or(i64::MAX);
    // Only what is certain: the interval may be wide.
    if lo > apart || hi < -apart {
        return Check::warning(name, found, "see whether this machine's clock is kept in time");
    }
    Check::ok(name, found)
}

#[cfg(test)]
mod tests {
    use tandem_connectors::checkup::Verdict;

    use super::*;

    #[test]
    fn clocks_are_apart_only_where_that_is_certain() {
        let at = Some("2026-03-02T09:00:00Z".parse().unwrap());
        let judged = |lo, hi| clock(Offset { lo, hi, at }).verdict;
        assert_eq!(clock(Offset::default()).verdict, Verdict::Skipped);
        assert_eq!(judged(-400_000, 600_000), Verdict::Ok);
        assert_eq!(judged(-400_000, 60_000_000), Verdict::Ok);
        assert_eq!(judged(6_000_000, 7_000_000), Verdict::Warning);
        assert_eq!(judged(-70_000_000, -6_000_000), Verdict::Warning);
        let found = clock(Offset { lo: -400_000, hi: 600_000, at }).found;
        assert_eq!(found, "the account's clock differs by -0.4 s to +0.6 s");
    }
}
