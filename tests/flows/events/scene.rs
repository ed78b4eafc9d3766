//! One incident on a stack: what happens to it in PagerDuty, and what is seen of that.
//!
//! Nothing counts as seen that was there before, and at the end the timeline holds every line that
//! was told, once and in order, and no other.

use std::time::Duration;

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

use super::{
    bodies,
    row::{Case, Does, Row, Shows, Told},
    table::TRIGGERED,
};

/// How long an event may take to show.
const IN_TIME: Duration = Duration::from_secs(10);

/// An incident as people see it.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    incident: Value,
    lines: Vec<Shown>,
}

/// A line of a timeline: its kind and its text.
type Shown = (String, String);

impl Seen {
    /// What is seen of the incident that is linked to a record; nothing where there is none.
    pub(super) async fn of(stack: &Stack, record: &str) -> Self {
        let all = stack.incidents().await;
        let linked = |incident: &&Value| incident["links"][0]["record"] == record;
        let Some(incident) = all.iter().find(linked) else { return Self::default() };
        let id = incident["id"].as_str().unwrap();
        let lines = stack.im.json(&["incident", "timeline", id]).await.unwrap();
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let line = |line: &Value| (text(line, "kind"), text(line, "text"));
        Self {
            incident: incident.clone(),
            lines: lines.as_array().unwrap().iter().map(line).collect(),
        }
    }

    /// How many changes there were; a line that tells of something else is none.
    pub(super) fn revision(&self) -> u64 {
        self.incident["etag"].as_str().map_or(0, |etag| etag.parse().expect("a revision"))
    }

    fn count(&self, line: &Shown) -> usize {
        self.lines.iter().filter(|other| *other == line).count()
    }

    /// Whether it shows what it did not show before.
    fn news(&self, shows: &Shows, before: &Self) -> bool {
        let record = self.incident["links"][0]["record"].as_str().unwrap_or_default();
        match (shows, line(shows, record)) {
            (Shows::Field(name, value), _) => {
                self.incident[*name] == *value && before.incident[*name] != *value
            }
            (_, line) => line.is_some_and(|line| self.count(&line) == before.count(&line) + 1),
        }
    }
}

/// The line of the timeline that something is told by; `{record}` stands for the record at hand.
fn line(shows: &Shows, record: &str) -> Option<Shown> {
    match shows {
        Shows::Field(..) => None,
        Shows::Line(text) => Some(("remarked".to_owned(), (*text).to_owned())),
        Shows::Note(text) => Some(("noted".to_owned(), text.replace("{record}", record))),
    }
}

/// Plays on one incident at hand.
pub(super) struct Scene<'a> {
    stack: &'a Stack,
    record: String,
    told: Vec<Shown>,
}

impl<'a> Scene<'a> {
    /// Begins with an incident that is triggered in PagerDuty.
    pub(super) async fn triggered(stack: &'a Stack) -> Self {
        let mut scene = Self::about(stack, "");
        scene.play(&TRIGGERED).await;
        scene
    }

    /// Begins with a record that nothing is known of yet.
    pub(super) fn about(stack: &'a Stack, record: &str) -> Self {
        Self { stack, record: record.to_owned(), told: Vec::new() }
    }

    /// Plays every case of a row.
    pub(super) async fn play(&mut self, row: &Row) {
        for case in row.cases {
            self.stack.at_rest().await;
            match row.told {
                Told::As(event) | Told::AsUnknown(event) => self.case(event, case).await,
                Told::Later(_) => self.case("", case).await,
            }
        }
    }

    async fn case(&mut self, event: &str, case: &Case) {
        let delivered = self.stack.pagerduty.deliveries(0).len() as u64;
        let before = Seen::of(self.stack, &self.record).await;
        match case.does {
            Does::Act(acts) => {
                for act in acts {
                    self.record = self.act(act);
                }
                self.see(&before, case.shows, event).await;
            }
            Does::Merge => {
                let into = self.record.clone();
                let mut source = Scene::triggered_like(self.stack, "The same again").await;
                let merge =
                    json!({"action": "merge", "incident": into, "sources": [source.record]});
                let before = Seen::of(self.stack, &source.record).await;
                self.stack.pagerduty.act(merge).expect("PagerDuty takes it");
                source.see(&before, case.shows, event).await;
            }
            Does::Service => self.change_service(event).await,
            Does::Post { like, here, with } => {
                let body = bodies::like(like, event, here.then_some(&*self.record), with);
                let mut posted = Scene::about(self.stack, bodies::record(&body));
                if here {
                    std::mem::swap(&mut posted.told, &mut self.told);
                }
                posted.post(&body.to_string(), case.shows).await;
                if here {
                    std::mem::swap(&mut posted.told, &mut self.told);
                }
                return;
            }
        }
        if !event.is_empty() {
            self.delivered(delivered, event, case.shows).await;
        }
    }

    async fn triggered_like(stack: &'a Stack, title: &str) -> Self {
        let made = stack.pagerduty.act(json!({"action": "trigger", "title": title}));
        let scene = Self::about(stack, made.expect("PagerDuty takes it")["id"].as_str().unwrap());
        stack.incident_of(&scene.record, title, |_| true).await;
        scene
    }

    /// Somebody acts on the record at hand, or begins one; gives the record.
    fn act(&self, act: &str) -> String {
        let mut act: Value = serde_json::from_str(act).expect("an act is JSON");
        if !self.record.is_empty() {
            act["incident"] = json!(self.record);
        }
        let done = self.stack.pagerduty.act(act).expect("PagerDuty takes it");
        done["id"].as_str().expect("a record has an id").to_owned()
    }

    async fn change_service(&self, event: &str) {
        let url = format!("{}/_sim/services/P123ABC", self.stack.pagerduty.url);
        let sent = self.stack.http.put(url).json(&json!({"event": event})).send().await;
        sent.unwrap().error_for_status().expect("PagerDuty takes it");
    }

    /// Sends a body with a good signature and waits for what comes of it.
    pub(super) async fn post(&mut self, body: &str, shows: &[Shows]) {
        let before = Seen::of(self.stack, &self.record).await;
        let webhook = bodies::delivery(body);
        assert_eq!(self.stack.post(&webhook).await.unwrap(), 202, "{body}");
        let body: Value = serde_json::from_str(body).expect("a body is JSON");
        let id = body["event"]["id"].as_str().expect("an event has an id");
        self.recorded(id, shows).await;
        self.see(&before, shows, id).await;
    }

    /// Waits until everything shows that did not show before.
    async fn see(&mut self, before: &Seen, shows: &[Shows], what: &str) {
        let told = shows.iter().filter_map(|shows| line(shows, &self.record));
        self.told.extend(told);
        if shows.is_empty() {
            return;
        }
        eventually(&format!("{what}: {shows:?}"), IN_TIME, || async {
            let now = Seen::of(self.stack, &self.record).await;
            if shows.iter().all(|shows| now.news(shows, before)) { Ok(()) } else { Err(now) }
        })
        .await;
    }

    /// Checks that an event of that type was delivered, once, and is on record.
    async fn delivered(&self, since: u64, event: &str, shows: &[Shows]) {
        let found = eventually(&format!("{event} is delivered"), IN_TIME, || async {
            let all = self.stack.pagerduty.deliveries(since);
            let of_type = all.iter().filter(|attempt| attempt.event_type == event);
            match of_type.collect::<Vec<_>>()[..] {
                [one] if one.outcome == "delivered" => Ok(one.event_id.clone()),
                _ => Err(all),
            }
        })
        .await;
        self.recorded(&found, shows).await;
    }

    /// Waits until an event is on record, as one that had an effect or as one that concerns nothing.
    async fn recorded(&self, event: &str, shows: &[Shows]) {
        let wanted = if shows.is_empty() { "ignored: it concerns no record" } else { "applied" };
        eventually(&format!("{event} is on record"), IN_TIME, || async {
            let effect: Option<String> =
                sqlx::query_scalar("select effect from inbox where event = $1")
                    .bind(event)
                    .fetch_optional(&self.stack.database)
                    .await
                    .unwrap();
            if effect.as_deref() == Some(wanted) { Ok(()) } else { Err(effect) }
        })
        .await;
    }

    /// Waits for silence, and checks that everything was told once and nothing else was, and that
    /// nothing was told back to PagerDuty.
    pub(super) async fn end(self) {
        self.stack.at_rest().await;
        let seen = Seen::of(self.stack, &self.record).await;
        let told = |line: &&Shown| line.0 == "remarked" || line.0 == "noted";
        let shown: Vec<_> = seen.lines.iter().filter(told).cloned().collect();
        assert_eq!(shown, self.told);
        let calls = self.stack.pagerduty.calls(0).into_iter();
        let writes = calls.filter(|call| call.method != "GET").map(|call| call.path);
        assert_eq!(writes.collect::<Vec<_>>(), Vec::<String>::new(), "told back");
    }
}
