//! `im integration user-mapping …` and `policy-mapping …`.

use tandem_proto::v1;

use super::{Context, field_mapping};
use crate::{args::mapping::CounterpartCommand, failure::Failure, show::Counterpart};

/// The field that names people.
pub(super) const USERS: &str = "assigned_to";
/// The field that names escalation policies.
pub(super) const POLICIES: &str = "escalation_policy";

pub(super) async fn run(
    context: &Context,
    command: CounterpartCommand,
    field: &'static str,
) -> Result<(), Failure> {
    let org = context.org.clone();
    let mut client = context.client.field_mappings();
    match command {
        CounterpartCommand::List(named) => {
            let all = field_mapping::all(context, named.integration).await?;
            let rows = all.into_iter().filter(|mapping| mapping.field == field);
            let rows = rows.flat_map(|mapping| mapping.rows);
            let rows: Vec<Counterpart> = rows
                .map(|row| Counterpart { platform: row.platform, external: row.external })
                .collect();
            context.show.list(&rows)
        }
        CounterpartCommand::Set { named, platform, external } => {
            let set = Counterpart { platform: platform.clone(), external: external.clone() };
            let request = v1::SetCounterpartRequest {
                org,
                integration: named.integration,
                field: field.to_owned(),
                platform,
                external,
                etag: String::new(),
            };
            client.set_counterpart(request).await?;
            context.show.one(&set)
        }
        CounterpartCommand::Remove { named, platform } => {
            let done = format!("{platform} has no counterpart any more");
            let request = v1::RemoveCounterpartRequest {
                org,
                integration: named.integration,
                field: field.to_owned(),
                platform,
                etag: String::new(),
            };
            client.remove_counterpart(request).await?;
            context.show.done(&done)
        }
    }
}
