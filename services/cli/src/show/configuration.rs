//! What people see of an integration's configuration, and of what it left out.

use serde::Serialize;
use tandem_proto::json::{
    ClockDifference, ConfigurationVersion, FieldMapping, FieldOwnership, IgnoredEvents,
    Integration, ManagedSubscription, MappingRow, Scope, ServiceMapping,
};

use super::rows::{Rows, text, word, yes};

/// One of the platform's words and what it stands for in the external account.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counterpart {
    pub(crate) platform: String,
    pub(crate) external: String,
}

impl Rows for Integration {
    const COLUMNS: &'static [&'static str] =
        &["handle", "name", "org", "type", "direction", "takes_part", "token", "secrets", "id"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("org", self.org.clone()),
            ("handle", self.handle.clone()),
            ("name", self.name.clone()),
            ("type", self.r#type.clone()),
            ("base_url", self.base_url.clone()),
            ("direction", word(self.direction)),
            ("takes_part", takes_part(self).to_owned()),
            ("conflict_strategy", word(self.conflict_strategy)),
            ("rate_limit", format!("{}/min", self.rate_limit)),
            ("headroom", format!("{}/min", self.headroom)),
            ("backoff_multiplier", self.backoff_multiplier.to_string()),
            ("from_email", text(self.from_email.as_ref())),
            ("sync_escalations", yes(self.sync_escalations)),
            ("scope", scope(&self.scope)),
            ("token", (if self.has_token { "set" } else { "missing" }).to_owned()),
            ("secrets", self.signing_secrets.to_string()),
            ("webhook_path", self.webhook_path.clone()),
            ("public_url", text(self.public_url.as_ref())),
            ("subscriptions", subscriptions(self)),
            ("clock", self.clock_difference.as_ref().map(clock).unwrap_or_default()),
            ("config_version", self.config_version.to_string()),
            ("etag", self.etag.clone()),
            ("created", text(self.create_time.as_ref())),
            ("updated", text(self.update_time.as_ref())),
        ]
    }
}

/// Whether it takes part, and how far.
const fn takes_part(integration: &Integration) -> &'static str {
    match (integration.enabled, integration.paused) {
        (false, _) => "no (disabled)",
        (true, true) => "inbound only (paused)",
        (true, false) => "yes",
    }
}

/// The webhook subscriptions that are seen to.
fn subscriptions(integration: &Integration) -> String {
    let one = |it: &ManagedSubscription| {
        let about = it.service.as_deref().unwrap_or("the account");
        let standing = match (&it.confirm_time, it.replaced) {
            (_, true) => "being replaced",
            (Some(_), false) => "confirmed",
            (None, false) => "not confirmed yet",
        };
        format!("{} for {about}, {standing}", it.id)
    };
    integration.subscriptions.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Rows for ServiceMapping {
    const COLUMNS: &'static [&'static str] = &["service", "incident_type", "default"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("integration", self.integration.clone()),
            ("service", self.service.clone()),
            ("incident_type", self.incident_type.clone()),
            ("default", yes(self.is_default)),
        ]
    }
}

impl Rows for FieldOwnership {
    const COLUMNS: &'static [&'static str] =
        &["field", "owner", "priority", "enforced", "direction", "default"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("integration", self.integration.clone()),
            ("field", self.field.clone()),
            ("owner", word(self.owner)),
            ("priority", self.priority.to_string()),
            ("enforced", yes(self.enforced)),
            ("direction", word(self.direction)),
            ("default", yes(self.is_default)),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Rows for FieldMapping {
    const COLUMNS: &'static [&'static str] =
        &["field", "kind", "mapping", "priorities", "external", "default"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("integration", self.integration.clone()),
            ("field", self.field.clone()),
            // A label that takes no part any more has none.
            ("kind", self.kind.unwrap_or("not carried").to_owned()),
            ("mapping", rows(&self.rows)),
            ("priorities", rows(&self.priorities)),
            ("external", text(self.external_name.as_ref())),
            ("by_email", rows(&self.by_email)),
            ("without_partner", self.without_partner.join(", ")),
            ("default", yes(self.is_default)),
            ("etag", self.etag.clone()),
        ]
    }
}

impl Rows for ConfigurationVersion {
    const COLUMNS: &'static [&'static str] = &["version", "time", "actor", "action", "changed"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("version", self.version.to_string()),
            ("time", text(self.time.as_ref())),
            ("actor", self.actor.clone()),
            ("action", self.action.clone()),
            ("changed", self.changed.join(", ")),
        ]
    }
}

impl Rows for Counterpart {
    const COLUMNS: &'static [&'static str] = &["platform", "external"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![("platform", self.platform.clone()), ("external", self.external.clone())]
    }
}

impl Rows for Scope {
    const COLUMNS: &'static [&'static str] =
        &["services", "teams", "labels", "min_severity", "expression"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let labels: Vec<String> =
            self.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let any = |text: String| if text.is_empty() { "any".to_owned() } else { text };
        vec![
            ("services", any(self.services.join(", "))),
            ("teams", any(self.teams.join(", "))),
            ("labels", any(labels.join(", "))),
            ("min_severity", any(text(self.min_severity.as_ref()))),
            ("expression", any(text(self.expression.as_ref()))),
        ]
    }
}

impl Rows for IgnoredEvents {
    const COLUMNS: &'static [&'static str] = &["count", "last", "reason", "examples"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let examples: Vec<&str> = self.examples.iter().map(|one| one.event.as_str()).collect();
        vec![
            ("count", self.count.to_string()),
            ("last", text(self.last_time.as_ref())),
            ("reason", self.reason.clone()),
            ("examples", examples.join(", ")),
        ]
    }
}

/// `SEV-1=high SEV-2=high!`: as it is typed.
fn rows(rows: &[MappingRow]) -> String {
    let shared =
        |row: &MappingRow| rows.iter().filter(|it| it.external == row.external).count() > 1;
    let shown = |row: &MappingRow| {
        let mark = if row.fresh && shared(row) { "!" } else { "" };
        format!("{}={}{mark}", row.platform, row.external)
    };
    rows.iter().map(shown).collect::<Vec<_>>().join(" ")
}

/// A scope on one line.
fn scope(scope: &Scope) -> String {
    if scope == &Scope::default() {
        return "everything".to_owned();
    }
    let parts = scope.rows().into_iter().filter(|(_, value)| value != "any");
    let parts = parts.map(|(name, value)| format!("{} {value}", name.replace('_', " ")));
    parts.collect::<Vec<_>>().join("; ")
}

/// `-1.2 ms to +3.4 ms, measured 2026-…`
pub(super) fn clock(clock: &ClockDifference) -> String {
    let ms = |us: i64| {
        let (sign, us) = (if us < 0 { '-' } else { '+' }, us.unsigned_abs());
        format!("{sign}{}.{} ms", us / 1000, us % 1000 / 100)
    };
    let measured = text(clock.measure_time.as_ref());
    format!("{} to {}, measured {measured}", ms(clock.least_us), ms(clock.most_us))
}
