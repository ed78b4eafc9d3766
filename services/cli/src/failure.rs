//! What can go wrong, how it is told, and with which exit code: the one place that decides.
//!
//! Codes are stable, because scripts branch on them: 1 failed, 3 not found, 4 conflict,
//! 5 unavailable, 6 not allowed, 64 wrong usage. A message says what to do next wherever that is known.

use std::process::ExitCode;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// Admin could not be reached at this address.
    Unreachable(String),
    /// Admin refused.
    Refused(Box<Status>),
    /// The output could not be written.
    Unwritable(std::io::Error),
    /// Anything else, with its chain of causes.
    Other(anyhow::Error),
}

/// The exit codes of `im`.
const FAILED: u8 = 1;
const NOT_FOUND: u8 = 3;
const CONFLICT: u8 = 4;
const UNAVAILABLE: u8 = 5;
const NOT_ALLOWED: u8 = 6;
const USAGE: u8 = 64;

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl Failure {
    /// Tells the failure on standard error and gives its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("{}", self.told());
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Unreachable(_) => UNAVAILABLE,
            Self::Unwritable(_) | Self::Other(_) => FAILED,
            Self::Refused(status) => match status.code() {
                Code::InvalidArgument | Code::OutOfRange => USAGE,
                Code::NotFound => NOT_FOUND,
                Code::Aborted | Code::AlreadyExists | Code::FailedPrecondition => CONFLICT,
                Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => UNAVAILABLE,
                Code::Unauthenticated | Code::PermissionDenied => NOT_ALLOWED,
                _ => FAILED,
            },
        }
    }

    fn told(&self) -> String {
        match self {
            Self::Usage(message) => format!("error: {message}"),
            Self::Unreachable(url) => format!(
                "error: cannot reach admin at {url}\n\
                 hint: start it, or say where it listens with --admin-url or TANDEM_ADMIN_URL"
            ),
            Self::Unwritable(error) => format!("error: cannot write the output: {error}"),
            Self::Other(error) => format!("error: {error:#}"),
            Self::Refused(status) => refusal(status),
        }
    }
}

/// The server's words, then one line for each field it named.
fn refusal(status: &Status) -> String {
    let mut lines = vec![format!("error: {}", status.message())];
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
    for violation in violations.unwrap_or_default() {
        lines.push(format!("  {}: {}", violation.field, violation.description));
    }
    for link in status.get_details_help().map(|help| help.links).unwrap_or_default() {
        lines.push(format!("hint: {}", link.description));
    }
    lines.join("\n")
}

/// Tells what clap could not parse; help and version are no failures.
pub(crate) fn unparsed(refusal: &clap::Error) -> ExitCode {
    // Nothing is left to tell when even this cannot be printed.
    let printed = refusal.print();
    match (refusal.use_stderr(), printed) {
        (false, Ok(())) => ExitCode::SUCCESS,
        (false, Err(_)) => ExitCode::from(FAILED),
        (true, _) => ExitCode::from(USAGE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn every_named_field_gets_its_line() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("rate_limit", "must be 1 to 960");
        let status =
            Status::with_error_details(Code::InvalidArgument, "the request is not valid", details);
        let failure = Failure::from(status);
        assert_eq!(
            failure.told(),
            "error: the request is not valid\n  rate_limit: must be 1 to 960"
        );
        assert_eq!(failure.code(), USAGE);
    }

    #[test]
    fn exit_codes_follow_the_kind_of_refusal() {
        let code = |code| Failure::from(Status::new(code, "")).code();
        assert_eq!(code(Code::NotFound), NOT_FOUND);
        assert_eq!(code(Code::Aborted), CONFLICT);
        assert_eq!(code(Code::AlreadyExists), CONFLICT);
        assert_eq!(code(Code::Unavailable), UNAVAILABLE);
        assert_eq!(code(Code::Unauthenticated), NOT_ALLOWED);
        assert_eq!(code(Code::PermissionDenied), NOT_ALLOWED);
        assert_eq!(code(Code::Internal), FAILED);
        assert_eq!(Failure::Unreachable(String::new()).code(), UNAVAILABLE);
    }
}
