//! Dead letters: what could not be handled, and what people did about it.
//!
//! A letter is taken in once and never changes but in its [`State`]: only an open one can be sent
//! again, superseded or discarded, and then stays what it is. A replay that fails in its turn comes
//! back as a letter of its own, which says whom it [follows](Stored::follows).

mod list;
mod outcome;
mod replays;
mod row;

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde_json::Value as Json;
use sqlx::PgConnection;
use tandem_domain::id::{DeadLetterId, IntegrationId, LinkId, ReplayId};

pub use self::{
    list::{Filter, Group, Page, get, groups, list, lock},
    outcome::{mark_replayed, settle, supersede},
    replays::{
        Progress, Replay, advance, begin, due, finish, next_letter, replay, set_apart, wake_at,
    },
};
use crate::{StoreError, rows::bigint};

/// Which way a message was going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the reconciler.
    In,
    /// To an external side.
    Out,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// An event on its way in, with that under which the inbox knows it.
    Event {
        /// Where its identity is unique.
        source: String,
        /// The delivery it came with.
        delivery: String,
        /// The event itself, over several deliveries.
        event: String,
    },
    /// What a link's external side should hold.
    State {
        /// The version.
        version: u64,
    },
    /// A one-off action.
    Act,
    /// Nothing that can be read.
    Unreadable,
}

/// How it stands with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It waits for somebody.
    Open,
    /// It was sent again.
    Replayed,
    /// It has become pointless by itself.
    Superseded,
    /// Somebody gave it up.
    Discarded,
}

/// A message that could not be handled.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Its id; derives from its place in the stream.
    pub id: DeadLetterId,
    /// Its place in the stream.
    pub sequence: u64,
    /// When the stream had it.
    pub stored_at: Timestamp,
    /// Which way it was going.
    pub way: Way,
    /// The organisation, where its subject names one.
    pub org: Option<String>,
    /// The integration, where it belongs to one.
    pub integration: Option<IntegrationId>,
    /// The link, where it is about one.
    pub link: Option<LinkId>,
    /// The record, as text.
    pub record: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Why it is here, in words for people.
    pub cause: String,
    /// The root cause.
    pub group: String,
    /// When it was given up.
    pub at: Timestamp,
    /// The trace it belongs to.
    pub traceparent: Option<String>,
    /// Where it was found, and where a replay goes.
    pub subject: String,
    /// Its body.
    pub original: String,
    /// The call that failed, where it came to one.
    pub request: Option<Json>,
    /// What the call was answered.
    pub answer: Option<Json>,
    /// How often it was tried.
    pub attempts: u64,
}

/// A letter, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The letter.
    pub letter: Letter,
    /// How it stands with it.
    pub state: State,
    /// Why that is so, where somebody or something said.
    pub reason: Option<String>,
    /// How often it was sent again.
    pub replays: u64,
    /// What was sent in place of the original.
    pub edited: Option<String>,
    /// The letter whose replay failed and became this one.
    pub follows: Option<DeadLetterId>,
    /// The bulk replay that is to send it, or has.
    pub replay: Option<ReplayId>,
    /// When it last changed.
    pub changed_at: Timestamp,
}

/// Takes a letter in; says whether it is new. A newer desired state of a link takes the place of
/// those that were given up before it.
pub async fn add(conn: &mut PgConnection, letter: &Letter) -> Result<bool, StoreError> {
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    let (source, delivery, event) = letter.kind.names();
    let added = sqlx::query!(
        r#"
        insert into dead_letters (
            id, sequence, stored_at, direction, org, integration, link, record, kind, version,
            source, delivery, event, cause, cause_group, at, traceparent, subject, original,
            request, answer, attempts, changed_at, follows
        )
        select
            $1, $2, $3, $4, coalesce((select org from integrations where id = $6), $5), $6, $7, $8,
            $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $3,
            (
                select earlier.id
                from dead_letters as earlier
                where
                    earlier.subject = $18
                    and earlier.state = 'replayed'
                    and earlier.kind = $9
                    and earlier.stored_at < $3
                    and earlier.delivery is not distinct from $12
                order by earlier.stored_at desc
                limit 1
            )
        on conflict do nothing
        "#,
        letter.id.uuid(),
        bigint(letter.sequence),
        letter.stored_at.to_sqlx() as jiff_sqlx::Timestamp,
        letter.way.name(),
        letter.org,
        letter.integration.map(IntegrationId::uuid),
        letter.link.map(LinkId::uuid),
        letter.record,
        letter.kind.name(),
        letter.kind.version().map(bigint),
        source.map(text),
        delivery.map(text),
        event.map(text),
        text(&letter.cause),
        text(&letter.group),
        letter.at.to_sqlx() as jiff_sqlx::Timestamp,
        letter.traceparent.as_deref().map(text),
        text(&letter.subject),
        text(&letter.original),
        letter.request,
        letter.answer,
        bigint(letter.attempts)
    )
    .execute(&mut *conn)
    .await
    .map_err(StoreError::doing("taking in a dead letter"))?;
    Ok(added.rows_affected() > 0)
}
