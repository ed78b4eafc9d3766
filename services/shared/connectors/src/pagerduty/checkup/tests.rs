//! Each verdict of each check, and where it comes from.

use serde_json::json;

use super::{
    super::subscription::{Subscription, read_subscriptions},
    *,
};
use crate::checkup::Verdict;

fn integration(change: impl FnOnce(&mut Integration)) -> Integration {
    let mut integration = serde_json::from_value(json!({
        "id": "int_00000000000000000000000000000001", "org": "acme-corp", "handle": "prod-pd",
        "name": "Production PagerDuty", "connector": "pagerduty",
        "base_url": "https://api.pagerduty.com", "direction": "bidirectional", "enabled": true,
        "strategy": "last_write_wins", "from_email": "bot@example.com", "rate_limit": 900,
        "backoff_multiplier": 2.0, "fields": {}, "version": 3,
        "services": [{ "service": "P1", "incident_type": "checkout" }],
    }))
    .unwrap();
    change(&mut integration);
    integration
}

fn user(role: &str) -> Person {
    let user = json!({ "user": { "id": "PB0T", "name": "Sync", "email": "bot@example.com",
        "role": role } });
    match read_whoami(&user) {
        Some(Key::User(person)) => person,
        other => panic!("{other:?}"),
    }
}

fn said(check: &Check) -> (Verdict, &str) {
    (check.verdict, check.found.as_str())
}

#[test]
fn the_kind_of_a_key_is_told_by_who_it_says_it_is() {
    assert_eq!(
        (abilities().address(), whoami().address()),
        ("/abilities".into(), "/users/me".into())
    );
    let refused =
        "{\"error\":\"Because this request was made using an account-level access token, ...\"}";
    assert!(is_account_key(400, refused));
    assert!(!is_account_key(401, refused) && !is_account_key(400, "{}"));
    let found = token(&Key::User(user("admin")));
    assert_eq!(said(&found), (Verdict::Ok, "valid: a key of the user Sync (bot@example.com)"));
    assert_eq!(token(&Key::Account).verdict, Verdict::Ok);
    let away = turned_away(&integration(|_| {}), "PagerDuty answered 401");
    assert_eq!(said(&away), (Verdict::Failed, "PagerDuty answered 401"));
    assert!(away.way_out.contains("im integration configure prod-pd --token-file"));
}

#[test]
fn whoever_writes_must_be_known_and_be_more_than_a_reader() {
    let judged =
        |key: &Key, found: Option<&Person>| from_user(&integration(|_| {}), key, found).verdict;
    assert_eq!(judged(&Key::Account, Some(&user("limited_user"))), Verdict::Ok);
    assert_eq!(judged(&Key::Account, None), Verdict::Failed);
    assert_eq!(judged(&Key::Account, Some(&user("read_only_user"))), Verdict::Failed);
    assert_eq!(judged(&Key::Account, Some(&user("observer"))), Verdict::Warning);
    assert_eq!(judged(&Key::User(user("user")), None), Verdict::Ok);
    assert_eq!(judged(&Key::User(user("read_only_limited_user")), None), Verdict::Failed);
    let nobody = integration(|it| it.from_email = None);
    assert_eq!(from_user(&nobody, &Key::Account, None).verdict, Verdict::Failed);
    assert_eq!(from_user(&nobody, &Key::User(user("user")), None).verdict, Verdict::Ok);
}

#[test]
fn few_calls_left_or_a_limit_above_theirs_is_worth_a_look() {
    let judged = |configured: u32, limit: Option<u32>, remaining: u32| {
        let integration = integration(|it| it.rate_limit = configured);
        rate_limit(&integration, Some(Left { limit, remaining, reset_s: 30 }))
    };
    assert_eq!(
        said(&judged(900, Some(960), 900)),
        (Verdict::Ok, "900 of 960 calls left for 30 s; at most 900 are made")
    );
    assert_eq!(judged(900, Some(960), 95).verdict, Verdict::Warning);
    let above = judged(900, Some(480), 400);
    assert_eq!(above.way_out, "im integration configure prod-pd --rate-limit 480");
    assert_eq!(judged(900, None, 1).verdict, Verdict::Ok);
    assert_eq!(rate_limit(&integration(|_| {}), None).verdict, Verdict::Skipped);
}

#[test]
fn mapped_services_must_be_there_and_take_incidents() {
    let service = |id: &str, takes_incidents| Service {
        id: id.to_owned(),
        name: "Checkout API".to_owned(),
        status: None,
        takes_incidents,
        policy: None,
    };
    let judged = |known: &[Service]| services(&integration(|_| {}), known);
    assert_eq!(judged(&[service("P1", true)]).verdict, Verdict::Ok);
    assert_eq!(judged(&[service("P1", false)]).verdict, Verdict::Warning);
    let missing = judged(&[service("P2", true)]);
    assert_eq!(said(&missing), (Verdict::Failed, "mapped, but not in the account: P1"));
    let none = services(&integration(|it| it.services.clear()), &[]);
    assert_eq!(none.verdict, Verdict::Warning);
}

/// A subscription as the REST API shows it.
fn subscription(change: &Json) -> Subscription {
    let mut item = json!({
        "id": "PWSUB01", "type": "webhook_subscription", "active": true,
        "delivery_method": { "id": "PDLVM01", "type": "http_delivery_method", "secret": null,
            "url": "https://sync.example.test/api/v1/webhooks/int_00000000000000000000000000000001",
            "temporarily_disabled": false },
        "events": ["incident.triggered", "incident.acknowledged", "incident.unacknowledged",
            "incident.escalated", "incident.reassigned", "incident.delegated",
            "incident.priority_updated", "incident.service_updated", "incident.resolved",
            "incident.reopened", "incident.annotated"],
        "filter": { "type": "account_reference" },
    });
    for (pointer, value) in change.as_object().into_iter().flatten() {
        *item.pointer_mut(pointer).unwrap() = value.clone();
    }
    read_subscriptions(&json!({ "webhook_subscriptions": [item] })).unwrap().items.remove(0)
}

#[test]
fn a_subscription_counts_when_it_names_our_door_wherever_that_stands() {
    let verdict = |changes: &[Json]| {
        let all: Vec<_> = changes.iter().map(subscription).collect();
        webhooks(&integration(|_| {}), &all).verdict
    };
    let at = |url: &str| json!({ "/delivery_method/url": url });
    assert_eq!(verdict(&[json!({})]), Verdict::Ok);
    let bare = "http://x/pd/api/v1/webhooks/00000000-0000-0000-0000-000000000001/?a=b";
    assert_eq!(verdict(&[at(bare)]), Verdict::Ok);
    assert_eq!(verdict(&[]), Verdict::Warning);
    let others = "https://x/api/v1/webhooks/int_00000000000000000000000000000002";
    assert_eq!(verdict(&[at(others), at("https://x/"), at("nonsense")]), Verdict::Warning);
}

#[test]
fn a_subscription_that_is_off_or_tells_too_little_is_named() {
    let judged = |changes: &[Json]| {
        let all: Vec<_> = changes.iter().map(subscription).collect();
        webhooks(&integration(|_| {}), &all)
    };
    let off = json!({ "/delivery_method/temporarily_disabled": true });
    assert_eq!(judged(std::slice::from_ref(&off)).verdict, Verdict::Failed);
    assert_eq!(judged(&[json!({ "/active": false })]).verdict, Verdict::Failed);
    assert_eq!(judged(&[off, json!({})]).verdict, Verdict::Warning);
    let few = judged(&[json!({ "/events": ["incident.triggered"] })]);
    assert_eq!(few.verdict, Verdict::Warning);
    assert!(
        few.found.contains("incident.resolved") && !few.found.contains("triggered,"),
        "{few:?}"
    );
    let about = |id: &str| json!({ "/filter": { "type": "service_reference", "id": id } });
    assert_eq!(judged(&[about("P1")]).verdict, Verdict::Ok);
    let elsewhere = judged(&[about("P9")]);
    assert_eq!(said(&elsewhere), (Verdict::Warning, "PWSUB01 is not about P1"));
}
