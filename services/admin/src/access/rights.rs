//! The least role for each call. A call that is not in the table can be made by nobody, so that a
//! new one is not open by oversight; a test compares the table with the descriptors.

use tandem_store::tokens::Role;

/// What it takes to make a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Least {
    /// Nothing: probes carry no token.
    Nothing,
    /// A token of this role, or of a later one.
    Role(Role),
    /// A token of this role that opens every organisation.
    Everywhere(Role),
}

const VIEWER: Least = Least::Role(Role::Viewer);
const OPERATOR: Least = Least::Role(Role::Operator);
const ADMIN: Least = Least::Role(Role::Admin);

/// Every call of `tandem.v1` by its service and name.
const CALLS: &[(&str, Least)] = &[
    ("IntegrationService/CreateIntegration", ADMIN),
    ("IntegrationService/GetIntegration", VIEWER),
    ("IntegrationService/ListIntegrations", VIEWER),
    ("IntegrationService/UpdateIntegration", ADMIN),
    ("IntegrationService/DeleteIntegration", ADMIN),
    ("IntegrationService/RotateSigningSecrets", ADMIN),
    ("IntegrationService/ListIgnoredEvents", VIEWER),
    ("ConfigurationService/ExportConfiguration", VIEWER),
    ("ConfigurationService/ApplyConfiguration", ADMIN),
    ("ConfigurationService/ListConfigurationVersions", VIEWER),
    ("ConfigurationService/RollBackConfiguration", ADMIN),
    ("OwnershipService/SetFieldOwnership", ADMIN),
    ("OwnershipService/ListFieldOwnership", VIEWER),
    ("OwnershipService/ResetFieldOwnership", ADMIN),
    ("FieldMappingService/ListFieldMappings", VIEWER),
    ("FieldMappingService/SetFieldMapping", ADMIN),
    ("FieldMappingService/ResetFieldMapping", ADMIN),
    ("FieldMappingService/SetCounterpart", ADMIN),
    ("FieldMappingService/RemoveCounterpart", ADMIN),
    ("ServiceMappingService/AddServiceMapping", ADMIN),
    ("ServiceMappingService/ListServiceMappings", VIEWER),
    ("ServiceMappingService/RemoveServiceMapping", ADMIN),
    ("LinkService/GetLink", VIEWER),
    ("LinkService/ListLinks", VIEWER),
    ("LinkService/WatchLinks", VIEWER),
    ("LinkService/CreateLink", OPERATOR),
    ("LinkService/DeleteLink", OPERATOR),
    ("LinkService/ResyncLink", OPERATOR),
    ("ConflictService/GetConflict", VIEWER),
    ("ConflictService/ListConflicts", VIEWER),
    ("ConflictService/WatchConflicts", VIEWER),
    ("ConflictService/ResolveConflict", OPERATOR),
    ("ConflictService/ResolveConflicts", OPERATOR),
    ("IncidentService/CreateIncident", OPERATOR),
    ("IncidentService/GetIncident", VIEWER),
    ("IncidentService/ListIncidents", VIEWER),
    ("IncidentService/UpdateIncident", OPERATOR),
    ("IncidentService/WatchIncidents", VIEWER),
    ("IncidentService/AddNote", OPERATOR),
    ("IncidentService/EscalateIncident", OPERATOR),
    ("IncidentService/PageResponders", OPERATOR),
    ("IncidentService/ListTimeline", VIEWER),
    ("AuditService/ListDecisions", VIEWER),
    ("AuditService/ExplainIncident", VIEWER),
    ("AuditService/VerifyAudit", VIEWER),
    // It names who holds which token.
    ("AuditService/ListAdminAudit", ADMIN),
    ("DeadLetterService/GetDeadLetter", VIEWER),
    ("DeadLetterService/ListDeadLetters", VIEWER),
    ("DeadLetterService/ListDeadLetterGroups", VIEWER),
    ("DeadLetterService/WatchDeadLetters", VIEWER),
    ("DeadLetterService/ReplayDeadLetter", OPERATOR),
    ("DeadLetterService/ReplayDeadLetters", OPERATOR),
    ("DeadLetterService/GetReplay", VIEWER),
    ("DeadLetterService/DiscardDeadLetter", OPERATOR),
    ("OnCallService/ListOnCall", VIEWER),
    ("DirectoryService/ListUsers", VIEWER),
    ("DirectoryService/ListServices", VIEWER),
    ("DirectoryService/ListEscalationPolicies", VIEWER),
    ("DirectoryService/ListPriorities", VIEWER),
    ("StatusService/GetSyncStatus", VIEWER),
    ("StatusService/ListSyncStatus", VIEWER),
    // It spends the integration's budget of calls.
    ("StatusService/TestIntegration", OPERATOR),
    // It spends the integration's budget of calls.
    ("PlanService/CreatePlan", OPERATOR),
    ("PlanService/GetPlan", VIEWER),
    ("PlanService/ListPlanLines", VIEWER),
    // It changes many things at once, and may wake people.
    ("PlanService/ApplyPlan", ADMIN),
    ("TokenService/CreateToken", ADMIN),
    ("TokenService/ListTokens", ADMIN),
    ("TokenService/RevokeToken", ADMIN),
    // The keys seal the secrets of all.
    ("KeyService/ListKeys", Least::Everywhere(Role::Admin)),
    ("KeyService/RotateKeys", Least::Everywhere(Role::Admin)),
];

/// What it takes to make the call at this path of the gRPC port; none where there is no such call.
pub(crate) fn of_path(path: &str) -> Option<Least> {
    let path = path.strip_prefix('/')?;
    match path.split_once('/')?.0 {
        "grpc.health.v1.Health" => Some(Least::Nothing),
        "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection" => {
            Some(VIEWER)
        }
        _ => of(path.strip_prefix("tandem.v1.")?),
    }
}

/// What it takes to make a call of `tandem.v1`, such as `LinkService/GetLink`.
pub(crate) fn of(call: &str) -> Option<Least> {
    CALLS.iter().find(|(known, _)| *known == call).map(|(_, least)| *least)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rest;

    #[test]
    fn every_call_of_the_contract_has_its_least_role_and_nothing_else_has() {
        let contract: BTreeSet<String> = tandem_proto::calls().into_iter().collect();
        let known: BTreeSet<String> = CALLS.iter().map(|(call, _)| (*call).to_owned()).collect();
        assert_eq!(known, contract);
        assert_eq!(known.len(), CALLS.len(), "each once");
    }

    #[test]
    fn what_is_not_in_the_table_is_not_there() {
        for path in ["", "/", "/x", "/tandem.v1.LinkService", "/tandem.v1.LinkService/Get", "//"] {
            assert_eq!(of_path(path), None, "{path:?}");
        }
        assert_eq!(of_path("/grpc.health.v1.Health/Check"), Some(Least::Nothing));
        assert_eq!(of_path("/tandem.v1.LinkService/GetLink"), Some(VIEWER));
    }

    #[test]
    fn every_address_of_the_rest_api_is_a_call() {
        for (method, path, call) in rest::SERVED {
            assert!(of(call).is_some(), "{method} {path}: {call}");
        }
    }
}
