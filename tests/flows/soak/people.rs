//! Who is at work: people on both sides, the weather between them, and whoever kills services.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_dev::Service;
use tandem_pagerduty_sim::{Effect, ErrorBody, Knobs, RestFault};
use tandem_tests::{Stack, eventually};
use tokio::time::Instant;

use super::history::{Edit, Side};
use crate::{dice::Dice, healing::agree};

/// How many pairs of an incident and a record there are, half of them begun on either side.
const PAIRS: usize = 8;
/// The longest that somebody pauses, in milliseconds.
const PAUSE_MS: usize = 60;

/// An incident and its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) incident: String,
    pub(super) record: String,
}

/// Everybody, and what they did.
#[derive(Debug)]
pub(super) struct People {
    dice: Dice,
    pub(super) pairs: Vec<Pair>,
    /// Every title that somebody set; no two are the same.
    pub(super) titles: Vec<Edit>,
    /// How many changes there were of whatever kind.
    pub(super) changes: usize,
    /// How often a service was killed.
    pub(super) kills: usize,
}

impl People {
    /// Has pairs begun on either side, and waits until they are joined.
    pub(super) async fn meet(stack: &Stack, seed: u64) -> Self {
        let mut pairs = Vec::new();
        for record in agree::records(stack, "alarm", PAIRS / 2).await {
            let incident = stack.incident_of(&record, "it arrives", |_| true).await;
            pairs.push(Pair { incident: id(&incident), record });
        }
        for number in 0..PAIRS / 2 {
            let title = format!("begun here {number}");
            let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
            let words = [&words[..], &["--severity", "SEV-3"]].concat();
            let incident = id(&stack.im.json(&words).await.unwrap());
            let record = eventually("it is created there", Duration::from_secs(30), || async {
                let shown = stack.im.json(&["incident", "get", &incident]).await;
                let shown = shown.map_err(|error| error.to_string())?;
                let record = shown["links"][0]["record"].as_str().map(str::to_owned);
                record.ok_or_else(|| shown.to_string())
            })
            .await;
            pairs.push(Pair { incident, record });
        }
        stack.at_rest().await;
        Self { dice: Dice::of(seed), pairs, titles: Vec::new(), changes: 0, kills: 0 }
    }

    /// Everybody works for a time.
    pub(super) async fn work(&mut self, stack: &mut Stack, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            match self.dice.roll(60) {
                0 => self.kill(stack),
                1..5 => {
                    let knobs = self.weather();
                    stack.pagerduty.turn(|held| *held = knobs);
                }
                5..33 => self.act_here(stack).await,
                _ => self.act_there(stack),
            }
            // People are not faster than this; nothing is awaited by it.
            let pause = self.dice.roll(PAUSE_MS);
            tokio::time::sleep(Duration::from_millis(pause.try_into().unwrap())).await;
        }
    }

    /// What went back and forth between the sides is quarantined, and somebody decides it.
    pub(super) async fn decide(&mut self, stack: &Stack) {
        let open = || stack.im.json(&["conflict", "list", "--integration", "sim-pd"]);
        let many = |open: &Value| open.as_array().map(Vec::len).unwrap_or_default();
        eventually("nobody has to decide anything", Duration::from_mins(2), || async {
            stack.at_rest().await;
            let open = open().await.map_err(|error| error.to_string())?;
            if many(&open) == 0 {
                return Ok(());
            }
            let words = ["conflict", "resolve", "--integration", "sim-pd", "--all"];
            let decided =
                stack.im.json(&[&words[..], &["--take", "platform", "--yes"]].concat()).await;
            Err(format!("{} of {open}", decided.is_ok()))
        })
        .await;
    }

    /// kill -9 in the middle of what there is to do, and up again.
    fn kill(&mut self, stack: &mut Stack) {
        self.kills += 1;
        let service: &mut Service = match self.dice.roll(4) {
            0 => &mut stack.ingress,
            1 => &mut stack.reconciler,
            2 => &mut stack.egress,
            _ => &mut stack.admin,
        };
        tokio::task::block_in_place(|| {
            service.kill9()?;
            service.resume()
        })
        .unwrap();
    }

    /// How webhooks and calls fare for a while.
    fn weather(&mut self) -> Knobs {
        let mut knobs = Knobs::default();
        knobs.webhooks.duplicate = u32::try_from(self.dice.roll(3)).unwrap();
        knobs.webhooks.delay_ms = self.dice.pick(&[0, 0, 100, 700, 2_000]);
        knobs.webhooks.drop_next = u32::try_from(self.dice.roll(4)).unwrap();
        let away = Effect::Error { status: 503, body: ErrorBody::Html, applied: false };
        let effects = [away, Effect::Cut { applied: true }, Effect::Cut { applied: false }];
        let probability = self.dice.pick(&[0.0, 0.0, 0.05, 0.2]);
        let fault = |effect| RestFault {
            next: None,
            probability: Some(probability),
            method: None,
            path_prefix: None,
            effect,
        };
        knobs.rest = effects.into_iter().map(fault).collect();
        knobs
    }

    async fn act_here(&mut self, stack: &Stack) {
        let (pair, number) = (self.dice.roll(PAIRS), self.changes);
        self.changes += 1;
        let incident = self.pairs[pair].incident.clone();
        let update = |name: &str, value: &str| {
            vec!["incident", "update", &incident, name, value]
                .into_iter()
                .map(str::to_owned)
                .collect()
        };
        let words: Vec<String> = match self.dice.roll(6) {
            0 | 1 => {
                let title = format!("here {number}");
                let words = update("--title", &title);
                self.titles.push(Edit::now(pair, Side::Here, title));
                words
            }
            2 => update("--status", self.dice.pick(&["open", "mitigated", "resolved"])),
            3 | 4 => update("--severity", self.dice.pick(&["SEV-1", "SEV-2", "SEV-3", "SEV-4"])),
            _ => {
                ["note", "add", &incident, &format!("note here {number}")].map(str::to_owned).into()
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        stack.im.json(&words).await.unwrap();
    }

    fn act_there(&mut self, stack: &Stack) {
        let (pair, number) = (self.dice.roll(PAIRS), self.changes);
        self.changes += 1;
        let details = match self.dice.roll(6) {
            0 | 1 => json!({"action": "retitle", "title": format!("there {number}")}),
            2 | 3 => {
                json!({"action": self.dice.pick(&["acknowledge", "resolve", "reopen", "unacknowledge"])})
            }
            4 => json!({"action": "set_urgency", "urgency": self.dice.pick(&["high", "low"])}),
            _ => json!({"action": "annotate", "content": format!("note there {number}")}),
        };
        let mut action = details.clone();
        action["incident"] = json!(self.pairs[pair].record);
        // What is so already is refused, as people are.
        let done = stack.pagerduty.act(action).is_ok();
        if let Some(title) = details["title"].as_str().filter(|_| done) {
            self.titles.push(Edit::now(pair, Side::There, title.to_owned()));
        }
    }
}

fn id(incident: &Value) -> String {
    incident["id"].as_str().unwrap().to_owned()
}
