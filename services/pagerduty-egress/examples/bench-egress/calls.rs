//! Calls a second, of a bare loop and of the egress.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, FROM as FROM_HEADER};
use serde_json::{Value as Json, json};
use tandem_pagerduty_egress::call;

use crate::ground::{FROM, Ground, TOKEN, desired, json_of};

/// How many links the egress works on at the same time, and so how many connections the loop has.
const AT_ONCE: usize = 4;
/// More than anybody can call in a minute.
const UNLIMITED: u32 = 60_000_000;

/// Writes every record's title twice: by a bare loop, and by the egress.
pub(crate) async fn run(ground: &Ground, records: u32) {
    let http = call::client(Duration::from_secs(30)).unwrap();
    let records = there(&http, &ground.url, records).await;
    let calls = 2.0 * f64::from(u32::try_from(records.len()).unwrap());
    let began = Instant::now();
    stream::iter(&records)
        .map(|record| write(&http, &ground.url, record))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
    let bare = calls / began.elapsed().as_secs_f64();

    // They are published while nobody takes them, so that the broker's disk is not what is measured.
    let idle = ground.memory();
    ground.configure(1, false, UNLIMITED).await;
    let states = (0..).zip(&records);
    stream::iter(states)
        .map(|(n, record)| async move {
            ground.publish(&desired(n, 1, record, "bare", "by the egress")).await;
        })
        .buffer_unordered(64)
        .collect::<Vec<()>>()
        .await;
    ground.configure(2, true, UNLIMITED).await;
    ground.reaches("tandem_calls_total", 1.0).await;
    let (start, done_before) = (Instant::now(), ground.metric("tandem_calls_total"));
    ground.reaches("tandem_calls_total", calls).await;
    let ours = (calls - done_before) / start.elapsed().as_secs_f64();
    println!(
        "calls: {ours:.0}/s by the egress, {bare:.0}/s by a bare loop over {AT_ONCE} connections: \
         {:.2} of it ({} records, a read and a write each)",
        ours / bare,
        records.len()
    );
    println!("memory: {idle} idle, {} after {} writes", ground.memory(), records.len());
}

/// Makes records; gives their ids.
async fn there(http: &reqwest::Client, url: &str, count: u32) -> Vec<String> {
    let trigger = |n: u32| async move {
        let act = json!({"action": "trigger", "title": format!("Title {n}"), "urgency": "high"});
        let request = http.post(format!("{url}/_sim/act")).header(CONTENT_TYPE, "application/json");
        let made = json_of(request.body(act.to_string()).send().await.unwrap()).await;
        made["incident"]["id"].as_str().unwrap().to_owned()
    };
    stream::iter(0..count).map(trigger).buffer_unordered(16).collect().await
}

/// Reads a record and writes its title, as the egress does.
async fn write(http: &reqwest::Client, url: &str, record: &str) {
    let address = format!("{url}/incidents/{record}");
    let signed = |request: reqwest::RequestBuilder| {
        request
            .header(AUTHORIZATION, format!("Token token={TOKEN}"))
            .header(ACCEPT, "application/vnd.pagerduty+json;version=2")
            .header(FROM_HEADER, FROM)
    };
    let read = json_of(signed(http.get(&address)).send().await.unwrap()).await;
    assert!(read["incident"]["title"] != Json::Null);
    let body = json!({"incident": {"type": "incident", "title": "bare"}}).to_string();
    let request = signed(http.put(&address)).header(CONTENT_TYPE, "application/json").body(body);
    json_of(request.send().await.unwrap()).await;
}
