//! What the account has: on-call, users, services, policies, priorities.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use tandem_tests::{Stack, eventually};

use super::{answered, calls, printed, refused, rest, stage};

const ON_CALL: [&str; 5] = ["integration", "oncall", "sim-pd", "--schedule-id", "PABC123"];

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_call_is_told_with_schedule_policy_level_and_end() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let answer = stack.im.json(&ON_CALL).await.unwrap();
    let [turn] = answer["on_call"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    assert_eq!(
        (&turn["schedule"], &turn["schedule_name"], &turn["level"]),
        (&json!("PABC123"), &json!("Primary on-call"), &json!(2))
    );
    assert_eq!(turn["escalation_policy_name"], "Checkout primary");
    assert!(turn["email"].as_str().unwrap().ends_with("@example.com"), "{turn}");
    assert!(turn["end_time"].is_string() && turn["start_time"].is_string(), "{turn}");
    assert_eq!((&answer["complete"], &answer["outdated"]), (&json!(true), &json!(null)));
    assert!(answer["age_s"].as_i64().unwrap() < 15, "{answer}");

    // Everybody: by policy, then level; whoever stands in a policy directly has no end.
    let all = stack.im.json(&["integration", "oncall", "sim-pd"]).await.unwrap();
    let turns = all["on_call"].as_array().unwrap();
    let levels: Vec<_> = turns
        .iter()
        .map(|it| (it["escalation_policy"].as_str().unwrap(), it["level"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("PEPCHK1", 1),
        ("PEPCHK1", 2),
        ("PEPCHK1", 3),
        ("PEPPLT2", 1),
        ("PEPPLT2", 2),
        ("PEPPLT2", 2),
    ];
    assert_eq!(levels, expected);
    assert_eq!((&turns[0]["user"], &turns[0]["end_time"]), (&json!("PRY4M2A"), &json!(null)));

    let table = printed(&stack.im.run(&["integration", "oncall", "sim-pd"]).await.unwrap());
    let first = table.lines().next().unwrap();
    for column in ["POLICY", "LEVEL", "SCHEDULE", "USER", "EMAIL", "UNTIL"] {
        assert!(first.contains(column), "{column} in {table}");
    }
    assert!(table.contains("Primary on-call (PABC123)") && table.contains("always"), "{table}");
    let age = table.lines().last().unwrap();
    assert!(age.starts_with("read ") && age.ends_with(" s ago"), "{table}");
    let yaml = [&ON_CALL[..], &["--output", "yaml"]].concat();
    assert!(printed(&stack.im.run(&yaml).await.unwrap()).contains("schedule: PABC123"));
    assert_eq!(stack.pagerduty.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_remembered_for_a_while_and_an_unknown_schedule_names_those_there_are() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let first = stack.im.json(&ON_CALL).await.unwrap();
    let again = stack.im.json(&ON_CALL).await.unwrap();
    assert_eq!(first["read_time"], again["read_time"]);
    assert_eq!(calls(&stack, "/oncalls"), 1);
    let fresh = stack.im.json(&[&ON_CALL[..], &["--fresh"]].concat()).await.unwrap();
    assert_ne!(first["read_time"], fresh["read_time"]);
    assert_eq!(calls(&stack, "/oncalls"), 2);

    let unknown = ["integration", "oncall", "sim-pd", "--schedule-id", "PNOPE"];
    let told = refused(&stack, &unknown, 3).await;
    let expected = "error: there is no schedule \"PNOPE\": there are PABC123 (Primary on-call)\n";
    assert_eq!(told, expected);
    assert!(refused(&stack, &["integration", "oncall", "nobody"], 3).await.contains("nobody"));
    assert!(refused(&stack, &["integration", "oncall"], 64).await.contains("INTEGRATION"));
    let nonsense = ["integration", "oncall", "sim-pd", "--schedule", "X"];
    assert!(refused(&stack, &nonsense, 64).await.contains("--schedule-id"));

    let base = "/api/v1/integrations/sim-pd";
    let (status, body) = rest(&stack, &format!("{base}/oncall?schedule_id=PABC123")).await;
    assert_eq!((status, &body["on_call"][0]["schedule"]), (200, &json!("PABC123")));
    let (status, body) = rest(&stack, &format!("{base}/oncall?schedule_id=PNOPE")).await;
    assert_eq!(status, 404);
    assert!(body["detail"].as_str().unwrap().contains("PABC123"), "{body}");
    assert_eq!(rest(&stack, &format!("{base}/oncall?nonsense=1")).await.0, 422);
    for path in ["users", "services", "escalation-policies", "priorities"] {
        let (status, body) = rest(&stack, &format!("{base}/{path}")).await;
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body["read_time"].is_string(), "{path}: {body}");
    }
    assert_eq!(stack.pagerduty.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_mapped_known_by_address_or_name_or_unknown() {
    let stack = Stack::start().await;
    answered(&stack).await;
    for (title, assignee) in
        [("a", "priya.raman@example.com"), ("b", "Noor Haddad"), ("c", "ghost"), ("d", "ghost")]
    {
        let words = ["incident", "create", "--title", title, "--severity", "SEV-3"];
        stack.im.json(&[&words[..], &["--assigned-to", assignee]].concat()).await.unwrap();
    }
    let map = ["integration", "user-mapping", "set", "sim-pd", "dana", "PD4N4QK"];
    stack.im.json(&map).await.unwrap();

    let table = printed(&stack.im.run(&["integration", "users", "sim-pd"]).await.unwrap());
    let lines: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "ID NAME EMAIL ROLE MATCH PLATFORM",
        "PD4N4QK Dana Whitlock dana.whitlock@example.com user mapped dana",
        "PB0T5YN Incidents Sync incidents-sync@example.com admin unknown",
        "PN00RH4 Noor Haddad noor.haddad@example.com owner name Noor Haddad",
        "PRY4M2A Priya Raman priya.raman@example.com user email priya.raman@example.com",
        "PT0M4S1 Tomas Ilves tomas.ilves@example.com user unknown",
        "PL1NX14 林 晓明 lin.xiaoming@example.com user unknown",
    ];
    assert_eq!(lines[..7], expected, "{table}");
    assert!(lines[7].starts_with("read "), "{table}");
    assert_eq!(lines[8], "named here, and nobody of the account: ghost (2 incidents)");

    let words = ["integration", "users", "sim-pd", "--map-by-email"];
    let answer = stack.im.json(&words).await.unwrap();
    let users = answer["users"].as_array().unwrap();
    let priya = users.iter().find(|user| user["id"] == "PRY4M2A").unwrap();
    assert_eq!(priya["match"], "mapped");
    let mapped = stack.im.json(&["integration", "user-mapping", "list", "sim-pd"]).await.unwrap();
    let pair = json!({"platform": "priya.raman@example.com", "external": "PRY4M2A"});
    assert!(mapped.as_array().unwrap().contains(&pair), "{mapped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_mapped_suggested_or_missing_and_long_lists_come_whole() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let create = ["incident", "create", "--title", "slow", "--severity", "SEV-3"];
    stack.im.json(&[&create[..], &["--type", "ledger"]].concat()).await.unwrap();
    let add = ["integration", "service-mapping", "add", "sim-pd", "--pd-service", "PGONE00"];
    stack.im.json(&[&add[..], &["--incident-type", "old"]].concat()).await.unwrap();

    let table = printed(&stack.im.run(&["integration", "services", "sim-pd"]).await.unwrap());
    let lines: Vec<String> =
        table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "ID NAME STATUS POLICY MATCH INCIDENT TYPE DEFAULT",
        "P123ABC Checkout API active Checkout primary mapped infrastructure no",
        "PL3DG3R Ledger API active Platform on-call suggested ledger no",
        "PS34RCH Search API active Platform on-call unmapped no",
        "PGONE00 missing old no",
    ];
    assert_eq!(lines[..5], expected, "{table}");
    assert_eq!(lines[6], "incident types that no service stands for: ledger");

    let policies = ["integration", "escalation-policies", "sim-pd"];
    let policies = stack.im.json(&policies).await.unwrap();
    let first = &policies["escalation_policies"][0];
    assert_eq!(
        (&first["name"], &first["levels"][1]["targets"][0]),
        (&json!("Checkout primary"), &json!("Primary on-call"))
    );
    let priorities = ["integration", "priorities", "sim-pd"];
    let names = stack.im.json(&priorities).await.unwrap();
    assert_eq!(names["priorities"][0]["name"], "P1");
    // An account without the feature has none, which is no error.
    stage(&stack, "priorities", &json!({"priorities": []})).await;
    let none = stack.im.json(&[&priorities[..], &["--fresh"]].concat()).await.unwrap();
    assert_eq!((&none["priorities"], &none["complete"]), (&json!([]), &json!(true)));

    // More than fit into one message, on 24 pages.
    stage(&stack, "users", &json!({"count": 2_300})).await;
    // The budget begins empty: it may take longer than anybody waits, and is read to its end.
    let users = eventually("all of them are listed", Duration::from_secs(40), || async {
        let words = ["integration", "users", "sim-pd", "--fresh"];
        let answer = stack.im.json(&words).await.map_err(|error| error.to_string())?;
        match answer["users"].as_array().map(Vec::len) {
            Some(2_306) => Ok(answer),
            other => Err(format!("{other:?}, {}", answer["outdated"])),
        }
    })
    .await;
    assert_eq!(users["complete"], true);
    let ids: BTreeSet<_> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 2_306, "each once");
    assert_eq!(stack.pagerduty.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_named_by_address_is_assigned_there_without_being_mapped() {
    let stack = Stack::start().await;
    answered(&stack).await;
    let own = ["integration", "field-ownership", "set", "sim-pd", "assigned_to"];
    let both = ["--owner", "platform", "--direction", "bidirectional"];
    stack.im.json(&[&own[..], &both].concat()).await.unwrap();

    let words = ["incident", "create", "--title", "who", "--severity", "SEV-3"];
    let to = ["--type", "infrastructure", "--assigned-to", "Tomas.Ilves@example.com"];
    let made = stack.im.json(&[&words[..], &to].concat()).await.unwrap();
    let id = made["id"].as_str().unwrap();
    eventually("it is assigned over there", Duration::from_secs(30), || async {
        let there = stack.pagerduty.incidents();
        let record = there.iter().find(|record| record["title"] == "who").cloned();
        let assigned = record.as_ref().map(|it| &it["assignments"][0]["assignee"]["id"]);
        if assigned == Some(&json!("PT0M4S1")) { Ok(()) } else { Err(record) }
    })
    .await;

    // Here they keep the name they were called by, and who found them is in the audit.
    let shown = stack.im.json(&["incident", "get", id]).await.unwrap();
    assert_eq!(shown["assigned_to"], "Tomas.Ilves@example.com");
    let users = stack.im.json(&["integration", "users", "sim-pd"]).await.unwrap();
    let users = users["users"].as_array().unwrap();
    let tomas = users.iter().find(|user| user["id"] == "PT0M4S1").unwrap();
    assert_eq!(tomas["match"], "email");
    let audit = stack.im.json(&["audit", "admin"]).await.unwrap();
    let by_itself = |entry: &&serde_json::Value| entry["action"] == "counterpart.find";
    let found = audit.as_array().unwrap().iter().find(by_itself).unwrap();
    assert_eq!(found["actor"], "tandem");

    // Somebody explicit goes before.
    let map = ["integration", "user-mapping", "set", "sim-pd", "tomas", "PT0M4S1"];
    stack.im.json(&map).await.unwrap();
    let export = stack.im.run(&["export"]).await.unwrap();
    assert!(!printed(&export).contains("Tomas.Ilves@example.com"), "{}", printed(&export));
}
