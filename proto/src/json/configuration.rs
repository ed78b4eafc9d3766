//! Configurations as JSON and YAML: written out without what is not set, and read back.
//!
//! What a document may hold is known here, so that whoever reads one can say where a key is none,
//! and which was meant.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::Configuration`] as JSON and YAML.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Configuration {
    pub handle: String,
    pub name: String,
    pub r#type: String,
    pub base_url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub paused: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict_strategy: Option<String>,
    #[serde(default)]
    pub rate_limit: u32,
    #[serde(default)]
    pub headroom: u32,
    #[serde(default)]
    pub backoff_multiplier: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_email: Option<String>,
    #[serde(default)]
    pub sync_escalations: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    #[serde(default, skip_serializing_if = "ConfiguredScope::is_everything")]
    pub scope: ConfiguredScope,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldConfiguration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_mappings: Vec<MappedService>,
    /// Stands for the state that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

const fn yes() -> bool {
    true
}

/// The conditions of a [`v1::Scope`], without those that are not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConfiguredScope {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

impl ConfiguredScope {
    /// Whether it takes everything.
    pub fn is_everything(&self) -> bool {
        self == &Self::default()
    }
}

/// [`v1::FieldConfiguration`] as JSON and YAML, under the field's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct FieldConfiguration {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enforced: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<ConfiguredRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<ConfiguredRow>,
}

/// [`v1::MappingRow`] as JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConfiguredRow {
    pub platform: String,
    pub external: String,
    #[serde(default)]
    pub fresh: bool,
}

/// [`v1::MappedService`] as JSON and YAML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct MappedService {
    pub service: String,
    pub incident_type: String,
    #[serde(default)]
    pub is_default: bool,
}

impl From<v1::Configuration> for Configuration {
    fn from(from: v1::Configuration) -> Self {
        let word = |word: Option<&'static str>| word.map(str::to_owned);
        let scope = from.scope.clone().unwrap_or_default();
        Self {
            direction: word(from.direction().word()),
            conflict_strategy: word(from.conflict_strategy().word()),
            handle: from.handle,
            name: from.name,
            r#type: from.r#type,
            base_url: from.base_url,
            enabled: from.enabled,
            paused: from.paused,
            rate_limit: from.rate_limit,
            headroom: from.headroom,
            backoff_multiplier: from.backoff_multiplier,
            from_email: known(from.from_email),
            sync_escalations: from.sync_escalations,
            public_url: known(from.public_url),
            scope: ConfiguredScope {
                services: scope.services,
                teams: scope.teams,
                labels: scope.labels.into_iter().collect(),
                min_severity: known(scope.min_severity),
                expression: known(scope.expression),
            },
            fields: from.fields.into_iter().map(|it| (it.field.clone(), it.into())).collect(),
            service_mappings: from.service_mappings.into_iter().map(Into::into).collect(),
            etag: known(from.etag),
        }
    }
}

impl From<v1::FieldConfiguration> for FieldConfiguration {
    fn from(from: v1::FieldConfiguration) -> Self {
        let word = |word: Option<&'static str>| word.map(str::to_owned);
        let row = |row: v1::MappingRow| ConfiguredRow {
            platform: row.platform,
            external: row.external,
            fresh: row.fresh,
        };
        Self {
            owner: word(from.owner().word()),
            direction: word(from.direction().word()),
            priority: from.priority,
            enforced: from.enforced,
            external_name: known(from.external_name),
            rows: from.rows.into_iter().map(row).collect(),
            priorities: from.priorities.into_iter().map(row).collect(),
        }
    }
}

impl From<v1::MappedService> for MappedService {
    fn from(from: v1::MappedService) -> Self {
        let v1::MappedService { service, incident_type, is_default } = from;
        Self { service, incident_type, is_default }
    }
}

impl TryFrom<Configuration> for v1::Configuration {
    /// Where a word is none of those that can stand there, and which can.
    type Error = Vec<(String, String)>;

    fn try_from(from: Configuration) -> Result<Self, Self::Error> {
        let mut wrong = Vec::new();
        let root = format!("integrations.{}", from.handle);
        let direction: v1::Direction =
            word(&mut wrong, format!("{root}.direction"), from.direction);
        let strategy: v1::ConflictStrategy =
            word(&mut wrong, format!("{root}.conflict_strategy"), from.conflict_strategy);
        let fields = from.fields.into_iter().map(|(field, it)| {
            let path = format!("{root}.fields.{field}");
            field_of(&mut wrong, &path, field, it)
        });
        let fields = fields.collect();
        let ConfiguredScope { services, teams, labels, min_severity, expression } = from.scope;
        let configuration = Self {
            handle: from.handle,
            name: from.name,
            r#type: from.r#type,
            base_url: from.base_url,
            direction: direction.into(),
            enabled: from.enabled,
            paused: from.paused,
            conflict_strategy: strategy.into(),
            rate_limit: from.rate_limit,
            headroom: from.headroom,
            backoff_multiplier: from.backoff_multiplier,
            from_email: from.from_email.unwrap_or_default(),
            sync_escalations: from.sync_escalations,
            public_url: from.public_url.unwrap_or_default(),
            scope: Some(v1::Scope {
                services,
                teams,
                labels: labels.into_iter().collect(),
                min_severity: min_severity.unwrap_or_default(),
                expression: expression.unwrap_or_default(),
            }),
            fields,
            service_mappings: from.service_mappings.into_iter().map(Into::into).collect(),
            etag: from.etag.unwrap_or_default(),
            ..Default::default()
        };
        if wrong.is_empty() { Ok(configuration) } else { Err(wrong) }
    }
}

impl From<MappedService> for v1::MappedService {
    fn from(from: MappedService) -> Self {
        let MappedService { service, incident_type, is_default } = from;
        Self { service, incident_type, is_default }
    }
}

fn field_of(
    wrong: &mut Vec<(String, String)>,
    path: &str,
    field: String,
    from: FieldConfiguration,
) -> v1::FieldConfiguration {
    let row = |row: ConfiguredRow| v1::MappingRow {
        platform: row.platform,
        external: row.external,
        fresh: row.fresh,
    };
    v1::FieldConfiguration {
        field,
        owner: word::<v1::Side>(wrong, format!("{path}.owner"), from.owner).into(),
        priority: from.priority,
        enforced: from.enforced,
        direction: word::<v1::Direction>(wrong, format!("{path}.direction"), from.direction).into(),
        rows: from.rows.into_iter().map(row).collect(),
        priorities: from.priorities.into_iter().map(row).collect(),
        external_name: from.external_name.unwrap_or_default(),
    }
}

fn word<W: Word + Default>(
    wrong: &mut Vec<(String, String)>,
    path: String,
    text: Option<String>,
) -> W {
    let Some(text) = text else { return W::default() };
    W::from_word(&text).unwrap_or_else(|| {
        wrong.push((path, format!("{text:?} is not one of {}", W::choices())));
        W::default()
    })
}

/// [`v1::AppliedConfiguration`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct AppliedConfiguration {
    pub before: Option<Configuration>,
    pub after: Option<Configuration>,
    pub changed: bool,
    pub token_replaced: bool,
    pub signing_secret_added: bool,
}

impl From<v1::AppliedConfiguration> for AppliedConfiguration {
    fn from(from: v1::AppliedConfiguration) -> Self {
        Self {
            before: from.before.map(Into::into),
            after: from.after.map(Into::into),
            changed: from.changed,
            token_replaced: from.token_replaced,
            signing_secret_added: from.signing_secret_added,
        }
    }
}

/// [`v1::ConfigurationVersion`] as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct ConfigurationVersion {
    pub version: i64,
    pub time: Option<String>,
    pub actor: String,
    pub action: String,
    pub changed: Vec<String>,
    pub configuration: Option<Configuration>,
}

impl From<v1::ConfigurationVersion> for ConfigurationVersion {
    fn from(from: v1::ConfigurationVersion) -> Self {
        Self {
            version: from.version,
            time: instant(from.time),
            actor: from.actor,
            action: from.action,
            changed: from.changed,
            configuration: from.configuration.map(Into::into),
        }
    }
}
