//! Every event once.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::IntegrationId;

use crate::{
    StoreError,
    rows::{Place, column},
};

/// How the effect of an event that concerns no incident begins; the reason follows.
const IGNORED: &str = "ignored: ";

/// What an event is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where its identity is unique.
    pub source: String,
    /// The delivery it came with.
    pub delivery: String,
    /// The event itself, over several deliveries.
    pub event: String,
}

/// Those among the events that were taken in before, in this delivery or another: as they are
/// known, and as they came then.
pub async fn known(conn: &mut PgConnection, keys: &[Key]) -> Result<Vec<Key>, StoreError> {
    sqlx::query_as!(
        Key,
        r#"
        with asked as (
            select * from unnest($1::text[], $2::text[], $3::text[]) as key (source, delivery, event)
        )
        select inbox.source as "source!", inbox.delivery as "delivery!", inbox.event as "event!"
        from asked join inbox on inbox.source = asked.source and inbox.delivery = asked.delivery
        union
        select inbox.source as "source!", inbox.delivery as "delivery!", inbox.event as "event!"
        from asked join inbox on inbox.source = asked.source and inbox.event = asked.event
        "#,
        column(keys, |key| &*key.source) as Vec<&str>,
        column(keys, |key| &*key.delivery) as Vec<&str>,
        column(keys, |key| &*key.event) as Vec<&str>
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("looking for events that are known"))
}

/// An event that is taken in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Where its identity is unique.
    pub source: String,
    /// The delivery it came with.
    pub delivery: String,
    /// The event itself, over several deliveries.
    pub event: String,
    /// What kind of event it is.
    pub kind: &'static str,
    /// What became of it.
    pub effect: String,
    /// When the stream had it.
    pub at: Timestamp,
}

/// Takes in events; fails with [`StoreError::Raced`] where somebody else just took in one of them.
pub async fn add(conn: &mut PgConnection, arrivals: &[Arrival]) -> Result<(), StoreError> {
    let added = sqlx::query!(
        r#"
        insert into inbox (source, delivery, event, kind, effect, at)
        select source, delivery, event, kind, effect, at
        from unnest(
            $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[]
        ) as new (source, delivery, event, kind, effect, at)
        order by source, delivery
        on conflict do nothing
        "#,
        column(arrivals, |arrival| &*arrival.source) as Vec<&str>,
        column(arrivals, |arrival| &*arrival.delivery) as Vec<&str>,
        column(arrivals, |arrival| &*arrival.event) as Vec<&str>,
        column(arrivals, |arrival| arrival.kind) as Vec<&str>,
        column(arrivals, |arrival| &*arrival.effect) as Vec<&str>,
        column(arrivals, |arrival| arrival.at.to_sqlx()) as Vec<jiff_sqlx::Timestamp>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("taking in events"))?;
    if added.rows_affected() == arrivals.len() as u64 { Ok(()) } else { Err(StoreError::Raced) }
}

/// Whether a report of a piece of work was taken in, whatever it came to, since a time.
pub async fn reported(
    conn: &mut PgConnection,
    integration: IntegrationId,
    work: &str,
    since: Timestamp,
) -> Result<bool, StoreError> {
    let ids = ["settled", "refused", "noted", "summoned"].map(|kind| format!("{work}-{kind}"));
    let [_, source] = sources(integration);
    sqlx::query_scalar!(
        r#"
        select exists (
            select from inbox where source = $1 and delivery = any($2) and at >= $3
        ) as "reported!"
        "#,
        source,
        &ids,
        since.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_one(conn)
    .await
    .map_err(StoreError::doing("looking for a report"))
}

/// How many events of an integration were ignored for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The reason.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// When the stream had the last of them.
    pub last_at: Timestamp,
}

/// Where an integration's webhooks and receipts are unique.
fn sources(integration: IntegrationId) -> [String; 2] {
    [integration.to_string(), format!("receipts-{integration}")]
}

/// Why events of an integration were ignored since a time, most frequent first.
pub async fn ignored(
    conn: &mut PgConnection,
    integration: IntegrationId,
    since: Timestamp,
) -> Result<Vec<Ignored>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select effect, count(*) as "count!", max(at) as "last_at!"
        from inbox
        where source = any($1) and effect like 'ignored: %' and at >= $2
        group by effect
        order by 2 desc, effect
        "#,
        &sources(integration),
        since.to_sqlx() as jiff_sqlx::Timestamp
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("counting ignored events"))?;
    let place = Place { table: "inbox", row: integration.uuid() };
    rows.into_iter()
        .map(|row| {
            Ok(Ignored {
                reason: reason_of(&row.effect),
                count: place.count("count", row.count)?,
                last_at: row.last_at.to_jiff(),
            })
        })
        .collect()
}

/// An event that concerned no incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredEvent {
    /// The delivery it came with.
    pub delivery: String,
    /// The event itself, over several deliveries.
    pub event: String,
    /// What kind of event it is.
    pub kind: String,
    /// Why it was ignored.
    pub reason: String,
    /// When the stream had it.
    pub at: Timestamp,
}

/// Ignored events of an integration, newest first, after the given place in the list: when the
/// stream had it, and its delivery. For one reason, or for any.
pub async fn list_ignored(
    conn: &mut PgConnection,
    integration: IntegrationId,
    reason: Option<&str>,
    after: Option<(Timestamp, &str)>,
    limit: u32,
) -> Result<Vec<IgnoredEvent>, StoreError> {
    let (after_at, after_delivery) =
        after.map_or((None, None), |(at, delivery)| (Some(at.to_sqlx()), Some(delivery)));
    let rows = sqlx::query!(
        r#"
        select delivery, event, kind, effect, at
        from inbox
        where
            source = any($1)
            and effect like 'ignored: %'
            and ($2::text is null or effect = $2)
            and ($3::timestamptz is null or (at, delivery) < ($3, $4::text))
        order by at desc, delivery desc
        limit $5
        "#,
        &sources(integration),
        reason.map(|reason| format!("{IGNORED}{reason}")),
        after_at as Option<jiff_sqlx::Timestamp>,
        after_delivery,
        i64::from(limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing ignored events"))?;
    let event = rows.into_iter().map(|row| IgnoredEvent {
        delivery: row.delivery,
        event: row.event,
        kind: row.kind,
        reason: reason_of(&row.effect),
        at: row.at.to_jiff(),
    });
    Ok(event.collect())
}

fn reason_of(effect: &str) -> String {
    effect.strip_prefix(IGNORED).unwrap_or(effect).to_owned()
}
