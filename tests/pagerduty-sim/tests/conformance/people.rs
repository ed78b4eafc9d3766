//! Users, priorities, policies, abilities, who is on call: §3.6.

use serde_json::{Value, json};

use crate::harness::{BOT, DANA, PRIYA, Pd, id};

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(id).collect()
}

/// §3.6: by name; by email, on which clients rely [PY].
#[tokio::test]
async fn users_are_found_by_name_and_email() {
    let pd = Pd::start().await;
    for (query, expected) in
        [("dana", DANA), ("PRIYA.RAMAN@example.com", PRIYA), ("incidents-sync", BOT)]
    {
        let reply = pd.get(&format!("/users?query={query}")).await;
        assert_eq!(ids(&reply.body["users"]), [expected]);
    }
    let all = pd.get("/users?total=true").await;
    assert_eq!(all.body["total"], 6);
    let one = pd.get(&format!("/users/{DANA}")).await;
    assert_eq!(one.body["user"]["email"], "dana.whitlock@example.com");
}

/// §3.6: priorities from most to least severe.
#[tokio::test]
async fn priorities_come_most_severe_first() {
    let pd = Pd::start().await;
    let reply = pd.get("/priorities").await;
    let list = reply.body["priorities"].as_array().expect("a list");
    let names: Vec<_> = list.iter().map(|it| it["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["P1", "P2", "P3", "P4", "P5"]);
}

/// §3.6: 402 without the feature.
#[tokio::test]
async fn an_account_without_priorities_answers_402() {
    let pd = Pd::start().await;
    let set = async |names: &[&str]| {
        let body = json!({ "priorities": names });
        pd.send("PUT", "/_sim/priorities", &[], body).await.status
    };
    assert_eq!(set(&[]).await, 200);
    let reply = pd.get("/priorities").await;
    assert_eq!((reply.status, reply.code()), (402, 2014));
    assert_eq!(set(&["P2", "P4"]).await, 200);
    let reply = pd.get("/priorities").await;
    assert_eq!(ids(&reply.body["priorities"]), ["PPRI002", "PPRI004"]);
    assert_eq!(set(&["P9"]).await, 400);
}

/// §3.6: abilities as a list, and one of them as 204 or 402.
#[tokio::test]
async fn abilities_are_listed_and_probed() {
    let pd = Pd::start().await;
    let list = pd.get("/abilities").await;
    assert!(list.body["abilities"].as_array().is_some_and(|it| it.contains(&json!("teams"))));
    assert_eq!(pd.get("/abilities/teams").await.status, 204);
    let none = pd.get("/abilities/time_travel").await;
    assert_eq!((none.status, none.code()), (402, 2014));
}

/// §3.6: policies hold levels with targets.
#[tokio::test]
async fn policies_show_their_levels() {
    let pd = Pd::start().await;
    let reply = pd.get("/escalation_policies/PEPCHK1").await;
    let rules = reply.body["escalation_policy"]["escalation_rules"].as_array().expect("a list");
    let target = |level: usize| rules[level]["targets"][0]["type"].clone();
    assert_eq!((target(0), target(1)), (json!("user_reference"), json!("schedule_reference")));
    let found = pd.get("/escalation_policies?query=platform").await;
    assert_eq!(ids(&found.body["escalation_policies"]), ["PEPPLT2"]);
    let services = pd.get("/services?query=api").await;
    assert_eq!(services.body["services"].as_array().expect("a list").len(), 3);
}

/// §3.6: who is on call now; a person directly in a policy has no schedule, start and end.
#[tokio::test]
async fn who_is_on_call_is_told_per_level() {
    let pd = Pd::start().await;
    let reply = pd.get("/oncalls?escalation_policy_ids[]=PEPCHK1").await;
    let list = reply.body["oncalls"].as_array().expect("a list");
    assert_eq!(list.len(), 3);
    assert_eq!(id(&list[0]["user"]), PRIYA);
    assert!(list[0]["schedule"].is_null() && list[0]["end"].is_null());
    assert_eq!(list[1]["schedule"]["id"], "PABC123");
    assert!(list[1]["end"].is_string());
    assert_eq!(list[1]["escalation_level"], 2);
    let scheduled = pd.get("/oncalls?schedule_ids[]=PABC123&include[]=users").await;
    let list = scheduled.body["oncalls"].as_array().expect("a list");
    assert_eq!((list.len(), &list[0]["user"]["type"]), (1, &json!("user")));
    let direct = pd.get("/oncalls?schedule_ids[]=null").await;
    assert!(
        direct.body["oncalls"].as_array().expect("a list").iter().all(|it| it["start"].is_null())
    );
    assert_eq!(pd.get("/oncalls?until=2100-01-01T00:00:00Z").await.status, 400);
}

/// §3.6: a schedule renders its entries only for a span.
#[tokio::test]
async fn a_schedule_renders_the_span_asked_for() {
    let pd = Pd::start().await;
    let entries = async |query: &str| {
        let reply = pd.get(&format!("/schedules/PABC123{query}")).await;
        assert_eq!(reply.status, 200);
        let rendered =
            reply.body["schedule"]["final_schedule"]["rendered_schedule_entries"].clone();
        rendered.as_array().expect("a list").clone()
    };
    assert!(entries("").await.is_empty());
    let span = "?since=2026-03-05T00:00:00Z&until=2026-03-19T00:00:00Z";
    let clipped = entries(span).await;
    assert_eq!(clipped.len(), 2);
    assert_eq!(clipped[0]["start"], "2026-03-05T00:00:00Z");
    let whole =
        entries("?since=2026-03-06T00:00:00Z&until=2026-03-07T00:00:00Z&overflow=true").await;
    assert_eq!(whole[0]["start"], "2026-03-05T00:00:00Z");
    let people = pd.get("/schedules/PABC123/users").await;
    assert_eq!(people.body["users"].as_array().expect("a list").len(), 3);
}
