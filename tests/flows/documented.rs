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
        "[parameters]\norganization_id = \"demo\"\nintegration = \"sim-pd\"\n\"path.incident\" = {0}\n\
         \"query.incident\" = {0}\n",
        incident["id"]
    );
    let viewer = ["token", "create", "--name", "viewer", "--role", "viewer"];
    let viewer = stack.im.json(&viewer).await.unwrap();
    let viewer = format!("authorization: Bearer {}", viewer["secret"].as_str().unwrap());
    let nobody = "authorization: Bearer nobody";
    let everything = "coverage,fuzzing,stateful";
    for (what, phases, names, header) in [
        ("nobody", "coverage", "", Some(nobody)),
        ("a viewer", "coverage", names.as_str(), Some(viewer.as_str())),
        ("anybody, about what is there", everything, names.as_str(), None),
        ("anybody, about anything", everything, "", None),
    ] {
        let said = attempt(&stack, phases, names, header).await;
        assert!(said.contains(&format!("Tested: {operations}\n")), "{what}: not all: {said}");
        eprintln!("{what}: {}", said.lines().find(|line| line.contains("generated")).unwrap());
    }
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

/// Has the client try everything; gives what it says.
async fn attempt(stack: &Stack, phases: &str, names: &str, header: Option<&str>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let settings = dir.path().join("schemathesis.toml");
    std::fs::write(&settings, names).unwrap();
    let mut client = python(&["-m", "schemathesis.cli", "--config-file"]);
    client
        .arg(&settings)
        .args(["run", &format!("{}/api/v1/openapi.json", stack.rest_url), "--checks", CHECKS])
        .args(["--phases", phases, "--warnings", "off", "--no-color"])
        .args(["--max-examples", &setting("TANDEM_REQUESTS", REQUESTS).to_string()])
        .args(["--seed", &setting("TANDEM_SEED", SEED).to_string()])
        .args(header.iter().flat_map(|header| ["--header", header]))
        // It remembers what failed before, in the folder it runs in.
        .current_dir(dir.path());
    let ended = client.output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    let besides = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}{besides}");
    said
}
