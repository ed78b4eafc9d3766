//! Who would be notified: by line, whom the external side tells, put together by person.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tandem_bus::ask::Question;
use tandem_connectors::{
    alert::{Whom, alerted},
    directory::{Person, Service, Turn},
};
use tandem_domain::plan::Line;
use tandem_store::integrations::Stored;

use crate::{Admin, ask, refusal::Refusal};

/// Who would be notified.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paging {
    /// How many times in all; a line of whom is not known who it is counts once.
    pub(crate) notifications: u64,
    /// Who, those who get most first.
    pub(crate) people: Vec<Paged>,
    /// How many lines notify somebody of whom is not known who it is.
    pub(crate) unknown: u64,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Somebody who would be notified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paged {
    /// Their id over there.
    pub(crate) id: String,
    /// Their name.
    pub(crate) name: String,
    /// How many times.
    pub(crate) notifications: u64,
}

/// Who is called first, as far as the account tells.
#[derive(Debug, Default)]
struct Calls {
    turns: Vec<Turn>,
    services: Vec<Service>,
    reason: Option<String>,
}

/// Who would be notified by lines; asks who is on call only where that matters.
pub(super) async fn of(
    admin: &Admin,
    stored: &Stored,
    lines: &[Line],
    users: &[Person],
) -> Result<Paging, Refusal> {
    let connector = &stored.integration.connector;
    let alerts: Vec<Whom> = lines.iter().filter_map(|line| alerted(connector, line)).collect();
    let by_turn = alerts.iter().any(|whom| !matches!(whom, Whom::Users(_)));
    let calls = if by_turn { on_call(admin, stored).await? } else { Calls::default() };
    Ok(count(&alerts, &calls, users))
}

/// Who is on call. That it cannot be told just now does not stand in the way of a plan.
async fn on_call(admin: &Admin, stored: &Stored) -> Result<Calls, Refusal> {
    let services = ask::list::<Service>(admin, stored, false, Question::Services).await?.items;
    let question = |part| Question::OnCall { schedule: None, part };
    match ask::list::<Turn>(admin, stored, false, question).await {
        Ok(listed) => Ok(Calls { turns: listed.items, services, reason: listed.outdated }),
        Err(Refusal::Unanswered { message } | Refusal::Precluded { message, .. }) => {
            Ok(Calls { services, reason: Some(message), ..Calls::default() })
        }
        Err(refusal) => Err(refusal),
    }
}

fn count(alerts: &[Whom], calls: &Calls, users: &[Person]) -> Paging {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut unknown = 0;
    for whom in alerts {
        let people = calls.people(whom);
        unknown += u64::from(people.is_empty());
        for person in people {
            *counted.entry(person).or_default() += 1;
        }
    }
    let known = calls.turns.iter().map(|turn| &turn.person).chain(users);
    let names: BTreeMap<&str, &str> =
        known.map(|person| (person.id.as_str(), person.name.as_str())).collect();
    let mut people: Vec<Paged> = counted
        .into_iter()
        .map(|(id, notifications)| {
            let name = names.get(id.as_str()).map_or_else(|| id.clone(), |&name| name.to_owned());
            Paged { id, name, notifications }
        })
        .collect();
    people.sort_by(|one, other| {
        (other.notifications, &one.name).cmp(&(one.notifications, &other.name))
    });
    let told: u64 = people.iter().map(|person| person.notifications).sum();
    let nobody = || "nobody is on call there, as far as the account tells".to_owned();
    let reason = (unknown > 0).then(|| calls.reason.clone().unwrap_or_else(nobody));
    Paging { notifications: told + unknown, people, unknown, reason }
}

impl Calls {
    /// Whom it is, each once.
    fn people(&self, whom: &Whom) -> BTreeSet<String> {
        let policy = match whom {
            Whom::Users(users) => return users.iter().cloned().collect(),
            Whom::Policy(policy) => Some(policy.as_str()),
            Whom::Service(id) => {
                let service = self.services.iter().find(|service| service.id == *id);
                service.and_then(|service| Some(service.policy.as_ref()?.id.as_str()))
            }
        };
        let of_policy = || self.turns.iter().filter(|turn| Some(&*turn.policy.id) == policy);
        // Where nobody stands at a level it goes on to the next at once.
        let first = of_policy().map(|turn| turn.level).min();
        let called = of_policy().filter(|turn| Some(turn.level) == first);
        called.map(|turn| turn.person.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use tandem_connectors::directory::Named;

    use super::*;

    fn person(id: &str) -> Person {
        Person { id: id.to_owned(), name: format!("name of {id}"), email: None, role: None }
    }

    fn turn(who: &str, policy: &str, level: u32) -> Turn {
        let policy = Named { id: policy.to_owned(), name: String::new() };
        Turn { person: person(who), schedule: None, policy, level, since: None, until: None }
    }

    fn calls() -> Calls {
        let policy = Some(Named { id: "EP1".to_owned(), name: String::new() });
        let (id, name, status) = ("S1".to_owned(), String::new(), None);
        Calls {
            turns: vec![
                turn("ada", "EP1", 1),
                turn("ada", "EP1", 1),
                turn("bob", "EP1", 1),
                turn("cy", "EP1", 2),
                turn("cy", "EP2", 2),
            ],
            services: vec![Service { id, name, status, takes_incidents: true, policy }],
            reason: None,
        }
    }

    fn told(paging: &Paging) -> Vec<(&str, u64)> {
        paging.people.iter().map(|one| (one.id.as_str(), one.notifications)).collect()
    }

    #[test]
    fn people_are_counted_once_for_each_record_that_notifies_them() {
        let service = Whom::Service("S1".to_owned());
        let users = Whom::Users(vec!["bob".to_owned(), "dee".to_owned()]);
        let policy = Whom::Policy("EP2".to_owned());
        let alerts = [service.clone(), service, users, policy];
        let paging = count(&alerts, &calls(), &[person("dee")]);
        assert_eq!(told(&paging), [("bob", 3), ("ada", 2), ("cy", 1), ("dee", 1)]);
        assert_eq!((paging.notifications, paging.unknown, &paging.reason), (7, 0, &None));
        assert_eq!(paging.people[3].name, "name of dee");
    }

    #[test]
    fn whom_nobody_can_name_counts_once_and_says_why() {
        let alerts = [Whom::Service("S9".to_owned()), Whom::Policy("EP9".to_owned())];
        let paging = count(&alerts, &calls(), &[]);
        assert_eq!((told(&paging), paging.notifications, paging.unknown), (vec![], 2, 2));
        assert!(paging.reason.unwrap().starts_with("nobody is on call"));
        let closed = Calls { reason: Some("asked too often".to_owned()), ..Calls::default() };
        assert_eq!(count(&alerts, &closed, &[]).reason.unwrap(), "asked too often");
    }
}
