//! Field ownership: a part of an integration's configuration.

use tandem_domain::{
    field::{Field, NotAField},
    id::Connector,
    incident::Side,
    integration::FieldRule,
};
use tandem_proto::{
    v1::{self, ownership_service_server::OwnershipService},
    words::Word as _,
};
use tonic::{Request, Response, Status};

use super::{find, integration::edit};
use crate::{
    Admin, check,
    refusal::{Checks, Refusal},
    wire,
};

async fn set(
    admin: &Admin,
    request: v1::SetFieldOwnershipRequest,
) -> Result<v1::FieldOwnership, Refusal> {
    let asked = request.ownership.unwrap_or_default();
    let mut checks = Checks::default();
    let field = asked.field.parse::<Field>();
    let field = checks.take("ownership.field", field.map_err(|error: NotAField| error));
    let owner = checks.take("ownership.owner", side(asked.owner()));
    let priority = checks.take("ownership.priority", check::priority(asked.priority));
    checks.finish()?;
    let (Some(field), Some(owner), Some(priority)) = (field, owner, priority) else {
        return Err(Refusal::Invalid(Vec::new()));
    };
    let changed = edit(admin, &request.org, &request.integration, "", |stored| {
        let Some(rule) = stored.integration.fields.get_mut(&field) else {
            let problem = "is not carried by this integration's connector";
            return Err(Refusal::invalid("ownership.field", problem));
        };
        (rule.owner, rule.priority) = (owner, priority);
        Ok(())
    })
    .await?;
    let integration = changed.id;
    Ok(shown(integration, changed.r#type.parse().ok().as_ref(), field, owner, priority))
}

async fn list(
    admin: &Admin,
    request: v1::ListFieldOwnershipRequest,
) -> Result<v1::ListFieldOwnershipResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, &request.org, &request.integration).await?.integration;
    let claim = |(field, rule): (&Field, &FieldRule)| {
        let (id, connector) = (found.id.to_string(), Some(&found.connector));
        shown(id, connector, *field, rule.owner, rule.priority)
    };
    Ok(v1::ListFieldOwnershipResponse { ownership: found.fields.iter().map(claim).collect() })
}

/// Who owns a field, how much that weighs, and whether it is what a new integration starts with.
fn shown(
    integration: String,
    connector: Option<&Connector>,
    field: Field,
    owner: Side,
    priority: u32,
) -> v1::FieldOwnership {
    let defaults = connector.and_then(tandem_connectors::default_fields).unwrap_or_default();
    let default = defaults.get(&field);
    v1::FieldOwnership {
        integration,
        field: field.to_string(),
        owner: wire::side(owner).into(),
        priority,
        is_default: default.is_some_and(|rule| (rule.owner, rule.priority) == (owner, priority)),
        ..Default::default()
    }
}

fn side(side: v1::Side) -> Result<Side, String> {
    match side {
        v1::Side::Platform => Ok(Side::Platform),
        v1::Side::External => Ok(Side::External),
        v1::Side::Unspecified => Err(format!("must be one of {}", v1::Side::choices())),
    }
}

#[tonic::async_trait]
impl OwnershipService for Admin {
    async fn set_field_ownership(
        &self,
        request: Request<v1::SetFieldOwnershipRequest>,
    ) -> Result<Response<v1::FieldOwnership>, Status> {
        Ok(Response::new(set(self, request.into_inner()).await?))
    }

    async fn list_field_ownership(
        &self,
        request: Request<v1::ListFieldOwnershipRequest>,
    ) -> Result<Response<v1::ListFieldOwnershipResponse>, Status> {
        Ok(Response::new(list(self, request.into_inner()).await?))
    }
}
