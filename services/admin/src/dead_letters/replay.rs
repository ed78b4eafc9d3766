//! Sending one letter again.
//!
//! An event or an act goes where it was found, under an id of the letter and of the count of its
//! replays, so that repeating an interrupted replay is recognised. An old desired state is never
//! sent as it is: the reconciler is asked to compare the link again, and what comes of that is the
//! present truth under a newer version. The letter is marked in the transaction that held it while
//! the broker took the message: what is marked was sent.

use jiff::Timestamp;
use tandem_bus::{
    dead_letter::Request,
    publish::{NotStored, Outgoing},
    subjects,
};
use tandem_domain::{
    event::{Change, Edit, Event},
    id::{DeadLetterId, LinkId, Mint},
    incident::{Actor, Side},
    integration::Integration,
    link::Link,
    outbound::Desired,
};
use tandem_runtime::trace;
use tandem_store::{
    PgConnection, audit,
    dead_letters::{self, State, Stored},
    desired, integrations, links,
};

use super::{BY_ITSELF, edit, message, message::Message, preview};
use crate::{
    Admin,
    refusal::{Refusal, Violation},
};

/// What is sent for a letter.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The message.
    pub(crate) outgoing: Outgoing,
    /// What will come of it, in a sentence.
    pub(crate) effect: &'static str,
    /// The calls it should come to.
    pub(crate) calls: Vec<Request>,
}

/// What a replay came to.
#[derive(Debug)]
pub(crate) enum Replayed {
    /// It was sent.
    Sent(Box<Plan>),
    /// It had become pointless.
    Superseded,
}

/// Who wants a letter sent, and what for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    /// What is to go in place of the original.
    pub(crate) edited: Option<&'a str>,
    /// Who asked for it.
    pub(crate) actor: &'a str,
    /// The replay of many that it is a part of.
    pub(crate) reason: Option<&'a str>,
    /// When.
    pub(crate) now: Timestamp,
}

/// Sends an open letter again, and marks it. Nothing stands before the transaction is committed.
pub(crate) async fn one(
    admin: &Admin,
    conn: &mut PgConnection,
    id: DeadLetterId,
    order: Order<'_>,
) -> Result<Replayed, Refusal> {
    if !dead_letters::supersede(conn, Some(id), order.now).await?.is_empty() {
        let org = dead_letters::get(conn, id).await?.and_then(|stored| stored.letter.org);
        let order = Order { actor: BY_ITSELF, ..order };
        audit(conn, (id, org.as_deref()), State::Superseded, order).await?;
        return Ok(Replayed::Superseded);
    }
    let stored = open(conn, id).await?;
    let plan = plan(conn, &stored, order).await?;
    admin.bus.publish(plan.outgoing.clone()).await.map_err(not_stored)?;
    dead_letters::mark_replayed(conn, id, order.edited, order.now).await?;
    audit(conn, (id, stored.letter.org.as_deref()), State::Replayed, order).await?;
    Ok(Replayed::Sent(Box::new(plan)))
}

/// The letter, held, if it is open.
pub(crate) async fn open(conn: &mut PgConnection, id: DeadLetterId) -> Result<Stored, Refusal> {
    let stored = dead_letters::lock(conn, id).await?;
    let stored = stored.ok_or_else(|| Refusal::unknown("dead letter", id.to_string()))?;
    if stored.state == State::Open {
        return Ok(stored);
    }
    let state = stored.state.name();
    Err(Refusal::Settled { noun: "dead letter", name: id.to_string(), state })
}

async fn audit(
    conn: &mut PgConnection,
    (id, org): (DeadLetterId, Option<&str>),
    state: State,
    order: Order<'_>,
) -> Result<(), Refusal> {
    let mut after = super::state(state);
    if let (Some(edited), Some(after)) = (order.edited, after.as_object_mut()) {
        after.insert("edited".to_owned(), serde_json::json!(edited));
    }
    let action = match state {
        State::Superseded => "dead_letter.supersede",
        State::Open | State::Replayed | State::Discarded => "dead_letter.replay",
    };
    let entry = audit::Entry {
        at: order.now,
        actor: order.actor,
        org,
        action,
        target: &id.to_string(),
        reason: order.reason,
        before: Some(super::state(State::Open)),
        after: Some(after),
    };
    Ok(audit::add(conn, entry).await?)
}

/// What would be sent for a letter.
pub(crate) async fn plan(
    conn: &mut PgConnection,
    stored: &Stored,
    order: Order<'_>,
) -> Result<Plan, Refusal> {
    let letter = &stored.letter;
    let message = match order.edited {
        Some(edited) => edit::check(&letter.subject, &letter.original, edited)?,
        None => {
            message::read(&letter.subject, &letter.original).map_err(|wrong| unreadable(&wrong))?
        }
    };
    let integration = integration(conn, stored).await?;
    let name = format!("{}-{}", letter.id, stored.replays.saturating_add(1));
    let body = order.edited.unwrap_or(&letter.original).as_bytes().to_vec();
    let again = Outgoing {
        subject: letter.subject.clone(),
        id: name.clone(),
        traceparent: letter.traceparent.clone().or_else(trace::traceparent),
        reply_to: None,
        body: body.into(),
    };
    match (message, integration) {
        (Message::Event(_), _) => Ok(Plan {
            outgoing: again,
            effect: "the event is judged as if it had just come; one that was taken in before \
                     changes nothing",
            calls: Vec::new(),
        }),
        (Message::Act(act), Some(integration)) => Ok(Plan {
            outgoing: again,
            effect: "the action is carried out",
            calls: preview::of_act(&integration.connector, &act),
        }),
        (Message::State(desired), Some(integration)) => {
            let link = link(conn, desired.link).await?;
            if order.edited.is_some() {
                return edited_state(again, &desired, &integration, &link);
            }
            level(conn, &integration, &link, &name, stored, order.now).await
        }
        (Message::Act(_) | Message::State(_), None) => {
            Err(Refusal::invalid("dead_letter", "belongs to no integration: discard it"))
        }
    }
}

/// An edited state goes as it is, while nothing newer is wanted: its receipt tells the reconciler.
fn edited_state(
    again: Outgoing,
    desired: &Desired,
    integration: &Integration,
    link: &Link,
) -> Result<Plan, Refusal> {
    if link.version > desired.version {
        let problem = format!(
            "is version {}, and version {} is wanted by now: replay the letter as it is, or \
             change the incident",
            desired.version, link.version
        );
        return Err(Refusal::invalid("edited.version", problem));
    }
    Ok(Plan {
        outgoing: again,
        effect: "the record is brought to the edited state; where that differs from the incident, \
                 it is then judged like an edit made over there",
        calls: preview::of_state(&integration.connector, desired, link),
    })
}

/// Asks for the link to be compared again.
async fn level(
    conn: &mut PgConnection,
    integration: &Integration,
    link: &Link,
    name: &str,
    stored: &Stored,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let latest = desired::latest(conn, link.id).await?;
    let calls = latest.map(|latest| preview::of_state(&integration.connector, &latest, link));
    let edit = Edit {
        id: Mint::new(stored.letter.stored_at, name.as_bytes()).id(),
        org: integration.org.clone(),
        incident: link.incident,
        at: now,
        author: Actor::unnamed(Side::Platform),
        change: Change::Resync { link: link.id, read: true },
    };
    let subject = subjects::edited(&edit.org, edit.incident);
    let outgoing = Outgoing::json(subject, name.to_owned(), &Event::Edit(edit));
    let outgoing = outgoing.map_err(|error| Refusal::Broken {
        what: "the replay could not be written",
        source: error.into(),
    })?;
    Ok(Plan {
        outgoing: outgoing.traced(stored.letter.traceparent.clone().or_else(trace::traceparent)),
        effect: "both sides of the link are compared again, and what differs is written as it is \
                 wanted now",
        calls: calls.unwrap_or_default(),
    })
}

async fn link(conn: &mut PgConnection, id: LinkId) -> Result<Link, Refusal> {
    let found = links::get(conn, id).await?;
    let gone = || Refusal::invalid("dead_letter", "its link is gone: discard the letter");
    found.map(|stored| stored.link).ok_or_else(gone)
}

/// The letter's integration; nobody listens for one that was deleted.
async fn integration(
    conn: &mut PgConnection,
    stored: &Stored,
) -> Result<Option<Integration>, Refusal> {
    let Some(id) = stored.letter.integration else { return Ok(None) };
    match integrations::get(conn, id, false).await? {
        Some(found) if !found.deleted => Ok(Some(found.integration)),
        _ => Err(Refusal::invalid("dead_letter", "its integration is deleted: discard the letter")),
    }
}

fn unreadable(violation: &Violation) -> Refusal {
    let field = message::join("original", &violation.field);
    let problem = format!("{}: edit it, or discard the letter", violation.problem);
    Refusal::invalid(field.trim_end_matches('.'), problem)
}

fn not_stored(error: NotStored) -> Refusal {
    match error {
        NotStored::TooLarge(_) => Refusal::invalid("edited", "is larger than a message may be"),
        NotStored::Disconnected | NotStored::TimedOut(_) | NotStored::Refused(_) => {
            Refusal::Unavailable { what: "nats", source: Box::new(error) }
        }
    }
}
