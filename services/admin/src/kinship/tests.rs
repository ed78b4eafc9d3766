//! Who is known by what, and which names are alike.

use serde_json::json;

use super::*;

fn integration() -> Integration {
    serde_json::from_value(json!({
        "id": "int_00000000000000000000000000000001", "org": "acme", "handle": "prod-pd",
        "name": "P", "connector": "x", "base_url": "", "direction": "bidirectional",
        "enabled": true, "strategy": "last_write_wins", "from_email": null, "rate_limit": 1,
        "backoff_multiplier": 1.0, "version": 1,
        "services": [{ "service": "P1", "incident_type": "checkout", "default": true },
                     { "service": "GONE", "incident_type": "search" }],
        "fields": { "assigned_to": {
            "lens": { "lens": "reference",
                "rows": [{ "platform": "ada", "external": "PA", "fresh": true }] },
            "direction": "bidirectional", "owner": "external", "priority": 0 } },
    }))
    .unwrap()
}

fn user(id: &str, name: &str, email: Option<&str>) -> Person {
    let email = email.map(str::to_owned);
    Person { id: id.to_owned(), name: name.to_owned(), email, role: None }
}

fn said(text: &str) -> Said {
    Said { text: text.to_owned(), incidents: 3 }
}

#[test]
fn a_mapping_goes_before_an_address_and_an_address_before_a_name() {
    let users = vec![
        user("PA", "Ada", Some("ada@acme.test")),
        user("PB", "Bea", Some("Bea@Acme.test")),
        user("PC", "Cid", None),
        user("PD", "Dan", Some("dan@acme.test")),
    ];
    let names = ["ada@acme.test", "bea@acme.test", "Cid", "ada", "somebody else"].map(said);
    let (users, unknown) = people(&integration(), users, &names);
    let matches: Vec<_> = users.iter().map(|it| (it.r#match(), it.platform.as_str())).collect();
    let expected = [
        (PersonMatch::Mapped, "ada"),
        (PersonMatch::Email, "bea@acme.test"),
        (PersonMatch::Name, "Cid"),
        (PersonMatch::Unknown, ""),
    ];
    assert_eq!(matches, expected);
    let unknown: Vec<_> = unknown.iter().map(|it| it.platform.as_str()).collect();
    assert_eq!(unknown, ["somebody else"]);
}

#[test]
fn whom_the_platform_calls_by_their_address_is_them_unless_they_are_somebody_explicitly() {
    let users = vec![
        user("PA", "Ada", Some("ada@acme.test")),
        user("PB", "Bea", Some("Bea@Acme.test")),
        user("PD", "Dan", Some("dan@acme.test")),
    ];
    let mut integration = integration();
    let known = |integration: &Integration, said: &[Said]| -> Vec<(String, String)> {
        let rows = by_email(integration, &users, said).into_iter();
        rows.map(|row| (row.platform, row.external)).collect()
    };
    let pair = |name: &str, id: &str| (name.to_owned(), id.to_owned());
    let names = ["ada@acme.test", "bea@acme.test", "cid@acme.test", "Dan"].map(said);
    assert_eq!(known(&integration, &names), [pair("bea@acme.test", "PB")]);

    // Who is known stays known although nobody names them now, and is shown as such.
    let found = by_email(&integration, &users, &names);
    know(&mut integration, found);
    let others = ["dan@acme.test"].map(said);
    let both = [pair("bea@acme.test", "PB"), pair("dan@acme.test", "PD")];
    assert_eq!(known(&integration, &others), both);
    let (shown, _) = people(&integration, users.clone(), &[]);
    let bea = shown.iter().find(|user| user.id == "PB").unwrap();
    assert_eq!((bea.r#match(), bea.platform.as_str()), (PersonMatch::Email, "bea@acme.test"));
}

#[test]
fn somebody_without_an_address_is_not_whoever_has_none_on_the_platform() {
    let (users, _) = people(&integration(), vec![user("PC", "Cid", None)], &[said("")]);
    assert_eq!(users[0].r#match(), PersonMatch::Unknown);
}

#[test]
fn services_are_mapped_suggested_unmapped_or_missing() {
    let service = |id: &str, name: &str| Service {
        id: id.to_owned(),
        name: name.to_owned(),
        status: None,
        takes_incidents: true,
        policy: None,
    };
    let all = vec![
        service("P1", "Checkout API"),
        service("P2", "Search (production)"),
        service("P3", "Billing"),
    ];
    let (shown, unmapped) = services(&integration(), all, &["checkout", "database"].map(said));
    let matches: Vec<_> = shown
        .iter()
        .map(|it| (it.id.as_str(), it.r#match(), it.incident_type.as_str(), it.is_default))
        .collect();
    let expected = [
        ("P1", ServiceMatch::Mapped, "checkout", true),
        ("P2", ServiceMatch::Suggested, "search", false),
        ("P3", ServiceMatch::Unmapped, "", false),
        ("GONE", ServiceMatch::Missing, "search", false),
    ];
    assert_eq!(matches, expected);
    assert_eq!(unmapped, ["database"]);
}

#[test]
fn names_are_alike_by_the_words_that_say_something() {
    let alike = |service, types: &[&'static str]| suggestion(service, types);
    assert_eq!(alike("Checkout API", &["search", "checkout"]), Some("checkout"));
    assert_eq!(alike("checkout-service", &["Checkout Incidents"]), Some("Checkout Incidents"));
    assert_eq!(alike("Payments ledger", &["ledger", "payments ledger"]), Some("payments ledger"));
    assert_eq!(alike("API", &["api"]), Some("api"));
    assert_eq!(alike("Search API", &["Ledger API"]), None);
    assert_eq!(alike("", &["checkout"]), None);
    assert_eq!(alike("Checkout", &[]), None);
}
