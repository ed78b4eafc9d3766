//! Answers in the forms of the published OpenAPI file, whole, by reference, and broken.

use serde_json::json;

use super::*;

fn reference(kind: &str, id: &str, name: &str) -> Json {
    json!({ "id": id, "type": format!("{kind}_reference"), "summary": name })
}

#[test]
fn a_page_is_asked_for_by_its_offset_and_one_schedule_by_its_id() {
    assert_eq!(users(200).address(), "/users?limit=100&offset=200");
    assert_eq!(
        on_calls(Some("PABC123"), 0).address(),
        "/oncalls?limit=100&offset=0&include[]=users&schedule_ids[]=PABC123"
    );
    assert_eq!(on_calls(None, 0).address(), "/oncalls?limit=100&offset=0&include[]=users");
    assert_eq!(users_like("a@b.test", 0).address(), "/users?limit=100&offset=0&query=a@b.test");
}

#[test]
fn a_turn_has_a_person_and_where_it_has_none_no_schedule_and_no_end() {
    let user = json!({ "id": "PRY4M2A", "type": "user", "name": "Priya Raman",
        "email": "priya@example.com", "role": "user" });
    let answer = json!({ "oncalls": [
        { "user": user, "schedule": reference("schedule", "PABC123", "Primary on-call"),
          "escalation_policy": reference("escalation_policy", "PEPCHK1", "Checkout primary"),
          "escalation_level": 2, "start": "2026-03-02T09:00:00Z", "end": "2026-03-09T09:00:00Z" },
        { "user": reference("user", "PN00RH4", "Noor Haddad"), "schedule": null,
          "escalation_policy": reference("escalation_policy", "PEPCHK1", "Checkout primary"),
          "escalation_level": 3, "start": null, "end": null },
        { "user": null, "schedule": null, "escalation_policy": null, "escalation_level": 1 },
    ], "limit": 100, "offset": 0, "more": true, "total": null });
    let page = read_on_calls(&answer).unwrap();
    assert!(page.more);
    let [scheduled, direct] = page.items.try_into().unwrap();
    assert_eq!(scheduled.person.email.as_deref(), Some("priya@example.com"));
    assert_eq!(scheduled.schedule.unwrap().name, "Primary on-call");
    assert_eq!(scheduled.until, Some("2026-03-09T09:00:00Z".parse().unwrap()));
    assert_eq!((direct.person.name.as_str(), direct.level), ("Noor Haddad", 3));
    assert_eq!((direct.schedule, direct.since, direct.until), (None, None, None));
}

#[test]
fn a_service_in_maintenance_or_disabled_takes_no_incidents() {
    let service = |status: &str| {
        json!({ "id": "P1", "name": "Checkout API", "status": status,
        "escalation_policy": reference("escalation_policy", "PEP", "Primary") })
    };
    let all = ["active", "warning", "critical", "maintenance", "disabled"].map(service);
    let page = read_services(&json!({ "services": all })).unwrap();
    let takes: Vec<_> = page.items.iter().map(|service| service.takes_incidents).collect();
    assert_eq!(takes, [true, true, true, false, false]);
    assert_eq!(page.items[0].policy.as_ref().unwrap().id, "PEP");
    assert!(!page.more);
}

#[test]
fn a_policys_levels_keep_their_order_and_targets() {
    let answer = json!({ "escalation_policies": [{ "id": "PEP", "summary": "Primary",
        "escalation_rules": [
            { "id": "R1", "escalation_delay_in_minutes": 30,
              "targets": [reference("user", "PU", "Priya"), reference("schedule", "PS", "Primary")] },
            { "id": "R2", "targets": [] },
        ] }] });
    let policy = read_policies(&answer).unwrap().items.remove(0);
    assert_eq!((policy.name.as_str(), policy.levels.len()), ("Primary", 2));
    assert_eq!(policy.levels[0].targets[1].name, "Primary");
    assert_eq!((policy.levels[0].delay_min, policy.levels[1].delay_min), (30, 0));
}

#[test]
fn names_may_be_missing_and_ids_may_not() {
    let answer = json!({ "priorities": [{ "id": "P1" }, { "name": "no id" }, "nonsense", null] });
    let page = read_priorities(&answer).unwrap();
    let expected = Priority { id: "P1".to_owned(), name: "P1".to_owned(), description: None };
    assert_eq!(page.items, [expected]);
    let page = read_schedules(&json!({ "schedules": [{ "id": "S", "name": "" }] })).unwrap();
    assert_eq!(page.items[0].name, "S");
}

#[test]
fn what_is_no_such_list_is_none() {
    for answer in [json!({}), json!([]), json!(null), json!({ "users": {} }), json!("users")] {
        assert_eq!(read_users(&answer), None, "{answer}");
    }
}
