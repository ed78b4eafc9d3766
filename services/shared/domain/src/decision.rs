//! Why a field got, or kept, its value: one explaining row per value, chained per incident.
//!
//! Each row carries the hash of the row before it, so a row that is changed or taken out
//! afterwards shows: [`Decision::hash`] no longer leads to the next one, or to the incident's
//! [`Head`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    field::{Field, Value},
    id::{DecisionId, IncidentId, LinkId},
    incident::Actor,
};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $number:literal, $why:literal;)*) => {
        /// The rule that settled a value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Rule {$($(#[$doc])* $name,)*}

        impl Rule {
            /// Every rule a decision can name.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name in tables and JSON.
            pub const fn name(self) -> &'static str {
                match self {$(Self::$name => $word,)*}
            }

            /// Its number in RULES.md.
            pub const fn number(self) -> u8 {
                match self {$(Self::$name => $number,)*}
            }

            /// What it says, for people.
            pub const fn why(self) -> &'static str {
                match self {$(Self::$name => $why,)*}
            }
        }
    };
}

rules! {
    /// The incident came to be with it.
    Created, "created", 31, "the incident began with it";
    /// Somebody set it on the platform.
    Edited, "edited", 18, "somebody set it on the platform";
    /// A later edit was applied before this one.
    Overtaken, "overtaken", 19, "a later edit of the platform was applied before this one";
    /// Only the external side had moved since both last agreed.
    Taken, "taken", 17, "only the external side had moved since both last agreed";
    /// Both sides had moved; the later author won.
    LaterWins, "later_wins", 17, "both sides had moved, and the later author wins";
    /// Both sides had moved; the field's owner won.
    OwnerWins, "owner_wins", 17, "both sides had moved, and the owner of the field wins";
    /// The configuration does not let the external side change the field.
    DirectionForbids, "direction_forbids", 32,
        "the direction of the integration or the field does not let this side change it";
    /// The external value has no partner on the platform, which keeps its own.
    NoPartner, "no_partner", 33, "the value has no partner in the mapping";
    /// The field is read-only for the side that does not own it.
    Enforced, "enforced", 17, "the field is enforced: it is read-only for the side that does not own it";
    /// Both sides had moved; somebody has to decide.
    Review, "review", 30, "both sides had moved, and somebody has to decide";
    /// The field is frozen: somebody has to decide, and this is the newest candidate.
    Frozen, "frozen", 30, "a conflict is open, so nothing is taken or written until somebody decides";
    /// Somebody decided a conflict.
    Resolved, "resolved", 30, "somebody decided the conflict";
    /// It is older than a decision somebody made about the field.
    Settled, "settled", 30, "it is older than the decision somebody made about this field";
    /// The field went back and forth between two writers and is quarantined.
    Flapping, "flapping", 34, "the field went back and forth between two writers, so it is quarantined";
}

/// The event a decision was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What it was: `webhook`, `receipt` or `edit`.
    pub kind: String,
    /// Its id: of the webhook's event, the receipt or the edit.
    pub id: String,
}

/// The end of a chain of decisions: how many there are, and the hash of the last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many decisions the chain has.
    pub length: u64,
    /// The hash of the last one, in hex; empty where there is none.
    pub hash: String,
}

/// One row of the audit: a field, before and after, who, why, under which configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The incident.
    pub incident: IncidentId,
    /// Its place in the incident's chain, from 1.
    pub position: u64,
    /// The hash of the decision before it, in hex; empty for the first.
    pub previous: String,
    /// The link whose external side took part; none for a platform edit.
    pub link: Option<LinkId>,
    /// The field.
    pub field: Field,
    /// The platform's value before.
    pub before: Value,
    /// Who had set that.
    pub before_by: Option<Actor>,
    /// When they had, on their clock.
    pub before_at: Option<Timestamp>,
    /// The platform's value after; equal to `before` when the other candidate lost.
    pub after: Value,
    /// What the external side held or asked for, in its own words.
    pub external: Value,
    /// The rule that settled it.
    pub rule: Rule,
    /// The event it was made on.
    pub cause: Cause,
    /// Who asked for the change.
    pub actor: Actor,
    /// When they did at the latest, on their clock.
    pub authored_at: Timestamp,
    /// When the event was accepted, on our clock.
    pub at: Timestamp,
    /// The version of the integration's configuration, where one took part.
    pub config_version: Option<u64>,
}

impl Decision {
    /// Its hash, in hex: over every field, the hash of the one before it included.
    pub fn hash(&self) -> String {
        // With room for most, since every event makes some.
        let mut json = Vec::with_capacity(1024);
        // A value's JSON cannot fail; were it to, the chain would show a break, not hide one.
        if serde_json::to_writer(&mut json, self).is_err() {
            json.clear();
        }
        hex::encode(Sha256::digest(&json))
    }
}

/// An instant as Postgres keeps it, in whole microseconds, so that what was hashed is what is read.
pub fn stored(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
