//! The way out under a backlog: PagerDuty away for a while with many changes made meanwhile, and
//! what is urgent while that drains.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tandem_pagerduty_sim::Call;
use tandem_tests::{Stack, eventually};

use crate::{
    rules::publish_on,
    size::{busiest_minute, setting},
};

/// How many incidents there are, how many changes are made of them while PagerDuty is away, and how
/// many calls go in a minute, unless `TANDEM_INCIDENTS`, `TANDEM_CHANGES` and `TANDEM_LIMIT` say
/// otherwise: slow enough to see an order.
const INCIDENTS: u64 = 12;
const CHANGES: u64 = 48;
const LIMIT: u64 = 240;
/// Of so many changes one is a note.
const NOTED: usize = 24;
/// How many links the egress works on at the same time at most.
const IN_HAND: usize = 8;
/// The longest anything may take, however many there are.
const PATIENCE: Duration = Duration::from_mins(20);

/// An incident and its record.
type Pair = (String, String);

fn many(count: usize) -> i64 {
    i64::try_from(count).unwrap()
}

/// What is changed in round `round` about the incident in place `place`.
fn change(round: usize, place: usize) -> Value {
    let severity = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"][(round + place) % 4];
    let status = ["mitigated", "open"][round % 2];
    let fields = match (round + place) % 3 {
        0 => json!({"severity": severity}),
        1 => json!({"status": status}),
        _ => json!({"title": format!("renamed {round}.{place}")}),
    };
    json!({"change": "update", "fields": fields})
}

async fn linked(stack: &Stack, count: usize) -> Vec<Pair> {
    for n in 0..count {
        stack.act(json!({"action": "trigger", "title": format!("incident {n}")}));
    }
    let joined = "select count(*) from links where record is not null";
    let waiting = "select count(*) from links where confirmed < version";
    eventually("all are linked", PATIENCE, || async {
        let (joined, waiting) = (stack.count(joined).await, stack.count(waiting).await);
        if (joined, waiting) == (many(count), 0) { Ok(()) } else { Err((joined, waiting)) }
    })
    .await;
    stack.at_rest().await;
    let list = stack.im.json(&["incident", "list", "--limit", "1000"]).await.unwrap();
    let pair = |incident: &Value| {
        let record = incident["links"][0]["record"].as_str().unwrap().to_owned();
        (incident["id"].as_str().unwrap().to_owned(), record)
    };
    list.as_array().unwrap().iter().map(pair).collect()
}

/// Makes the changes, round by round over all incidents; gives how many of them were notes.
async fn change_much(stack: &Stack, pairs: &[Pair], changes: usize) -> usize {
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let mut notes = 0;
    for round in 0..changes / pairs.len() {
        let mut edits = Vec::new();
        for (place, (incident, _)) in pairs.iter().enumerate() {
            let number = round * pairs.len() + place;
            let edit = if number % NOTED == NOTED - 1 {
                notes += 1;
                let text = format!("note {number} written while away");
                json!({"change": "note", "note": format!("nte_{number:032x}"), "text": text})
            } else {
                change(round, place)
            };
            edits.push((incident, number as u64, edit));
        }
        let edits = edits
            .iter()
            .map(|(incident, number, edit)| publish_on(&jetstream, incident, 1_000 + number, edit));
        stream::iter(edits).buffer_unordered(64).collect::<Vec<()>>().await;
    }
    let judged = "select count(*) from inbox where source = 'edits-demo'";
    let made = many(changes / pairs.len() * pairs.len());
    eventually("every change is judged", PATIENCE, || async {
        let judged = stack.count(judged).await;
        if judged == made { Ok(()) } else { Err((judged, made)) }
    })
    .await;
    notes
}

/// Whether a record says what its incident says.
fn equal(incident: &Value, record: &Value) -> bool {
    let urgency = match incident["severity"].as_str() {
        Some("SEV-1" | "SEV-2") => "high",
        _ => "low",
    };
    let status = match incident["status"].as_str() {
        Some("open") => "triggered",
        Some("mitigated") => "acknowledged",
        _ => "resolved",
    };
    record["title"] == incident["title"]
        && record["urgency"] == urgency
        && record["status"] == status
}

/// Resolves an incident whose record was not written yet, in the middle of the drain; gives how many
/// calls came between its being sent to the egress and the write.
async fn resolve_one(stack: &Stack, (incident, record): &Pair) -> Vec<Call> {
    let client = async_nats::connect(stack.nats.url()).await.unwrap();
    let jetstream = async_nats::jetstream::new(client);
    let version = async || -> (i64, String) {
        let sql = "select d.version, to_char(d.published_at at time zone 'utc', \
                   'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from desired d join links l on l.id = d.link \
                   where l.record = $1 and d.published = d.version";
        let row = sqlx::query_as(sql).bind(record).fetch_optional(&stack.database).await;
        row.expect("the desired state").unwrap_or_default()
    };
    let (before, _) = version().await;
    let edit = json!({"change": "update", "fields": {"status": "resolved"}});
    publish_on(&jetstream, incident, 1, &edit).await;
    let sent = eventually("the resolve is on its way", Duration::from_secs(30), || async {
        let (now, at) = version().await;
        if now > before { Ok(at) } else { Err(now) }
    })
    .await;
    stack.record(record, "it is resolved", |record| record["status"] == "resolved").await;
    let sent: jiff::Timestamp = sent.parse().unwrap();
    let calls = stack.pagerduty.calls(0).into_iter();
    calls.filter(|call| call.time.parse::<jiff::Timestamp>().unwrap() > sent).collect()
}

async fn both_say_the_same(stack: &Stack, notes: usize) {
    eventually("both sides are equal", PATIENCE, || async {
        let (records, incidents) = (stack.pagerduty.incidents(), stack.incidents().await);
        let record = |id: &Value| records.iter().find(|record| record["id"] == *id);
        let differ = incidents.iter().filter(|incident| {
            record(&incident["links"][0]["record"]).is_none_or(|record| !equal(incident, record))
        });
        let written = records.iter().filter_map(|it| it["notes"].as_array()).map(Vec::len);
        let (differ, written) = (differ.count(), written.sum::<usize>());
        if (differ, written) == (0, notes) { Ok(()) } else { Err((differ, written, notes)) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_ends_with_one_write_for_each_record_and_a_resolve_goes_before_the_backlog() {
    let (incidents, changes) =
        (setting("TANDEM_INCIDENTS", INCIDENTS), setting("TANDEM_CHANGES", CHANGES));
    let limit = setting("TANDEM_LIMIT", LIMIT);
    let stack = Stack::start().await;
    let words = ["integration", "configure", "sim-pd", "--rate-limit", &limit.to_string()];
    stack.im.json(&words).await.unwrap();
    let pairs = linked(&stack, incidents).await;

    let away = Instant::now();
    stack.pagerduty.turn(|knobs| {
        let away = json!({"effect": {"kind": "error", "status": 503, "applied": false}});
        knobs.rest.push(serde_json::from_value(away).expect("a rule"));
    });
    let notes = change_much(&stack, &pairs, changes).await;
    let away = away.elapsed();
    let from = stack.pagerduty.calls(0).last().map_or(0, |call| call.seq);
    stack.pagerduty.turn(|knobs| knobs.rest.clear());
    let back = Instant::now();
    let written = || {
        let calls = stack.pagerduty.calls(from).into_iter();
        let calls = calls.filter(|call| call.method == "PUT" && call.status == 200);
        calls.collect::<Vec<_>>()
    };
    eventually("it drains", Duration::from_mins(2), || async {
        if written().len() >= 2.max(incidents / 5) { Ok(()) } else { Err(written().len()) }
    })
    .await;

    let untouched = |pair: &&Pair| written().iter().all(|call| !call.path.ends_with(&pair.1));
    let urgent = pairs.iter().rfind(untouched).expect("one that waits").clone();
    let calls = resolve_one(&stack, &urgent).await;
    let of = |method: &str| {
        let path = format!("/incidents/{}", urgent.1);
        calls.iter().position(|call| call.method == method && call.path == path)
    };
    let (read, write) = (of("GET").expect("it is read"), of("PUT").expect("it is written"));
    // What is in hand may go on while the read is answered; nothing is begun in between.
    let told = |call: &Call| format!("{} {} {}", call.time, call.method, call.path);
    let told: Vec<_> = calls[..=write].iter().map(told).collect();
    assert!(read < 2 && write <= read + IN_HAND, "{read} and {write} of {told:#?}");

    both_say_the_same(&stack, notes).await;
    let drained = back.elapsed();
    stack.at_rest().await;
    let (calls, written) = (stack.pagerduty.calls(from), written());
    let busiest = busiest_minute(&stack.pagerduty.calls(0));
    eprintln!(
        "{changes} changes of {incidents} incidents in an outage of {away:?}: {} state calls and \
         {notes} notes of {} calls in {drained:?} after it, at most {busiest} in any 60 s with a \
         limit of {limit}; a resolve in the middle was read as call {} and written as call {}",
        written.len(),
        calls.len(),
        read + 1,
        write + 1,
    );
    assert!(written.len() <= incidents, "{} state calls", written.len());
    assert!(busiest <= limit, "{busiest} in a minute");
}
