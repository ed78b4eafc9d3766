//! The documents of `im export` and `im apply`: YAML that people review, without a secret.
//!
//! A secret is named by where it lies: `token_env`, `token_file`, `signing_secret_env` or
//! `signing_secret_file`. A key that is none is refused by its path, with the one that was meant.

mod keys;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tandem_proto::{json, v1};

use crate::{failure::Failure, secret};

/// An organisation's configuration as it is written out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Document {
    pub(crate) org: String,
    pub(crate) integrations: Vec<json::Configuration>,
}

/// A document as it was read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The organisation it names.
    pub(crate) org: Option<String>,
    /// What is to be, with the secrets that were named.
    pub(crate) integrations: Vec<v1::Configuration>,
}

/// Where the secrets of one integration lie.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Secrets {
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    signing_secret_env: Option<String>,
    signing_secret_file: Option<PathBuf>,
}

/// The members that name secrets.
const SECRETS: [&str; 4] = ["token_env", "token_file", "signing_secret_env", "signing_secret_file"];

/// A configuration as YAML, without what only stands for its state.
pub(crate) fn yaml(of: &json::Configuration) -> Result<String, Failure> {
    let bare = json::Configuration { etag: None, ..of.clone() };
    Ok(serde_saphyr::to_string(&bare).context("cannot write YAML")?)
}

impl Document {
    /// What was exported, and for each whether a token is held.
    pub(crate) fn of(from: v1::ExportConfigurationResponse) -> (Self, Vec<bool>) {
        let held = from.integrations.iter().map(|it| it.has_token).collect();
        let integrations = from.integrations.into_iter().map(|one| {
            let one = json::Configuration::from(one);
            json::Configuration { etag: None, ..one }
        });
        (Self { org: from.org, integrations: integrations.collect() }, held)
    }

    /// The document as YAML, with a word on the secrets.
    pub(crate) fn written(&self, held: &[bool]) -> Result<String, Failure> {
        let text = serde_saphyr::to_string(self).context("cannot write YAML")?;
        let mut lines =
            vec!["# No secret is written out; what is held stays when this is applied.".to_owned()];
        let mut nth = 0;
        for line in text.lines() {
            lines.push(line.to_owned());
            if line.trim_start().starts_with("base_url:") {
                if let Some(integration) = self.integrations.get(nth) {
                    let indent = line.len() - line.trim_start().len();
                    let held = if held.get(nth) == Some(&true) { "held" } else { "not held yet" };
                    let variable = integration.handle.to_uppercase().replace('-', "_");
                    let comment = format!("# token_env: {variable}_TOKEN  # its token is {held}");
                    lines.push(format!("{}{comment}", " ".repeat(indent)));
                }
                nth += 1;
            }
        }
        Ok(lines.join("\n") + "\n")
    }
}

/// Reads a document, and the secrets that it names.
pub(crate) fn read(path: &Path) -> Result<Read, Failure> {
    let name = path.display();
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin().lock())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("cannot read {name}"))?;
    parse(&text).map_err(|problems| {
        Failure::Usage(format!("{name} cannot be used:\n  {}", problems.join("\n  ")))
    })
}

fn parse(text: &str) -> Result<Read, Vec<String>> {
    let value: Value =
        serde_saphyr::from_str(text).map_err(|error| vec![format!("it is no YAML: {error}")])?;
    let wrong = keys::check(&value);
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let org = value.get("org").and_then(Value::as_str).map(str::to_owned);
    let all = value.get("integrations").and_then(Value::as_array).cloned().unwrap_or_default();
    let (mut integrations, mut wrong) = (Vec::new(), Vec::new());
    for (place, one) in all.into_iter().enumerate() {
        let path = keys::named(&one, place);
        match integration(one) {
            Ok(one) => integrations.push(one),
            Err(problems) => wrong.extend(problems.into_iter().map(|told| told.below(&path))),
        }
    }
    if integrations.is_empty() && wrong.is_empty() {
        wrong
            .push("integrations: names none; im export writes a document to begin with".to_owned());
    }
    if wrong.is_empty() { Ok(Read { org, integrations }) } else { Err(wrong) }
}

/// What is wrong with an integration, and where.
enum Problem {
    /// Below the integration.
    Within(String, String),
    /// By its whole path.
    At(String, String),
    /// With a secret that it names.
    Secret(String),
}

impl Problem {
    fn below(self, path: &str) -> String {
        match self {
            Self::Within(place, told) if place == "." => format!("{path}: {told}"),
            Self::Within(place, told) => format!("{path}.{place}: {told}"),
            Self::At(path, told) => format!("{path}: {told}"),
            Self::Secret(told) => format!("{path}: {told}"),
        }
    }
}

fn integration(mut value: Value) -> Result<v1::Configuration, Vec<Problem>> {
    let mut named = serde_json::Map::new();
    if let Some(members) = value.as_object_mut() {
        for key in SECRETS {
            named.extend(members.remove(key).map(|held| (key.to_owned(), held)));
        }
    }
    let within = |error: serde_path_to_error::Error<serde_json::Error>| {
        vec![Problem::Within(error.path().to_string(), error.inner().to_string())]
    };
    let secrets: Secrets =
        serde_path_to_error::deserialize(Value::Object(named)).map_err(within)?;
    let configuration: json::Configuration =
        serde_path_to_error::deserialize(value).map_err(within)?;
    let configuration = v1::Configuration::try_from(configuration);
    let mut configuration = configuration.map_err(|all| {
        all.into_iter().map(|(path, told)| Problem::At(path, told)).collect::<Vec<_>>()
    })?;
    let given = secrets.given().map_err(|failure| vec![Problem::Secret(failure)])?;
    configuration.credentials = Some(given);
    Ok(configuration)
}

impl Secrets {
    fn given(&self) -> Result<v1::Credentials, String> {
        let told = |failure: Failure| match failure {
            Failure::Usage(told) => told,
            Failure::Other(error) => format!("{error:#}"),
            _ => "the secret cannot be read".to_owned(),
        };
        let one = |what: &str, variable: Option<&String>, file: Option<&PathBuf>| match (
            variable, file,
        ) {
            (None, None) => Ok(String::new()),
            (Some(_), Some(_)) => Err(format!("{what}_env and {what}_file name it twice")),
            (Some(variable), None) => secret::from_variable(variable)
                .map_err(told)
                .and_then(|held| secret::not_our_own(&held)),
            (None, Some(path)) => {
                secret::from_file(path).map_err(told).and_then(|held| secret::not_our_own(&held))
            }
        };
        Ok(v1::Credentials {
            token: one("token", self.token_env.as_ref(), self.token_file.as_ref())?,
            signing_secret: one(
                "signing_secret",
                self.signing_secret_env.as_ref(),
                self.signing_secret_file.as_ref(),
            )?,
        })
    }
}

#[cfg(test)]
mod tests;
