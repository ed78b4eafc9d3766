//! Plans: made of both sides as they are, kept, and applied line by line.
//!
//! Making one changes nothing: the external side is read through the egress that acts, in the last
//! lane of its budget, the platform's from Postgres, and the rules say what would come of it
//! ([`tandem_domain::plan`]). Applying one bypasses nothing either: it only has records reported and
//! edits judged like all others ([`apply`]).

pub mod apply;
mod paging;
mod sides;
pub(crate) mod told;

use jiff::Timestamp;
use tandem_bus::ask::{Look, Looked, Question};
use tandem_connectors::directory::Person;
use tandem_domain::{
    event::Reading,
    id::RecordId,
    plan::{Line, Sides, plan},
};
use tandem_runtime::clock;
use tandem_store::integrations::Stored;

use self::told::Told;
use crate::{Admin, ask, refusal::Refusal};

/// How many linked records that are no longer open are read one by one at most.
const READ_MAX: usize = 500;

/// A plan that was just made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Its lines.
    pub(crate) lines: Vec<Line>,
    /// What is told of it besides.
    pub(crate) told: Told,
    /// When the external side was read.
    pub(crate) read_at: Timestamp,
}

/// Makes a plan of both sides as they are.
pub(crate) async fn make(admin: &Admin, stored: &Stored) -> Result<Made, Refusal> {
    let listed = ask::records(admin, stored, clock::now()).await?;
    let (read_at, complete) = (listed.read_at, listed.complete);
    let users = ask::list::<Person>(admin, stored, false, Question::Users).await?.items;
    let received = clock::now();
    let reading = |snapshot| Reading { sent: read_at, received, date: None, snapshot };
    let mut records: Vec<Reading> = listed.items.into_iter().map(reading).collect();
    let near = sides::load(admin, &stored.integration, &records).await?;
    for record in near.unlisted(&records).into_iter().take(READ_MAX) {
        records.extend(read(admin, stored, record).await?);
    }
    let near = sides::load(admin, &stored.integration, &records).await?;
    let Some(integration) = near.configs.get(&stored.integration.id) else {
        return Err(Refusal::unknown("integration", stored.integration.handle.as_str()));
    };
    let at = clock::now();
    let planned =
        plan(Sides { integration, configs: &near.configs, incidents: near.incidents, records, at });
    let paging = paging::of(admin, stored, &planned.lines, &users).await?;
    let told = Told::of(&planned, integration, users, (paging, complete));
    Ok(Made { lines: planned.lines, told, read_at })
}

/// Reads one record; none where it is gone.
async fn read(
    admin: &Admin,
    stored: &Stored,
    record: RecordId,
) -> Result<Option<Reading>, Refusal> {
    let wanted = Look { record, planned: None, report: false };
    Ok(match ask::look(admin, stored, wanted).await? {
        Looked::Seen { reading } => Some(*reading),
        Looked::Reported { .. } | Looked::Moved | Looked::Gone => None,
    })
}
