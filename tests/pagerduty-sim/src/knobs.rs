//! Owns what can be turned while the simulator runs: faults, limits, and what nobody could verify.
//!
//! A fresh set of knobs is PagerDuty on a good day, as documented, with the stated guess wherever the
//! documentation is silent. Every knob is described in the README of this package.

use serde::{Deserialize, Serialize};

/// Everything that can be turned while the simulator runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Faults of REST calls, tried in order; the first that matches is used.
    pub rest: Vec<RestFault>,
    /// Faults of webhook delivery and variants of its bodies.
    pub webhooks: WebhookKnobs,
    /// Calls allowed per minute.
    pub limits: Limits,
    /// The answer to each question that PagerDuty's documentation leaves open.
    pub behaviour: Behaviour,
}

/// One fault of REST calls: which calls it hits, how often, and what it does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestFault {
    /// How many more calls it hits; without it, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u32>,
    /// The probability with which a matching call is hit; without it, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Hits only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Hits only paths that begin like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_prefix: Option<String>,
    /// What happens to the call.
    pub effect: Effect,
}

/// What a REST fault does to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// 429; `bare` leaves out the headers and the body, as PagerDuty sometimes does.
    RateLimit {
        /// No `ratelimit-*` headers and no body.
        #[serde(default)]
        bare: bool,
        /// What `ratelimit-reset` says, in seconds.
        #[serde(default = "one")]
        reset_s: u64,
    },
    /// An error answer; the call takes effect all the same when `applied`.
    Error {
        /// The HTTP status.
        #[serde(default = "server_error")]
        status: u16,
        /// The form of the body.
        #[serde(default)]
        body: ErrorBody,
        /// The call takes effect in spite of the answer.
        #[serde(default)]
        applied: bool,
    },
    /// A refusal in PagerDuty's form and words; nothing takes effect.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// One of PagerDuty's own codes.
        code: u16,
    },
    /// The answer comes late.
    Slow {
        /// How late, in milliseconds.
        ms: u64,
        /// When the call takes effect.
        #[serde(default)]
        applied: Applied,
    },
    /// The connection is closed without an answer.
    Cut {
        /// The call takes effect before that.
        #[serde(default)]
        applied: bool,
    },
    /// A read shows each incident as it was before its last change.
    Stale,
}

/// When a slow call takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// At once; only the answer is late, so its webhook arrives before it.
    #[default]
    First,
    /// After the wait.
    After,
    /// Never: the answer is a 504.
    Never,
}

/// The forms of error bodies that clients of PagerDuty have met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// The documented form.
    #[default]
    Json,
    /// `errors` is one string.
    ErrorsString,
    /// `errors` maps a field to a list.
    ErrorsMap,
    /// `error` is an array.
    ErrorArray,
    /// `error` is a string.
    ErrorString,
    /// A page of HTML.
    Html,
    /// Nothing.
    Empty,
}

/// Faults of webhook delivery and variants of webhook bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named in the README")]
pub struct WebhookKnobs {
    /// How many more times each webhook is sent after it was accepted, under the same id.
    pub duplicate: u32,
    /// Milliseconds added to the delay of every webhook.
    pub delay_ms: u64,
    /// Webhooks of changes made while this is on are lost for good.
    pub drop: bool,
    /// So many further webhooks are lost for good.
    pub drop_next: u32,
    /// `agent` is null in every event.
    pub agent_null: bool,
    /// References hold only `id` and `type`.
    pub minimal_refs: bool,
    /// How `reopened_at` appears.
    pub reopened_at: ReopenedAt,
    /// Incidents carry no `incident_type`.
    pub incident_type_absent: bool,
    /// Every change is preceded by an event of a type nobody knows.
    pub unknown_event: bool,
}

/// How `reopened_at` appears in webhook bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenedAt {
    /// Only once the incident was reopened, as captures show.
    #[default]
    WhenReopened,
    /// Null until the incident was reopened.
    Null,
    /// Never.
    Absent,
}

/// Calls allowed per minute; 0 is no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// All calls of one account key, or of one user over all of that user's keys.
    pub calls_per_minute: u32,
    /// `PUT /incidents`.
    pub bulk_updates_per_minute: u32,
    /// `POST /incidents`, whose figure is not published.
    pub creates_per_minute: u32,
    /// `GET /oncalls`, whose figure is not published.
    pub oncalls_per_minute: u32,
    /// Events API events per integration key.
    pub events_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_per_minute: 960,
            bulk_updates_per_minute: 500,
            creates_per_minute: 0,
            oncalls_per_minute: 0,
            events_per_minute: 120,
        }
    }
}

/// The answer to each question that PagerDuty's documentation leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named in the README")]
pub struct Behaviour {
    /// Account keys need `From` where it is documented as required.
    pub from_required: bool,
    /// Another user's acknowledge of an acknowledged incident is added instead of refused (1002).
    pub second_acknowledge_adds: bool,
    /// Setting a triggered incident to triggered is refused (1003) instead of doing nothing.
    pub retrigger_refused: bool,
    /// Acknowledging assigns the incident to whoever acknowledges it.
    pub acknowledge_assigns: bool,
    /// Assignees given in the same call as an acknowledge stay.
    pub given_assignees_win: bool,
    /// What a resolved incident set to acknowledged emits.
    pub reopen_acknowledged: ReopenAcknowledged,
    /// `resolution` in REST also adds a note, as the web app does.
    pub resolution_annotates: bool,
    /// Setting a priority at creation emits `incident.priority_updated` too.
    pub create_emits_priority: bool,
    /// Reassigning, delegating or escalating an acknowledged incident un-acknowledges it.
    pub reassign_unacknowledges: bool,
    /// `priority: null` clears the priority instead of being ignored.
    pub priority_null_clears: bool,
    /// Urgency of a service with a fixed urgency rule cannot be changed (2015).
    pub fixed_urgency_refused: bool,
    /// The longest title, in characters; 0 is no limit.
    pub max_title: usize,
    /// The longest body, in characters; 0 is no limit.
    pub max_body: usize,
    /// In a `PUT` of several fields the status comes first instead of last.
    pub status_first: bool,
    /// All events of one action share one `occurred_at`.
    pub equal_occurred_at: bool,
    /// A failing element of a bulk `PUT` does not undo those before it.
    pub bulk_partial: bool,
    /// `POST /webhook_subscriptions` answers 201 instead of the documented 200.
    pub subscription_created_201: bool,
    /// `active: false` is ignored when a subscription is created.
    pub inactive_ignored_on_create: bool,
    /// What a webhook answered with 3xx comes to.
    pub redirect: Redirect,
    /// `since` and `until` ignore the time of day.
    pub day_granularity: bool,
    /// Acknowledgement time-outs, auto-resolves and workflows are done by the service instead of by nobody.
    pub automation_is_service: bool,
    /// The agent of a ping is null instead of a bare user reference.
    pub ping_agent_null: bool,
    /// Reads about incidents show what was up to so many milliseconds ago.
    pub read_lag_ms: u64,
    /// The HTTP status of "already acknowledged" (1002) and "already resolved" (1001).
    pub repeated_status: u16,
    /// Every refusal about webhook subscriptions has the shape that was seen for 2019.
    pub subscription_errors_odd: bool,
    /// The bot's agent is a `bot_user_reference`, as of a scoped app's token.
    pub agent_is_bot: bool,
    /// The account's own time zone, in which `since` and `until` without an offset are read.
    pub account_time_zone: String,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            from_required: true,
            second_acknowledge_adds: false,
            retrigger_refused: false,
            acknowledge_assigns: true,
            given_assignees_win: true,
            reopen_acknowledged: ReopenAcknowledged::default(),
            resolution_annotates: false,
            create_emits_priority: false,
            reassign_unacknowledges: false,
            priority_null_clears: true,
            fixed_urgency_refused: false,
            max_title: 1024,
            max_body: 0,
            status_first: false,
            equal_occurred_at: false,
            bulk_partial: false,
            subscription_created_201: false,
            inactive_ignored_on_create: true,
            redirect: Redirect::default(),
            day_granularity: false,
            automation_is_service: false,
            ping_agent_null: false,
            read_lag_ms: 0,
            repeated_status: 400,
            subscription_errors_odd: false,
            agent_is_bot: false,
            account_time_zone: "Etc/UTC".to_owned(),
        }
    }
}

/// What a resolved incident set to acknowledged emits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenAcknowledged {
    /// `incident.reopened`, then `incident.acknowledged`.
    #[default]
    Both,
    /// Only `incident.reopened`, already acknowledged.
    Reopened,
    /// Only `incident.acknowledged`.
    Acknowledged,
}

/// What a webhook answered with 3xx comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirect {
    /// Dropped at once.
    #[default]
    Drop,
    /// Tried again like a 5xx.
    Retry,
}

fn one() -> u64 {
    1
}

fn server_error() -> u16 {
    503
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_tells_every_knob() {
        let readme = include_str!("../README.md");
        let knobs = serde_json::to_value(Knobs::default()).unwrap();
        for (section, knobs) in knobs.as_object().unwrap() {
            assert!(readme.contains(&format!("**`{section}`**")), "{section}");
            for name in knobs.as_object().into_iter().flatten().map(|(name, _)| name) {
                assert!(readme.contains(&format!("`{name}`")), "{name}");
            }
        }
    }
}
