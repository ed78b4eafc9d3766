//! One configured connection to an external account, as far as the rules need to know it.
//!
//! Credentials are not here: they travel sealed beside this, and only the edges open them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Offset,
    field::{Field, LabelName},
    id::{Connector, Handle, IntegrationId, Org},
    incident::Side,
    lens::Lens,
    scope::Scope,
};

/// Which way changes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the external side to the platform only.
    Inbound,
    /// From the platform to the external side only.
    Outbound,
    /// Both ways.
    Bidirectional,
}

impl Direction {
    /// Whether external changes reach the platform.
    pub const fn inbound(self) -> bool {
        matches!(self, Self::Inbound | Self::Bidirectional)
    }

    /// Whether platform changes reach the external side.
    pub const fn outbound(self) -> bool {
        matches!(self, Self::Outbound | Self::Bidirectional)
    }
}

/// How a field that moved on both sides is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The later author's time wins; a tie goes to the field's owner.
    LastWriteWins,
    /// The field's owner wins.
    OwnershipPriority,
    /// Both values are kept, and the field is frozen until somebody decides.
    ManualReview,
}

/// The rules of one field in one integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldRule {
    /// How its values correspond.
    pub lens: Lens,
    /// Which way this field travels, within the integration's direction.
    pub direction: Direction,
    /// The side that wins conflicts under [`Strategy::OwnershipPriority`], and ties.
    pub owner: Side,
    /// What a new record holds at first, whatever was asked for: nobody's edit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<String>,
    /// What writing the field does to others: exactly these transitions, when they follow a write
    /// of ours, are nobody's edits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbs: Vec<Disturbance>,
    /// Among several integrations' claims on a field, the highest number wins.
    pub priority: u32,
    /// Whether the field is read-only for the side that does not own it.
    #[serde(default)]
    pub enforced: bool,
    /// What the external side calls the field, where it is one that people define there; the
    /// label's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<LabelName>,
}

impl FieldRule {
    /// Whether only `side` may change the field.
    pub fn belongs_to(&self, side: Side) -> bool {
        self.enforced && self.owner == side
    }
}

/// A change of another field that the external side makes by itself when a field is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbance {
    /// Which written value does it, in the external side's words; of a value in two parts, the
    /// first.
    pub by: String,
    /// The other field.
    pub field: Field,
    /// What it held, in the external side's words.
    pub from: String,
    /// What it becomes.
    pub to: String,
}

/// Which incidents belong to which of the external side's services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceMapping {
    /// The external side's id of the service.
    pub service: String,
    /// The platform's incident type.
    pub incident_type: String,
    /// Whether new incidents of the type are created here when several services carry it.
    #[serde(default)]
    pub default: bool,
}

/// One configured connection to one external account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// The organisation it belongs to.
    pub org: Org,
    /// The short name for command lines.
    pub handle: Handle,
    /// The name people gave it.
    pub name: String,
    /// The kind of external system.
    pub connector: Connector,
    /// Where its API is.
    pub base_url: String,
    /// Which way changes travel.
    pub direction: Direction,
    /// Whether it takes part at all.
    pub enabled: bool,
    /// Whether what is to go out waits for now. Nothing is decided otherwise because of it: it is the
    /// egress that holds its calls.
    #[serde(default)]
    pub paused: bool,
    /// How conflicts are settled.
    pub strategy: Strategy,
    /// The email on whose behalf calls are made where no acting person is known.
    pub from_email: Option<String>,
    /// The most calls in any minute.
    pub rate_limit: u32,
    /// How many of them are left to others who use the same key.
    #[serde(default)]
    pub headroom: u32,
    /// What the waiting time is multiplied with after each failure.
    pub backoff_multiplier: f64,
    /// The rules of each field that takes part.
    pub fields: BTreeMap<Field, FieldRule>,
    /// The services that take part.
    pub services: Vec<ServiceMapping>,
    /// Which incidents and records take part.
    #[serde(default)]
    pub scope: Scope,
    /// Whether escalations are carried over.
    #[serde(default)]
    pub sync_escalations: bool,
    /// The root by which the outside reaches us, where what sends webhooks to us is seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// How far the external clock is from ours; measured, not configured.
    #[serde(skip)]
    pub clock: Offset,
    /// The configuration's version; decisions record it.
    pub version: u64,
}

impl Integration {
    /// Whether anything of the platform's is to reach the external side.
    pub const fn sends(&self) -> bool {
        self.enabled && self.direction.outbound()
    }

    /// Whether the platform's value of `field` is to reach the external side.
    pub fn writes(&self, field: Field) -> bool {
        let allowed =
            |rule: &FieldRule| rule.direction.outbound() && !rule.belongs_to(Side::External);
        self.sends() && self.fields.get(&field).is_some_and(allowed)
    }

    /// Whether the external side's value of `field` may change the platform's.
    pub fn reads(&self, field: Field) -> bool {
        let allowed =
            |rule: &FieldRule| rule.direction.inbound() && !rule.belongs_to(Side::Platform);
        self.enabled && self.direction.inbound() && self.fields.get(&field).is_some_and(allowed)
    }

    /// What the external side calls `field`.
    pub fn external_name(&self, field: Field) -> Field {
        let named = self.fields.get(&field).and_then(|rule| rule.external);
        named.map_or(field, Field::Label)
    }

    /// The field that the external side calls `name`; none where a label is mapped to another one.
    pub fn field_named(&self, name: Field) -> Option<Field> {
        let Field::Label(external) = name else { return Some(name) };
        let renamed = |(_, rule): &(&Field, &FieldRule)| rule.external == Some(external);
        let found = self.fields.iter().find(renamed).map(|(field, _)| *field);
        found.or_else(|| {
            let rule = self.fields.get(&name)?;
            rule.external.is_none().then_some(name)
        })
    }

    /// The incident type that goes with an external service.
    pub fn incident_type(&self, service: &str) -> Option<&str> {
        let mapping = self.services.iter().find(|mapping| mapping.service == service)?;
        Some(&mapping.incident_type)
    }

    /// The service in which incidents of a type are created; the default one where there are several.
    pub fn service_for(&self, incident_type: Option<&str>) -> Option<&str> {
        let of_type = || {
            self.services.iter().filter(|mapping| Some(&*mapping.incident_type) == incident_type)
        };
        let chosen = of_type().find(|mapping| mapping.default).or_else(|| of_type().next())?;
        Some(&chosen.service)
    }
}
