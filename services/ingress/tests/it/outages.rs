//! When the broker is away or slow, when senders are slow or too many, and how the service ends.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::{
    client,
    stage::{ID, SECRET, Stage, body, eventually, signed},
};

/// PagerDuty gives up after 5 s.
const IN_TIME: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn without_the_broker_deliveries_are_put_off_at_once_until_it_is_back() {
    let mut stage = Stage::ready().await;
    assert_eq!(stage.deliver("d-1", &body("incident.triggered", "E1")).await.status, 202);
    stage.nats.kill9().unwrap();
    let asked = Instant::now();
    let refusal = stage.deliver("d-2", &body("incident.resolved", "E2")).await.refusal();
    assert_eq!(refusal.0, 503);
    assert!(asked.elapsed() < IN_TIME);
    eventually("it is not ready", async || stage.get(stage.addr, "/readyz").await.status == 503)
        .await;
    assert_eq!(stage.get(stage.addr, "/healthz").await.status, 200);
    let refusal = stage.deliver("d-2", &body("incident.resolved", "E2")).await.refusal();
    assert_eq!(refusal, (503, "broker_away".to_owned()));

    stage.nats.resume().unwrap();
    eventually("it is accepted", async || {
        stage.deliver("d-2", &body("incident.resolved", "E2")).await.status == 202
    })
    .await;
    // Every stream is looked at once more after a connection is made.
    eventually("it is ready", async || stage.get(stage.ops, "/readyz").await.status == 200).await;
    let published = stage.published_up_to("E2").await;
    let events: Vec<_> = published.iter().map(|it| it.observation.event.as_str()).collect();
    assert_eq!(events, ["E1", "E2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_does_not_answer_is_not_waited_for_too_long() {
    let stage = Stage::ready().await;
    let frozen = Frozen::new(stage.nats.pid().unwrap());
    let asked = Instant::now();
    let refusal = stage.deliver("d-1", &body("incident.triggered", "E1")).await.refusal();
    assert_eq!(refusal.0, 503);
    assert!(asked.elapsed() < IN_TIME, "{:?}", asked.elapsed());
    drop(frozen);
    eventually("it is accepted", async || {
        stage.deliver("d-1", &body("incident.triggered", "E1")).await.status == 202
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_configuration_was_read_everything_is_put_off() {
    let mut stage = Stage::unready(&[]).await;
    stage.nats.stop().unwrap();
    stage.ingress.resume_unready().unwrap();
    eventually("it listens", async || tokio::net::TcpStream::connect(stage.addr).await.is_ok())
        .await;
    assert_eq!(stage.get(stage.addr, "/readyz").await.status, 503);
    let refusal = stage.deliver("d-1", &body("pagey.ping", "P")).await.refusal();
    assert_eq!(refusal, (503, "broker_away".to_owned()));
    stage.nats.resume().unwrap();
    eventually("an empty configuration is one, too", async || {
        stage.get(stage.addr, "/readyz").await.status == 200
    })
    .await;
    let refusal = stage.deliver("d-1", &body("pagey.ping", "P")).await.refusal();
    assert_eq!(refusal, (503, "unknown_integration".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn senders_that_are_slow_or_too_many_are_put_off() {
    let stage = Stage::ready().await;
    let (path, ping) = (format!("/api/v1/webhooks/{ID}"), body("pagey.ping", "P"));
    // As large as a body may be, so that 120 of them are all there is room for.
    // Signed, for of what is not there is soon too much.
    let header = [signed(SECRET, &ping)];
    let slow = (0..600).map(|_| client::begin(stage.addr, "POST", &path, &header, 256 * 1024));
    let asked = Instant::now();
    let slow = join_all(slow).await;
    let answers = join_all(slow.into_iter().map(client::finish)).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    let of =
        |code: &str| answers.iter().filter(|it| it.refusal() == (503, code.to_owned())).count();
    assert_eq!((of("slow_body"), of("overloaded")), (120, 480));
    let answer = stage.post(&path, &[signed(SECRET, &ping)], &ping).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_when_asked_and_says_what_is_wrong_with_settings() {
    let mut stage = Stage::ready().await;
    let pid = stage.ingress.pid().unwrap();
    let idle = tokio::net::TcpStream::connect(stage.addr).await.unwrap();
    let asked = Instant::now();
    stage.ingress.stop().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(9), "an idle connection does not hold it up");
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    drop(idle);

    let program = env!("CARGO_BIN_EXE_tandem-ingress");
    let unset = Command::new(program).env_remove("TANDEM_MASTER_KEY").output().unwrap();
    assert_eq!(unset.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&unset.stderr).contains("--master-key"));
    let unknown = Command::new(program).arg("--no-such-flag").output().unwrap();
    assert_eq!(unknown.status.code(), Some(64));
}

/// A process that is stopped in its tracks until this is dropped.
struct Frozen {
    pid: u32,
}

impl Frozen {
    fn new(pid: u32) -> Self {
        signal(pid, "-STOP");
        Self { pid }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal(self.pid, "-CONT");
    }
}

fn signal(pid: u32, name: &str) {
    let pid = pid.to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}
