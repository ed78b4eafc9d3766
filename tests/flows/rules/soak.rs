//! A seeded play on both sides in bad weather; in the end both sides say the same, and why is on record.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem_store::{Store, verify::verify};
use tandem_tests::{Stack, eventually};

use super::alarm;

/// How long it plays unless `TANDEM_SOAK_SECONDS` says otherwise, and from which seed unless
/// `TANDEM_SOAK_SEED` does.
const SECONDS: u64 = 6;
const SEED: u64 = 20_261_122;

#[expect(clippy::disallowed_methods, reason = "whoever wants a longer play says so this way")]
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|word| word.parse().ok()).unwrap_or(otherwise)
}

/// Numbers that are the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % 1_000_000).unwrap() % sides
    }
}

/// What was noted, to be found again on both sides.
#[derive(Default)]
struct Noted {
    here: Vec<String>,
    there: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_say_the_same_after_a_play_in_bad_weather() {
    let seed = setting("TANDEM_SOAK_SEED", SEED);
    let end = Instant::now() + Duration::from_secs(setting("TANDEM_SOAK_SECONDS", SECONDS));
    let (stack, mut chance) = (Stack::start().await, Chance(seed));
    let mut pairs = Vec::new();
    for number in 0..4 {
        pairs.push(alarm(&stack, &format!("alarm {number}")).await);
    }
    let (mut noted, mut turn) = (Noted::default(), 0);
    while Instant::now() < end {
        turn += 1;
        if turn % 5 == 0 {
            weather(&stack, &mut chance);
        }
        let (record, incident) = pairs[chance.below(pairs.len())].clone();
        play(&stack, &mut chance, turn, (&record, &incident), &mut noted).await;
    }
    stack.pagerduty.turn(|knobs| *knobs = serde_json::from_value(json!({})).expect("good weather"));
    look_at_everything(&stack).await;
    settled(&stack, seed, &pairs).await;
    everything_noted_once(&stack, &noted).await;
    let url = {
        use sqlx::ConnectOptions as _;
        stack.database.connect_options().to_url_lossy().to_string()
    };
    let store = Store::connect(&url, "test", 1).unwrap();
    assert_eq!(verify(&store, None).await.unwrap().breaks, [], "seed {seed}");
}

/// Changes what goes wrong; nothing is lost for good, which only a look at everything could mend.
fn weather(stack: &Stack, chance: &mut Chance) {
    let (duplicate, delay) = (chance.below(3), [0, 30, 400][chance.below(3)]);
    let anonymous = chance.below(4) == 0;
    let webhooks = json!({"duplicate": duplicate, "delay_ms": delay, "agent_null": anonymous});
    let fault = match chance.below(5) {
        0 => json!([{"next": 2, "effect": {"kind": "error", "status": 503, "applied": true}}]),
        1 => json!([{"next": 2, "effect": {"kind": "error", "status": 500}}]),
        2 => json!([{"next": 2, "effect": {"kind": "cut", "applied": true}}]),
        3 => json!([{"next": 3, "effect": {"kind": "slow", "ms": 150, "applied": "after"}}]),
        _ => json!([]),
    };
    let knobs = json!({"webhooks": webhooks, "rest": fault});
    stack.pagerduty.turn(|now| *now = serde_json::from_value(knobs).expect("knobs"));
}

async fn play(
    stack: &Stack,
    chance: &mut Chance,
    turn: usize,
    (record, incident): (&str, &str),
    noted: &mut Noted,
) {
    // What the other side did meanwhile can make an action impossible; then nothing happens.
    let act = |action: Value| drop(stack.pagerduty.act(action));
    let title = format!("title {turn}");
    match chance.below(8) {
        0 => act(json!({"action": "acknowledge", "incident": record})),
        1 => act(json!({"action": "unacknowledge", "incident": record})),
        2 => act(json!({"action": "retitle", "incident": record, "title": title})),
        3 => {
            let urgency = ["high", "low"][chance.below(2)];
            act(json!({"action": "set_urgency", "incident": record, "urgency": urgency}));
        }
        4 => {
            let text = format!("noted there {turn}");
            let action = json!({"action": "annotate", "incident": record, "content": text});
            if stack.pagerduty.act(action).is_ok() {
                noted.there.push(text);
            }
        }
        5 => {
            let text = format!("noted here {turn}");
            stack.im.json(&["note", "add", incident, &text]).await.unwrap();
            noted.here.push(text);
        }
        6 => {
            let severity = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"][chance.below(4)];
            let words = ["incident", "update", incident, "--severity", severity];
            stack.im.json(&words).await.unwrap();
        }
        _ => {
            stack.im.json(&["incident", "update", incident, "--title", &title]).await.unwrap();
        }
    }
}

/// Has every record read once: nothing announces a title or an urgency that changed at the very end.
async fn look_at_everything(stack: &Stack) {
    let links = stack.im.json(&["integration", "links", "sim-pd"]).await.unwrap();
    for link in links.as_array().unwrap() {
        let id = link["id"].as_str().unwrap();
        stack.im.json(&["links", "resync", id, "--read"]).await.unwrap();
    }
}

/// Waits until every pair agrees, in the words of each side, or somebody has to decide.
async fn settled(stack: &Stack, seed: u64, pairs: &[(String, String)]) {
    eventually("both sides say the same", Duration::from_secs(40), || async {
        let (here, there) = (stack.incidents().await, stack.pagerduty.incidents());
        let disputed: Vec<(String, String)> = sqlx::query_as(
            "select 'inc_' || replace(incident::text, '-', ''), field from conflicts
             where standing = 'open'",
        )
        .fetch_all(&stack.database)
        .await
        .map_err(|error| vec![error.to_string()])?;
        let mut differing = Vec::new();
        for (record, incident) in pairs {
            let ours = here.iter().find(|it| it["id"] == **incident).unwrap_or(&Value::Null);
            let theirs = there.iter().find(|it| it["id"] == **record).unwrap_or(&Value::Null);
            for (field, agree) in agreement(ours, theirs) {
                let open = (incident.clone(), field.to_owned());
                if !agree && !disputed.contains(&open) {
                    differing.push(format!("seed {seed}: {field} of {incident}: {ours} {theirs}"));
                }
            }
        }
        if differing.is_empty() { Ok(()) } else { Err(differing) }
    })
    .await;
    stack.at_rest().await;
}

fn agreement(ours: &Value, theirs: &Value) -> [(&'static str, bool); 3] {
    let urgency = match ours["severity"].as_str() {
        Some("SEV-1" | "SEV-2") => "high",
        _ => "low",
    };
    let status = match ours["status"].as_str() {
        Some("open") => "triggered",
        Some("mitigated") => "acknowledged",
        _ => "resolved",
    };
    [
        ("title", ours["title"] == theirs["title"]),
        ("severity", theirs["urgency"] == urgency),
        ("status", theirs["status"] == status),
    ]
}

/// Each note is on each side once.
async fn everything_noted_once(stack: &Stack, noted: &Noted) {
    let timeline: Vec<String> =
        sqlx::query_scalar("select text from timeline where kind = 'noted'")
            .fetch_all(&stack.database)
            .await
            .unwrap();
    let records = stack.pagerduty.incidents();
    let contents: Vec<&str> = records
        .iter()
        .flat_map(|record| record["notes"].as_array().into_iter().flatten())
        .filter_map(|note| note["content"].as_str())
        .collect();
    for text in noted.here.iter().chain(&noted.there) {
        let here = timeline.iter().filter(|it| *it == text).count();
        let there = contents.iter().filter(|it| *it == text).count();
        assert_eq!((here, there), (1, 1), "{text}");
    }
}
