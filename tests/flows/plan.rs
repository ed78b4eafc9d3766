//! Plans: what joining both sides would come to is told line by line, and then done as it was told.

mod applied;
mod scene;

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use scene::{Counts, Scene, planned, said};

/// What three hundred records and two hundred incidents are, fifty of which are the same.
const LARGE: Counts = Counts {
    in_step: 20,
    differing: 5,
    named: 15,
    renamed: 10,
    there: 240,
    elsewhere: 10,
    here: 145,
    homeless: 5,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_right_in_every_line_and_once_it_was_applied_nothing_is_left() {
    let stack = Stack::start().await;
    let scene = Scene::set(&stack, LARGE).await;
    assert_eq!(stack.pagerduty.incidents().len(), 300);
    assert_eq!(stack.incidents().await.len(), 200);
    let before = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);

    let plan = planned(&stack).await;
    let writes: Vec<_> = stack.pagerduty.calls(before);
    let writes: Vec<_> = writes.iter().filter(|call| call.method != "GET").collect();
    assert!(writes.is_empty(), "a plan changes nothing: {writes:?}");
    counted(&plan);
    scene.is_right_in_every_line(&plan);

    let allowed = plan["paging"]["notifications"].to_string();
    let words = ["integration", "apply", "sim-pd", "--yes", "--max-notifications", &allowed];
    let done = stack.im.json(&words).await.unwrap();
    assert_eq!((&done["state"], &done["progress"]["done"]), (&json!("applied"), &json!(425)));
    stack.at_rest().await;
    scene.is_applied_exactly(&stack, before).await;

    let second = planned(&stack).await;
    assert_eq!(second["lines"], json!([]), "{}", second["lines"]);
    assert_eq!((&second["in_step"], &second["under_way"]), (&json!(445), &json!(0)));
    let words = ["integration", "plan", "sim-pd"];
    let text = String::from_utf8(stack.im.run(&words).await.unwrap().stdout).unwrap();
    assert!(text.contains("nobody would be paged") && !text.contains("lines:"), "{text}");
}

/// What is counted of the large plan.
fn counted(plan: &Value) {
    let told = ["links", "updates", "creates_here", "creates_there", "conflicts", "in_step"];
    let told = told.map(|name| plan[name].as_i64().unwrap());
    assert_eq!(told, [25, 5, 250, 145, 0, 20], "{plan}");
    assert_eq!((&plan["under_way"], &plan["complete"]), (&json!(0), &json!(true)));
    let homeless = "no service is mapped to the incident type \"art\"";
    assert_eq!(plan["left_out"], json!([{"reason": homeless, "count": 5}]));
    let without = plan["without_partner"].as_array().unwrap();
    let known = |lone: &&Value| lone["kind"] != "user" && lone["kind"] != "person";
    let known: Vec<&Value> = without.iter().filter(known).collect();
    let service = json!({"kind": "service", "name": "Ledger API", "id": "PL3DG3R", "count": 10});
    let kind = json!({"kind": "incident-type", "name": "art", "id": null, "count": 5});
    assert_eq!(known, [&service, &kind]);
    // One person stands first in the policy of the one service that is mapped.
    let paging = &plan["paging"];
    assert_eq!((&paging["notifications"], &paging["unknown"]), (&json!(145), &json!(0)));
    let [person] = paging["people"].as_array().unwrap().as_slice() else { panic!("{paging}") };
    assert_eq!((&person["user"], &person["notifications"]), (&json!("PRY4M2A"), &json!(145)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_reads_as_people_read_and_what_is_not_there_is_told() {
    let stack = Stack::start().await;
    let small = Counts { differing: 1, renamed: 1, there: 1, here: 2, homeless: 1, ..Counts::NONE };
    let none = stack.im.run(&["integration", "apply", "sim-pd", "--yes"]).await.unwrap();
    assert_eq!(none.status.code(), Some(3), "{none:?}");
    assert!(said(&none).contains("there is no plan of \"sim-pd\""), "{none:?}");
    Scene::set(&stack, small).await;
    planned(&stack).await;
    let output = stack.im.run(&["integration", "plan", "sim-pd", "--lines", "4"]).await.unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for line in [
        "     1  link an incident and the record that belongs to it",
        "     1  update a linked pair that differs",
        "     1  create an incident for a record",
        "     2  create a record for an incident",
        "1 person would be paged, by 2 notifications; an estimate, without escalations",
        "     2  Priya Raman (PRY4M2A)",
        "     1  incident-type art",
        "     1  no service is mapped to the incident type \"art\"",
        "          here title: \"differing 0\" → \"differing 0, renamed\"",
        "          there title: \"renamed 0, there\" → \"renamed 0\"",
        "        and 1 more: --lines 5",
    ] {
        assert!(text.lines().any(|told| told == line), "{line:?} in\n{text}");
    }
    let next = "next: im integration apply sim-pd --max-notifications 2";
    assert!(said(&output).contains(next), "{output:?}");
    let yaml = ["integration", "plan", "sim-pd", "--output", "yaml"];
    let yaml = String::from_utf8(stack.im.run(&yaml).await.unwrap().stdout).unwrap();
    assert!(yaml.contains("creates_there: 2") && yaml.contains("kind: create-there"), "{yaml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_made_read_and_applied_over_rest_and_an_inbound_one_writes_nothing() {
    let stack = Stack::start().await;
    Scene::set(&stack, Counts { there: 2, here: 1, ..Counts::NONE }).await;
    planned(&stack).await;
    let root = format!("{}/api/v1", stack.rest_url);
    let ask = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let made = stack.http.post(format!("{root}/integrations/sim-pd/plans"));
    let (status, made) = ask(made.query(&[("organization_id", "demo")])).await;
    assert_eq!(
        (status, &made["creates_here"], &made["state"]),
        (201, &json!(2), &json!("planned"))
    );
    let newest = stack.http.get(format!("{root}/integrations/sim-pd/plans/newest"));
    assert_eq!(ask(newest).await, (200, made.clone()));
    let plan = format!("{root}/plans/{}", made["id"].as_str().unwrap());
    let page = [("kind", "create-here"), ("page_size", "1")];
    let (_, page) = ask(stack.http.get(format!("{plan}/lines")).query(&page)).await;
    assert_eq!(page["lines"].as_array().unwrap().len(), 1, "{page}");
    assert!(!page["next_page_token"].as_str().unwrap().is_empty(), "{page}");
    let apply = |most: i64| {
        let body = json!({ "max_notifications": most });
        stack.http.post(format!("{plan}/apply")).json(&body)
    };
    let (status, refused) = ask(apply(0)).await;
    assert_eq!(status, 409, "{refused}");
    assert_eq!(ask(apply(1)).await.0, 202);
    let done = eventually("it is applied", Duration::from_mins(1), || async {
        let (_, now) = ask(stack.http.get(&plan)).await;
        if now["state"] == "applying" { Err(now) } else { Ok(now) }
    })
    .await;
    assert_eq!((&done["state"], &done["progress"]["done"]), (&json!("applied"), &json!(3)));

    // Inbound only: what is there comes in, and nothing goes out.
    stack.at_rest().await;
    let configure = async |option: &str, value: &str| {
        let words = ["integration", "configure", "sim-pd", option, value];
        stack.im.json(&words).await.unwrap()
    };
    configure("--direction", "inbound").await;
    configure("--enabled", "false").await;
    let ours = ["incident", "create", "--title", "ours alone", "--type", "infrastructure"];
    stack.im.json(&ours).await.unwrap();
    let theirs = stack.act(json!({"action": "trigger", "title": "theirs", "service": "P123ABC"}));
    stack.at_rest().await;
    configure("--enabled", "true").await;
    let before = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    let plan = planned(&stack).await;
    let [line] = plan["lines"].as_array().unwrap().as_slice() else { panic!("{plan}") };
    assert_eq!((&line["kind"], &line["record"]), (&json!("create-here"), &theirs["id"]));
    let left_out = json!([{"reason": "nothing is sent to sim-pd", "count": 1}]);
    assert_eq!((&plan["left_out"], &plan["paging"]["notifications"]), (&left_out, &json!(0)));
    let done = stack.im.json(&["integration", "apply", "sim-pd", "--yes"]).await.unwrap();
    assert_eq!((&done["state"], &done["progress"]["done"]), (&json!("applied"), &json!(1)));
    let calls = stack.pagerduty.calls(before);
    assert!(calls.iter().all(|call| call.method == "GET"), "{calls:?}");
    assert_eq!(planned(&stack).await["lines"], json!([]));
}
