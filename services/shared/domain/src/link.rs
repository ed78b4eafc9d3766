//! A link and what it remembers of each field: theirs, base and the writes still open.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{IncidentId, IntegrationId, LinkId, RecordId},
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

/// How far the two clocks are assumed to be apart at most, while it is not measured. Generous: what
/// lies closer together costs a read, what is ordered wrongly costs somebody's edit.
pub const CLOCK_DIFFERENCE_MAX: SignedDuration = SignedDuration::from_mins(1);

impl Stamp {
    /// How `self` stands to `other`: causality first, clocks only where it says nothing.
    pub fn order(&self, other: &Self) -> Order {
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
                Self::Read { sent, received },
                Self::Read { sent: other_sent, received: other_received },
            ) => {
                if self == other || received <= other_sent {
                    Order::Older
                } else if sent >= other_received {
                    Order::Newer
                } else {
                    Order::Unordered
                }
            }
            (Self::Read { sent, received }, Self::Told { occurred_at, arrived, .. }) => {
                read_against_told(*sent, *received, *occurred_at, *arrived)
            }
            (Self::Told { occurred_at, arrived, .. }, Self::Read { sent, received }) => {
                match read_against_told(*sent, *received, *occurred_at, *arrived) {
                    Order::Newer => Order::Older,
                    Order::Older => Order::Newer,
                    Order::Unordered => Order::Unordered,
                }
            }
        }
    }

    /// The interval in which what was seen came to be at the latest, for want of the exact time.
    pub const fn latest(&self) -> Timestamp {
        match self {
            Self::Told { occurred_at, .. } => *occurred_at,
            Self::Read { received, .. } => *received,
        }
    }
}

fn read_against_told(
    sent: Timestamp,
    received: Timestamp,
    occurred_at: Timestamp,
    arrived: Timestamp,
) -> Order {
    let apart = CLOCK_DIFFERENCE_MAX;
    let before_read = occurred_at.checked_add(apart).is_ok_and(|latest| latest < sent);
    let after_read = occurred_at.checked_sub(apart).is_ok_and(|earliest| earliest > received);
    if sent >= arrived || before_read {
        Order::Newer
    } else if after_read {
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
    /// The last version of the desired state that carries it.
    pub version: u64,
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
    /// When the answer to our last write of the field was in, on our clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Timestamp>,
}

/// What was last sent towards the external side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// What it was to hold.
    pub want: BTreeMap<Field, Want>,
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
}

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
        Stamp::Read { sent: at(sent), received: at(received) }
    }

    #[test]
    fn webhooks_of_one_millisecond_are_ordered_by_their_place_in_the_stream() {
        assert_eq!(told(5, 90, 2).order(&told(5, 80, 1)), Order::Newer);
        assert_eq!(told(5, 90, 1).order(&told(5, 80, 2)), Order::Older);
        assert_eq!(told(6, 70, 1).order(&told(5, 80, 2)), Order::Newer);
    }

    #[test]
    fn a_read_begun_after_a_webhook_arrived_is_newer_whatever_the_clocks_say() {
        assert_eq!(read(100, 110).order(&told(99_000, 100, 1)), Order::Newer);
        assert_eq!(told(99_000, 100, 1).order(&read(100, 110)), Order::Older);
    }

    #[test]
    fn clocks_order_only_what_lies_further_apart_than_they_do() {
        let read = read(200_000, 201_000);
        assert_eq!(told(262_000, 263_000, 1).order(&read), Order::Newer);
        assert_eq!(told(260_000, 263_000, 1).order(&read), Order::Unordered);
        assert_eq!(told(141_000, 263_000, 1).order(&read), Order::Unordered);
        assert_eq!(told(139_000, 263_000, 1).order(&read), Order::Older);
    }

    #[test]
    fn overlapping_reads_cannot_be_ordered_and_a_repeated_one_is_not_newer() {
        assert_eq!(read(10, 20).order(&read(15, 25)), Order::Unordered);
        assert_eq!(read(20, 30).order(&read(10, 20)), Order::Newer);
        assert_eq!(read(10, 20).order(&read(20, 30)), Order::Older);
        assert_eq!(read(10, 20).order(&read(10, 20)), Order::Older);
    }

    #[test]
    fn a_key_of_ours_leads_back_to_its_link() {
        let id = LinkId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(link_of_key(&record_key(id)), Some(id));
        assert_eq!(link_of_key("inc-7f3a91"), None);
    }
}
