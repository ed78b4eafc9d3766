//! What is no request, or far too much of one: thrown at every door of the running services, which stay
//! up, stay small, and go on answering.

mod thrown;

use std::time::{Duration, Instant};

use tandem_dev::Service;
use tandem_tests::{Stack, Webhook, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// How many connections say nothing at all.
const IDLE: usize = 5_000;
/// What a service may hold, in KiB.
const MOST_KIB: u64 = 100 * 1024;
/// Good webhooks in each weather.
const GOOD: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn garbage_leaves_every_service_up_small_and_answering() {
    room_for(2 * IDLE);
    let stack = Stack::start().await;
    let doors = [stack.http_url.as_str(), &stack.rest_url, stack.im.admin_url()]
        .map(|url| url.trim_start_matches("http://").to_owned());
    let pids = services(&stack).map(Service::pid);
    goes_on(&stack, "calm").await;

    for door in &doors {
        let path = if door == &doors[0] { stack.webhook_url() } else { format!("http://{door}/") };
        let path = path.split_once(door.as_str()).map(|(_, path)| path.to_owned()).unwrap();
        for (what, bytes) in thrown::all(&path) {
            let answers = throw(door, &bytes).await;
            let answers = String::from_utf8_lossy(&answers);
            assert!(!answers.contains("HTTP/1.1 2"), "{what} at {door}: {answers}");
        }
    }
    goes_on(&stack, "after garbage").await;

    for (place, weather) in ["idle at ingress", "idle at REST", "idle at gRPC"].iter().enumerate() {
        let crowd = stand_about(&doors[place], IDLE).await;
        goes_on(&stack, weather).await;
        assert_eq!(stack.incidents().await, Vec::<serde_json::Value>::new(), "{weather}");
        drop(crowd);
    }

    let slow = dribble(&doors);
    goes_on(&stack, "among the slow").await;
    drop(slow);

    let large = flood(&doors);
    goes_on(&stack, "under a flood").await;
    drop(large);

    assert_eq!(services(&stack).map(Service::pid), pids, "nobody was started anew");
    let webhook = Webhook::triggered("EAFTER", "QAFTER", "After the storm");
    assert_eq!(stack.post(&webhook).await.unwrap(), 202);
    eventually("it is there", Duration::from_secs(20), || async {
        let all = stack.incidents().await;
        if all.iter().any(|it| it["title"] == "After the storm") { Ok(()) } else { Err(all) }
    })
    .await;
}

fn services(stack: &Stack) -> [&Service; 4] {
    [&stack.ingress, &stack.reconciler, &stack.egress, &stack.admin]
}

/// Good webhooks are taken, the REST API answers, and nobody holds too much.
async fn goes_on(stack: &Stack, weather: &str) {
    let mut took = Vec::new();
    for count in 0..GOOD {
        let name = format!("E{count}{}", weather.replace(' ', ""));
        let webhook = Webhook::event(&name, "pagey.ping", &serde_json::json!({"type": "ping"}));
        let begun = Instant::now();
        let status = stack.post(&webhook).await.unwrap();
        took.push(begun.elapsed());
        assert_eq!(status, 202, "{weather}");
    }
    took.sort();
    let listed = stack.http.get(format!("{}/api/v1/integrations", stack.rest_url)).send().await;
    assert_eq!(listed.unwrap().status().as_u16(), 200, "{weather}");
    let held = services(stack).map(|service| (service.name().to_owned(), peak_kib(service)));
    eprintln!(
        "{weather}: a good webhook in {:?} (median), KiB held at most: {held:?}",
        took[GOOD / 2]
    );
    for (name, kib) in held {
        assert!(kib < MOST_KIB, "{weather}: {name} held {kib} KiB");
    }
}

/// The most memory a service has held; where the system does not tell, what it holds now.
fn peak_kib(service: &Service) -> u64 {
    let pid = service.pid().expect("it runs").to_string();
    let number = |text: &str| text.split_whitespace().find_map(|word| word.parse().ok());
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        return status.lines().find(|line| line.starts_with("VmHWM")).and_then(number).unwrap();
    }
    let told = std::process::Command::new("ps").args(["-o", "rss=", "-p", &pid]).output().unwrap();
    number(&String::from_utf8_lossy(&told.stdout)).unwrap()
}

/// Sends bytes and reads what comes back until the other side has enough, or says nothing more.
async fn throw(door: &str, bytes: &[u8]) -> Vec<u8> {
    let Ok(stream) = TcpStream::connect(door).await else { return Vec::new() };
    let (mut reads, mut writes) = stream.into_split();
    let mut heard = Vec::new();
    let both = async {
        // Who has heard enough hangs up in the middle of it.
        let sent = async { drop(writes.write_all(bytes).await) };
        let read = async { drop(reads.read_to_end(&mut heard).await) };
        tokio::join!(sent, read);
    };
    // A door that waits for more is let wait; what it has said until then counts.
    drop(tokio::time::timeout(Duration::from_millis(500), both).await);
    heard
}

/// Connections to one door that say nothing.
async fn stand_about(door: &str, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for index in 0..count {
        let stream = tokio::time::timeout(Duration::from_secs(10), TcpStream::connect(door));
        crowd.push(
            stream.await.expect("in time").unwrap_or_else(|error| panic!("{index}: {error}")),
        );
    }
    crowd
}

/// Requests that come a byte at a time, heads and bodies, for as long as the set lives.
fn dribble(doors: &[String; 3]) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for count in 0..300 {
        let door = doors[count % doors.len()].clone();
        senders.spawn(async move {
            let head =
                "POST /api/v1/webhooks/x HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n";
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            let Ok(mut stream) = TcpStream::connect(&door).await else { return };
            for byte in head.bytes().chain(std::iter::repeat(b'x')) {
                pace.tick().await;
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        });
    }
    senders
}

/// Bodies of 10 MB, one after the other on many connections, for as long as the set lives.
fn flood(doors: &[String; 3]) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for count in 0..60 {
        let door = doors[count % doors.len()].clone();
        senders.spawn(async move {
            let bytes = thrown::large("/api/v1/webhooks/x");
            loop {
                throw(&door, &bytes).await;
            }
        });
    }
    senders
}

/// Raises this process's own limit of open files.
fn room_for(files: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(files as u64).map(|files| maximum.map_or(files, |most| most.min(files)));
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("room for open files");
}
