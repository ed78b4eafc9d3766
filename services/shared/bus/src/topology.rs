//! The streams, the bucket and the consumers, as data (design: what is kept where, and how long).
//!
//! Each service makes sure of them whenever it (re)connects, so a broker that lost its disk comes
//! back complete. The sum of `max_bytes` must fit the server's `max_file_store`: 1.5 GiB here.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{AckPolicy, PriorityPolicy, pull},
    kv,
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use tandem_domain::id::{Connector, IntegrationId};

use crate::{readers::Reader, subjects};

/// Observations, receipts and edits.
pub const IN: &str = "TANDEM_IN";
/// Desired states, acts and tasks.
pub const OUT: &str = "TANDEM_OUT";
/// The public feed.
pub const INCIDENTS: &str = "INCIDENTS";
/// Dead letters.
pub const DLQ: &str = "TANDEM_DLQ";
/// Who acts for which integration.
pub const SEATS: &str = "TANDEM_SEATS";
/// The bucket of configuration snapshots.
pub const CONFIG: &str = "tandem-config";

const DAY: Duration = Duration::from_hours(24);
const MIB: i64 = 1024 * 1024;
/// How long the public feed is kept.
const FEED_KEPT: Duration = Duration::from_hours(30 * 24);
/// Repeats within this time are recognised by `Nats-Msg-Id`.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

/// Every stream.
pub fn streams() -> Vec<Config> {
    let file = |name: &str, subject: &str| Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: StorageType::File,
        num_replicas: 1,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    };
    vec![
        Config {
            // What is dealt with is gone (Postgres has the inbox), so that `max_bytes` bounds what
            // waits, and not what was.
            retention: RetentionPolicy::WorkQueue,
            max_age: 7 * DAY,
            max_bytes: 512 * MIB,
            // A full disk must show as a refusal at the door, not as a loss at the other end.
            discard: DiscardPolicy::New,
            // Webhooks that come at the same time share one sync of the disk.
            allow_atomic_publish: true,
            ..file(IN, subjects::INBOUND)
        },
        Config {
            retention: RetentionPolicy::WorkQueue,
            max_bytes: 256 * MIB,
            // A newer desired state replaces an older one that nobody took.
            max_messages_per_subject: 1,
            // Only the limit per subject replaces; when the whole is full, nothing waiting is lost.
            discard: DiscardPolicy::New,
            ..file(OUT, subjects::OUTBOUND)
        },
        Config {
            max_age: FEED_KEPT,
            max_bytes: 512 * MIB,
            discard: DiscardPolicy::Old,
            ..file(INCIDENTS, subjects::FEED)
        },
        Config {
            max_bytes: 128 * MIB,
            // Setting something aside must never hold up the work behind it.
            discard: DiscardPolicy::Old,
            ..file(DLQ, subjects::DEAD_LETTERS)
        },
        Config {
            // A seat that was lost with the broker is filled again by whoever wants it.
            storage: StorageType::Memory,
            max_messages_per_subject: 1,
            max_bytes: MIB,
            discard: DiscardPolicy::Old,
            ..file(SEATS, subjects::SEATS)
        },
    ]
}

/// The bucket of configuration snapshots.
pub fn config_bucket() -> kv::Config {
    kv::Config {
        bucket: CONFIG.to_owned(),
        description: "integrations as the services see them, secrets sealed".to_owned(),
        history: 1,
        max_bytes: 64 * MIB,
        storage: StorageType::File,
        num_replicas: 1,
        ..kv::Config::default()
    }
}

/// The reconciler's consumer; all its copies share it.
pub fn reconciler() -> pull::Config {
    pull::Config {
        durable_name: Some("reconciler".to_owned()),
        filter_subject: subjects::INBOUND.to_owned(),
        ack_policy: AckPolicy::Explicit,
        // What a killed copy had in hand waits so long for another one; a batch takes milliseconds,
        // and one that waits for the database says so.
        ack_wait: Duration::from_secs(5),
        max_ack_pending: 2000,
        ..pull::Config::default()
    }
}

/// The consumer of somebody who reads the public feed from where they stopped.
pub fn reader(reader: &Reader) -> pull::Config {
    pull::Config {
        durable_name: Some(reader.name.clone()),
        filter_subject: subjects::feed_of(&reader.org),
        ack_policy: AckPolicy::Explicit,
        // Who does not come for as long finds nothing of that time anyway.
        inactive_threshold: FEED_KEPT,
        ..pull::Config::default()
    }
}

/// Admin's consumer of dead letters; all its copies share it.
pub fn dead_letters() -> pull::Config {
    pull::Config {
        durable_name: Some("dead-letters".to_owned()),
        filter_subject: subjects::DEAD_LETTERS.to_owned(),
        ack_policy: AckPolicy::Explicit,
        // Taking some in is one transaction.
        ack_wait: Duration::from_secs(10),
        max_ack_pending: 1000,
        ..pull::Config::default()
    }
}

/// An egress consumer of one integration, for desired states.
pub fn egress_states(connector: &Connector, integration: IntegrationId) -> pull::Config {
    egress("state", integration, subjects::states_of(connector, integration))
}

/// An egress consumer of one integration, for acts.
pub fn egress_acts(connector: &Connector, integration: IntegrationId) -> pull::Config {
    pull::Config {
        max_ack_pending: ACTS_HELD,
        ..egress("act", integration, subjects::acts_of(connector, integration))
    }
}

/// An egress consumer of one integration, for tasks.
pub fn egress_tasks(connector: &Connector, integration: IntegrationId) -> pull::Config {
    // Like acts, they are done in their order, so there is no use in holding many.
    pull::Config {
        max_ack_pending: ACTS_HELD,
        ..egress("task", integration, subjects::tasks_of(connector, integration))
    }
}

/// The one priority group of a seat's consumer.
pub const SEAT_GROUP: &str = "copies";
/// How long a seat stays with a copy that does not pull any more.
pub const SEAT_TIMEOUT: Duration = Duration::from_secs(6);
/// How often the copy that has the seat is told so.
const SEAT_TOLD: Duration = Duration::from_millis(1_500);

/// The name of a seat's consumer.
pub fn seat_name(integration: IntegrationId) -> String {
    format!("egress-{integration}")
}

/// The consumer that decides which copy of the egress acts for an integration: its one message is
/// never acknowledged, so it comes again and again to the copy that is pinned.
pub fn seat(connector: &Connector, integration: IntegrationId) -> pull::Config {
    pull::Config {
        durable_name: Some(seat_name(integration)),
        filter_subject: subjects::seat(connector, integration),
        ack_policy: AckPolicy::Explicit,
        ack_wait: SEAT_TOLD,
        priority_policy: PriorityPolicy::PinnedClient,
        priority_groups: vec![SEAT_GROUP.to_owned()],
        priority_timeout: SEAT_TIMEOUT,
        ..pull::Config::default()
    }
}

/// How many states are held at a time: a resolve behind more of them would not be seen until some
/// are done.
const STATES_HELD: i64 = 200_000;
/// How long the egress may keep a message without a sign of life; what a killed copy had in hand
/// waits so long for another one.
pub const EGRESS_ACK_WAIT: Duration = Duration::from_secs(6);
/// How many acts are held at a time: a copy that takes over has to look for each of them, since
/// any may have been under way.
const ACTS_HELD: i64 = 256;

fn egress(kind: &str, integration: IntegrationId, filter_subject: String) -> pull::Config {
    pull::Config {
        durable_name: Some(format!("egress-{kind}-{integration}")),
        filter_subject,
        ack_policy: AckPolicy::Explicit,
        ack_wait: EGRESS_ACK_WAIT,
        max_ack_pending: STATES_HELD,
        ..pull::Config::default()
    }
}
