//! What an external account has, and how integrations are doing.

use tandem_proto::v1;

use super::{NO_ORG, READS, none, org, sim};
use crate::calls::case::{
    Case,
    Leave::{Operator, Viewer},
    case,
};

pub(super) fn cases() -> Vec<Case> {
    let mut all = accounts();
    all.extend(standing());
    all
}

fn accounts() -> Vec<Case> {
    let on_call =
        |integration| v1::ListOnCallRequest { org: org(), integration, ..Default::default() };
    let users = |integration| v1::ListUsersRequest { org: org(), integration, fresh: false };
    let services = |integration| v1::ListServicesRequest { org: org(), integration, fresh: false };
    let policies =
        |integration| v1::ListEscalationPoliciesRequest { org: org(), integration, fresh: false };
    let priorities =
        |integration| v1::ListPrioritiesRequest { org: org(), integration, fresh: false };
    vec![
        case("OnCallService/ListOnCall", Viewer, &on_call(sim()))
            .bad("integration", &on_call(String::new()))
            .unknown(&on_call(none()))
            .never_late(READS),
        case("DirectoryService/ListUsers", Viewer, &users(sim()))
            .bad("integration", &users(String::new()))
            .unknown(&users(none()))
            .never_late(READS),
        case("DirectoryService/ListServices", Viewer, &services(sim()))
            .bad("integration", &services(String::new()))
            .unknown(&services(none()))
            .never_late(READS),
        case("DirectoryService/ListEscalationPolicies", Viewer, &policies(sim()))
            .bad("integration", &policies(String::new()))
            .unknown(&policies(none()))
            .never_late(READS),
        case("DirectoryService/ListPriorities", Viewer, &priorities(sim()))
            .bad("integration", &priorities(String::new()))
            .unknown(&priorities(none()))
            .never_late(READS),
    ]
}

fn standing() -> Vec<Case> {
    let one = |integration| v1::GetSyncStatusRequest { org: org(), integration };
    let all = |org: &str| v1::ListSyncStatusRequest { org: org.to_owned() };
    let test = |integration| v1::TestIntegrationRequest { org: org(), integration };
    vec![
        case("StatusService/GetSyncStatus", Viewer, &one(sim()))
            .bad("integration", &one(String::new()))
            .unknown(&one(none()))
            .never_late(READS),
        case("StatusService/ListSyncStatus", Viewer, &all("demo"))
            .bad("org", &all(NO_ORG))
            .no_unknown("all are meant")
            .never_late(READS),
        case("StatusService/TestIntegration", Operator, &test(sim()))
            .bad("integration", &test(String::new()))
            .unknown(&test(none()))
            .never_late("it changes nothing"),
    ]
}
