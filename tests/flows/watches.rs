//! Watching from a terminal: what is there, and then what opens, changes and ends.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::Stack;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

const WITHIN: Duration = Duration::from_mins(1);

/// A command that prints a line of JSON for each change.
struct Watch {
    _im: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn begin(stack: &Stack, words: &[&str]) -> Self {
        let words = [words, &["--watch", "--output", "json"]].concat();
        let mut im = stack.im.begin(&words).unwrap();
        let lines = BufReader::new(im.stdout.take().unwrap()).lines();
        Self { _im: im, lines }
    }

    /// Reads on to a line that fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool + Send + Sync) -> Value {
        let mut seen = Vec::new();
        let found = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if fits(&line) {
                    return Some(line);
                }
                seen.push(line);
            }
            None
        };
        match timeout(WITHIN, found).await {
            Ok(Some(line)) => line,
            ended => panic!("{what}: {ended:?} after {seen:#?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_conflicts_and_dead_letters_are_told_of_as_they_change() {
    let stack = Stack::start().await;
    let words = ["integration", "configure", "sim-pd", "--conflict-strategy", "manual-review"];
    stack.im.json(&words).await.unwrap();
    let mut links = Watch::begin(&stack, &["integration", "links", "sim-pd"]);
    let mut conflicts = Watch::begin(&stack, &["conflict", "list"]);
    let mut letters = Watch::begin(&stack, &["dlq", "list", "--integration", "sim-pd"]);

    let made = stack.act(json!({"action": "trigger", "title": "A", "service": "P123ABC"}));
    let record = made["id"].as_str().unwrap();
    let incident = stack.incident_of(record, "it arrives", |_| true).await;
    let id = incident["id"].as_str().unwrap();
    links.until("the new link", |it| it["incident"] == id && it["state"] == "in-step").await;
    stack.at_rest().await;

    stack.act(json!({"action": "retitle", "incident": record, "title": "theirs"}));
    stack.im.json(&["incident", "update", id, "--title", "ours"]).await.unwrap();
    let open = conflicts.until("it opens", |it| it["incident"] == id).await;
    assert_eq!(open["standing"], "open");
    links.until("the link is disputed", |it| it["state"] == "conflict").await;
    let conflict = open["id"].as_str().unwrap();
    stack.im.json(&["conflict", "resolve", conflict, "--take", "external"]).await.unwrap();
    let ended = conflicts.until("it ends", |it| it["id"] == conflict).await;
    assert_eq!(ended["standing"], "resolved");
    links.until("the link agrees again", |it| it["state"] == "in-step").await;

    stack.pagerduty.turn(|knobs| knobs.behaviour.max_title = 5);
    stack.im.json(&["incident", "update", id, "--title", "far too long"]).await.unwrap();
    let letter = letters.until("it comes", |it| it["state"] == "open").await;
    links.until("the link shows why", |it| it["state"] == "problem").await;
    let letter = letter["id"].as_str().unwrap();
    let discarded =
        stack.im.run(&["dlq", "discard", letter, "--reason", "too long"]).await.unwrap();
    assert!(discarded.status.success(), "{discarded:?}");
    let settled = letters.until("it is given up", |it| it["id"] == letter).await;
    assert_eq!(settled["state"], "discarded");
}
