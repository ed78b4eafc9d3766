//! kill -9 at awkward moments: same end, nothing doubled.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

fn titles(all: &[Value]) -> Vec<String> {
    let mut titles: Vec<_> =
        all.iter().map(|one| one["title"].as_str().unwrap_or_default().to_owned()).collect();
    titles.sort();
    titles
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciler_killed_in_the_middle_changes_nothing_in_the_end() {
    let mut stack = Stack::start().await;
    let mut expected = Vec::new();
    let mut records = Vec::new();
    for round in 0..6 {
        for of_round in 0..5 {
            let title = format!("incident {round}.{of_round}");
            let made = stack.act(json!({"action": "trigger", "title": title}));
            records.push(made["id"].clone());
            expected.push(title);
        }
        let title = format!("from here {round}");
        let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
        stack.im.json(&words).await.unwrap();
        expected.push(title);
        for record in &records {
            stack.pagerduty.act(json!({"action": "acknowledge", "incident": record})).ok();
            stack
                .pagerduty
                .act(json!({"action": "annotate", "incident": record,
                "content": format!("round {round}")}))
                .unwrap();
        }
        // Not a moment chosen with care: what matters is that work is in hand, and it is.
        tokio::task::block_in_place(|| {
            stack.reconciler.kill9()?;
            stack.reconciler.resume()
        })
        .unwrap();
    }
    expected.sort();
    eventually("every incident is there once", Duration::from_mins(1), || async {
        let all = titles(&stack.incidents().await);
        if all == expected { Ok(()) } else { Err(all) }
    })
    .await;
    eventually("every record is there once", Duration::from_mins(1), || async {
        let all = titles(&stack.pagerduty.incidents());
        if all == expected { Ok(()) } else { Err(all) }
    })
    .await;
    eventually("acknowledged ones are mitigated", Duration::from_mins(1), || async {
        let open: Vec<_> = stack.incidents().await;
        let open: Vec<_> = open.into_iter().filter(|one| one["status"] == "open").collect();
        let ours = |one: &Value| one["title"].as_str().is_some_and(|t| t.starts_with("from here"));
        if open.iter().all(ours) { Ok(()) } else { Err(open) }
    })
    .await;
    stack.at_rest().await;
    let notes = "select count(*) from timeline where kind = 'noted'";
    let annotated: i64 = (1..=6).map(|rounds| rounds * 5).sum();
    assert_eq!(stack.count(notes).await, annotated, "each note once");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_egress_killed_while_writing_creates_and_notes_once() {
    let mut stack = Stack::start().await;
    for round in 0..4 {
        let title = format!("created {round}");
        let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
        let made = stack.im.json(&words).await.unwrap();
        let id = made["id"].as_str().unwrap();
        stack.im.json(&["note", "add", id, "one note"]).await.unwrap();
        tokio::task::block_in_place(|| {
            stack.egress.kill9()?;
            stack.egress.resume()
        })
        .unwrap();
    }
    eventually("all are created and noted", Duration::from_secs(90), || async {
        let all = stack.pagerduty.incidents();
        let noted = all.iter().filter(|one| one["notes"].as_array().is_some_and(|n| !n.is_empty()));
        if noted.count() == 4 { Ok(()) } else { Err(all) }
    })
    .await;
    stack.at_rest().await;
    let all = stack.pagerduty.incidents();
    assert_eq!(all.len(), 4, "created once each");
    for one in all {
        assert_eq!(one["notes"].as_array().map(Vec::len), Some(1), "noted once: {one}");
    }
}

/// A generator of numbers that gives the same ones for the same seed (splitmix64).
struct Dice {
    state: u64,
}

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % 1_000_000).unwrap() % sides
    }
}

/// How a play ended: both sides, and what was done in PagerDuty that must not be done twice.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    platform: Vec<String>,
    records: Vec<String>,
    timeline_notes: i64,
    created: usize,
    noted: usize,
}

/// Plays a seeded stream of edits on both sides. Each field is edited by one side only, so the end
/// does not depend on who was faster. With `crashes`, a service is killed after some of the steps.
async fn play(seed: u64, crashes: bool) -> Ending {
    let (mut stack, mut dice) = (Stack::start().await, Dice { state: seed });
    let mut killer = Dice { state: !seed };
    let mut incidents: Vec<(String, String)> = Vec::new();
    for step in 0..24 {
        let chosen = dice.roll(incidents.len().max(1));
        match (incidents.get(chosen).cloned(), dice.roll(6)) {
            (None, _) | (_, 0) => {
                let action = json!({"action": "trigger", "title": format!("alarm {step}")});
                let record = stack.act(action)["id"].as_str().unwrap().to_owned();
                let incident = stack.incident_of(&record, "it arrives", |_| true).await;
                incidents.push((record, incident["id"].as_str().unwrap().to_owned()));
            }
            (Some((record, _)), 1) => {
                stack.pagerduty.act(json!({"action": "acknowledge", "incident": record})).ok();
            }
            (Some((record, _)), 2) => {
                let content = format!("from there {step}");
                let action = json!({"action": "annotate", "incident": record, "content": content});
                stack.pagerduty.act(action).unwrap();
            }
            (Some((_, incident)), 3) => {
                let title = format!("renamed {step}");
                stack.im.json(&["incident", "update", &incident, "--title", &title]).await.unwrap();
            }
            (Some((_, incident)), 4) => {
                let text = format!("from here {step}");
                stack.im.json(&["note", "add", &incident, &text]).await.unwrap();
            }
            (Some(_), _) => {
                let title = format!("created {step}");
                let words = ["incident", "create", "--title", &title, "--type", "infrastructure"];
                stack.im.json(&words).await.unwrap();
            }
        }
        if crashes && killer.roll(3) == 0 {
            tokio::task::block_in_place(|| {
                let services = [
                    &mut stack.ingress,
                    &mut stack.reconciler,
                    &mut stack.egress,
                    &mut stack.admin,
                ];
                let service = services.into_iter().nth(killer.roll(4)).unwrap();
                service.kill9()?;
                service.resume()
            })
            .unwrap();
        }
    }
    ending(&stack).await
}

async fn ending(stack: &Stack) -> Ending {
    let words = |all: &[Value], names: &[&str]| {
        let word =
            |one: &Value| names.iter().map(|name| one[*name].to_string()).collect::<Vec<_>>();
        let mut words: Vec<_> = all.iter().map(|one| word(one).join(" ")).collect();
        words.sort();
        words
    };
    stack.at_rest().await;
    let notes = "select count(*) from timeline where kind = 'noted'";
    let records = stack.pagerduty.incidents();
    let calls = stack.pagerduty.calls(0);
    let posted = |tail: &str| {
        let posts = calls.iter().filter(|call| call.method == "POST" && call.path.ends_with(tail));
        posts.filter(|call| (200..300).contains(&call.status)).count()
    };
    Ending {
        platform: words(&stack.incidents().await, &["title", "status", "severity", "assigned_to"]),
        records: words(&records, &["title", "status", "urgency"]),
        timeline_notes: stack.count(notes).await,
        created: posted("/incidents"),
        noted: posted("/notes"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_service_killed_at_any_moment_leaves_the_end_as_it_would_have_been() {
    for seed in [11, 2026] {
        let undisturbed = play(seed, false).await;
        let crashed = play(seed, true).await;
        assert_eq!(crashed, undisturbed, "seed {seed}");
    }
}
