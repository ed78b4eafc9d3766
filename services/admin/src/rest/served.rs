//! Which call each address stands for; an address that is not in the table is not served.

use axum::http::Method;

/// Method, address as routed, and the call.
pub(crate) const SERVED: &[(&str, &str, &str)] = &[
    ("GET", "/api/v1/integrations", "IntegrationService/ListIntegrations"),
    ("POST", "/api/v1/integrations", "IntegrationService/CreateIntegration"),
    ("GET", "/api/v1/integrations/{integration}", "IntegrationService/GetIntegration"),
    ("PATCH", "/api/v1/integrations/{integration}", "IntegrationService/UpdateIntegration"),
    ("DELETE", "/api/v1/integrations/{integration}", "IntegrationService/DeleteIntegration"),
    (
        "POST",
        "/api/v1/integrations/{integration}/rotate-secrets",
        "IntegrationService/RotateSigningSecrets",
    ),
    (
        "GET",
        "/api/v1/integrations/{integration}/field-ownership",
        "OwnershipService/ListFieldOwnership",
    ),
    (
        "PUT",
        "/api/v1/integrations/{integration}/field-ownership/{field}",
        "OwnershipService/SetFieldOwnership",
    ),
    (
        "DELETE",
        "/api/v1/integrations/{integration}/field-ownership/{field}",
        "OwnershipService/ResetFieldOwnership",
    ),
    (
        "GET",
        "/api/v1/integrations/{integration}/field-mappings",
        "FieldMappingService/ListFieldMappings",
    ),
    (
        "PATCH",
        "/api/v1/integrations/{integration}/field-mappings/{field}",
        "FieldMappingService/SetFieldMapping",
    ),
    (
        "DELETE",
        "/api/v1/integrations/{integration}/field-mappings/{field}",
        "FieldMappingService/ResetFieldMapping",
    ),
    (
        "PUT",
        "/api/v1/integrations/{integration}/field-mappings/{field}/counterparts/{platform}",
        "FieldMappingService/SetCounterpart",
    ),
    (
        "DELETE",
        "/api/v1/integrations/{integration}/field-mappings/{field}/counterparts/{platform}",
        "FieldMappingService/RemoveCounterpart",
    ),
    (
        "GET",
        "/api/v1/integrations/{integration}/service-mappings",
        "ServiceMappingService/ListServiceMappings",
    ),
    (
        "PUT",
        "/api/v1/integrations/{integration}/service-mappings/{service}",
        "ServiceMappingService/AddServiceMapping",
    ),
    (
        "DELETE",
        "/api/v1/integrations/{integration}/service-mappings/{service}",
        "ServiceMappingService/RemoveServiceMapping",
    ),
    ("GET", "/api/v1/incidents", "IncidentService/ListIncidents"),
    ("POST", "/api/v1/incidents", "IncidentService/CreateIncident"),
    ("GET", "/api/v1/incidents/{incident}", "IncidentService/GetIncident"),
    ("PATCH", "/api/v1/incidents/{incident}", "IncidentService/UpdateIncident"),
    ("GET", "/api/v1/incidents/{incident}/timeline", "IncidentService/ListTimeline"),
    ("POST", "/api/v1/incidents/{incident}/notes", "IncidentService/AddNote"),
    ("GET", "/api/v1/integrations/{integration}/ignored", "IntegrationService/ListIgnoredEvents"),
    ("GET", "/api/v1/integrations/{integration}/oncall", "OnCallService/ListOnCall"),
    ("GET", "/api/v1/integrations/{integration}/users", "DirectoryService/ListUsers"),
    ("GET", "/api/v1/integrations/{integration}/services", "DirectoryService/ListServices"),
    (
        "GET",
        "/api/v1/integrations/{integration}/escalation-policies",
        "DirectoryService/ListEscalationPolicies",
    ),
    ("GET", "/api/v1/integrations/{integration}/priorities", "DirectoryService/ListPriorities"),
    ("GET", "/api/v1/integrations/{integration}/sync-status", "StatusService/GetSyncStatus"),
    ("POST", "/api/v1/integrations/{integration}/test", "StatusService/TestIntegration"),
    ("POST", "/api/v1/integrations/{integration}/plans", "PlanService/CreatePlan"),
    ("GET", "/api/v1/integrations/{integration}/plans/newest", "PlanService/GetPlan"),
    ("GET", "/api/v1/plans/{plan}", "PlanService/GetPlan"),
    ("GET", "/api/v1/plans/{plan}/lines", "PlanService/ListPlanLines"),
    ("POST", "/api/v1/plans/{plan}/apply", "PlanService/ApplyPlan"),
    (
        "GET",
        "/api/v1/integrations/{integration}/versions",
        "ConfigurationService/ListConfigurationVersions",
    ),
    (
        "POST",
        "/api/v1/integrations/{integration}/rollback",
        "ConfigurationService/RollBackConfiguration",
    ),
    ("GET", "/api/v1/configuration", "ConfigurationService/ExportConfiguration"),
    ("POST", "/api/v1/configuration", "ConfigurationService/ApplyConfiguration"),
    ("GET", "/api/v1/tokens", "TokenService/ListTokens"),
    ("POST", "/api/v1/tokens", "TokenService/CreateToken"),
    ("POST", "/api/v1/tokens/{token}/revoke", "TokenService/RevokeToken"),
    ("GET", "/api/v1/keys", "KeyService/ListKeys"),
    ("POST", "/api/v1/keys/rotate", "KeyService/RotateKeys"),
    ("GET", "/api/v1/status", "StatusService/ListSyncStatus"),
    ("GET", "/api/v1/dead-letters", "DeadLetterService/ListDeadLetters"),
    ("GET", "/api/v1/dead-letters/groups", "DeadLetterService/ListDeadLetterGroups"),
    ("POST", "/api/v1/dead-letters/replay", "DeadLetterService/ReplayDeadLetters"),
    ("GET", "/api/v1/dead-letters/{dead_letter}", "DeadLetterService/GetDeadLetter"),
    ("POST", "/api/v1/dead-letters/{dead_letter}/replay", "DeadLetterService/ReplayDeadLetter"),
    ("POST", "/api/v1/dead-letters/{dead_letter}/discard", "DeadLetterService/DiscardDeadLetter"),
    ("GET", "/api/v1/replays/{replay}", "DeadLetterService/GetReplay"),
    ("GET", "/api/v1/conflicts", "ConflictService/ListConflicts"),
    ("POST", "/api/v1/conflicts/resolve", "ConflictService/ResolveConflicts"),
    ("GET", "/api/v1/conflicts/{conflict}", "ConflictService/GetConflict"),
    ("POST", "/api/v1/conflicts/{conflict}/resolve", "ConflictService/ResolveConflict"),
    ("GET", "/api/v1/links", "LinkService/ListLinks"),
    ("POST", "/api/v1/links", "LinkService/CreateLink"),
    ("GET", "/api/v1/links/{link}", "LinkService/GetLink"),
    ("DELETE", "/api/v1/links/{link}", "LinkService/DeleteLink"),
    ("POST", "/api/v1/links/{link}/resync", "LinkService/ResyncLink"),
    ("GET", "/api/v1/decisions", "AuditService/ListDecisions"),
    ("GET", "/api/v1/audit/verify", "AuditService/VerifyAudit"),
    ("GET", "/api/v1/audit/admin", "AuditService/ListAdminAudit"),
    ("GET", "/api/v1/incidents/{incident}/explain", "AuditService/ExplainIncident"),
    ("POST", "/api/v1/incidents/{incident}/escalate", "IncidentService/EscalateIncident"),
    ("POST", "/api/v1/incidents/{incident}/page", "IncidentService/PageResponders"),
];

/// The call that a request stands for; none where there is none.
pub(crate) fn call(method: &Method, path: &str) -> Option<&'static str> {
    named(method.as_str(), path)
}

/// The same for a method by its name.
pub(super) fn named(method: &str, path: &str) -> Option<&'static str> {
    let is_it = |served: &&(&str, &str, &str)| served.0 == method && served.1 == path;
    SERVED.iter().find(is_it).map(|(_, _, call)| *call)
}

/// The methods that an address takes.
pub(crate) fn allowed(path: &str) -> String {
    let methods = SERVED.iter().filter(|served| served.1 == path).map(|served| served.0);
    let mut methods: Vec<&str> = methods.collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}
