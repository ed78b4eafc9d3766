//! Field ownership: a part of an integration's configuration.

use tandem_connectors::pagerduty;
use tandem_domain::{
    field::{Field, NotAField},
    incident::Side,
    integration::{Direction, FieldRule, Integration},
    lens::Lens,
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
        let rule = stored.integration.fields.entry(field).or_insert_with(|| rule_of(field));
        (rule.owner, rule.priority) = (owner, priority);
        Ok(())
    })
    .await?;
    let claim = Claim { owner, priority };
    Ok(claim.shown(changed.id, field))
}

async fn list(
    admin: &Admin,
    request: v1::ListFieldOwnershipRequest,
) -> Result<v1::ListFieldOwnershipResponse, Refusal> {
    let mut transaction = admin.store.begin().await?;
    let found = find(&mut transaction, &request.org, &request.integration).await?.integration;
    let claim = |field| Claim::in_force(&found, field).shown(found.id.to_string(), field);
    Ok(v1::ListFieldOwnershipResponse { ownership: Field::ALL.into_iter().map(claim).collect() })
}

/// Who owns a field, and how much that weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    owner: Side,
    priority: u32,
}

impl Claim {
    fn in_force(integration: &Integration, field: Field) -> Self {
        let rule = integration.fields.get(&field).cloned().unwrap_or_else(|| rule_of(field));
        Self { owner: rule.owner, priority: rule.priority }
    }

    fn shown(self, integration: String, field: Field) -> v1::FieldOwnership {
        let default = rule_of(field);
        v1::FieldOwnership {
            integration,
            field: field.to_string(),
            owner: wire::side(self.owner).into(),
            priority: self.priority,
            is_default: self == Self { owner: default.owner, priority: default.priority },
        }
    }
}

/// The rule that a field starts with. A field the connector does not carry may have an owner all
/// the same; its rule moves nothing in either direction.
fn rule_of(field: Field) -> FieldRule {
    pagerduty::defaults::fields().remove(&field).unwrap_or(FieldRule {
        lens: Lens::Reference,
        direction: Direction::Outbound,
        owner: Side::Platform,
        priority: 0,
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
        Ok(Response::new(set(self, request.into_inner()).await?))
    }

    async fn list_field_ownership(
        &self,
        request: Request<v1::ListFieldOwnershipRequest>,
    ) -> Result<Response<v1::ListFieldOwnershipResponse>, Status> {
        Ok(Response::new(list(self, request.into_inner()).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_owners_are_those_of_the_handbook() {
        for field in Field::ALL {
            let expected = match field {
                Field::AssignedTo | Field::EscalationPolicy => Side::External,
                _ => Side::Platform,
            };
            assert_eq!(rule_of(field).owner, expected, "{field}");
        }
    }

    #[test]
    fn owning_a_field_that_the_connector_does_not_carry_moves_nothing() {
        let rule = rule_of(Field::Description);
        assert!(!rule.direction.inbound());
        assert_eq!(rule.lens.get(Some("text")), Ok(None));
    }
}
