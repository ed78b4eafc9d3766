//! The REST API against its own document: a property-based client, which takes the document at its word, sends what
//! it allows and what it does not.
//!
//! `cargo dev chaos --only rest` does the same with many more requests.

use std::process::Stdio;

use serde_json::{Value, json};
use tandem_dev::{Progress, runtimes, workspace};
use tandem_tests::Stack;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::size::setting;

/// How many requests each operation gets in each round, besides those that cover its parameters one by one, unless
/// `TANDEM_REQUESTS` says otherwise.
const REQUESTS: u64 = 5;
/// What they are drawn from, unless `TANDEM_SEED` says otherwise.
const SEED: u64 = 20_261_201;
/// What is looked at in each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,\
    allow_header_conformance";
/// Fails where what it reads is no OpenAPI 3.1.
const IS_VALID: &str = "import json, sys; \
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR as validator; \
    validator.validate(json.load(sys.stdin))";

#[tokio::test(flavor = "multi_thread")]
async fn a_property_based_client_finds_no_failure_and_no_answer_that_is_not_documented() {
    let stack = Stack::start().await;
    let record = stack.act(json!({"action": "trigger", "title": "tried by the client"}));
    let record = record["id"].as_str().unwrap();
    let incident = stack.incident_of(record, "the incident is linked", |_| true).await;
    let document = document(&stack).await;
    validate(&document).await;
    let operations = operations(&document);

    // What is named has to be there in half of the cases, to come past the first thing that is checked.
    let names = format!(
        "[parameters]\norganization_id = \"demo\"\nintegration = \"{1}\"\n\"path.incident\" = {0}\n\
         \"query.incident\" = {0}\n",
        incident["id"], stack.integration
    );
    let viewer = ["token", "create", "--name", "viewer", "--role", "viewer"];
    let viewer = stack.im.json(&viewer).await.unwrap();
    let viewer = format!("authorization: Bearer {}", viewer["secret"].as_str().unwrap());
    let nobody = "authorization: Bearer nobody";
    let round = |phases, names, header| Round { phases, names, header, without: "" };
    let everything = "coverage,fuzzing,stateful";
    for (what, round) in [
        ("nobody", round("coverage", "", Some(nobody))),
        ("a viewer", round("coverage", &names, Some(&viewer))),
        (
            "anybody, about what is there",
            // What all the others name must stay.
            Round { without: "DeleteIntegration", ..round(everything, &names, None) },
        ),
        ("anybody, about anything", round(everything, "", None)),
    ] {
        let tried = operations - usize::from(!round.without.is_empty());
        let said = round.play(&stack).await;
        assert!(said.contains(&format!("Tested: {tried}\n")), "{what}: not all: {said}");
        eprintln!("{what}: {}", said.lines().find(|line| line.contains("generated")).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_opened_changed_and_told_of_over_rest_alone() {
    let stack = Stack::start().await;
    let root = format!("{}/api/v1/incidents", stack.rest_url);
    let ask = async |request: reqwest::RequestBuilder| -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    let body = json!({"organization_id": "demo", "title": "over REST", "severity": "SEV-2",
        "incident_type": "infrastructure", "labels": {"region": "eu"}});
    let (status, made) = ask(stack.http.post(&root).json(&body)).await;
    assert_eq!((status, &made["incident"]["severity"]), (201, &json!("SEV-2")), "{made}");
    let one = format!("{root}/{}", made["incident"]["id"].as_str().unwrap());

    let etag = made["incident"]["etag"].clone();
    let change = json!({"organization_id": "demo", "title": "renamed", "labels": {"region": ""},
        "etag": etag});
    let (status, changed) = ask(stack.http.patch(&one).json(&change)).await;
    assert_eq!((status, &changed["incident"]["title"]), (200, &json!("renamed")), "{changed}");
    assert_eq!(changed["incident"]["labels"], json!({}));
    let (status, stale) = ask(stack.http.patch(&one).json(&change)).await;
    assert_eq!(status, 412, "{stale}");
    let nothing = json!({"organization_id": "demo"});
    let (status, problem) = ask(stack.http.patch(&one).json(&nothing)).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("body")), "{problem}");
    let label = json!({"organization_id": "demo", "labels": {"no good": "x"}});
    let (status, problem) = ask(stack.http.patch(&one).json(&label)).await;
    assert_eq!((status, &problem["errors"][0]["field"]), (422, &json!("labels")), "{problem}");

    let note = json!({"organization_id": "demo", "text": "looked at"});
    let (status, _) = ask(stack.http.post(format!("{one}/notes")).json(&note)).await;
    assert_eq!(status, 201);
    let of_demo = [("organization_id", "demo")];
    let (_, told) = ask(stack.http.get(format!("{one}/timeline")).query(&of_demo)).await;
    let told: Vec<&Value> = told["entries"].as_array().unwrap().iter().collect();
    assert!(told.iter().any(|entry| entry["text"] == "looked at"), "{told:?}");
    let (status, found) = ask(stack.http.get(&one).query(&of_demo)).await;
    assert_eq!((status, &found["title"]), (200, &json!("renamed")));
    let severe = [("organization_id", "demo"), ("severity", "SEV-2")];
    let (_, listed) = ask(stack.http.get(&root).query(&severe)).await;
    assert_eq!(listed["incidents"].as_array().unwrap().len(), 1, "{listed}");
}

/// The document as it is served, which ingress hands on.
async fn document(stack: &Stack) -> Value {
    let served = async |root: &str| -> Value {
        let answer = stack.http.get(format!("{root}/api/v1/openapi.json")).send().await;
        answer.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let document = served(&stack.rest_url).await;
    assert_eq!(served(&stack.http_url).await, document);
    document
}

fn operations(document: &Value) -> usize {
    let methods = document["paths"].as_object().unwrap().values();
    let methods = methods.flat_map(|methods| methods.as_object().unwrap().keys());
    methods.filter(|method| *method != "parameters").count()
}

/// The client's own language, with the client at hand.
fn python(words: &[&str]) -> Command {
    let client = runtimes::schemathesis(&workspace::root().unwrap(), Progress::Silent).unwrap();
    let mut command = Command::new("python3");
    command.args(words).env("PYTHONPATH", client).kill_on_drop(true);
    command
}

async fn validate(document: &Value) {
    let mut validator = python(&["-c", IS_VALID]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = validator.stdin.take().unwrap();
    stdin.write_all(document.to_string().as_bytes()).await.unwrap();
    drop(stdin);
    assert!(validator.wait().await.unwrap().success(), "the document is no OpenAPI 3.1");
}

/// What the client is to try, and as whom.
#[derive(Clone, Copy)]
struct Round<'a> {
    phases: &'a str,
    /// What is there, as the client's settings.
    names: &'a str,
    header: Option<&'a str>,
    /// The operation that is left out.
    without: &'a str,
}

impl Round<'_> {
    /// Has the client try; gives what it says.
    async fn play(self, stack: &Stack) -> String {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("schemathesis.toml");
        std::fs::write(&settings, self.names).unwrap();
        let document = format!("{}/api/v1/openapi.json", stack.rest_url);
        let mut client = python(&["-m", "schemathesis.cli", "--config-file"]);
        client
            .arg(&settings)
            .args(["run", &document, "--checks", CHECKS, "--phases", self.phases])
            .args(["--warnings", "off", "--no-color"])
            .args(["--max-examples", &setting("TANDEM_REQUESTS", REQUESTS).to_string()])
            .args(["--seed", &setting("TANDEM_SEED", SEED).to_string()])
            .args(["--exclude-operation-id", self.without])
            .args(self.header.iter().flat_map(|header| ["--header", header]))
            // It remembers what failed before, in the folder it runs in.
            .current_dir(dir.path());
        let ended = client.output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let besides = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}{besides}");
        said
    }
}
