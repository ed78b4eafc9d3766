//! What a state file is for: a simulator that is stopped, or killed, and started again.
//!
//! A client remembers ids for ever, so the account has to be found again and no id may be given twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tandem_pagerduty_sim::{Error, Options, Simulator, StateError};
use tempfile::TempDir;

use crate::harness::{DANA, Pd, Receiver, id, quick, until};
use crate::program::Program;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("account.json")
    }

    fn options(&self) -> Options {
        Options { state_file: Some(self.file()), ..quick() }
    }

    async fn start(&self) -> Pd {
        Pd::with(self.options()).await
    }

    /// Why it does not start.
    async fn refusal(&self) -> StateError {
        match Simulator::start(self.options()).await {
            Err(Error::State(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

/// Everything that can be asked of an account.
async fn everything(pd: &Pd) -> Vec<Value> {
    let mut seen = Vec::new();
    for incident in pd.sim.incidents() {
        for what in ["log_entries?include[]=channels", "notes", "custom_fields/values"] {
            let path = format!("/incidents/{}/{what}", id(&incident));
            seen.push(pd.get(&path).await.body);
        }
        seen.push(incident);
    }
    for path in ["/_sim/subscriptions", "/users", "/services", "/abilities", "/priorities"] {
        seen.push(pd.get(path).await.body);
    }
    seen
}

#[tokio::test]
async fn everything_in_an_account_is_there_after_a_restart() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let pd = place.start().await;
    let subscription = pd.subscribe(&receiver).await;
    pd.send("POST", &format!("/_sim/subscriptions/{}/rotate", id(&subscription)), &[], json!({}))
        .await;
    let first = pd.create_with("t", json!({ "incident_key": "k" })).await;
    let (first, fields) = (id(&first), json!([{ "id": "PFLDCNT", "value": 7 }]));
    let note = json!({ "note": { "content": "Zażółć \"gęślą\" ✅" } });
    pd.call("POST", &format!("/incidents/{first}/notes"), note).await;
    let path = format!("/incidents/{first}/custom_fields/values");
    assert_eq!(pd.call("PUT", &path, json!({ "custom_fields": fields })).await.status, 201);
    pd.status(first, "acknowledged").await.incident();
    let act = |action: Value| pd.sim.act(action).unwrap();
    act(json!({ "action": "request_responder", "incident": first, "assignees": [DANA] }));
    act(json!({ "action": "publish", "incident": first, "message": "m" }));
    act(json!({ "action": "trigger", "title": "second" }));
    act(json!({ "action": "merge", "incident": first, "sources": ["2"] }));
    pd.send("PUT", &format!("/_sim/users/{DANA}"), &[], json!({ "deleted": true })).await;
    let service = json!({ "state": "maintenance", "name": "Till" });
    pd.send("PUT", "/_sim/services/PL3DG3R", &[], service).await;
    pd.send("PUT", "/_sim/abilities", &[], json!({ "abilities": ["teams"] })).await;
    pd.send("PUT", "/_sim/tokens/read_only", &[], json!({ "revoked": true })).await;
    pd.settled().await;
    let before = everything(&pd).await;
    pd.sim.stop().await;

    let pd = place.start().await;
    assert_eq!(everything(&pd).await, before);
    let read_only = [("authorization", "Token token=sim-readonly-token-1")];
    assert_eq!(pd.send("GET", "/users", &read_only, Value::Null).await.status, 401);
    // Numbers go on, keys are still taken, and an incident goes on where it was.
    let third = pd.create("third").await;
    assert_eq!(third["incident_number"], 3);
    pd.update(first, json!({ "title": "renamed" })).await.incident();
    let again = pd.call(
        "POST",
        "/incidents",
        crate::harness::new_incident("t", json!({ "incident_key": "k" })),
    );
    assert_eq!(again.await.code(), 2002);
    pd.settled().await;
    assert_eq!(pd.sim.violations(), Vec::<String>::new());
}

/// A receiver that remembers ids takes a repeated one for a duplicate.
#[tokio::test]
async fn no_id_is_given_twice_over_restarts() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let (mut hooks, mut objects) = (BTreeSet::new(), BTreeSet::new());
    for life in 0..3 {
        let pd = place.start().await;
        if life == 0 {
            pd.subscribe(&receiver).await;
        }
        for _ in 0..5 {
            let made = pd.create("t").await;
            pd.sim
                .act(json!({ "action": "annotate", "incident": id(&made), "content": "c" }))
                .unwrap();
        }
        pd.settled().await;
        pd.sim.stop().await;
    }
    for hook in receiver.hooks() {
        hooks.insert(hook.header("x-webhook-id").to_owned());
        hooks.insert(id(&hook.event()).to_owned());
        objects.insert(id(&hook.event()["data"]).to_owned());
    }
    assert_eq!((hooks.len(), objects.len()), (2 * 3 * 10, 3 * 10));
}

/// §2.3: order holds within an incident, and what is not accepted is tried again.
#[tokio::test]
async fn webhooks_on_their_way_are_delivered_after_the_restart_in_their_order() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let pd = place.start().await;
    pd.subscribe(&receiver).await;
    receiver.answer(&[503; 1000]);
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    pd.status(id(&incident), "resolved").await.incident();
    let first = receiver.wait(2).await.remove(0);
    assert_eq!(pd.sim.pending(), 3);
    pd.sim.stop().await;

    receiver.relent();
    receiver.clear();
    let pd = place.start().await;
    let hooks = receiver.wait(3).await;
    pd.settled().await;
    let wanted = ["incident.triggered", "incident.acknowledged", "incident.resolved"];
    assert_eq!(receiver.types(), wanted);
    assert_eq!(
        (hooks[0].header("x-webhook-id"), &hooks[0].bytes),
        (first.header("x-webhook-id"), &first.bytes,)
    );
    assert!(pd.sim.deliveries(0)[0].attempt > 1, "its attempts are counted on");
}

/// §2.3: disabled for 24 h, restart or not.
#[tokio::test]
async fn a_disabled_subscription_stays_disabled() {
    let (place, receiver) = (Place::new(), Receiver::start().await);
    let pd = place.start().await;
    let subscription = pd.subscribe(&receiver).await;
    receiver.answer(&[404; 3]);
    for _ in 0..3 {
        pd.create("t").await;
    }
    pd.settled().await;
    pd.sim.stop().await;

    let pd = place.start().await;
    let path = format!("/webhook_subscriptions/{}", id(&subscription));
    let shown = pd.get(&path).await.body;
    let method = &shown["webhook_subscription"]["delivery_method"];
    assert_eq!(method["temporarily_disabled"], true);
}

#[tokio::test]
async fn a_snooze_ends_after_the_restart() {
    let place = Place::new();
    let options = || Options { time_factor: 2000.0, ..place.options() };
    let pd = Pd::with(options()).await;
    let incident = pd.create("t").await;
    pd.status(id(&incident), "acknowledged").await.incident();
    pd.sim.act(json!({ "action": "snooze", "incident": id(&incident), "duration": 3600 })).unwrap();
    let before = pd.sim.incidents();
    assert_eq!(before[0]["status"], "acknowledged");
    pd.sim.stop().await;

    let pd = Pd::with(options()).await;
    until("triggered", || pd.sim.incidents()[0]["status"] == "triggered").await;
}

#[tokio::test]
async fn knobs_and_journal_are_those_of_the_run() {
    let place = Place::new();
    let pd = place.start().await;
    pd.knobs(json!({ "webhooks": { "drop": true } })).await;
    pd.create("t").await;
    pd.sim.stop().await;

    let pd = place.start().await;
    assert_eq!(pd.get("/_sim/faults").await.body["webhooks"]["drop"], false);
    assert!(pd.sim.calls(0).is_empty());
}

/// A reset is a change like any other.
#[tokio::test]
async fn a_reset_account_is_empty_after_the_restart_too() {
    let place = Place::new();
    let pd = place.start().await;
    pd.create("t").await;
    pd.send("POST", "/_sim/reset", &[], json!({ "seed": 9 })).await;
    pd.sim.stop().await;

    let pd = place.start().await;
    assert!(pd.sim.incidents().is_empty());
    assert_eq!(pd.get("/_sim/state").await.body["seed"], 9);
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_refused_and_left_alone() {
    let place = Place::new();
    let cut = r#"{"version":1,"minter":{"seed":1"#;
    for text in ["", "not JSON", "{}", r#"{"version":1}"#, r#"{"version":2,"x":1}"#, cut] {
        std::fs::write(place.file(), text).unwrap();
        let error = place.refusal().await;
        let newer = text.contains(r#""version":2"#);
        assert_eq!(matches!(error, StateError::Version { found: 2, .. }), newer, "{error:?}");
        assert_eq!(matches!(error, StateError::Malformed { .. }), !newer, "{error:?}");
        let said = error.to_string();
        assert!(said.contains("account.json") && said.contains("move it away"), "{said}");
        assert_eq!(std::fs::read_to_string(place.file()).unwrap(), text);
    }
}

#[tokio::test]
async fn a_place_that_cannot_be_written_to_is_refused_at_the_start() {
    let place = Place::new();
    let state_file = Some(place.folder.path().join("none/account.json"));
    let started = Simulator::start(Options { state_file, ..quick() }).await;
    assert!(matches!(started, Err(Error::State(StateError::Write { .. }))), "{started:?}");
}

#[tokio::test]
async fn two_simulators_do_not_share_a_file() {
    let place = Place::new();
    let pd = place.start().await;
    pd.create("t").await;
    assert!(matches!(place.refusal().await, StateError::InUse { .. }));
    pd.sim.stop().await;
    assert_eq!(place.start().await.sim.incidents().len(), 1);
}

/// It holds the secrets of subscriptions.
#[cfg(unix)]
#[tokio::test]
async fn a_state_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    // Left over from a killed simulator, with another mode.
    let new = place.folder.path().join("account.json.new");
    std::fs::write(&new, "").unwrap();
    place.start().await.sim.stop().await;
    let mode = std::fs::metadata(place.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!new.exists());
}

fn holds(file: &Path, text: &str) -> bool {
    std::fs::read_to_string(file).is_ok_and(|found| found.contains(text))
}

/// Not only the first change is saved, and not only at the end.
#[tokio::test]
async fn a_change_soon_after_another_is_saved_while_it_runs() {
    let place = Place::new();
    let pd = place.start().await;
    for title in ["first", "second", "third"] {
        pd.create(title).await;
        until(title, || holds(&place.file(), title)).await;
    }
}

/// What is older than a second survives, what is younger may be forgotten, and its ids are not given again.
#[tokio::test]
async fn a_kill_costs_at_most_the_last_second() {
    let (place, mut seen) = (Place::new(), BTreeSet::new());
    for life in 0..5 {
        let mut program = Program::start(&place.file());
        let kept = program.trigger("kept").await;
        until("it is saved", || holds(&place.file(), &kept)).await;
        assert!(seen.insert(kept.clone()));
        // Killed at another moment of the saving of these each time.
        for _ in 0..=life * 8 {
            assert!(seen.insert(program.trigger("young").await), "an id is given twice");
        }
        program.kill();
        let program = Program::start(&place.file());
        assert!(program.incidents().await.contains(&kept));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_terminated_simulator_has_saved_everything() {
    let place = Place::new();
    let mut program = Program::start(&place.file());
    let mut made = Vec::new();
    for _ in 0..20 {
        made.push(program.trigger("t").await);
    }
    program.terminate();
    assert_eq!(Program::start(&place.file()).incidents().await, made);
}

#[tokio::test]
async fn a_refused_file_is_named_on_standard_error() {
    let place = Place::new();
    std::fs::write(place.file(), "{}").unwrap();
    let said = Program::refused(&place.file());
    assert!(said.contains("account.json holds no simulated account: move it away"), "{said}");
    assert!(said.contains("missing field `version`"), "{said}");
}
