//! Reading: lists, filters, paging, includes, log entries, §3.6.

use serde_json::{Value, json};

use crate::harness::{BOT, CHECKOUT, DANA, LEDGER, Pd, assign, id};

fn titles(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().map(|it| it["title"].as_str().expect("a title")).collect()
}

async fn list(pd: &Pd, query: &str) -> Value {
    let reply = pd.get(&format!("/incidents?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body
}

/// §3.1: by id or by number.
#[tokio::test]
async fn an_incident_is_found_by_id_and_by_number() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    for name in [id(&incident).to_owned(), incident["incident_number"].to_string()] {
        let found = pd.get(&format!("/incidents/{name}")).await;
        assert_eq!(found.incident()["id"], incident["id"]);
    }
    assert_eq!(pd.get("/incidents/QNOPE").await.code(), 5001);
}

/// §3.6: 25 to a page, `more`, and total only when asked for.
#[tokio::test]
async fn a_list_is_paged() {
    let pd = Pd::start().await;
    for number in 0..27 {
        pd.create(&format!("t{number}")).await;
    }
    let first = list(&pd, "").await;
    assert_eq!(first["incidents"].as_array().expect("a list").len(), 25);
    assert_eq!((&first["more"], &first["total"]), (&json!(true), &Value::Null));
    assert_eq!((&first["limit"], &first["offset"]), (&json!(25), &json!(0)));
    let second = list(&pd, "offset=25&total=true").await;
    assert_eq!(titles(&second["incidents"]), ["t25", "t26"]);
    assert_eq!((&second["more"], &second["total"]), (&json!(false), &json!(27)));
    assert_eq!(pd.get("/incidents?limit=100&offset=9950").await.status, 400);
}

/// §3.6: filters of the list.
#[tokio::test]
async fn the_list_is_filtered() {
    let pd = Pd::start().await;
    let service = json!({ "id": LEDGER, "type": "service_reference" });
    pd.create_with("a", json!({ "incident_key": "k1" })).await;
    let low = json!({ "urgency": "low", "assignments": assign(&[DANA]) });
    let b = pd.create_with("b", low).await;
    let c = pd.create_with("c", json!({ "service": service })).await;
    pd.status(id(&b), "acknowledged").await.incident();
    pd.status(id(&c), "resolved").await.incident();
    for (query, expected) in [
        ("incident_key=k1", &["a"][..]),
        ("incident_key=none", &[][..]),
        ("statuses[]=triggered&statuses[]=acknowledged", &["a", "b"][..]),
        ("statuses%5B%5D=resolved", &["c"][..]),
        ("urgencies[]=low", &["b"][..]),
        ("service_ids[]=PL3DG3R", &["c"][..]),
        ("team_ids[]=PTEAM77", &["a", "b"][..]),
        (&format!("user_ids[]={BOT}"), &["b"][..]),
        ("sort_by=incident_number:desc", &["c", "b", "a"][..]),
        ("sort_by=urgency:desc,incident_number:desc", &["b", "c", "a"][..]),
    ] {
        assert_eq!(titles(&list(&pd, query).await["incidents"]), expected, "{query}");
    }
}

/// §3.2: the text for bad statuses.
#[tokio::test]
async fn an_unknown_status_in_the_filter_is_refused_with_2001() {
    let pd = Pd::start().await;
    let reply = pd.get("/incidents?statuses[]=open").await;
    assert_eq!((reply.status, reply.code()), (400, 2001));
    let text = r#"["Status must be a list of triggered, acknowledged, or resolved."]"#;
    assert_eq!(reply.errors(), text);
}

/// §3.6, §7.12: a range is on `created_at`; the default is the past month; spans end at six months.
#[tokio::test]
async fn a_range_is_about_created_at() {
    let pd = Pd::start().await;
    pd.create("t").await;
    for (query, found) in [
        ("since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z", 0),
        ("date_range=all", 1),
        ("", 1),
        ("until=2020-01-01T00:00:00Z", 0),
    ] {
        let listed = list(&pd, query).await;
        assert_eq!(listed["incidents"].as_array().expect("a list").len(), found, "{query}");
    }
    let reply = pd.get("/incidents?since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00Z").await;
    assert_eq!(reply.status, 400);
}

/// §3.3 and §3.6: body, bridge and custom fields only by include.
#[tokio::test]
async fn includes_add_what_is_left_out() {
    let pd = Pd::start().await;
    let members = json!({
        "body": { "type": "incident_body", "details": "long story" },
        "conference_bridge": { "conference_number": "+1 415-555-0134", "conference_url": null },
    });
    let incident = pd.create_with("t", members).await;
    let path = format!("/incidents/{}", id(&incident));
    let plain = pd.get(&path).await;
    for member in ["body", "conference_bridge", "custom_fields"] {
        assert!(plain.incident().get(member).is_none(), "{member}");
    }
    let query = "include[]=body&include[]=conference_bridge&include[]=custom_fields";
    let full = pd.get(&format!("{path}?{query}&include[]=services")).await;
    let full = full.incident();
    assert_eq!(full["body"]["details"], "long story");
    assert_eq!(full["conference_bridge"]["conference_number"], "+1 415-555-0134");
    assert!(full["custom_fields"].as_array().is_some_and(|it| !it.is_empty()));
    assert_eq!(full["service"]["type"], "service");
}

/// §3.6: entries of an incident; the channel's details only by include.
#[tokio::test]
async fn log_entries_tell_what_happened_and_by_which_way() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let act = json!({ "action": "acknowledge", "incident": id(&incident), "user": DANA });
    pd.sim.act(act).expect("done");
    pd.update(id(&incident), json!({ "urgency": "low" })).await.incident();
    let path = format!("/incidents/{}/log_entries", id(&incident));
    let reply = pd.get(&path).await;
    let entries = reply.body["log_entries"].as_array().expect("a list");
    let of = |kind: &str| entries.iter().find(|it| it["type"] == kind).expect("an entry");
    assert_eq!(of("trigger_log_entry")["channel"]["type"], "api");
    assert_eq!(of("acknowledge_log_entry")["channel"]["type"], "website");
    assert_eq!(id(&of("acknowledge_log_entry")["agent"]), DANA);
    // Snoozes and urgency show here although there is no webhook.
    assert_eq!(of("urgency_change_log_entry")["agent"]["id"], BOT);
    assert!(of("trigger_log_entry")["channel"].get("summary").is_none());
    let detailed = pd.get(&format!("{path}?include[]=channels&limit=100")).await;
    let entries = detailed.body["log_entries"].as_array().expect("a list");
    let trigger = entries.iter().find(|it| it["type"] == "trigger_log_entry").expect("an entry");
    assert_eq!(trigger["channel"]["summary"], "t");
}

/// §3.6 (INFER): the account's log since an instant is the catch-up feed.
#[tokio::test]
async fn the_log_of_the_account_can_be_read_since_an_instant() {
    let pd = Pd::start().await;
    let (a, b) = (pd.create("a").await, pd.create("b").await);
    let all = pd.get("/log_entries?limit=100").await;
    let entries = all.body["log_entries"].as_array().expect("a list").clone();
    for incident in [&a, &b] {
        assert!(entries.iter().any(|it| it["incident"]["id"] == incident["id"]));
    }
    let later = pd.get("/log_entries?since=2100-01-01T00:00:00Z").await;
    assert_eq!(later.body["log_entries"], json!([]));
    let one = pd.get(&format!("/log_entries/{}", id(&entries[0]))).await;
    assert_eq!(one.body["log_entry"]["id"], entries[0]["id"]);
    assert_eq!(pd.get("/log_entries/RNOPE").await.code(), 5001);
}

/// §3.2: what does not exist is 404, each with its code.
#[tokio::test]
async fn what_does_not_exist_is_404() {
    let pd = Pd::start().await;
    for (path, code) in [
        ("/nothing/here", 2100),
        ("/users/PNOPE", 2100),
        ("/services/PNOPE", 5002),
        ("/escalation_policies/PNOPE", 5001),
        ("/teams/PNOPE", 6001),
        ("/schedules/PNOPE", 3004),
        ("/webhook_subscriptions/PNOPE", 2100),
    ] {
        let reply = pd.get(path).await;
        assert_eq!((reply.status, reply.code()), (404, code), "{path}");
    }
}

/// §3.6: services say how they fare.
#[tokio::test]
async fn a_service_shows_its_state() {
    let pd = Pd::start().await;
    let path = format!("/services/{CHECKOUT}");
    let status = async || pd.get(&path).await.body["service"]["status"].clone();
    assert_eq!(status().await, "active");
    let incident = pd.create("t").await;
    assert_eq!(status().await, "critical");
    pd.status(id(&incident), "acknowledged").await.incident();
    assert_eq!(status().await, "warning");
}
