//! Configuration as a document: written out, reviewed, applied at once or not at all, and brought
//! back.

use std::path::PathBuf;

use serde_json::{Value, json};
use tandem_tests::Stack;

/// What a command printed, and its exit code.
async fn im(stack: &Stack, words: &[&str]) -> (i32, String, String) {
    let output = stack.im.run(words).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

async fn export(stack: &Stack) -> String {
    let (code, text, said) = im(stack, &["export"]).await;
    assert_eq!(code, 0, "{said}");
    text
}

/// Writes a document; gives its path.
fn written(stack: &Stack, text: &str) -> PathBuf {
    let path = stack.dir().join("tandem.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

async fn apply(stack: &Stack, text: &str, how: &[&str]) -> (i32, String, String) {
    let path = written(stack, text);
    let words = [&["apply", "-f", path.to_str().unwrap()], how].concat();
    im(stack, &words).await
}

async fn version(stack: &Stack) -> Value {
    let shown = stack.im.json(&["integration", "get", "sim-pd"]).await.unwrap();
    shown["config_version"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_changes_nothing_and_an_edit_of_it_changes_just_that() {
    let stack = Stack::start().await;
    let first = export(&stack).await;
    assert!(
        first.contains("handle: sim-pd") && first.contains("# token_env: SIM_PD_TOKEN"),
        "{first}"
    );
    let (code, told, said) = apply(&stack, &first, &["--yes"]).await;
    assert_eq!((code, told.as_str()), (0, "0 to change, 1 as they are to be\n"), "{said}");
    let before = version(&stack).await;

    let second = first
        .replace("rate_limit: 900", "rate_limit: 300")
        .replace("  fields:\n", "  fields:\n    label.region:\n      external_name: region_cf\n");
    assert_ne!(first, second);
    let (code, told, _) = apply(&stack, &second, &["--dry-run"]).await;
    assert_eq!(code, 0);
    for line in ["-rate_limit: 900\n", "+rate_limit: 300\n", "+  label.region:\n", "1 to change"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains('\u{1b}'), "colour is for terminals: {told}");
    let (code, _, said) = apply(&stack, &second, &[]).await;
    assert_eq!(code, 64, "nobody agreed: {said}");
    assert_eq!(version(&stack).await, before);

    let (code, told, said) = apply(&stack, &second, &["--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(told.contains("applied: sim-pd is at version"), "{told}");
    let (_, told, _) = apply(&stack, &second, &["--dry-run"]).await;
    assert_eq!(told, "0 to change, 1 as they are to be\n");
    let third = export(&stack).await;
    let (_, told, _) = apply(&stack, &third, &["--dry-run"]).await;
    assert_eq!(told, "0 to change, 1 as they are to be\n");

    brought_back(&stack, &before, &first).await;
    over_rest(&stack).await;
}

async fn brought_back(stack: &Stack, to: &Value, text: &str) {
    let versions = stack.im.json(&["integration", "history", "sim-pd"]).await.unwrap();
    let last = &versions[0];
    assert_eq!(last["action"], "configuration.apply");
    assert_eq!(last["changed"], json!(["fields.label.region", "rate_limit"]));
    assert!(last["actor"].is_string() && last["time"].is_string(), "{last}");
    assert_eq!(versions[1]["version"], *to);
    let (code, told, _) =
        im(stack, &["integration", "history", "sim-pd", "--diff", "--limit", "1"]).await;
    assert_eq!(code, 0);
    assert!(told.contains("+rate_limit: 300\n") && !told.contains("+handle"), "{told}");

    let to = to.to_string();
    let back = ["integration", "rollback", "sim-pd", "--to-version", &to];
    let (code, told, _) = im(stack, &[&back[..], &["--dry-run"]].concat()).await;
    assert_eq!(code, 0);
    assert!(
        told.contains("+rate_limit: 900\n") && told.contains("would be brought back"),
        "{told}"
    );
    let late = [&back[..], &["--yes", "--etag", "1"]].concat();
    assert_eq!(im(stack, &late).await.0, 4);
    let (code, told, said) = im(stack, &[&back[..], &["--yes"]].concat()).await;
    assert_eq!(code, 0, "{said}");
    assert!(told.contains("brought back: sim-pd is at version"), "{told}");
    assert_eq!(export(stack).await, text);
    let unknown = ["integration", "rollback", "sim-pd", "--to-version", "999", "--yes"];
    assert_eq!(im(stack, &unknown).await.0, 3);
}

async fn over_rest(stack: &Stack) {
    let root = &stack.http_url;
    let get = async |path: &str| -> Value {
        let answer = stack.http.get(format!("{root}{path}")).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    };
    let exported = get("/api/v1/configuration?organization_id=demo").await;
    assert_eq!(exported["integrations"][0]["handle"], "sim-pd");
    let body = json!({
        "organization_id": "demo", "validate_only": true,
        "integrations": exported["integrations"],
    });
    let asked = stack.http.post(format!("{root}/api/v1/configuration")).json(&body);
    let applied: Value =
        asked.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
    assert_eq!(applied["integrations"][0]["changed"], false, "{applied}");
    let versions = get("/api/v1/integrations/sim-pd/versions?page_size=1").await;
    assert_eq!(versions["versions"][0]["action"], "configuration.roll_back");
    assert_eq!(versions["versions"][0]["changed"], json!(["fields.label.region", "rate_limit"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_through_admin_is_listed_with_who_did_it_and_pages_on() {
    let stack = Stack::start().await;
    let limit =
        ["integration", "configure", "sim-pd", "--rate-limit", "300", "--as", "ada@acme.test"];
    stack.im.json(&limit).await.unwrap();
    stack.im.json(&["token", "create", "--name", "bot", "--role", "viewer"]).await.unwrap();
    let listed =
        stack.im.json(&["audit", "admin", "--target", "sim-pd", "--days", "1"]).await.unwrap();
    let last = &listed[0];
    assert_eq!(
        (&last["action"], &last["actor"]),
        (&json!("integration.update"), &json!("ada@acme.test"))
    );
    assert_eq!(
        (&last["before"]["rate_limit"], &last["after"]["rate_limit"]),
        (&json!(900), &json!(300))
    );
    let tokens = stack.im.json(&["audit", "admin", "--action", "token"]).await.unwrap();
    assert_eq!(
        (tokens.as_array().unwrap().len(), &tokens[0]["action"]),
        (1, &json!("token.create"))
    );
    let nobody = stack.im.json(&["audit", "admin", "--actor", "nobody"]).await.unwrap();
    assert_eq!(nobody, json!([]));

    let root = &stack.http_url;
    let get = async |query: &str| -> Value {
        let url = format!("{root}/api/v1/audit/admin?organization_id=demo&{query}");
        let answer = stack.http.get(url).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    };
    let first = get("page_size=1").await;
    assert_eq!(first["entries"][0]["action"], "token.create");
    let token = first["next_page_token"].as_str().unwrap();
    let second = get(&format!("page_size=1&page_token={token}")).await;
    assert_eq!(second["entries"][0]["action"], "integration.update");
    let (code, table, _) = im(&stack, &["audit", "admin"]).await;
    assert_eq!(code, 0);
    assert!(table.starts_with("TIME ") && table.contains("ada@acme.test"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_half_applied_and_what_is_wrong_is_named() {
    let stack = Stack::start().await;
    let first = export(&stack).await;
    let token = stack.dir().join("token");
    std::fs::write(&token, "canary-token-of-a-document\n").unwrap();
    let new = format!(
        "{first}- handle: second\n  name: Second\n  type: pagerduty\n  \
         base_url: https://api.pagerduty.com\n  token_file: {}\n",
        token.display()
    );
    let before = version(&stack).await;

    let misspelt = first.replace("rate_limit:", "rate_limt:");
    let (code, _, said) = apply(&stack, &misspelt, &["--yes"]).await;
    assert_eq!(code, 64);
    let named = "integrations.sim-pd.rate_limt: there is no such key; is rate_limit meant?";
    assert!(said.contains(named), "{said}");

    // The first would do, the second would not.
    let changed = new.replace("rate_limit: 900", "rate_limit: 300");
    let half = changed.replace("https://api.pagerduty.com", "nowhere");
    let (code, _, said) = apply(&stack, &half, &["--yes"]).await;
    assert_eq!(code, 64);
    assert!(said.contains("integrations.second.base_url: must be an address"), "{said}");
    let stale = changed.replace("handle: sim-pd", "handle: sim-pd\n  etag: \"1\"");
    let stale = stale.replace("handle: second", "handle: second\n  etag: \"0\"");
    let (code, _, said) = apply(&stack, &stale, &["--yes"]).await;
    assert_eq!(code, 4, "{said}");
    assert_eq!(version(&stack).await, before);
    let listed = stack.im.json(&["integration", "list"]).await.unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);

    let (code, told, said) = apply(&stack, &changed, &["--yes"]).await;
    assert_eq!(code, 0, "{said}");
    assert!(told.contains("second: its token is replaced"), "{told}");
    let made = stack.im.json(&["integration", "get", "second"]).await.unwrap();
    assert_eq!((&made["has_token"], &made["enabled"]), (&json!(true), &json!(true)));
    let (_, told, _) = apply(&stack, &changed, &["--dry-run"]).await;
    assert_eq!(told, "0 to change, 2 as they are to be\n", "the same token is no change");
    assert!(!export(&stack).await.contains("canary") && !stack.logs().contains("canary"));
    let kept = "select count(*) from (
        select config::text as held from integration_versions
        union all select before::text || after::text from admin_audit
    ) as kept where held like '%canary%'";
    assert_eq!(stack.count(kept).await, 0);
}
