//! The fields that are kept in step, and what values each of them takes on the platform.

use std::{fmt, str::FromStr};

use arrayvec::ArrayString;
use serde::{Deserialize, Serialize};

/// A platform value of a field. `None` is "empty", a value like any other; a field that was not
/// seen at all is absent from its map instead.
pub type Value = Option<String>;

/// A field of an incident that can have a counterpart in an external system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Field {
    /// One line that says what is wrong.
    Title,
    /// The longer text.
    Description,
    /// How bad it is: `SEV-1` (worst) to `SEV-4`.
    Severity,
    /// Where it stands: `open`, `mitigated`, `resolved` or `closed`.
    Status,
    /// Who works on it.
    AssignedTo,
    /// Who is called, and in which order.
    EscalationPolicy,
    /// A free label, `label.<name>` in JSON and on the command line.
    Label(LabelName),
}

/// The name of a label: 1 to 63 printable ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabelName {
    text: ArrayString<LABEL_NAME_MAX>,
}

/// The longest name of a label, in characters.
pub const LABEL_NAME_MAX: usize = 63;
/// The longest value of a label, in characters.
pub const LABEL_VALUE_MAX: usize = 256;

impl LabelName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

impl From<LabelName> for String {
    fn from(name: LabelName) -> Self {
        name.as_str().to_owned()
    }
}

impl TryFrom<String> for LabelName {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        text.parse()
    }
}

impl FromStr for LabelName {
    type Err = NotAField;

    fn from_str(text: &str) -> Result<Self, NotAField> {
        let printable = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        match ArrayString::from(text) {
            Ok(text) if printable => Ok(Self { text }),
            _ => Err(NotAField { text: clip(text) }),
        }
    }
}

/// Why a value does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Unfit {
    /// The field in question.
    pub field: Field,
    /// What is wrong with the value, and what would be right.
    pub problem: String,
}

/// The longest title, in characters. PagerDuty documents none; its Events API stops at 1024.
pub const TITLE_MAX: usize = 1024;
/// The longest of the other texts, in bytes: a webhook's guaranteed size (56,320) bounds them too.
pub const TEXT_MAX: usize = 48 * 1024;

impl Field {
    /// Every field but the labels, in the order people read them.
    pub const ALL: [Self; 6] = [
        Self::Title,
        Self::Description,
        Self::Severity,
        Self::Status,
        Self::AssignedTo,
        Self::EscalationPolicy,
    ];

    /// Its name in protos, tables, subjects and on the command line; a label's is its own.
    pub fn name(&self) -> &str {
        match self {
            Self::Title => "title",
            Self::Description => "description",
            Self::Severity => "severity",
            Self::Status => "status",
            Self::AssignedTo => "assigned_to",
            Self::EscalationPolicy => "escalation_policy",
            Self::Label(name) => name.as_str(),
        }
    }

    /// Checks a platform value; every value that enters an incident has passed here.
    pub fn check(self, value: Option<&str>) -> Result<(), Unfit> {
        let unfit = |problem: String| Err(Unfit { field: self, problem });
        match (self, value) {
            (Self::Title, None) => unfit("it must not be empty".to_owned()),
            (Self::Title, Some(text)) if text.trim().is_empty() => {
                unfit("it must not be blank".to_owned())
            }
            (Self::Title, Some(text)) if text.chars().count() > TITLE_MAX => {
                unfit(format!("it is longer than {TITLE_MAX} characters"))
            }
            (Self::Severity, value) => one_of(self, value, &SEVERITIES),
            (Self::Status, value) => one_of(self, value, &STATUSES),
            (Self::Label(_), Some(text)) if text.chars().count() > LABEL_VALUE_MAX => {
                unfit(format!("it is longer than {LABEL_VALUE_MAX} characters"))
            }
            (_, Some(text)) if text.len() > TEXT_MAX => {
                unfit(format!("it is longer than {TEXT_MAX} bytes"))
            }
            (_, Some(text)) if text.contains('\0') => {
                unfit("it holds a NUL character, which cannot be stored".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The severities, worst first.
pub const SEVERITIES: [&str; 4] = ["SEV-1", "SEV-2", "SEV-3", "SEV-4"];
/// The statuses, in the order of an incident's life.
pub const STATUSES: [&str; 4] = ["open", "mitigated", "resolved", "closed"];

fn one_of(field: Field, value: Option<&str>, allowed: &[&str]) -> Result<(), Unfit> {
    match value {
        Some(value) if allowed.contains(&value) => Ok(()),
        _ => {
            let given = value.map_or_else(|| "empty".to_owned(), |value| format!("{value:?}"));
            Err(Unfit { field, problem: format!("{given} is not one of {}", allowed.join(", ")) })
        }
    }
}

/// What a label's name is preceded by where it stands among other fields.
const LABEL: &str = "label.";

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(name) => write!(f, "{LABEL}{}", name.as_str()),
            _ => f.pad(self.name()),
        }
    }
}

impl FromStr for Field {
    type Err = NotAField;

    fn from_str(text: &str) -> Result<Self, NotAField> {
        if let Some(name) = text.strip_prefix(LABEL) {
            return name.parse().map(Self::Label);
        }
        Self::ALL
            .into_iter()
            .find(|field| field.name() == text)
            .ok_or_else(|| NotAField { text: clip(text) })
    }
}

impl TryFrom<String> for Field {
    type Error = NotAField;

    fn try_from(text: String) -> Result<Self, NotAField> {
        text.parse()
    }
}

impl From<Field> for String {
    fn from(field: Field) -> Self {
        field.to_string()
    }
}

/// Why a text names no field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a field: use title, description, severity, status, assigned_to, \
     escalation_policy or label.<name> (1 to {LABEL_NAME_MAX} printable ASCII characters)"
)]
pub struct NotAField {
    text: String,
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        for field in Field::ALL {
            assert_eq!(field.name().parse(), Ok(field));
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
        }
        assert!("Title".parse::<Field>().is_err());
        let label: Field = "label.team".parse().unwrap();
        assert_eq!((label.name(), label.to_string()), ("team", "label.team".to_owned()));
        assert_eq!(serde_json::from_str::<Field>("\"label.team\"").unwrap(), label);
        for bad in ["label.", "label.a b", &format!("label.{}", "x".repeat(64))] {
            assert!(bad.parse::<Field>().is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_checked_by_field() {
        assert!(Field::Title.check(Some("Payments fail")).is_ok());
        assert!(Field::Title.check(Some(" ")).is_err());
        assert!(Field::Title.check(Some(&"x".repeat(TITLE_MAX + 1))).is_err());
        assert!(Field::Severity.check(Some("SEV-4")).is_ok());
        let refusal = Field::Severity.check(Some("SEV-9")).unwrap_err().to_string();
        assert_eq!(refusal, "severity: \"SEV-9\" is not one of SEV-1, SEV-2, SEV-3, SEV-4");
        assert!(Field::Status.check(None).is_err());
        assert!(Field::AssignedTo.check(None).is_ok());
        assert!(Field::Description.check(Some("a\0b")).is_err());
    }
}
