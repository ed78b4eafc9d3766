//! What the calls are made on: a stack that asks for tokens, with something of everything in it.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Options, Stack, eventually};
use tonic::{Request, Status, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};

use super::{case::Leave, wire::Raw};

/// How long a call may take.
const WITHIN: Duration = Duration::from_secs(30);

/// A stack, and what is in it.
pub(super) struct Scene {
    _stack: Stack,
    channel: Channel,
    tokens: [String; 4],
    stranger: String,
    pub(super) integration: String,
    /// Linked: incident, record and link.
    pub(super) linked: [String; 3],
    /// The same again, to be parted and joined.
    pub(super) parted: [String; 3],
    pub(super) conflicts: [String; 2],
    pub(super) letters: [String; 3],
    pub(super) replay: String,
    /// A plan of nothing, since both sides are in step.
    pub(super) plan: String,
    /// The id of a token that nobody will miss.
    pub(super) spare: String,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let options = Options { require_tokens: true, ..Options::default() };
        let stack = Stack::start_with(options).await;
        let endpoint = tonic::transport::Endpoint::from_shared(stack.im.admin_url().to_owned());
        let channel = endpoint.unwrap().timeout(WITHIN).connect().await.unwrap();
        let words = ["integration", "configure", "sim-pd", "--sync-escalations", "true"];
        stack.im.json(&words).await.unwrap();
        let known = ["integration", "user-mapping", "set", "sim-pd", "Tomas Ilves", "PT0M4S1"];
        stack.im.json(&known).await.unwrap();
        let (parted, linked) = (linked(&stack).await, linked(&stack).await);
        let letters = letters(&stack, &linked[0]).await;
        let conflicts = conflicts(&stack).await;
        for name in ["doomed", "other"] {
            configure(&stack, name, if name == "other" { "other" } else { "demo" }).await;
        }
        let managed = ["integration", "configure", "sim-pd", "--public-url", &stack.http_url];
        stack.im.json(&managed).await.unwrap();
        eventually("a subscription is seen to", WITHIN, || async {
            let shown = stack.im.json(&["integration", "get", "sim-pd"]).await.unwrap();
            let some = shown["subscriptions"].as_array().is_some_and(|all| !all.is_empty());
            if some { Ok(()) } else { Err(shown) }
        })
        .await;
        let begun = ["dlq", "replay", "--integration", "sim-pd", "--group", "none", "--no-wait"];
        let replay = stack.im.json(&begun).await.unwrap();
        let plan = stack.im.json(&["integration", "plan", "sim-pd"]).await.unwrap();
        assert_eq!(plan["lines"], json!([]));
        let plan = text(&plan["id"]);
        let (_, viewer) = token(&stack, "demo", "viewer").await;
        let (_, operator) = token(&stack, "demo", "operator").await;
        let (_, admin) = token(&stack, "demo", "admin").await;
        let (_, stranger) = token(&stack, "other", "admin").await;
        let spare = ["token", "create", "--name", "spare-of-demo", "--role", "viewer"];
        let spare = stack.im.json(&spare).await.unwrap();
        let everywhere = stack.im.token().unwrap().to_owned();
        Self {
            channel,
            tokens: [viewer, operator, admin, everywhere],
            stranger,
            integration: stack.integration.clone(),
            linked,
            parted,
            conflicts,
            letters,
            replay: text(&replay["id"]),
            plan,
            spare: text(&spare["id"]),
            _stack: stack,
        }
    }

    /// A token that is enough for this.
    pub(super) fn token(&self, leave: Leave) -> &str {
        &self.tokens[leave as usize]
    }

    /// A token that is not; none where any is enough.
    pub(super) fn below(&self, leave: Leave) -> Option<&str> {
        (leave as usize).checked_sub(1).map(|lower| self.tokens[lower].as_str())
    }

    /// The token of another organisation's admin.
    pub(super) fn stranger(&self) -> &str {
        &self.stranger
    }

    /// What nobody elsewhere may see.
    pub(super) fn marks(&self) -> Vec<&str> {
        let mut marks = vec![self.integration.as_str(), "spare-of-demo", &self.replay, &self.plan];
        marks.extend(self.linked.iter().chain(&self.parted).map(String::as_str));
        marks.extend(self.conflicts.iter().chain(&self.letters).map(String::as_str));
        marks
    }

    /// Makes a call. A stream counts as answered when it begins.
    pub(super) async fn call(
        &self,
        call: &str,
        request: &[u8],
        token: Option<&str>,
    ) -> Result<Vec<u8>, Status> {
        let mut request = Request::new(request.to_vec());
        if let Some(token) = token {
            let bearer = format!("Bearer {token}").parse().unwrap();
            request.metadata_mut().insert("authorization", bearer);
        }
        let path: PathAndQuery = format!("/tandem.v1.{call}").parse().unwrap();
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut answers = grpc.server_streaming(request, path, Raw).await?.into_inner();
        if call.contains("/Watch") {
            return Ok(Vec::new());
        }
        Ok(answers.message().await?.unwrap_or_default())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A token's id and text.
async fn token(stack: &Stack, org: &str, role: &str) -> (String, String) {
    let name = format!("{role}-of-{org}");
    let words = ["token", "create", "--org", org, "--name", &name, "--role", role];
    let made = stack.im.json(&words).await.unwrap();
    (text(&made["id"]), text(&made["secret"]))
}

async fn configure(stack: &Stack, handle: &str, org: &str) {
    let words = ["integration", "configure", "--type", "pagerduty", "--direction", "inbound"];
    let named = ["--name", handle, "--handle", handle, "--org", org, "--base-url", "http://x.test"];
    stack.im.json(&[&words[..], &named].concat()).await.unwrap();
}

/// An incident with its record and their link.
async fn linked(stack: &Stack) -> [String; 3] {
    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    let record = text(&made["id"]);
    let incident = stack.incident_of(&record, "it arrives", |_| true).await;
    stack.at_rest().await;
    let links = stack.im.json(&["integration", "links", "sim-pd"]).await.unwrap();
    let links = links.as_array().unwrap();
    let link = links.iter().find(|link| link["record"] == record.as_str()).unwrap();
    [text(&incident["id"]), record, text(&link["id"])]
}

/// Open dead letters: notes that the far side refuses.
async fn letters(stack: &Stack, incident: &str) -> [String; 3] {
    stack.pagerduty.turn(|knobs| {
        let effect = json!({"kind": "error", "status": 400, "applied": false});
        let fault = json!({"method": "POST", "path_prefix": "/incidents/", "effect": effect});
        knobs.rest.push(serde_json::from_value(fault).expect("a rule"));
    });
    for number in 0..3 {
        stack.im.json(&["note", "add", incident, &format!("note {number}")]).await.unwrap();
    }
    let letters = eventually("the notes are refused", WITHIN, || async {
        let all = stack.im.json(&["integration", "dlq", "sim-pd"]).await.unwrap();
        let all: Vec<String> = all.as_array().unwrap().iter().map(|it| text(&it["id"])).collect();
        <[String; 3]>::try_from(all)
    })
    .await;
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    letters
}

/// Open conflicts: titles that both sides changed.
async fn conflicts(stack: &Stack) -> [String; 2] {
    let words = ["integration", "configure", "sim-pd", "--conflict-strategy", "manual-review"];
    stack.im.json(&words).await.unwrap();
    for _ in 0..2 {
        let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
        let record = text(&made["id"]);
        let incident = text(&stack.incident_of(&record, "it arrives", |_| true).await["id"]);
        eventually("both sides agree", WITHIN, || async {
            let links = stack.im.json(&["integration", "links", "sim-pd"]).await.unwrap();
            let links = links.as_array().unwrap().clone();
            let link = links.iter().find(|link| link["incident"] == incident.as_str());
            match link.map(|link| link["state"] == "in-step") {
                Some(true) => Ok(()),
                _ => Err(links),
            }
        })
        .await;
        stack.act(json!({"action": "retitle", "incident": record, "title": "theirs"}));
        stack.im.json(&["incident", "update", &incident, "--title", "ours"]).await.unwrap();
    }
    eventually("the conflicts open", WITHIN, || async {
        let all = stack.im.json(&["conflict", "list", "--integration", "sim-pd"]).await.unwrap();
        let all: Vec<String> = all.as_array().unwrap().iter().map(|it| text(&it["id"])).collect();
        <[String; 2]>::try_from(all)
    })
    .await
}
