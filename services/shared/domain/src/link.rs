//! A link and what it remembers of each field: theirs, base and the writes still open.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Offset,
    event::Summoned,
    field::{Field, Value},
    id::{EditId, IncidentId, IntegrationId, LinkId, RecordId},
    incident::{Actor, Owned},
    lens::Foreign,
    outbound::Want,
};

/// When an external side was seen to hold something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Stamp {
    /// A webhook told: an instant on the external side's clock.
    Told {
        /// When it happened, on the external side's clock.
        occurred_at: Timestamp,
        /// When ingress had it, on our clock.
        arrived: Timestamp,
        /// Its place in our stream, which orders what happened in the same millisecond.
        sequence: u64,
    },
    /// An answer to a call of ours: somewhere in an interval on our clock.
    Read {
        /// Just before the request left.
        sent: Timestamp,
        /// Just after the answer was in.
        received: Timestamp,
        /// Whether it is the answer to the call that created the record: all that is told of the
        /// record is newer, whatever the clocks say.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        made: bool,
    },
}

/// How one stamp stands to another. "Unordered" is an answer: then nobody may guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Definitely later.
    Newer,
    /// Definitely earlier, or the same one.
    Older,
    /// Neither can be shown.
    Unordered,
}

impl Stamp {
    /// How `self` stands to `other`: causality first, clocks only where it says nothing.
    pub fn order(&self, other: &Self, clock: Offset) -> Order {
        match (self, other) {
            (
                Self::Told { occurred_at, sequence, .. },
                Self::Told { occurred_at: other_at, sequence: other_sequence, .. },
            ) => {
                if (occurred_at, sequence) > (other_at, other_sequence) {
                    Order::Newer
                } else {
                    Order::Older
                }
            }
            (
                Self::Read { sent, received, .. },
                Self::Read { sent: other_sent, received: other_received, .. },
            ) => {
                if self == other || received <= other_sent {
                    Order::Older
                } else if sent >= other_received {
                    Order::Newer
                } else {
                    Order::Unordered
                }
            }
            (Self::Read { made: true, .. }, Self::Told { .. }) => Order::Older,
            (Self::Told { .. }, Self::Read { made: true, .. }) => Order::Newer,
            (Self::Read { sent, received, .. }, Self::Told { occurred_at, arrived, .. }) => {
                read_against_told((*sent, *received), *occurred_at, *arrived, clock)
            }
            (Self::Told { occurred_at, arrived, .. }, Self::Read { sent, received, .. }) => {
                match read_against_told((*sent, *received), *occurred_at, *arrived, clock) {
                    Order::Newer => Order::Older,
                    Order::Older => Order::Newer,
                    Order::Unordered => Order::Unordered,
                }
            }
        }
    }

    /// The earliest instant on our clock at which what was seen was certainly there.
    pub fn earliest(&self, clock: Offset) -> Timestamp {
        match self {
            Self::Told { occurred_at, arrived, .. } => clock.earliest(*occurred_at).min(*arrived),
            Self::Read { sent, .. } => *sent,
        }
    }

    /// The latest instant on our clock by which what was seen had come to be.
    pub fn latest(&self, clock: Offset) -> Timestamp {
        match self {
            Self::Told { occurred_at, arrived, .. } => clock.latest(*occurred_at).min(*arrived),
            Self::Read { received, .. } => *received,
        }
    }

    /// The best guess on our clock of when what was seen came to be: of a webhook the time it
    /// tells, corrected by the clocks' difference where that was measured.
    pub fn likely(&self, clock: Offset) -> Timestamp {
        match self {
            Self::Told { occurred_at, arrived, .. } => clock.likely(*occurred_at).min(*arrived),
            Self::Read { received, .. } => *received,
        }
    }
}

fn read_against_told(
    (sent, received): (Timestamp, Timestamp),
    occurred_at: Timestamp,
    arrived: Timestamp,
    clock: Offset,
) -> Order {
    if sent >= arrived || clock.latest(occurred_at) < sent {
        Order::Newer
    } else if clock.earliest(occurred_at) > received {
        Order::Older
    } else {
        Order::Unordered
    }
}

/// What the external side was last seen to hold in a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theirs {
    /// The value.
    pub value: Foreign,
    /// When it was seen.
    pub stamp: Stamp,
}

/// The last value both sides were known to agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The value, in the external side's words.
    pub value: Value,
    /// The platform's revision of the field at that time.
    pub rev: u64,
}

/// An outbound write that was decided and whose effect has not been confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is to be written, in the external side's words.
    pub value: Value,
    /// The platform's revision it stands for.
    pub rev: u64,
    /// The first version of the desired state that carries it.
    #[serde(default)]
    pub since: u64,
    /// The last version of the desired state that carries it.
    pub version: u64,
    /// When it was opened, on our clock.
    pub opened: Timestamp,
    /// Whether a call that carried it was made, as far as was reported.
    #[serde(default)]
    pub attempted: bool,
    /// What was taken for its echo. Were it never sent, that was somebody's edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<Echo>,
}

/// An observation that was explained by a write of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// Who is told to have made the change.
    pub by: Actor,
    /// The earliest it came to be, on our clock.
    pub lo: Timestamp,
    /// The latest it came to be, on our clock.
    pub hi: Timestamp,
    /// The best guess between the two.
    pub at: Timestamp,
    /// Whether it was announced as an edit.
    pub announced: bool,
}

/// A write of ours that landed, or may have, and what it may still be seen as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landed {
    /// What was written, in the external side's words.
    pub value: Value,
    /// What was there before, where that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Foreign>,
    /// The platform's revision it stood for.
    pub rev: u64,
    /// When it was opened, on our clock.
    pub from: Timestamp,
    /// When the read that it began with was sent, on our clock, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Timestamp>,
    /// By when it had landed, on our clock.
    pub until: Timestamp,
    /// Whom the external side takes for the author of our calls, where it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Whether an attempt may still land after something newer was seen or written.
    #[serde(default)]
    pub late: bool,
}

impl Landed {
    /// Whether it was given to the record at its creation: no read came before it.
    pub const fn creates(&self) -> bool {
        self.read.is_none() && !self.late
    }
}

/// An observation that nobody could order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What was seen, and when.
    pub seen: Theirs,
    /// The version whose read is to settle it; 0 while none was asked for. Whatever the clocks
    /// say, that read began after this was seen.
    #[serde(default)]
    pub asked: u64,
    /// Whether it was judged as an edit when it was seen.
    #[serde(default)]
    pub judged: bool,
    /// The read that settles it must not begin before this, on our clock: until then it may come
    /// from a copy of the external side's data that lags behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// Something that was replaced over there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The value, in the external side's words; none where nobody saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Foreign>,
    /// By when it had been replaced, on our clock.
    pub until: Timestamp,
}

/// What a link remembers of one field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkField {
    /// What they hold, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<Theirs>,
    /// What was last agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// Writes not yet confirmed, oldest first; overtaken ones stay until their receipt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Intent>,
    /// An observation that could not be ordered against `theirs`: until a definite one comes,
    /// nothing is written to the field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Our last writes that landed, oldest first: what they put there is nobody's edit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub landed: Vec<Landed>,
    /// What they held before `theirs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Foreign>,
    /// What they held shortly before, oldest first, which a lagging read may still show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// The last edit over there that was judged, by its time and place: each is judged once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<(Timestamp, u64)>,
    /// The last edit over there that was told in our name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echoed: Option<(Timestamp, u64)>,
    /// Which platform value each external value last stood for, where it stands for several.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remembered: BTreeMap<String, String>,
    /// Whether the first thing that is seen is what a record of our making begins with by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub begins: bool,
    /// The last changes of the field over there, by us and by others, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<Turn>,
    /// What ours was before a tie was given to their owner, because nobody knew when theirs was
    /// written; and the revision that made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisional: Option<Box<(Owned, u64)>>,
    /// The platform's revision for which a read was asked to prove that both sides agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proving: Option<u64>,
    /// When somebody last decided a conflict about the field, on our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Timestamp>,
}

/// One change of a field on the external side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What it became.
    pub value: Value,
    /// Whether we wrote it.
    pub ours: bool,
    /// When it was seen, on our clock.
    pub at: Timestamp,
}

/// What was last sent towards the external side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// What it was to hold.
    pub want: BTreeMap<Field, Want>,
}

/// That people are to be brought in over there: the external side's own telling of it is no news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summons {
    /// The edit that asked for it.
    pub request: EditId,
    /// What it will be told as.
    #[serde(flatten)]
    pub told_as: Summoned,
    /// Who asked for it.
    pub by: Actor,
    /// When, on our clock.
    pub opened: Timestamp,
    /// When the call that did it was answered, on our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Timestamp>,
}

/// An incident joined to a record, in one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// The incident.
    pub incident: IncidentId,
    /// The integration.
    pub integration: IntegrationId,
    /// The record; none while it is still to be created.
    pub record: Option<RecordId>,
    /// The number people call the record by.
    pub number: Option<u64>,
    /// Where people find the record.
    pub url: Option<String>,
    /// What stands in the way of writing, where something does.
    pub problem: Option<String>,
    /// The version of the desired state; only grows.
    pub version: u64,
    /// The version the last receipt answered.
    pub confirmed: u64,
    /// The version whose read is to show what was never seen of the record; 0 for none.
    pub asked: u64,
    /// What was last published.
    pub published: Option<Published>,
    /// What is remembered of each field.
    pub fields: BTreeMap<Field, LinkField>,
    /// Whether it was taken apart by hand: its record is then left alone.
    pub detached: bool,
    /// The people who were asked for, the last few times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub summons: Vec<Summons>,
    /// The version of the configuration it was last compared under.
    pub levelled: u64,
    /// Whether a read was asked for by hand; only while the event that asks is applied.
    pub reread: bool,
}

/// What [`Link::levelled`] is while an integration takes no part: the link is compared again under
/// whatever configuration comes, even if its incident is closed by then.
pub const ASIDE: u64 = 0;

impl Link {
    /// A link that knows nothing yet.
    pub const fn new(id: LinkId, incident: IncidentId, integration: IntegrationId) -> Self {
        Self {
            id,
            incident,
            integration,
            record: None,
            number: None,
            url: None,
            problem: None,
            version: 0,
            confirmed: 0,
            asked: 0,
            published: None,
            fields: BTreeMap::new(),
            detached: false,
            summons: Vec::new(),
            levelled: ASIDE,
            reread: false,
        }
    }
}

/// The key under which a record created for `link` is found again.
pub fn record_key(link: LinkId) -> String {
    format!("tandem-{link}")
}

/// The link whose record was created under `key`, where the key is one of ours.
pub fn link_of_key(key: &str) -> Option<LinkId> {
    key.strip_prefix("tandem-").and_then(|id| id.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn told(occurred: i64, arrived: i64, sequence: u64) -> Stamp {
        Stamp::Told { occurred_at: at(occurred), arrived: at(arrived), sequence }
    }

    fn read(sent: i64, received: i64) -> Stamp {
        Stamp::Read { sent: at(sent), received: at(received), made: false }
    }

    #[test]
    fn webhooks_of_one_millisecond_are_ordered_by_their_place_in_the_stream() {
        assert_eq!(told(5, 90, 2).order(&told(5, 80, 1), Offset::default()), Order::Newer);
        assert_eq!(told(5, 90, 1).order(&told(5, 80, 2), Offset::default()), Order::Older);
        assert_eq!(told(6, 70, 1).order(&told(5, 80, 2), Offset::default()), Order::Newer);
    }

    #[test]
    fn a_read_begun_after_a_webhook_arrived_is_newer_whatever_the_clocks_say() {
        assert_eq!(read(100, 110).order(&told(99_000, 100, 1), Offset::default()), Order::Newer);
        assert_eq!(told(99_000, 100, 1).order(&read(100, 110), Offset::default()), Order::Older);
    }

    #[test]
    fn clocks_order_only_what_lies_further_apart_than_they_do() {
        let read = read(200_000, 201_000);
        assert_eq!(told(262_000, 263_000, 1).order(&read, Offset::default()), Order::Newer);
        assert_eq!(told(261_000, 263_000, 1).order(&read, Offset::default()), Order::Unordered);
        assert_eq!(told(140_000, 263_000, 1).order(&read, Offset::default()), Order::Unordered);
        assert_eq!(told(141_000, 263_000, 1).order(&read, Offset::default()), Order::Unordered);
        assert_eq!(told(139_000, 263_000, 1).order(&read, Offset::default()), Order::Older);
    }

    #[test]
    fn overlapping_reads_cannot_be_ordered_and_a_repeated_one_is_not_newer() {
        assert_eq!(read(10, 20).order(&read(15, 25), Offset::default()), Order::Unordered);
        assert_eq!(read(20, 30).order(&read(10, 20), Offset::default()), Order::Newer);
        assert_eq!(read(10, 20).order(&read(20, 30), Offset::default()), Order::Older);
        assert_eq!(read(10, 20).order(&read(10, 20), Offset::default()), Order::Older);
    }

    #[test]
    fn a_key_of_ours_leads_back_to_its_link() {
        let id = LinkId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(link_of_key(&record_key(id)), Some(id));
        assert_eq!(link_of_key("inc-7f3a91"), None);
    }
}
