//! Why a field got, or kept, its value.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    field::{Field, Value},
    id::{DecisionId, IncidentId, LinkId},
    incident::Actor,
};

/// The rule that settled a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The incident came to be with it.
    Created,
    /// Somebody set it on the platform.
    Edited,
    /// A later edit was applied before this one.
    Overtaken,
    /// Only the external side had moved since both last agreed.
    Taken,
    /// Both sides had moved; the later author won.
    LaterWins,
    /// Both sides had moved; the field's owner won.
    OwnerWins,
    /// The configuration does not let the external side change the field.
    DirectionForbids,
    /// The external value has no partner on the platform, which keeps its own.
    NoPartner,
}

impl Rule {
    /// Its name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Edited => "edited",
            Self::Overtaken => "overtaken",
            Self::Taken => "taken",
            Self::LaterWins => "later_wins",
            Self::OwnerWins => "owner_wins",
            Self::DirectionForbids => "direction_forbids",
            Self::NoPartner => "no_partner",
        }
    }
}

/// The event a decision was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What it was: `webhook`, `receipt` or `edit`.
    pub kind: String,
    /// Its id: of the webhook's event, the receipt or the edit.
    pub id: String,
}

/// One row of the audit: a field, before and after, who, why, under which configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The incident.
    pub incident: IncidentId,
    /// The link whose external side took part; none for a platform edit.
    pub link: Option<LinkId>,
    /// The field.
    pub field: Field,
    /// The platform's value before.
    pub before: Value,
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
    /// When the event was accepted, on our clock.
    pub at: Timestamp,
    /// The version of the integration's configuration, where one took part.
    pub config_version: Option<u64>,
}
