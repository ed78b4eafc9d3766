//! From a refusal to a gRPC status: the one place that chooses codes and details.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::refusal::Refusal;

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.log();
        let mut details = ErrorDetails::new();
        let code = match &refusal {
            Refusal::Unauthenticated { .. } => Code::Unauthenticated,
            Refusal::Forbidden { kind, .. } => {
                details.set_error_info(*kind, "tandem", HashMap::new());
                Code::PermissionDenied
            }
            Refusal::Invalid(violations) => {
                for violation in violations {
                    details.add_bad_request_violation(&violation.field, &violation.problem);
                }
                Code::InvalidArgument
            }
            Refusal::Unknown { noun, name } => {
                details.set_resource_info(*noun, name, "", "there is none");
                Code::NotFound
            }
            Refusal::NotAmong { noun, name, .. } => {
                details.set_resource_info(*noun, name, "", "there are others");
                Code::NotFound
            }
            Refusal::Exists { noun, name, way_out } => {
                details.set_resource_info(*noun, name, "", way_out);
                Code::AlreadyExists
            }
            Refusal::Stale { noun, name } => {
                details.set_resource_info(*noun, name, "", "its etag is another one by now");
                Code::Aborted
            }
            Refusal::Settled { noun, name, state } => {
                details.add_precondition_failure_violation(
                    *state,
                    name,
                    format!("this {noun} is {state}"),
                );
                Code::FailedPrecondition
            }
            Refusal::Precluded { kind, name, message } => {
                details.add_precondition_failure_violation(*kind, name, message);
                Code::FailedPrecondition
            }
            Refusal::Unavailable { .. } | Refusal::Unanswered { .. } => Code::Unavailable,
            Refusal::Broken { .. } => Code::Internal,
        };
        Self::with_error_details(code, refusal.to_string(), details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_reaches_the_client() {
        let status = Status::from(Refusal::invalid("rate_limit", "must be 1 to 960"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let bad = status.get_details_bad_request().unwrap();
        assert_eq!(bad.field_violations[0].field, "rate_limit");
        assert_eq!(bad.field_violations[0].description, "must be 1 to 960");
    }

    #[test]
    fn what_is_missing_is_named() {
        let status = Status::from(Refusal::unknown("integration", "prod-pd"));
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.message(), "there is no integration \"prod-pd\"");
        assert_eq!(status.get_details_resource_info().unwrap().resource_name, "prod-pd");
    }

    #[test]
    fn a_cause_stays_in_the_log() {
        let source = Box::from("password authentication failed for user x");
        let status = Status::from(Refusal::Unavailable { what: "the database", source });
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "the database is not available: try again");
    }
}
