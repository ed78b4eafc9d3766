//! What is told of a plan besides its lines: counted, and kept with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use tandem_connectors::directory::Person;
use tandem_domain::{
    incident::Side,
    integration::Integration,
    plan::{Kind, Plan},
};
use tandem_proto::v1::{self, PersonMatch};
use tandem_store::standing::Said;

use super::paging::Paging;
use crate::{kinship, wire::number};

/// What is told of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Told {
    links: u64,
    updates: u64,
    creates_here: u64,
    creates_there: u64,
    conflicts: u64,
    in_step: u64,
    under_way: u64,
    left_out: Vec<(String, u64)>,
    without_partner: Vec<Lone>,
    pub(crate) paging: Paging,
    complete: bool,
}

/// Something without a partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Lone {
    kind: LoneKind,
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    id: String,
    count: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LoneKind {
    Value,
    Service,
    IncidentType,
    User,
    Person,
}

impl Told {
    /// What is told of a plan that was just made, whose account has these users.
    pub(super) fn of(
        plan: &Plan,
        integration: &Integration,
        users: Vec<Person>,
        (paging, complete): (Paging, bool),
    ) -> Self {
        let count = |kind| plan.lines.iter().filter(|line| line.kind == kind).count() as u64;
        let mut left_out: Vec<_> =
            plan.left_out.iter().map(|(reason, count)| (reason.clone(), *count)).collect();
        left_out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let conflicts: usize = plan.lines.iter().map(|line| line.conflicts.len()).sum();
        Self {
            links: count(Kind::Link),
            updates: count(Kind::Update),
            creates_here: count(Kind::CreateHere),
            creates_there: count(Kind::CreateThere),
            conflicts: conflicts as u64,
            in_step: plan.in_step,
            under_way: plan.under_way,
            left_out,
            without_partner: lone(plan, integration, users),
            paging,
            complete,
        }
    }

    /// As it was kept; what an older version kept may be less.
    pub(crate) fn read(json: &Json) -> Self {
        serde_json::from_value(json.clone()).unwrap_or_default()
    }

    /// The same in the contract's message, which the caller fills in.
    pub(crate) fn told(self) -> v1::Plan {
        let left_out = self.left_out.into_iter();
        let left_out = left_out.map(|(reason, count)| v1::LeftOut { reason, count: number(count) });
        let Paging { notifications, people, unknown, reason } = self.paging;
        let people = people.into_iter().map(|one| v1::PagedPerson {
            user: one.id,
            name: one.name,
            notifications: number(one.notifications),
        });
        v1::Plan {
            links: number(self.links),
            updates: number(self.updates),
            creates_here: number(self.creates_here),
            creates_there: number(self.creates_there),
            conflicts: number(self.conflicts),
            in_step: number(self.in_step),
            under_way: number(self.under_way),
            left_out: left_out.collect(),
            without_partner: self.without_partner.into_iter().map(Lone::told).collect(),
            paging: Some(v1::Paging {
                notifications: number(notifications),
                people: people.collect(),
                unknown: number(unknown),
                reason: reason.unwrap_or_default(),
            }),
            complete: self.complete,
            ..v1::Plan::default()
        }
    }
}

impl Lone {
    fn told(self) -> v1::WithoutPartner {
        let kind = match self.kind {
            LoneKind::Value => v1::PartnerKind::Value,
            LoneKind::Service => v1::PartnerKind::Service,
            LoneKind::IncidentType => v1::PartnerKind::IncidentType,
            LoneKind::User => v1::PartnerKind::User,
            LoneKind::Person => v1::PartnerKind::Person,
        };
        let (name, id, count) = (self.name, self.id, number(self.count));
        v1::WithoutPartner { kind: kind.into(), name, id, count }
    }
}

/// What has no partner. Whom no row names may still be known by address or name.
fn lone(plan: &Plan, integration: &Integration, users: Vec<Person>) -> Vec<Lone> {
    let partners = &plan.partners;
    let said = partners.people.iter();
    let said: Vec<Said> =
        said.map(|(text, count)| Said { text: text.clone(), incidents: *count }).collect();
    let (known, unknown) = kinship::people(integration, users, &said);
    let known: BTreeSet<String> = known
        .into_iter()
        .filter(|user| user.r#match() != PersonMatch::Unknown)
        .map(|user| user.id)
        .collect();
    let values = partners.values.iter().map(|(value, count)| {
        let side = match value.side {
            Side::Platform => "on the platform",
            Side::External => "over there",
        };
        let name = format!("{} {:?} {side}", value.field, value.value);
        Lone { kind: LoneKind::Value, name, id: String::new(), count: *count }
    });
    let named = |kind| {
        move |(id, it): (&String, &tandem_domain::plan::Named)| Lone {
            kind,
            name: it.name.clone(),
            id: id.clone(),
            count: it.count,
        }
    };
    let services = partners.services.iter().map(named(LoneKind::Service));
    let types = partners.incident_types.iter().map(|(name, count)| Lone {
        kind: LoneKind::IncidentType,
        name: name.clone(),
        id: String::new(),
        count: *count,
    });
    let strangers = partners.users.iter().filter(|(id, _)| !known.contains(*id));
    let people = unknown.into_iter().map(|person| Lone {
        kind: LoneKind::Person,
        name: person.platform,
        id: String::new(),
        count: u64::try_from(person.incidents).unwrap_or_default(),
    });
    let users = strangers.map(named(LoneKind::User));
    values.chain(services).chain(types).chain(users).chain(people).collect()
}
