//! Field ownership: who owns a field, whether that is enforced, and which way the field travels; a
//! part of an integration's configuration.

use tandem_domain::{
    field::{Field, NotAField},
    incident::Side,
    integration::{Direction, FieldRule, Integration},
};
use tandem_proto::{
    v1::{self, ownership_service_server::OwnershipService},
    words::Word as _,
};
use tonic::{Request, Response, Status};

use super::{
    change::{Asked, edit},
    find,
};
use crate::{
    Admin,
    caller::Caller,
    check, mapping,
    refusal::{Checks, Refusal},
    wire,
};

/// What is asked of a field's rule; what was not said stays as it is.
struct Claim {
    field: Field,
    owner: Side,
    priority: u32,
    enforced: Option<bool>,
    direction: Option<Direction>,
}

impl Claim {
    fn of(asked: &v1::FieldOwnership) -> Result<Self, Refusal> {
        let mut checks = Checks::default();
        let field = asked.field.parse::<Field>();
        let field = checks.take("ownership.field", field.map_err(|error: NotAField| error));
        let owner = checks.take("ownership.owner", side(asked.owner()));
        let priority = checks.take("ownership.priority", check::priority(asked.priority));
        let direction = match asked.direction() {
            v1::Direction::Unspecified => None,
            said => checks.take("ownership.direction", check::direction(said)),
        };
        checks.finish()?;
        let claim = || {
            let (field, owner, priority) = (field?, owner?, priority?);
            Some(Self { field, owner, priority, enforced: asked.enforced, direction })
        };
        claim().ok_or_else(|| Refusal::Invalid(Vec::new()))
    }

    fn put(&self, integration: &mut Integration) -> Result<(), Refusal> {
        let Some(rule) = integration.fields.get_mut(&self.field) else {
            return Err(Refusal::invalid("ownership.field", absent(self.field)));
        };
        (rule.owner, rule.priority) = (self.owner, self.priority);
        rule.enforced = self.enforced.unwrap_or(rule.enforced);
        rule.direction = self.direction.unwrap_or(rule.direction);
        Ok(())
    }
}

/// Why a field takes no part, and what would change that.
fn absent(field: Field) -> String {
    match field {
        Field::Label(name) => format!(
            "takes no part yet: map it first, as in \
             im integration field-mapping set <integration> {field} --external {}",
            name.as_str()
        ),
        _ => "is not carried by this integration's connector".to_owned(),
    }
}

pub(crate) async fn set(
    admin: &Admin,
    caller: &Caller,
    request: v1::SetFieldOwnershipRequest,
) -> Result<v1::FieldOwnership, Refusal> {
    let claim = Claim::of(&request.ownership.unwrap_or_default())?;
    let asked = Asked {
        caller,
        action: "field_ownership.set",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    let changed = edit(admin, asked, |stored| claim.put(&mut stored.integration)).await?;
    shown(&changed.integration)
        .find(|shown| shown.field == claim.field.to_string())
        .ok_or_else(|| Refusal::unknown("field", claim.field.to_string()))
}

pub(crate) async fn reset(
    admin: &Admin,
    caller: &Caller,
    request: v1::ResetFieldOwnershipRequest,
) -> Result<v1::FieldOwnership, Refusal> {
    let field = request.field.parse::<Field>();
    let field = field.map_err(|error: NotAField| Refusal::invalid("field", error.to_string()))?;
    let asked = Asked {
        caller,
        action: "field_ownership.reset",
        org: &request.org,
        integration: &request.integration,
        etag: &request.etag,
    };
    let changed = edit(admin, asked, |stored| {
        let integration = &mut stored.integration;
        let default = mapping::initial(integration, field);
        let (Some(rule), Some(default)) = (integration.fields.get_mut(&field), default) else {
            return Err(Refusal::unknown("field ownership", field.to_string()));
        };
        (rule.owner, rule.priority) = (default.owner, default.priority);
        (rule.enforced, rule.direction) = (default.enforced, default.direction);
        Ok(())
    })
    .await?;
    shown(&changed.integration)
        .find(|shown| shown.field == field.to_string())
        .ok_or_else(|| Refusal::unknown("field ownership", field.to_string()))
}

pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListFieldOwnershipRequest,
) -> Result<v1::ListFieldOwnershipResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found =
        find(&mut transaction, caller, &request.org, &request.integration).await?.integration;
    Ok(v1::ListFieldOwnershipResponse { ownership: shown(&found).collect() })
}

/// Who owns each field, and whether that is what a new integration starts with.
fn shown(integration: &Integration) -> impl Iterator<Item = v1::FieldOwnership> {
    let defaults = tandem_connectors::default_fields(&integration.connector).unwrap_or_default();
    let of = |rule: &FieldRule| (rule.owner, rule.priority, rule.enforced, rule.direction);
    integration.fields.iter().map(move |(field, rule)| v1::FieldOwnership {
        integration: integration.id.to_string(),
        field: field.to_string(),
        owner: wire::side(rule.owner).into(),
        priority: rule.priority,
        is_default: match (defaults.get(field), mapping::of_label(*field)) {
            (Some(default), _) => of(default) == of(rule),
            (None, Some(default)) => of(&default) == of(rule),
            (None, None) => false,
        },
        enforced: Some(rule.enforced),
        direction: wire::direction(rule.direction).into(),
        etag: integration.version.to_string(),
    })
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
        let caller = Caller::of(&request)?;
        Ok(Response::new(set(self, &caller, request.into_inner()).await?))
    }

    async fn list_field_ownership(
        &self,
        request: Request<v1::ListFieldOwnershipRequest>,
    ) -> Result<Response<v1::ListFieldOwnershipResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn reset_field_ownership(
        &self,
        request: Request<v1::ResetFieldOwnershipRequest>,
    ) -> Result<Response<v1::FieldOwnership>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(reset(self, &caller, request.into_inner()).await?))
    }
}
