//! Owns the account every simulator starts with: Northwind, a small shop with two teams.
//!
//! Its ids are fixed: they do not depend on the seed, so that tests and examples can name them.

use super::{
    Account, CustomField, Level, Policy, Priority, Schedule, Service, ServiceState, Target, Team,
    User,
};
use crate::incident::Urgency;
use crate::options::BOT_EMAIL;

pub(super) fn account() -> Account {
    Account {
        users: users(),
        services: services(),
        policies: policies(),
        teams: vec![team("PTEAM77", "Payments"), team("PTEAM42", "Platform")],
        priorities: priorities(),
        schedules: vec![Schedule {
            id: "PABC123".to_owned(),
            name: "Primary on-call".to_owned(),
            users: owned(&["PRY4M2A", "PD4N4QK", "PT0M4S1"]),
            shift_s: 7 * 24 * 3600,
        }],
        fields: fields(),
        abilities: owned(&["teams", "urgencies", "advanced_reports", "coordinated_responding"])
            .into_iter()
            .collect(),
    }
}

fn users() -> Vec<User> {
    let user = |id: &str, name: &str, email: &str, role: &str, teams: &[&str]| User {
        id: id.to_owned(),
        name: name.to_owned(),
        email: email.to_owned(),
        role: role.to_owned(),
        deleted: false,
        read_only: false,
        teams: owned(teams),
    };
    vec![
        user("PB0T5YN", "Incidents Sync", BOT_EMAIL, "admin", &[]),
        user("PRY4M2A", "Priya Raman", "priya.raman@example.com", "user", &["PTEAM77"]),
        user("PT0M4S1", "Tomas Ilves", "tomas.ilves@example.com", "user", &["PTEAM42"]),
        user("PD4N4QK", "Dana Whitlock", "dana.whitlock@example.com", "user", &["PTEAM42"]),
        user("PN00RH4", "Noor Haddad", "noor.haddad@example.com", "owner", &["PTEAM77", "PTEAM42"]),
        user("PL1NX14", "林 晓明", "lin.xiaoming@example.com", "user", &[]),
    ]
}

fn services() -> Vec<Service> {
    let service = |id: &str, name: &str, policy: &str, team: &str, serial: u32| Service {
        id: id.to_owned(),
        name: name.to_owned(),
        state: ServiceState::Active,
        policy: policy.to_owned(),
        teams: owned(&[team]),
        fixed_urgency: None,
        acknowledgement_timeout_s: None,
        auto_resolve_timeout_s: None,
        integration_id: format!("PINTEG{serial}"),
        integration_key: format!("e93facc04764012d7bfb002500d5d1{serial:02}"),
    };
    let mut search = service("PS34RCH", "Search API", "PEPPLT2", "PTEAM42", 3);
    search.fixed_urgency = Some(Urgency::Low);
    search.acknowledgement_timeout_s = Some(1800);
    search.auto_resolve_timeout_s = Some(14400);
    vec![
        service("P123ABC", "Checkout API", "PEPCHK1", "PTEAM77", 1),
        service("PL3DG3R", "Ledger API", "PEPPLT2", "PTEAM42", 2),
        search,
    ]
}

fn policies() -> Vec<Policy> {
    let level =
        |id: &str, targets: Vec<Target>| Level { id: id.to_owned(), delay_min: 30, targets };
    let user = |id: &str| Target::User(id.to_owned());
    let policy = |id: &str, name: &str, team: &str, levels| Policy {
        id: id.to_owned(),
        name: name.to_owned(),
        levels,
        teams: owned(&[team]),
    };
    vec![
        policy(
            "PEPCHK1",
            "Checkout primary",
            "PTEAM77",
            vec![
                level("PRULE11", vec![user("PRY4M2A")]),
                level("PRULE12", vec![Target::Schedule("PABC123".to_owned())]),
                level("PRULE13", vec![user("PN00RH4")]),
            ],
        ),
        policy(
            "PEPPLT2",
            "Platform on-call",
            "PTEAM42",
            vec![
                level("PRULE21", vec![user("PT0M4S1")]),
                level("PRULE22", vec![user("PD4N4QK"), user("PN00RH4")]),
            ],
        ),
        policy("PEPN0NE", "Nobody on call", "PTEAM42", vec![level("PRULE31", Vec::new())]),
    ]
}

fn priorities() -> Vec<Priority> {
    [("P1", "Critical"), ("P2", "Major"), ("P3", "Moderate"), ("P4", "Minor"), ("P5", "Info")]
        .into_iter()
        .zip(1..)
        .map(|((name, description), serial)| Priority {
            id: format!("PPRI{serial:03}"),
            name: name.to_owned(),
            description: description.to_owned(),
        })
        .collect()
}

/// One of each data type and of each field type.
fn fields() -> Vec<CustomField> {
    let fixed = |it: CustomField, options: &[&str]| CustomField { options: owned(options), ..it };
    vec![
        fixed(
            field("PFLDENV", "environment", "Environment", "string", "single_value_fixed"),
            &["production", "staging", "development"],
        ),
        field("PFLDURL", "incidents_link", "Incidents link", "url", "single_value"),
        field("PFLDTAG", "tags", "Tags", "string", "multi_value"),
        field("PFLDCNT", "affected_users", "Affected users", "integer", "single_value"),
        field("PFLDCST", "customer_visible", "Customer visible", "boolean", "single_value"),
        field("PFLDERR", "error_rate", "Error rate", "float", "single_value"),
        field("PFLDBEG", "began_at", "Began at", "datetime", "single_value"),
        fixed(
            field("PFLDREG", "regions", "Regions", "string", "multi_value_fixed"),
            &["eu-west", "us-east", "ap-south"],
        ),
    ]
}

fn team(id: &str, name: &str) -> Team {
    Team { id: id.to_owned(), name: name.to_owned() }
}

fn field(
    id: &str,
    name: &str,
    display_name: &str,
    data_type: &'static str,
    field_type: &'static str,
) -> CustomField {
    CustomField {
        id: id.to_owned(),
        name: name.to_owned(),
        display_name: display_name.to_owned(),
        data_type: data_type.into(),
        field_type: field_type.into(),
        options: Vec::new(),
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}
