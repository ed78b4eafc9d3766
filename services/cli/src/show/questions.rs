//! What people see of an external account, of how integrations are doing, and of checks.

use tandem_proto::json::{
    AccountEscalationPolicy, AccountPriority, AccountService, AccountUser, Check, OnCall,
    OutboundQueue, SyncStatus,
};

use super::{
    configuration::clock,
    rows::{Rows, text, word, yes},
};

impl Rows for OnCall {
    const COLUMNS: &'static [&'static str] =
        &["policy", "level", "schedule", "user", "email", "until"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let schedule = match (&self.schedule_name, &self.schedule) {
            (Some(name), Some(id)) => format!("{name} ({id})"),
            _ => String::new(),
        };
        vec![
            ("policy", format!("{} ({})", self.escalation_policy_name, self.escalation_policy)),
            ("level", self.level.to_string()),
            ("schedule", schedule),
            ("user", self.user_name.clone()),
            ("email", text(self.email.as_ref())),
            ("id", self.user.clone()),
            ("since", text(self.start_time.as_ref())),
            ("until", self.end_time.clone().unwrap_or_else(|| "always".to_owned())),
        ]
    }
}

impl Rows for AccountUser {
    const COLUMNS: &'static [&'static str] = &["id", "name", "email", "role", "match", "platform"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("name", self.name.clone()),
            ("email", text(self.email.as_ref())),
            ("role", text(self.role.as_ref())),
            ("match", word(self.r#match)),
            ("platform", text(self.platform.as_ref())),
        ]
    }
}

impl Rows for AccountService {
    const COLUMNS: &'static [&'static str] =
        &["id", "name", "status", "policy", "match", "incident_type", "default"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("name", text(self.name.as_ref())),
            ("status", text(self.status.as_ref())),
            ("takes_incidents", yes(self.takes_incidents)),
            ("policy", text(self.escalation_policy.as_ref())),
            ("match", word(self.r#match)),
            ("incident_type", text(self.incident_type.as_ref())),
            ("default", yes(self.is_default)),
        ]
    }
}

impl Rows for AccountEscalationPolicy {
    const COLUMNS: &'static [&'static str] = &["id", "name", "levels"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let level = |level: &tandem_proto::json::EscalationLevel| {
            format!("{} for {} min", level.targets.join(" and "), level.delay_minutes)
        };
        let levels: Vec<String> = self.levels.iter().map(level).collect();
        vec![
            ("id", self.id.clone()),
            ("name", self.name.clone()),
            ("levels", levels.join(", then ")),
        ]
    }
}

impl Rows for AccountPriority {
    const COLUMNS: &'static [&'static str] = &["id", "name", "description"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("name", self.name.clone()),
            ("description", text(self.description.as_ref())),
        ]
    }
}

impl Rows for Check {
    const COLUMNS: &'static [&'static str] = &["check", "verdict", "found", "way_out"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("check", self.name.clone()),
            ("verdict", word(self.verdict)),
            ("found", self.found.clone()),
            ("way_out", text(self.way_out.as_ref())),
        ]
    }
}

impl Rows for SyncStatus {
    const COLUMNS: &'static [&'static str] = &[
        "handle",
        "state",
        "waiting",
        "eta",
        "in_step",
        "writing",
        "in_doubt",
        "problem",
        "conflicts",
        "dead_letters",
        "webhooks",
        "never_told",
        "last_inbound",
        "last_outbound",
    ];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("handle", self.handle.clone()),
            ("org", self.org.clone()),
            ("state", word(self.state)),
            ("reason", text(self.reason.as_ref())),
            ("direction", word(self.direction)),
            ("config_version", self.config_version.to_string()),
        ];
        rows.extend(self.outbound.as_ref().map_or_else(unknown, queue));
        let links = &self.links;
        let ignored = self.ignored.iter().map(|it| format!("{} ({})", it.reason, it.count));
        let ignored: Vec<String> = ignored.collect();
        rows.extend([
            ("in_step", links.in_step.to_string()),
            ("writing", links.writing.to_string()),
            ("in_doubt", links.in_doubt.to_string()),
            ("problem", links.problem.to_string()),
            ("in_conflict", links.conflict.to_string()),
            ("freshness", freshness(self)),
            ("conflicts", self.open_conflicts.to_string()),
            ("dead_letters", self.open_dead_letters.to_string()),
            ("ignored", ignored.join(", ")),
            ("webhooks", webhooks(self)),
            ("never_told", never_told(self)),
            ("looked_up_to", looked(self)),
            ("last_inbound", text(self.last_inbound_time.as_ref())),
            ("last_outbound", text(self.last_outbound_time.as_ref())),
            ("clock", self.clock_difference.as_ref().map(clock).unwrap_or_default()),
            ("as_of", text(self.read_time.as_ref())),
        ]);
        rows
    }
}

fn queue(from: &OutboundQueue) -> Vec<(&'static str, String)> {
    let lanes = from.lanes.iter().filter(|lane| lane.waiting > 0);
    let lanes: Vec<String> = lanes.map(|it| format!("{} {}", it.name, it.waiting)).collect();
    let lanes = if lanes.is_empty() { String::new() } else { format!(" ({})", lanes.join(", ")) };
    let retries = from.retries.iter().map(|retry| {
        let next = text(retry.next_time.as_ref());
        format!("{} after {} failures, next {next}: {}", retry.work, retry.failures, retry.cause)
    });
    let next = from.next.iter().map(|it| {
        let eta = it
            .eta_s
            .map_or_else(|| "when calls go out again".to_owned(), |it| format!("in {}", span(it)));
        format!("{} ({}) {eta}", it.work, it.lane)
    });
    vec![
        ("waiting", format!("{}{lanes}", from.waiting)),
        ("in_hand", from.in_hand.to_string()),
        ("budget", format!("{} calls/min", from.calls_per_minute)),
        ("eta", from.eta_s.map_or_else(|| "unknown".to_owned(), span)),
        ("closed_until", text(from.closed_until_time.as_ref())),
        ("failures_in_a_row", from.failures_in_a_row.to_string()),
        ("next", next.collect::<Vec<_>>().join("; ")),
        ("retries", retries.collect::<Vec<_>>().join("; ")),
    ]
}

/// What is not known while nobody answers is not made up.
fn unknown() -> Vec<(&'static str, String)> {
    ["waiting", "eta"].map(|name| (name, "?".to_owned())).into()
}

fn freshness(status: &SyncStatus) -> String {
    let it = &status.freshness;
    match (it.median_s, it.worst_s) {
        (Some(median), Some(worst)) => {
            let (median, worst) = (span(median), span(worst));
            format!("{} open, half seen within {median}, all within {worst}", it.links)
        }
        _ => "none open".to_owned(),
    }
}

/// Whether webhooks are sent, and why not.
fn webhooks(status: &SyncStatus) -> String {
    let Some(it) = &status.subscription else { return "?".to_owned() };
    let mut told = word(it.sending);
    if let Some(reason) = &it.reason {
        told = format!("{told}: {reason}");
    }
    match &it.enabled_time {
        Some(at) => format!("{told} (found off and enabled {at})"),
        None => told,
    }
}

/// What was found by looking that should have been told, and how fast.
fn never_told(status: &SyncStatus) -> String {
    let it = &status.never_told;
    match (it.median_s, it.worst_s) {
        (Some(median), Some(worst)) => {
            let (median, worst) = (span(median), span(worst));
            format!("{} in 7 days, half made good within {median}, all within {worst}", it.count)
        }
        _ => it.count.to_string(),
    }
}

/// How far it was looked for what was not told.
fn looked(status: &SyncStatus) -> String {
    let Some(it) = &status.healing else { return String::new() };
    let mut told = text(it.reach_time.as_ref());
    if it.owed > 0 {
        told = format!("{told}, but for {} records that could not be read", it.owed);
    }
    match &it.swept_time {
        Some(at) => {
            let (records, calls) = (it.open_records, it.sweep_calls);
            format!("{told}; {records} open records at {at}, in {calls} calls")
        }
        None => told,
    }
}

/// A span of time in its largest unit that says enough.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_told_in_the_unit_that_says_enough() {
        let spans = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(span);
        assert_eq!(spans, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
    }
}
