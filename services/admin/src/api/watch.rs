//! Watching: the live end of the public feed, each event answered with the incident as it is now.
//!
//! The stream breaks off, rather than leaving a gap unsaid, when the broker was lost on the way and
//! is back, and ends when the process does or the caller's token is no longer in force.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use tandem_bus::subjects;
use tandem_domain::id::{IncidentId, Org};
use tandem_proto::v1;
use tokio::{
    sync::watch,
    time::{Interval, interval},
};
use tonic::Status;

use super::incident::read;
use crate::{Admin, caller::Caller, refusal::Refusal};

/// How often it is looked whether the caller's token is still in force.
const RECHECK_EVERY: Duration = Duration::from_millis(800);

/// What we need of a public event's envelope.
#[derive(Debug, Deserialize)]
struct Told {
    subject: IncidentId,
    r#type: String,
    sequence: String,
}

impl Told {
    /// The word for what happened: `updated` of `tandem.incident.updated.v1`.
    fn event(&self) -> &str {
        self.r#type.split('.').nth(2).unwrap_or_default()
    }
}

struct Watching<S> {
    admin: Admin,
    caller: Caller,
    org: Org,
    feed: S,
    connections: watch::Receiver<u64>,
    recheck: Interval,
}

/// Streams an organisation's incidents as they change, from now on.
pub(super) async fn stream(
    admin: &Admin,
    caller: Caller,
    org: Org,
) -> Result<impl Stream<Item = Result<v1::WatchIncidentsResponse, Status>> + Send + use<>, Refusal>
{
    let mut connections = admin.bus.connections();
    connections.mark_unchanged();
    let feed = admin.listen(subjects::feed_of(&org)).await?;
    let recheck = interval(RECHECK_EVERY);
    let watching = Watching { admin: admin.clone(), caller, org, feed, connections, recheck };
    // After an error the state is gone, and with it the stream.
    Ok(stream::unfold(Some(watching), |watching| async move {
        let mut watching = watching?;
        match watching.next().await {
            Some(Ok(change)) => Some((Ok(change), Some(watching))),
            Some(Err(refusal)) => Some((Err(Status::from(refusal)), None)),
            None => None,
        }
    }))
}

impl<S: Stream<Item = Bytes> + Send + Unpin> Watching<S> {
    async fn next(&mut self) -> Option<Result<v1::WatchIncidentsResponse, Refusal>> {
        loop {
            let body = tokio::select! {
                body = self.feed.next() => body?,
                _ = self.connections.changed() => return Some(Err(interrupted())),
                () = self.admin.stop.asked() => return None,
                _ = self.recheck.tick() => match self.admin.gate().recheck(&self.caller).await {
                    // While the database is away nobody can say that it was revoked.
                    Ok(()) | Err(Refusal::Unavailable { .. }) => continue,
                    Err(refusal) => return Some(Err(refusal)),
                },
            };
            let told: Told = match serde_json::from_slice(&body) {
                Ok(told) => told,
                Err(error) => {
                    tracing::debug!(%error, "a message on the feed is no event of ours");
                    continue;
                }
            };
            let incident = match read(&self.admin, &self.org, told.subject).await {
                Ok(incident) => incident,
                Err(Refusal::Unknown { .. }) => continue,
                Err(refusal) => return Some(Err(refusal)),
            };
            return Some(Ok(v1::WatchIncidentsResponse {
                incident: Some(incident),
                event: told.event().to_owned(),
                sequence: told.sequence.parse().unwrap_or_default(),
            }));
        }
    }
}

fn interrupted() -> Refusal {
    let cause = "the connection to nats was interrupted, events may have been missed";
    Refusal::Unavailable { what: "the feed", source: cause.into() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use tandem_domain::{
        decision::Head,
        feed::{Happening, News, PublicEvent, Shown},
        incident::Incident,
    };

    use super::*;

    #[test]
    fn an_event_of_the_feed_is_understood() {
        let incident = Incident {
            id: IncidentId::from_uuid(uuid::Uuid::from_u128(7)),
            org: "acme".parse().unwrap(),
            fields: BTreeMap::new(),
            incident_type: None,
            revision: 1,
            sequence: 12,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            chain: Head::default(),
        };
        let event = PublicEvent {
            org: incident.org.clone(),
            incident: incident.id,
            happening: Happening::Updated,
            sequence: incident.sequence,
            at: Timestamp::UNIX_EPOCH,
            news: News::Changes { changes: Vec::new() },
            shown: Shown::from(&incident),
        };
        let sent = serde_json::to_vec(&event.cloud_event()).unwrap();
        let told: Told = serde_json::from_slice(&sent).unwrap();
        assert_eq!((told.subject, told.event()), (event.incident, "updated"));
        assert_eq!(told.sequence.parse::<i64>(), Ok(12));
    }
}
