//! The control API and the lifetime of a simulator.

use serde_json::{Value, json};
use tandem_pagerduty_sim::{Options, Simulator};

use crate::harness::{DANA, Pd, Receiver, id, quick};

/// The same seed, the same run.
#[tokio::test]
async fn the_same_seed_gives_the_same_ids_and_bytes() {
    let run = async |seed| {
        let pd = Pd::with(Options { seed, ..quick() }).await;
        let receiver = Receiver::start().await;
        let made = pd.subscribe(&receiver).await;
        let incident = pd.create("t").await;
        let hook = receiver.wait(1).await.remove(0);
        let key = incident["incident_key"].clone();
        (
            id(&made).to_owned(),
            id(&incident).to_owned(),
            key,
            hook.header("x-webhook-id").to_owned(),
        )
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}

#[tokio::test]
async fn a_person_acts_by_id_or_email_on_an_id_or_number() {
    let pd = Pd::start().await;
    let trigger = json!({ "action": "trigger", "title": "t", "user": DANA });
    let reply = pd.send("POST", "/_sim/act", &[], trigger).await;
    assert_eq!(reply.incident()["last_status_change_by"]["id"], DANA);
    let number = reply.incident()["incident_number"].clone();
    let ack =
        json!({ "action": "acknowledge", "user": "dana.whitlock@example.com", "incident": number });
    let reply = pd.send("POST", "/_sim/act", &[], ack.clone()).await;
    assert_eq!(reply.incident()["status"], "acknowledged");
    let again = pd.send("POST", "/_sim/act", &[], ack).await;
    assert_eq!((again.status, again.code()), (400, 1002));
}

#[tokio::test]
async fn a_malformed_control_call_is_refused_with_a_reason() {
    let pd = Pd::start().await;
    for (body, reason) in [
        (json!({ "action": "explode", "incident": 1 }), "no such action: explode"),
        (json!({ "action": "resolve" }), "missing: incident"),
        (json!({ "action": "trigger", "title": "t", "user": "nobody" }), "no such user: nobody"),
        (json!({ "actoin": "trigger" }), "unknown field"),
    ] {
        pd.sim.act(json!({ "action": "trigger", "title": "t" })).expect("done");
        let reply = pd.send("POST", "/_sim/act", &[], body).await;
        assert_eq!(reply.status, 400);
        let error = reply.body["error"].as_str().expect("a reason");
        assert!(error.contains(reason), "{error}");
    }
    let reply = pd.send("PUT", "/_sim/faults", &[], json!({ "webhook": {} })).await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn calls_and_deliveries_can_be_filtered() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    let incident = pd.create("t").await;
    pd.get("/users").await;
    pd.status(id(&incident), "resolved").await.incident();
    pd.settled().await;
    let count = async |path: &str, name: &str| {
        let reply = pd.send("GET", path, &[], Value::Null).await;
        reply.body[name].as_array().expect("a list").len()
    };
    assert_eq!(count("/_sim/calls", "calls").await, 3);
    assert_eq!(count("/_sim/calls?method=PUT", "calls").await, 1);
    assert_eq!(count("/_sim/calls?path_prefix=/users", "calls").await, 1);
    assert_eq!(count("/_sim/calls?since_seq=2", "calls").await, 1);
    assert_eq!(count("/_sim/calls?violating=true", "calls").await, 0);
    assert_eq!(count("/_sim/deliveries?event_type=incident.resolved", "deliveries").await, 1);
    assert_eq!(
        count(&format!("/_sim/deliveries?incident={}", id(&incident)), "deliveries").await,
        2
    );
    let state = pd.send("GET", "/_sim/state", &[], Value::Null).await;
    assert_eq!((&state.body["incidents"], &state.body["pending"]), (&json!(1), &json!(0)));
    let pending = pd.send("GET", "/_sim/pending", &[], Value::Null).await;
    assert_eq!(pending.body, json!({ "pending": 0, "webhooks": [] }));
}

#[tokio::test]
async fn a_reset_starts_over_with_the_same_ids() {
    let (pd, receiver) = (Pd::start().await, Receiver::start().await);
    pd.subscribe(&receiver).await;
    pd.knobs(json!({ "webhooks": { "delay_ms": 60_000 } })).await;
    let before = pd.create("t").await;
    assert_eq!(pd.sim.pending(), 1);
    let body = json!({ "keep_subscriptions": true });
    assert_eq!(pd.send("POST", "/_sim/reset", &[], body).await.status, 200);
    assert_eq!((pd.sim.pending(), pd.sim.incidents().len(), pd.sim.calls(0).len()), (0, 0, 0));
    let after = pd.create("t").await;
    assert_eq!(before["id"], after["id"]);
    let told = receiver.wait(1).await.remove(0);
    let again = json!({ "keep_subscriptions": true, "seed": 99 });
    pd.send("POST", "/_sim/reset", &[], again).await;
    let kept = pd.subscribe(&receiver).await;
    assert_ne!(id(&kept), told.header("x-webhook-subscription"));
    assert_ne!(pd.create("t").await["id"], after["id"]);
    pd.send("POST", "/_sim/reset", &[], json!({})).await;
    let left = pd.send("GET", "/_sim/subscriptions", &[], Value::Null).await;
    assert_eq!(left.body["subscriptions"], json!([]));
}

/// A stopped simulator answers nobody, not even on a connection that was open before.
#[tokio::test]
async fn a_stopped_simulator_is_gone() {
    let pd = Pd::start().await;
    assert_eq!(pd.get("/abilities").await.status, 200);
    let Pd { sim, http } = pd;
    let url = sim.url.clone();
    sim.stop().await;
    assert!(http.get(format!("{url}/_sim/state")).send().await.is_err());
}

#[tokio::test]
async fn a_taken_port_is_an_error() {
    let first = Simulator::start(Options::default()).await.expect("a simulator");
    let listen = first.url.trim_start_matches("http://").parse().expect("an address");
    let second = Simulator::start(Options { listen, ..Options::default() }).await;
    assert!(second.is_err());
}

/// The program announces its port in a file that appears whole, speaks JSON, and stops on SIGTERM.
#[cfg(unix)]
#[tokio::test]
async fn the_program_announces_itself_and_stops_when_told() {
    let program = env!("CARGO_BIN_EXE_pagerduty-sim");
    let file = std::env::temp_dir().join(format!("pagerduty-sim-{}.url", std::process::id()));
    let mut serve = std::process::Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--port-file"])
        .arg(&file)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    crate::harness::until("the port file", || file.exists()).await;
    let url = std::fs::read_to_string(&file).expect("a URL");
    let act = std::process::Command::new(program)
        .args(["act", "trigger", "title=Disk full", "urgency=low", "--url", &url])
        .output()
        .expect("an answer");
    let shown: Value = serde_json::from_slice(&act.stdout).expect("JSON");
    assert_eq!(shown["incident"]["urgency"], "low");
    let kill = std::process::Command::new("kill").arg(serve.id().to_string()).status();
    assert!(kill.expect("sent").success());
    let status = serve.wait().expect("an end");
    std::fs::remove_file(&file).expect("removed");
    assert!(status.success(), "{status}");
    let mut line = String::new();
    let mut out = serve.stdout.take().expect("output");
    std::io::Read::read_to_string(&mut out, &mut line).expect("text");
    assert_eq!(line, format!("pagerduty-sim listening on {url}\n"));
}
