//! Integrations and the parts of their configuration, tokens and keys.

use tandem_proto::v1;
use tonic::Code;

use super::{NO_ORG, OLD, READS, mask, none, org, sim};
use crate::calls::{
    case::{
        Case,
        Leave::{Admin, Everywhere, Viewer},
        case,
    },
    scene::Scene,
};

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut all = integrations();
    all.extend(upkeep());
    all.extend(ownership());
    all.extend(field_mappings());
    all.extend(counterparts());
    all.extend(service_mappings());
    all.extend(documents());
    all.extend(tokens(scene));
    all.extend(keys());
    all
}

fn integrations() -> Vec<Case> {
    let create = |name: &str| v1::CreateIntegrationRequest {
        integration: Some(v1::Integration {
            org: org(),
            name: name.to_owned(),
            r#type: "pagerduty".to_owned(),
            base_url: "https://api.pagerduty.com".to_owned(),
            ..Default::default()
        }),
    };
    let get = |integration: String| v1::GetIntegrationRequest { org: org(), integration };
    let list =
        |page_size| v1::ListIntegrationsRequest { org: org(), page_size, ..Default::default() };
    let update = |integration: String, rate_limit, etag: &str| v1::UpdateIntegrationRequest {
        org: org(),
        integration,
        changes: Some(v1::Integration { rate_limit, ..Default::default() }),
        update_mask: Some(mask("rate_limit")),
        etag: etag.to_owned(),
    };
    vec![
        case("IntegrationService/CreateIntegration", Admin, &create("Second"))
            .bad("name", &create(""))
            .no_unknown("it makes one")
            .never_late("it makes one"),
        case("IntegrationService/GetIntegration", Viewer, &get(sim()))
            .bad("integration", &get(String::new()))
            .unknown(&get(none()))
            .never_late(READS),
        case("IntegrationService/ListIntegrations", Viewer, &list(0))
            .bad("page_size", &list(-1))
            .no_unknown("all are meant")
            .never_late(READS),
        case("IntegrationService/UpdateIntegration", Admin, &update(sim(), 600, ""))
            .bad("rate_limit", &update(sim(), 0, ""))
            .unknown(&update(none(), 600, ""))
            .stale(&update(sim(), 600, OLD)),
    ]
}

fn upkeep() -> Vec<Case> {
    let delete = |integration: &str, etag: &str| v1::DeleteIntegrationRequest {
        org: org(),
        integration: integration.to_owned(),
        etag: etag.to_owned(),
    };
    let rotate = |integration: String| v1::RotateSigningSecretsRequest { org: org(), integration };
    let ignored =
        |integration: String, days| v1::ListIgnoredEventsRequest { org: org(), integration, days };
    vec![
        case("IntegrationService/RotateSigningSecrets", Admin, &rotate(sim()))
            .bad("integration", &rotate(String::new()))
            .unknown(&rotate(none()))
            .never_late("new ones are wanted, whatever the present ones are"),
        case("IntegrationService/ListIgnoredEvents", Viewer, &ignored(sim(), 0))
            .bad("days", &ignored(sim(), 91))
            .unknown(&ignored(none(), 0))
            .never_late(READS),
        case("IntegrationService/DeleteIntegration", Admin, &delete("doomed", ""))
            .bad("integration", &delete("", ""))
            .unknown(&delete("no-such", ""))
            .stale(&delete("doomed", OLD)),
    ]
}

fn ownership() -> Vec<Case> {
    let set = |integration: String, owner: v1::Side, etag: &str| v1::SetFieldOwnershipRequest {
        org: org(),
        integration,
        ownership: Some(v1::FieldOwnership {
            field: "title".to_owned(),
            owner: owner.into(),
            priority: 10,
            ..Default::default()
        }),
        etag: etag.to_owned(),
    };
    let list = |integration: String| v1::ListFieldOwnershipRequest { org: org(), integration };
    let reset = |integration: String, field: &str, etag: &str| v1::ResetFieldOwnershipRequest {
        org: org(),
        integration,
        field: field.to_owned(),
        etag: etag.to_owned(),
    };
    let (ours, unsaid) = (v1::Side::Platform, v1::Side::Unspecified);
    vec![
        case("OwnershipService/SetFieldOwnership", Admin, &set(sim(), ours, ""))
            .bad("ownership.owner", &set(sim(), unsaid, ""))
            .unknown(&set(none(), ours, ""))
            .stale(&set(sim(), ours, OLD)),
        case("OwnershipService/ResetFieldOwnership", Admin, &reset(sim(), "title", ""))
            .bad("field", &reset(sim(), "colour", ""))
            .unknown(&reset(none(), "title", ""))
            .stale(&reset(sim(), "title", OLD)),
        case("OwnershipService/ListFieldOwnership", Viewer, &list(sim()))
            .bad("integration", &list(String::new()))
            .unknown(&list(none()))
            .never_late(READS),
    ]
}

fn field_mappings() -> Vec<Case> {
    let list = |integration: String| v1::ListFieldMappingsRequest { org: org(), integration };
    let set = |integration: String, field: &str, etag: &str| v1::SetFieldMappingRequest {
        org: org(),
        integration,
        mapping: Some(v1::FieldMapping {
            field: field.to_owned(),
            external_name: "region_cf".to_owned(),
            ..Default::default()
        }),
        update_mask: Some(mask("external_name")),
        etag: etag.to_owned(),
    };
    let reset = |integration: String, field: &str, etag: &str| v1::ResetFieldMappingRequest {
        org: org(),
        integration,
        field: field.to_owned(),
        etag: etag.to_owned(),
    };
    let label = "label.region";
    vec![
        case("FieldMappingService/ListFieldMappings", Viewer, &list(sim()))
            .bad("integration", &list(String::new()))
            .unknown(&list(none()))
            .never_late(READS),
        case("FieldMappingService/SetFieldMapping", Admin, &set(sim(), label, ""))
            .bad("mapping.field", &set(sim(), "colour", ""))
            .unknown(&set(none(), label, ""))
            .stale(&set(sim(), label, OLD)),
        case("FieldMappingService/ResetFieldMapping", Admin, &reset(sim(), label, ""))
            .bad("field", &reset(sim(), "colour", ""))
            .unknown(&reset(none(), label, ""))
            .stale(&reset(sim(), "severity", OLD)),
    ]
}

fn counterparts() -> Vec<Case> {
    let set = |integration: String, field: &str, etag: &str| v1::SetCounterpartRequest {
        org: org(),
        integration,
        field: field.to_owned(),
        platform: "Dana Whitlock".to_owned(),
        external: "PD4N4QK".to_owned(),
        etag: etag.to_owned(),
    };
    let remove = |platform: &str, field: &str, etag: &str| v1::RemoveCounterpartRequest {
        org: org(),
        integration: sim(),
        field: field.to_owned(),
        platform: platform.to_owned(),
        etag: etag.to_owned(),
    };
    let (field, dana) = ("assigned_to", "Dana Whitlock");
    vec![
        case("FieldMappingService/SetCounterpart", Admin, &set(sim(), field, ""))
            .bad("field", &set(sim(), "title", ""))
            .unknown(&set(none(), field, ""))
            .stale(&set(sim(), field, OLD)),
        case("FieldMappingService/RemoveCounterpart", Admin, &remove(dana, field, ""))
            .bad("field", &remove(dana, "title", ""))
            .unknown(&remove("Nobody", field, ""))
            .stale(&remove(dana, field, OLD)),
    ]
}

fn service_mappings() -> Vec<Case> {
    let add = |integration: String, service: &str, etag: &str| v1::AddServiceMappingRequest {
        org: org(),
        integration,
        mapping: Some(v1::ServiceMapping {
            service: service.to_owned(),
            incident_type: "database".to_owned(),
            ..Default::default()
        }),
        etag: etag.to_owned(),
    };
    let list = |integration: String, page_size| v1::ListServiceMappingsRequest {
        org: org(),
        integration,
        page_size,
        ..Default::default()
    };
    let remove = |service: &str, etag: &str| v1::RemoveServiceMappingRequest {
        org: org(),
        integration: sim(),
        service: service.to_owned(),
        etag: etag.to_owned(),
        ..Default::default()
    };
    vec![
        case("ServiceMappingService/AddServiceMapping", Admin, &add(sim(), "P999XYZ", ""))
            .bad("mapping.service", &add(sim(), "", ""))
            .unknown(&add(none(), "P999XYZ", ""))
            .stale(&add(sim(), "P999XYZ", OLD)),
        case("ServiceMappingService/ListServiceMappings", Viewer, &list(sim(), 0))
            .bad("page_size", &list(sim(), -1))
            .unknown(&list(none(), 0))
            .never_late(READS),
        case("ServiceMappingService/RemoveServiceMapping", Admin, &remove("P999XYZ", ""))
            .bad("service", &remove("", ""))
            .unknown(&remove("PNOTHING", ""))
            .stale(&remove("P999XYZ", OLD)),
    ]
}

fn documents() -> Vec<Case> {
    let export = |integration: String| v1::ExportConfigurationRequest { org: org(), integration };
    let apply = |handle: &str, rate_limit, etag: &str| v1::ApplyConfigurationRequest {
        org: org(),
        integrations: vec![v1::Configuration {
            handle: handle.to_owned(),
            name: "Applied".to_owned(),
            r#type: "pagerduty".to_owned(),
            base_url: "https://api.pagerduty.com".to_owned(),
            rate_limit,
            etag: etag.to_owned(),
            ..Default::default()
        }],
        validate_only: false,
    };
    let list = |integration: String, page_size| v1::ListConfigurationVersionsRequest {
        org: org(),
        integration,
        page_size,
        ..Default::default()
    };
    let back = |version, etag: &str| v1::RollBackConfigurationRequest {
        org: org(),
        integration: sim(),
        version,
        etag: etag.to_owned(),
        validate_only: true,
    };
    vec![
        case("ConfigurationService/ExportConfiguration", Viewer, &export(sim()))
            .bad("org", &v1::ExportConfigurationRequest { org: NO_ORG.to_owned(), ..export(sim()) })
            .unknown(&export(none()))
            .never_late(READS),
        case("ConfigurationService/ApplyConfiguration", Admin, &apply("applied", 0, ""))
            .bad("integrations.applied.rate_limit", &apply("applied", 961, ""))
            .no_unknown("it makes what is not there")
            .stale(&apply("sim-pd", 0, OLD)),
        case("ConfigurationService/ListConfigurationVersions", Viewer, &list(sim(), 0))
            .bad("page_size", &list(sim(), -1))
            .unknown(&list(none(), 0))
            .never_late(READS),
        case("ConfigurationService/RollBackConfiguration", Admin, &back(1, ""))
            .bad("version", &back(0, ""))
            .unknown(&back(99_999, ""))
            .stale(&back(1, OLD)),
    ]
}

fn tokens(scene: &Scene) -> Vec<Case> {
    let create = |name: &str, role: v1::Role| v1::CreateTokenRequest {
        org: org(),
        name: name.to_owned(),
        role: role.into(),
        ..Default::default()
    };
    let list = |page_size| v1::ListTokensRequest { org: org(), page_size, ..Default::default() };
    let revoke = |token: &str| v1::RevokeTokenRequest { org: org(), token: token.to_owned() };
    vec![
        case("TokenService/CreateToken", Admin, &create("fresh", v1::Role::Viewer))
            .bad("role", &create("fresh", v1::Role::Unspecified))
            .no_unknown("it makes one")
            .once(Code::AlreadyExists),
        case("TokenService/ListTokens", Admin, &list(0))
            .bad("page_size", &list(-1))
            .no_unknown("all are meant")
            .never_late(READS),
        case("TokenService/RevokeToken", Admin, &revoke(&scene.spare))
            .bad("token", &revoke(""))
            .unknown(&revoke("no-such"))
            .once(Code::FailedPrecondition),
    ]
}

/// What was done; asked for before a stranger has typed others' ids, which their own entries tell back.
pub(super) fn audit() -> Vec<Case> {
    let list =
        |page_size| v1::ListAdminAuditRequest { org: org(), page_size, ..Default::default() };
    vec![
        case("AuditService/ListAdminAudit", Admin, &list(0))
            .bad("page_size", &list(-1))
            .no_unknown("what was done to nothing is an empty list")
            .never_late(READS),
    ]
}

fn keys() -> Vec<Case> {
    let list = |key: &str| v1::ListKeysRequest { key: key.to_owned() };
    let rotate = |key: &str| v1::RotateKeysRequest { key: key.to_owned() };
    vec![
        case("KeyService/ListKeys", Everywhere, &list(""))
            .bad("key", &list("zz"))
            .unknown(&list("00000000"))
            .never_late(READS),
        case("KeyService/RotateKeys", Everywhere, &rotate(""))
            .bad("key", &rotate("zz"))
            .no_unknown("the newest key is meant")
            .stale(&rotate("00000000")),
    ]
}
