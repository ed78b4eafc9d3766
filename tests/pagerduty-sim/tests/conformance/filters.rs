//! What lists and single objects show on request: filters, orders, zones, includes; §3.6.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::harness::{BOT, DANA, Pd, assign, id};

fn names<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let list = list.as_array().expect("a list");
    list.iter().map(|it| it[name].as_str().expect("a text")).collect()
}

#[expect(clippy::disallowed_methods, reason = "the simulator lives by the machine's clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// §3.6: users by team, policies by team and by whom they name, services in the order asked for.
#[tokio::test]
async fn lists_of_what_seldom_changes_are_filtered_and_sorted() {
    let pd = Pd::start().await;
    for (path, list, expected) in [
        ("/users?team_ids[]=PTEAM77", "users", &["Priya Raman", "Noor Haddad"][..]),
        ("/services?team_ids[]=PTEAM77", "services", &["Checkout API"][..]),
        (
            "/services?query=api&sort_by=name:desc&limit=2",
            "services",
            &["Search API", "Ledger API"],
        ),
        ("/services?name=Ledger%20API", "services", &["Ledger API"]),
        ("/escalation_policies?user_ids[]=PT0M4S1", "escalation_policies", &["Platform on-call"]),
        ("/escalation_policies?team_ids[]=PTEAM77", "escalation_policies", &["Checkout primary"]),
    ] {
        assert_eq!(names(&pd.get(path).await.body[list], "name"), expected, "{path}");
    }
    assert_eq!(pd.get("/services?sort_by=colour").await.status, 400);
    assert_eq!(pd.sim.violations(), Vec::<String>::new());
}

/// §3.6: what a reference stands for is shown by include.
#[tokio::test]
async fn references_are_shown_in_full_by_include() {
    let pd = Pd::start().await;
    let user = pd.get(&format!("/users/{DANA}?include[]=contact_methods&include[]=teams")).await;
    let user = &user.body["user"];
    assert_eq!(user["contact_methods"][0]["address"], "dana.whitlock@example.com");
    assert_eq!(user["teams"][0]["type"], "team");
    let plain = pd.get(&format!("/users/{DANA}")).await;
    assert_eq!(plain.body["user"]["contact_methods"][0]["type"], "email_contact_method_reference");
    let service = pd.get("/services/P123ABC?include[]=integrations&include[]=escalation_policies");
    let service = &service.await.body["service"];
    assert_eq!(service["escalation_policy"]["type"], "escalation_policy");
    assert_eq!(service["integrations"][0]["integration_key"].as_str().map(str::len), Some(32));
    let policy = pd.get("/escalation_policies/PEPCHK1?include[]=targets").await;
    let levels = &policy.body["escalation_policy"]["escalation_rules"];
    assert_eq!(levels[0]["targets"][0]["type"], "user");
    assert_eq!(levels[1]["targets"][0]["type"], "schedule");
    let on_call = pd.get("/oncalls?include[]=schedules&schedule_ids[]=PABC123").await;
    assert_eq!(on_call.body["oncalls"][0]["schedule"]["type"], "schedule");
}

/// §3.3 field notes, §3.6: who changed the status last is shown in full by include.
#[tokio::test]
async fn the_agent_of_an_incident_is_shown_in_full_by_include() {
    let pd = Pd::start().await;
    let incident = pd.create("t").await;
    let path = format!("/incidents/{}", id(&incident));
    let short = pd.get(&path).await;
    assert_eq!(short.incident()["last_status_change_by"]["type"], "user_reference");
    let full = pd.get(&format!("{path}?include[]=agents&include[]=users")).await;
    assert_eq!(full.incident()["last_status_change_by"]["email"], "incidents-sync@example.com");
    assert_eq!(full.incident()["assignments"][0]["assignee"]["type"], "user");
}

/// §3.6: without an offset, an instant is read in the zone of the call, else in the account's.
#[tokio::test]
async fn an_instant_without_an_offset_is_read_in_a_zone() {
    let pd = Pd::start().await;
    pd.create("t").await;
    // An hour ago, as a clock in Tokyo shows it: in UTC that lies eight hours ahead.
    let tokyo = TimeZone::get("Asia/Tokyo").expect("this machine knows its time zones");
    let ago = now().checked_sub(SignedDuration::from_hours(1)).expect("an hour ago");
    let since = ago.to_zoned(tokyo).datetime().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let found = |body: &Value| body["incidents"].as_array().map(Vec::len);
    let in_utc = pd.get(&format!("/incidents?since={since}")).await;
    assert_eq!(in_utc.status, 400, "it has not begun yet");
    let in_tokyo = pd.get(&format!("/incidents?since={since}&time_zone=Asia/Tokyo")).await;
    assert_eq!(found(&in_tokyo.body), Some(1));
    pd.knobs(json!({ "behaviour": { "account_time_zone": "Asia/Tokyo" } })).await;
    let of_account = pd.get(&format!("/incidents?since={since}")).await;
    assert_eq!(found(&of_account.body), Some(1));
    let with_utc = pd.get(&format!("/incidents?since={since}&time_zone=UTC")).await;
    assert_eq!(with_utc.status, 400, "the call's zone wins");
    assert_eq!(pd.get("/incidents?time_zone=Moon/Copernicus").await.status, 400);
}

/// §3.6: an instant beyond the ten-thousandth element is out of reach.
#[tokio::test]
async fn a_list_ends_at_its_ten_thousandth_element() {
    let pd = Pd::start().await;
    assert_eq!(pd.get("/incidents?limit=100&offset=9900").await.status, 200);
    let beyond = pd.get("/incidents?limit=100&offset=9901").await;
    assert_eq!((beyond.status, beyond.code()), (400, 2001));
    assert_eq!(pd.get("/incidents?limit=500").await.body["limit"], 100);
}

/// §3.6: the log of the account, of some teams only.
#[tokio::test]
async fn the_log_of_the_account_is_filtered_by_team() {
    let pd = Pd::start().await;
    pd.create("t").await;
    let entries = async |team: &str| {
        let log = pd.get(&format!("/log_entries?team_ids[]={team}")).await;
        log.body["log_entries"].as_array().map(Vec::len)
    };
    assert_eq!(entries("PTEAM77").await, Some(2));
    assert_eq!(entries("PTEAM42").await, Some(0));
}

/// §3.3 field notes: what happens by itself is told beforehand.
#[tokio::test]
async fn what_is_pending_is_told() {
    let pd = Pd::start().await;
    let search = json!({ "service": { "id": "PS34RCH", "type": "service_reference" } });
    let incident = pd.create_with("t", search).await;
    let kinds = |incident: &Value| {
        let pending = incident["pending_actions"].as_array().expect("a list");
        pending.iter().map(|it| it["type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&incident), ["resolve"]);
    let acknowledged = pd.status(id(&incident), "acknowledged").await;
    assert_eq!(kinds(acknowledged.incident()), ["unacknowledge", "resolve"]);
    let resolved = pd.status(id(&incident), "resolved").await;
    assert_eq!(kinds(resolved.incident()), Vec::<Value>::new());
}

/// §3.5: an incident tells who was asked for help, and by which request.
#[tokio::test]
async fn an_incident_shows_its_requests_for_help() {
    let pd = Pd::start().await;
    let incident = pd.create_with("t", json!({ "assignments": assign(&[DANA]) })).await;
    let target = |user: &str| json!({ "responder_request_target": { "id": user, "type": "user_reference" } });
    let path = format!("/incidents/{}", id(&incident));
    let asked = json!({
        "requester_id": BOT,
        "message": "please join",
        "responder_request_targets": [target("PT0M4S1"), target("PN00RH4")],
    });
    pd.call("POST", &format!("{path}/responder_requests"), asked).await;
    let seen = pd.get(&path).await;
    let request = &seen.incident()["responder_requests"][0];
    assert_eq!((&request["message"], id(&request["requester"])), (&json!("please join"), BOT));
    let targets = request["responder_request_targets"].as_array().expect("a list");
    assert_eq!(targets.len(), 2);
    let state = "/responder_request_target/incidents_responders/0/state";
    assert_eq!(targets[0].pointer(state), Some(&json!("pending")));
}
