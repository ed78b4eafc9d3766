//! How integrations are doing as JSON, and the checks of a connection.

use schemars::JsonSchema;
use serde::Serialize;

use super::{ClockDifference, IgnoredEvents, instant, known};
use crate::{v1, words::Word};

/// [`v1::SyncStatus`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct SyncStatus {
    pub integration: String,
    pub org: String,
    pub handle: String,
    pub state: Option<&'static str>,
    pub reason: Option<String>,
    pub direction: Option<&'static str>,
    pub config_version: i64,
    pub outbound: Option<OutboundQueue>,
    pub links: LinkCounts,
    pub freshness: LinkFreshness,
    pub open_conflicts: i64,
    pub open_dead_letters: i64,
    pub ignored: Vec<IgnoredEvents>,
    pub last_inbound_time: Option<String>,
    pub last_outbound_time: Option<String>,
    pub clock_difference: Option<ClockDifference>,
    pub read_time: Option<String>,
    pub subscription: Option<WebhookSubscriptions>,
    pub never_told: NeverTold,
    pub healing: Option<HealingProgress>,
}

impl From<v1::SyncStatus> for SyncStatus {
    fn from(from: v1::SyncStatus) -> Self {
        let (state, direction) = (from.state().word(), from.direction().word());
        let links = from.links.unwrap_or_default();
        let freshness = from.freshness.unwrap_or_default();
        Self {
            state,
            direction,
            integration: from.integration,
            org: from.org,
            handle: from.handle,
            reason: known(from.reason),
            config_version: from.config_version,
            outbound: from.outbound.map(Into::into),
            links: LinkCounts {
                in_step: links.in_step,
                writing: links.writing,
                in_doubt: links.in_doubt,
                conflict: links.conflict,
                problem: links.problem,
            },
            freshness: LinkFreshness {
                links: freshness.links,
                median_s: freshness.median_s,
                worst_s: freshness.worst_s,
            },
            open_conflicts: from.open_conflicts,
            open_dead_letters: from.open_dead_letters,
            ignored: from.ignored.into_iter().map(Into::into).collect(),
            last_inbound_time: instant(from.last_inbound_time),
            last_outbound_time: instant(from.last_outbound_time),
            clock_difference: from.clock_difference.map(Into::into),
            read_time: instant(from.read_time),
            subscription: from.subscription.map(Into::into),
            never_told: from.never_told.unwrap_or_default().into(),
            healing: from.healing.map(Into::into),
        }
    }
}

/// [`v1::WebhookSubscriptions`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct WebhookSubscriptions {
    pub sending: Option<&'static str>,
    pub on: i64,
    pub reason: Option<String>,
    pub check_time: Option<String>,
    pub enabled_time: Option<String>,
}

impl From<v1::WebhookSubscriptions> for WebhookSubscriptions {
    fn from(from: v1::WebhookSubscriptions) -> Self {
        Self {
            sending: from.sending().word(),
            on: from.on,
            reason: known(from.reason),
            check_time: instant(from.check_time),
            enabled_time: instant(from.enabled_time),
        }
    }
}

/// [`v1::NeverTold`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct NeverTold {
    pub count: i64,
    pub median_s: Option<i64>,
    pub worst_s: Option<i64>,
    pub last_time: Option<String>,
}

impl From<v1::NeverTold> for NeverTold {
    fn from(from: v1::NeverTold) -> Self {
        let v1::NeverTold { count, median_s, worst_s, last_time } = from;
        Self { count, median_s, worst_s, last_time: instant(last_time) }
    }
}

/// [`v1::HealingProgress`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct HealingProgress {
    pub reach_time: Option<String>,
    pub swept_time: Option<String>,
    pub open_records: i64,
    pub sweep_calls: i64,
    pub owed: i64,
}

impl From<v1::HealingProgress> for HealingProgress {
    fn from(from: v1::HealingProgress) -> Self {
        Self {
            reach_time: instant(from.reach_time),
            swept_time: instant(from.swept_time),
            open_records: from.open_records,
            sweep_calls: from.sweep_calls,
            owed: from.owed,
        }
    }
}

/// [`v1::OutboundQueue`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct OutboundQueue {
    pub lanes: Vec<Lane>,
    pub waiting: i64,
    pub in_hand: i64,
    pub calls_per_minute: i64,
    pub eta_s: Option<i64>,
    pub closed_until_time: Option<String>,
    pub failures_in_a_row: i64,
    pub retries: Vec<Retry>,
    pub next: Vec<Waiting>,
}

/// [`v1::Waiting`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Waiting {
    pub link: String,
    pub work: String,
    pub lane: String,
    pub eta_s: Option<i64>,
}

impl From<v1::Waiting> for Waiting {
    fn from(from: v1::Waiting) -> Self {
        Self { link: from.link, work: from.work, lane: from.lane, eta_s: from.eta_s }
    }
}

impl From<v1::OutboundQueue> for OutboundQueue {
    fn from(from: v1::OutboundQueue) -> Self {
        let lane = |from: v1::Lane| Lane { name: from.name, waiting: from.waiting };
        let retry = |from: v1::Retry| Retry {
            link: from.link,
            work: from.work,
            lane: from.lane,
            failures: from.failures,
            cause: from.cause,
            next_time: instant(from.next_time),
        };
        Self {
            lanes: from.lanes.into_iter().map(lane).collect(),
            waiting: from.waiting,
            in_hand: from.in_hand,
            calls_per_minute: from.calls_per_minute,
            eta_s: from.eta_s,
            closed_until_time: instant(from.closed_until_time),
            failures_in_a_row: from.failures_in_a_row,
            retries: from.retries.into_iter().map(retry).collect(),
            next: from.next.into_iter().map(Into::into).collect(),
        }
    }
}

/// [`v1::Lane`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Lane {
    pub name: String,
    pub waiting: i64,
}

/// [`v1::Retry`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Retry {
    pub link: String,
    pub work: String,
    pub lane: String,
    pub failures: i64,
    pub cause: String,
    pub next_time: Option<String>,
}

/// [`v1::LinkCounts`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct LinkCounts {
    pub in_step: i64,
    pub writing: i64,
    pub in_doubt: i64,
    pub conflict: i64,
    pub problem: i64,
}

/// [`v1::LinkFreshness`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct LinkFreshness {
    pub links: i64,
    pub median_s: Option<i64>,
    pub worst_s: Option<i64>,
}

/// [`v1::TestIntegrationResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Checkup {
    pub ok: bool,
    pub checks: Vec<Check>,
}

impl From<v1::TestIntegrationResponse> for Checkup {
    fn from(from: v1::TestIntegrationResponse) -> Self {
        Self { ok: from.ok, checks: from.checks.into_iter().map(Into::into).collect() }
    }
}

/// [`v1::Check`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Check {
    pub name: String,
    pub verdict: Option<&'static str>,
    pub found: String,
    pub way_out: Option<String>,
}

impl From<v1::Check> for Check {
    fn from(from: v1::Check) -> Self {
        Self {
            verdict: from.verdict().word(),
            name: from.name,
            found: from.found,
            way_out: known(from.way_out),
        }
    }
}
