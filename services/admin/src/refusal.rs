//! Why admin does not do what it is asked, in no protocol's words.
//!
//! [`crate::status`] turns it into gRPC, [`crate::rest`] into HTTP; everything else only makes one.
//! A refusal says what to do next wherever that is known, and never carries a secret.

use std::error::Error as StdError;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows who is calling.
    #[error("{problem}")]
    Unauthenticated {
        /// Why not, and what to do, in words for people.
        problem: String,
    },
    /// Whoever is calling may not do this.
    #[error("{message}")]
    Forbidden {
        /// What they lack, for programs.
        kind: &'static str,
        /// What they lack, in words for people.
        message: String,
    },
    /// Fields of the request cannot be used.
    #[error("the request is not valid")]
    Invalid(Vec<Violation>),
    /// There is no such thing.
    #[error("there is no {noun} {name:?}")]
    Unknown {
        /// What kind of thing it would be.
        noun: &'static str,
        /// What it was asked for by.
        name: String,
    },
    /// There is no such thing, and few enough to name them all.
    #[error("there is no {noun} {name:?}: {}", among(there))]
    NotAmong {
        /// What kind of thing it would be.
        noun: &'static str,
        /// What it was asked for by.
        name: String,
        /// What there is.
        there: Vec<String>,
    },
    /// There is such a thing already.
    #[error("there is already {noun} {name:?}: {way_out}")]
    Exists {
        /// What kind of thing it is.
        noun: &'static str,
        /// What it was to be called.
        name: String,
        /// What to do instead.
        way_out: String,
    },
    /// The caller saw an older state than the present one.
    #[error("{noun} {name:?} has changed since: read it again and repeat the change")]
    Stale {
        /// What kind of thing it is.
        noun: &'static str,
        /// Which one.
        name: String,
    },
    /// It was dealt with before, and can be dealt with once only.
    #[error("{noun} {name:?} is {state} already")]
    Settled {
        /// What kind of thing it is.
        noun: &'static str,
        /// Which one.
        name: String,
        /// What it is by now.
        state: &'static str,
    },
    /// As things stand it cannot be done; the message says why, and what would help.
    #[error("{message}")]
    Precluded {
        /// What kind of obstacle it is, for programs.
        kind: &'static str,
        /// What it was to be done to.
        name: String,
        /// Why not, in words for people.
        message: String,
    },
    /// Something that admin needs cannot be reached; the same request may work later.
    #[error("{what} is not available: try again")]
    Unavailable {
        /// What cannot be reached.
        what: &'static str,
        /// Why, for the log.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Somebody who was to be asked gives no answer; the message says why, and what would help.
    #[error("{message}")]
    Unanswered {
        /// Why not, in words for people.
        message: String,
    },
    /// Something is wrong with admin or its data.
    #[error("{what}: see the log of admin")]
    Broken {
        /// What could not be done.
        what: &'static str,
        /// Why, for the log.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

/// What there is, in words.
fn among(there: &[String]) -> String {
    match there {
        [] => "there is none".to_owned(),
        there => format!("there are {}", there.join(", ")),
    }
}

/// A field that cannot be used, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The field's path in the request.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl Violation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl Refusal {
    /// One field cannot be used.
    pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, problem)])
    }

    /// There is no `noun` called `name`.
    pub fn unknown(noun: &'static str, name: impl Into<String>) -> Self {
        Self::Unknown { noun, name: name.into() }
    }

    /// Logs what only an operator can help with; called once, where the answer is made.
    pub(crate) fn log(&self) {
        match self {
            Self::Unavailable { what, source } => {
                tracing::warn!(
                    what,
                    error = tandem_runtime::process::chain(source.as_ref()),
                    "unavailable"
                );
            }
            Self::Broken { what, source } => {
                tracing::error!(
                    what,
                    error = tandem_runtime::process::chain(source.as_ref()),
                    "failed"
                );
            }
            Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::Invalid(_)
            | Self::Unknown { .. }
            | Self::Exists { .. }
            | Self::Stale { .. }
            | Self::Settled { .. }
            | Self::NotAmong { .. }
            | Self::Unanswered { .. }
            | Self::Precluded { .. } => {}
        }
    }
}

/// Gathers the violations of a request, so that its author hears of all of them at once.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    violations: Vec<Violation>,
}

impl Checks {
    /// Takes the value, or notes why there is none.
    pub(crate) fn take<T, E: ToString>(&mut self, field: &str, checked: Result<T, E>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(problem) => {
                self.violations.push(Violation::new(field, problem.to_string()));
                None
            }
        }
    }

    /// Notes a violation.
    pub(crate) fn refuse(&mut self, field: &str, problem: impl Into<String>) {
        self.violations.push(Violation::new(field, problem));
    }

    /// Refuses if anything was noted.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.violations.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.violations)) }
    }
}
