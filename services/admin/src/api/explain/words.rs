//! Decisions and writes in words for people.

use jiff::Timestamp;
use tandem_domain::{
    decision::{Decision, Rule},
    incident::{Actor, Side},
    reconcile::{Write, WriteState},
};

use super::sets;
use crate::wire::{self, conflict::said};

/// Who wanted what, and what came of it. `handle` is the link's integration.
pub(super) fn decided(decision: &Decision, handle: &str) -> String {
    let who = who(decision, handle);
    let after = said(decision.after.as_deref());
    let external = said(decision.external.as_deref());
    match decision.rule {
        Rule::Created => format!("{who} began it with {after}"),
        Rule::Resolved => format!("{who} decided the conflict: {after}"),
        Rule::NoPartner => format!("{who} set {external}; the platform stays {after}"),
        _ if !sets(decision) => match decision.actor.side {
            Side::External => {
                format!("{who} set {external}; the platform stays {after}{}", held(decision))
            }
            Side::Platform => format!(
                "{who} asked for another value; the platform stays {after}{}",
                held(decision)
            ),
        },
        _ if decision.before == decision.after => format!("{who} set it to {after} again"),
        _ => format!("{who} set it to {after}, from {}", before(decision)),
    }
}

/// The rule with its number, and the configuration it was applied under.
pub(super) fn why(decision: &Decision, handle: &str) -> String {
    let rule = format!("rule {}: {}", decision.rule.number(), decision.rule.why());
    match decision.config_version {
        Some(version) if !handle.is_empty() => {
            format!("{rule} (configuration {version} of {handle})")
        }
        _ => rule,
    }
}

/// What became of a write.
pub(super) fn written(write: &Write, handle: &str) -> String {
    let (value, version) = (said(write.value.as_deref()), write.version);
    match write.state {
        WriteState::Asked => format!("{handle} is to hold {value} (version {version})"),
        WriteState::Sent => {
            format!("{handle} was sent {value} and confirmed it (version {version})")
        }
        WriteState::Equal => {
            format!("{handle} held {value} already, nothing was sent (version {version})")
        }
        WriteState::Unexpected => format!(
            "{handle} held something nobody expected, so {value} was not sent (version {version})"
        ),
        WriteState::Refused => format!("{handle} refused {value} (version {version})"),
    }
}

fn who(decision: &Decision, handle: &str) -> String {
    let place = match decision.actor.side {
        Side::Platform => "the platform",
        Side::External if handle.is_empty() => "the external account",
        Side::External => handle,
    };
    let who = format!("{} on {place}", name(&decision.actor));
    // When it was made matters where it is not when it came in.
    let late = decision.at.duration_since(decision.authored_at).abs();
    if late.as_secs() == 0 { who } else { format!("{who}, at {},", clock(decision.authored_at)) }
}

fn name(actor: &Actor) -> String {
    let name = wire::author(actor);
    if name.is_empty() { "somebody".to_owned() } else { name }
}

fn before(decision: &Decision) -> String {
    let value = said(decision.before.as_deref());
    match &decision.before_by {
        Some(by) => format!("{value} by {}", name(by)),
        None => value,
    }
}

/// Who had set what stays, and when.
fn held(decision: &Decision) -> String {
    let by = decision.before_by.as_ref().zip(decision.before_at);
    by.map(|(by, at)| format!(", set by {} at {}", name(by), clock(at))).unwrap_or_default()
}

/// A time of day to the millisecond, in UTC.
fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use tandem_domain::{
        decision::Cause,
        field::Field,
        id::{DecisionId, IncidentId, LinkId},
    };

    use super::*;

    fn actor(side: Side, name: &str) -> Actor {
        Actor { name: Some(name.to_owned()), ..Actor::unnamed(side) }
    }

    fn decision(rule: Rule, before: &str, after: &str) -> Decision {
        let at: Timestamp = "2026-11-22T09:14:07.412Z".parse().unwrap();
        Decision {
            id: DecisionId::from_uuid(uuid::Uuid::from_u128(1)),
            incident: IncidentId::from_uuid(uuid::Uuid::from_u128(2)),
            position: 1,
            previous: String::new(),
            link: Some(LinkId::from_uuid(uuid::Uuid::from_u128(3))),
            field: Field::Title,
            before: Some(before.to_owned()),
            before_by: Some(actor(Side::Platform, "Ada")),
            before_at: Some(at),
            after: Some(after.to_owned()),
            external: Some("C".to_owned()),
            rule,
            cause: Cause { kind: "webhook".to_owned(), id: "E1".to_owned() },
            actor: actor(Side::External, "Priya"),
            authored_at: "2026-11-22T09:14:05.002Z".parse().unwrap(),
            at,
            config_version: Some(3),
        }
    }

    #[test]
    fn who_lost_and_why_is_one_line_each() {
        let lost = decision(Rule::OwnerWins, "B", "B");
        assert_eq!(
            decided(&lost, "prod-pd"),
            "Priya on prod-pd, at 09:14:05.002Z, set \"C\"; the platform stays \"B\", \
             set by Ada at 09:14:07.412Z"
        );
        assert_eq!(
            why(&lost, "prod-pd"),
            "rule 17: both sides had moved, and the owner of the field wins \
             (configuration 3 of prod-pd)"
        );
    }

    #[test]
    fn what_was_taken_says_from_what() {
        let taken = Decision {
            authored_at: decision(Rule::Taken, "", "").at,
            ..decision(Rule::Taken, "B", "C")
        };
        assert_eq!(
            decided(&taken, "prod-pd"),
            "Priya on prod-pd set it to \"C\", from \"B\" by Ada"
        );
    }
}
