//! Owns what PagerDuty refuses and in which words: HTTP status, code, message, errors.
//!
//! Texts seen in the wild are used to the letter; the README says which ones are guesses.

use serde_json::{Value, json};

use crate::knobs::Behaviour;

/// A refused call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Invalid Input Provided")]
    Invalid(Vec<String>),
    #[error("Arguments Caused Error")]
    Arguments(String),
    #[error("Incident Already Resolved")]
    AlreadyResolved,
    #[error("Incident Already Acknowledged")]
    AlreadyAcknowledged,
    #[error("Invalid Status Provided")]
    InvalidStatus,
    #[error("Cannot Escalate")]
    CannotEscalate,
    #[error("Assigned To User Not Found")]
    AssigneeNotFound,
    #[error("Requester User Not Found")]
    RequesterNotFound,
    #[error("Requester Not Authorized")]
    RequesterNotAuthorized,
    #[error("Incident Not Acknowledged")]
    NotAcknowledged,
    #[error("Snooze Duration Invalid")]
    SnoozeDuration,
    #[error("Escalation Policy Not Found")]
    PolicyNotFound,
    #[error("Escalation Policy Has Nobody On Call")]
    NobodyOnCall,
    #[error("Incident Already Merged")]
    AlreadyMerged,
    #[error("Invalid Priority Provided")]
    InvalidPriority,
    #[error("Malformed \"From\" header")]
    MalformedFrom,
    #[error(
        "You must specify a user's email address in the \"From\" header to perform this action"
    )]
    MissingFrom,
    #[error("Authentication failed")]
    Unauthenticated,
    #[error("Access Denied")]
    AccessDenied,
    #[error("Missing Account Ability")]
    MissingAbility,
    #[error("Invalid Operation")]
    InvalidOperation,
    #[error("Not Found")]
    NotFound,
    #[error("Incident Not Found")]
    IncidentNotFound,
    #[error("Escalation Policy Not Found")]
    NoSuchPolicy,
    #[error("Log Entry Not Found")]
    NoSuchLogEntry,
    #[error("Service Not Found")]
    NoSuchService,
    #[error("Team Not Found")]
    NoSuchTeam,
    #[error("Schedule Not Found")]
    NoSuchSchedule,
    #[error("Too Many Incidents")]
    TooMany,
    #[error("Subscription Limit Exceeded")]
    SubscriptionLimit,
    #[error("Rate Limit Exceeded")]
    RateLimited,
    #[error(
        "Because this request was made using an account-level access token, we were unable to \
         determine the user's identity. Please use a user-level token."
    )]
    NoUser,
}

impl Refusal {
    /// Refuses as invalid input for one reason.
    pub(crate) fn invalid(error: &str) -> Self {
        Self::Invalid(vec![error.to_owned()])
    }

    /// Status and body of the answer to a call of this path.
    pub(crate) fn answer(&self, knobs: &Behaviour, path: &str) -> (u16, Value) {
        let status = match self {
            Self::AlreadyResolved | Self::AlreadyAcknowledged => knobs.repeated_status,
            _ => self.status(),
        };
        if knobs.subscription_errors_odd && path.starts_with("/webhook_subscriptions") {
            return (status, self.odd());
        }
        (status, self.body())
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::MissingAbility => 402,
            Self::AccessDenied | Self::RequesterNotAuthorized => 403,
            Self::NotFound
            | Self::IncidentNotFound
            | Self::NoSuchPolicy
            | Self::NoSuchLogEntry
            | Self::NoSuchService
            | Self::NoSuchTeam
            | Self::NoSuchSchedule => 404,
            Self::TooMany => 413,
            Self::RateLimited => 429,
            _ => 400,
        }
    }

    fn code(&self) -> u16 {
        match self {
            Self::AlreadyResolved => 1001,
            Self::AlreadyAcknowledged => 1002,
            Self::InvalidStatus => 1003,
            Self::CannotEscalate => 1006,
            Self::AssigneeNotFound => 1007,
            Self::RequesterNotFound => 1008,
            Self::NotAcknowledged => 1012,
            Self::SnoozeDuration => 1013,
            Self::PolicyNotFound => 1014,
            Self::NobodyOnCall => 1015,
            Self::RequesterNotAuthorized => 1018,
            Self::AlreadyMerged => 1019,
            Self::InvalidPriority => 1020,
            Self::MalformedFrom => 1028,
            Self::Invalid(_) | Self::NoUser | Self::TooMany => 2001,
            Self::Arguments(_) => 2002,
            Self::Unauthenticated => 2006,
            Self::AccessDenied => 2010,
            Self::MissingAbility => 2014,
            Self::InvalidOperation => 2015,
            Self::MissingFrom => 2016,
            Self::SubscriptionLimit => 2019,
            Self::RateLimited => 2020,
            Self::NotFound => 2100,
            Self::NoSuchSchedule => 3004,
            Self::IncidentNotFound | Self::NoSuchPolicy | Self::NoSuchLogEntry => 5001,
            Self::NoSuchService => 5002,
            Self::NoSuchTeam => 6001,
        }
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        let (code, message) = (self.code(), self.to_string());
        match self {
            Self::NoUser => json!({ "error": message }),
            Self::SubscriptionLimit => self.odd(),
            Self::Invalid(errors) => {
                json!({ "error": { "message": message, "code": code, "errors": errors } })
            }
            Self::Arguments(error) => {
                json!({ "error": { "message": message, "code": code, "errors": [error] } })
            }
            _ => json!({ "error": { "message": message, "code": code } }),
        }
    }

    /// Not the usual shape: this is how a refusal about subscriptions was seen in the wild.
    fn odd(&self) -> Value {
        json!({ "errors": { "code": self.code(), "detail": self.to_string() } })
    }
}

/// What PagerDuty's documentation says a code means; faults answer with it.
pub(crate) fn meaning(code: u16) -> &'static str {
    match code {
        1001 => "Incident Already Resolved",
        1002 => "Incident Already Acknowledged",
        1003 => "Invalid Status Provided",
        1004 => "Invalid ID Provided",
        1005 => "Data Updated Since Last Request",
        1006 => "Cannot Escalate",
        1007 => "Assigned To User Not Found",
        1008 => "Requester User Not Found",
        1011 => "Cannot Process Reassign Action",
        1012 => "Incident Not Acknowledged",
        1013 => "Snooze Duration Invalid",
        1014 => "Escalation Policy Not Found",
        1015 => "Escalation Policy Has Nobody On Call",
        1018 => "Requester Not Authorized",
        1019 => "Incident Already Merged",
        1020 => "Invalid Priority Provided",
        2001 => "Invalid Input Provided",
        2002 => "Arguments Caused Error",
        2003 => "Missing Arguments",
        2004 => "Invalid Times",
        2005 => "Invalid Date Range",
        2006 => "Authentication failed",
        2008 => "Account Locked",
        2009 => "Only HTTPS Requests Accepted",
        2010 => "Access Denied",
        2011 => "The Action Requires a requester_id",
        2012 => "Account Expired",
        2013 => "User Not Found",
        2014 => "Missing Account Ability",
        2015 => "Invalid Operation",
        2016 => "The Request Took Too Long to Process",
        2018 => "Access Denied: May Have Lost Access at Resolve",
        2019 => "Product Limit Reached",
        2020 => "Rate Limit Exceeded",
        2100 => "Not Found",
        3001 => "Schedule Invalid",
        3004 => "Schedule Not Found",
        5001 => "Incident Not Found",
        5002 => "Service Not Found",
        6001 => "Team Not Found",
        _ => "Something went wrong on our side",
    }
}
