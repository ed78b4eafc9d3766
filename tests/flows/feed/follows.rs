//! The example subscriber: it goes on where it stopped, and tells each event once.

use std::process::Stdio;

use serde_json::json;
use tandem_dev::bins;
use tandem_tests::{GUESTS, Stack};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use crate::outsiders::SOON;

fn follow(stack: &Stack) -> (Child, Lines<BufReader<ChildStdout>>) {
    let [guest, _] = GUESTS;
    let program = bins::folder().unwrap().join("examples/subscribe");
    let mut child = Command::new(program)
        .arg(stack.dir().join("seen.json"))
        .env("NATS_URL", stack.nats.url())
        .env("NATS_USER", guest.name)
        .env("NATS_PASSWORD", guest.name)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the example is built with these tests");
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("in time");
    line.unwrap().expect("it goes on")
}

/// Reads until an incident with this title comes; gives the lines.
async fn until(lines: &mut Lines<BufReader<ChildStdout>>, title: &str) -> Vec<String> {
    let mut read = Vec::new();
    loop {
        let line = line(lines).await;
        let last = line.ends_with(title);
        read.push(line);
        if last {
            return read;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_subscriber_goes_on_where_it_stopped_and_tells_nothing_twice() {
    let mut stack = Stack::start().await;
    let happens = |stack: &Stack, title: &str| {
        stack.pagerduty.act(json!({"action": "trigger", "title": title})).unwrap();
    };
    happens(&stack, "before it began");
    let (mut child, mut lines) = follow(&stack);
    let mut told = until(&mut lines, "before it began").await;
    happens(&stack, "while it reads");
    told.extend(until(&mut lines, "while it reads").await);
    child.kill().await.unwrap();

    happens(&stack, "while it is away");
    stack.at_rest().await;
    let (mut child, mut lines) = follow(&stack);
    told.extend(until(&mut lines, "while it is away").await);
    child.kill().await.unwrap();

    // The broker comes back without what it had; the consumer is made anew, and the feed goes on.
    stack.wipe_nats();
    let (_child, mut lines) = follow(&stack);
    happens(&stack, "after a loss");
    told.extend(until(&mut lines, "after a loss").await);

    let mut once = told.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), told.len(), "{told:#?}");
    let created = told.iter().filter(|line| line.contains("tandem.incident.created.v1"));
    assert_eq!(created.count(), 4, "{told:#?}");
}
