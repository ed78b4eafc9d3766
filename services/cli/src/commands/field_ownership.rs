//! `im integration field-ownership …`.

use tandem_proto::{json, v1};

use super::Context;
use crate::{args::integration::FieldOwnershipCommand, failure::Failure};

pub(super) async fn run(context: &Context, command: FieldOwnershipCommand) -> Result<(), Failure> {
    let org = context.org.clone();
    match command {
        FieldOwnershipCommand::Set { named, field, owner, priority, enforced, direction, etag } => {
            let ownership = v1::FieldOwnership {
                field,
                owner: owner.into(),
                priority,
                enforced,
                direction: direction.unwrap_or_default().into(),
                ..Default::default()
            };
            let request = v1::SetFieldOwnershipRequest {
                org,
                integration: named.integration,
                ownership: Some(ownership),
                etag: etag.unwrap_or_default(),
            };
            let set = context.client.ownership().set_field_ownership(request).await?;
            context.show.one(&json::FieldOwnership::from(set.into_inner()))
        }
        FieldOwnershipCommand::Delete { named, field, etag } => {
            let request = v1::ResetFieldOwnershipRequest {
                org,
                integration: named.integration,
                field,
                etag: etag.unwrap_or_default(),
            };
            let reset = context.client.ownership().reset_field_ownership(request).await?;
            context.show.one(&json::FieldOwnership::from(reset.into_inner()))
        }
        FieldOwnershipCommand::List(named) => {
            let request = v1::ListFieldOwnershipRequest { org, integration: named.integration };
            let all = context.client.ownership().list_field_ownership(request).await?.into_inner();
            let all: Vec<json::FieldOwnership> =
                all.ownership.into_iter().map(Into::into).collect();
            context.show.list(&all)
        }
    }
}
