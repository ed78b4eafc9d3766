//! Managed webhook subscriptions: what sends webhooks to an integration's public address.
//!
//! Level-triggered: again and again what should be there is compared with what is, so that one that
//! was deleted over there comes back, and a service that was mapped is subscribed to. The egress
//! makes the calls and seals each secret as it is told, once, so that none travels in the clear; it
//! is stored here before anything else happens. Until the door knows a new secret it puts off
//! what is signed with it, so no webhook is lost in between.
//!
//! A subscription counts as confirmed when a ping that it was asked for has come in through the
//! door, signed. A new secret means a new subscription: both send until the new one is confirmed,
//! then the old one is deleted, and its secret stays valid for what is still on its way. They end with
//! their integration ([`ending`]).

pub(crate) mod ending;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tandem_bus::{
    ask::{Tended, Wanted},
    subjects,
};
use tandem_domain::{event::Event, id::IntegrationId};
use tandem_runtime::{clock, process::chain};
use tandem_store::{
    Store, StoreError,
    integrations::{self, Stored, Subscription},
};
use tokio::time::{sleep, timeout};

use crate::{
    Admin,
    api::change::{Asked, edit, now},
    ask,
    caller::Caller,
    refusal::Refusal,
};

/// So many subscriptions one account takes for each address that is to be sent to: beyond it, one
/// for the whole account takes their place.
const SERVICES_MAX: usize = 10;
/// So many integrations are seen to at the same time: each may have to wait for a ping.
const AT_ONCE: usize = 3;
/// How long a ping may take to come in.
const PING_WITHIN: Duration = Duration::from_secs(10);
/// How long the services may take to hear of a change of configuration.
const KNOWN_WITHIN: Duration = Duration::from_secs(5);
/// How many earlier secrets stay valid.
const EARLIER: usize = 2;

/// Sees to the subscriptions of all integrations, at least `every` so often. Runs until dropped.
pub async fn run(admin: Admin, every: Duration) {
    loop {
        match managed(&admin).await {
            Ok(all) => {
                admin.keep_problems_of(&all);
                let seen_to = async |id| admin.show_problem(id, tend(&admin, id).await);
                stream::iter(all).for_each_concurrent(AT_ONCE, seen_to).await;
            }
            Err(error) => tracing::debug!(error = chain(&error), "subscriptions wait"),
        }
        tokio::select! {
            () = admin.subscribing.notified() => {}
            () = sleep(every) => {}
        }
    }
}

/// The integrations whose subscriptions are managed, or were.
async fn managed(admin: &Admin) -> Result<Vec<IntegrationId>, StoreError> {
    let mut transaction = admin.store.begin().await?;
    let all = integrations::list(&mut transaction, None).await?;
    let managed = all.into_iter().filter(|stored| {
        let wanted = stored.integration.public_url.is_some() || !stored.subscriptions.is_empty();
        wanted && !stored.deleted
    });
    Ok(managed.map(|stored| stored.integration.id).collect())
}

/// Sees to one integration's subscriptions; gives what stands in the way, where something does.
async fn tend(admin: &Admin, id: IntegrationId) -> Option<String> {
    let tending = async {
        let mut transaction = admin.store.begin().await?;
        // One copy at a time: two would both make what is missing.
        if !integrations::begin_tending(&mut transaction, id).await? {
            return Ok(None);
        }
        let stored = integrations::get(&mut transaction, id, false).await?;
        // It may have been deleted since it was listed.
        let Some(stored) = stored.filter(|stored| !stored.deleted) else { return Ok(None) };
        let problem = compare(admin, &stored).await;
        Store::commit(transaction).await?;
        problem
    };
    match tending.await {
        Ok(problem) => problem,
        Err(refusal) => Some(chain(&refusal)),
    }
}

/// What should be there.
fn services(stored: &Stored) -> Vec<Option<String>> {
    let integration = &stored.integration;
    if integration.public_url.is_none() || !integration.direction.inbound() {
        return Vec::new();
    }
    let mapped: BTreeSet<&str> =
        integration.services.iter().map(|mapping| mapping.service.as_str()).collect();
    if mapped.is_empty() || mapped.len() > SERVICES_MAX {
        return vec![None];
    }
    mapped.into_iter().map(|service| Some(service.to_owned())).collect()
}

/// What each of them is to be, now: kept, or deleted once others have taken its place.
struct Plan {
    wanted: Wanted,
    /// Those whose secrets stay valid for a while.
    replaced: Vec<Subscription>,
}

fn plan(stored: &Stored) -> Plan {
    let integration = &stored.integration;
    let services = services(stored);
    let url = integration.public_url.as_deref().map(|root| {
        let root = root.trim_end_matches('/');
        format!("{root}/api/v1/webhooks/{}", integration.id)
    });
    let url = url.unwrap_or_default();
    let is_current = |held: &&Subscription| {
        !held.replaced && held.url == url && services.contains(&held.service)
    };
    let (current, replaced): (Vec<_>, Vec<_>) =
        stored.subscriptions.iter().partition(|held| is_current(held));
    let confirmed = |service: &Option<String>| {
        current.iter().any(|held| held.service == *service && held.confirmed_at.is_some())
    };
    // What is replaced goes on sending until everything that takes its place is known to.
    let done = services.iter().all(confirmed);
    let ids = |some: &[&Subscription]| some.iter().map(|held| held.id.clone()).collect::<Vec<_>>();
    let (keep, drop) =
        if done { (Vec::new(), ids(&replaced)) } else { (ids(&replaced), Vec::new()) };
    let known = ids(&current);
    let mark = format!("Tandem: {} ({})", integration.handle, integration.id);
    let replaced = if done { replaced.into_iter().cloned().collect() } else { Vec::new() };
    Plan { wanted: Wanted { url, mark, services, known, keep, drop }, replaced }
}

async fn compare(admin: &Admin, stored: &Stored) -> Result<Option<String>, Refusal> {
    if let Some(silence) = ask::silence(stored) {
        return Ok(Some(silence.message(&stored.integration)));
    }
    let Plan { wanted, replaced } = plan(stored);
    let known = wanted.known.clone();
    let tended = ask::subscriptions(admin, &stored.integration, wanted).await?;
    let stored = take_in(admin, stored, &tended, (&known, &replaced)).await?;
    let mut problem = tended.problem;
    for held in stored.subscriptions.iter().filter(|held| held.confirmed_at.is_none()) {
        if let Err(why) = confirm(admin, &stored, held).await? {
            problem = Some(why);
        }
    }
    if stored.subscriptions.iter().any(|held| held.replaced) && problem.is_none() {
        // What takes their place is confirmed: they can go now.
        admin.subscribing.notify_one();
    }
    Ok(problem)
}

/// Stores what became of the subscriptions.
async fn take_in(
    admin: &Admin,
    stored: &Stored,
    tended: &Tended,
    (known, replaced): (&[String], &[Subscription]),
) -> Result<Stored, Refusal> {
    let at = now();
    let is_over = |id: &String| {
        let lost = known.contains(id) && !tended.live.contains(id);
        lost || tended.dropped.contains(id)
    };
    change(admin, stored, "integration.subscribe", |stored| {
        stored.subscriptions.retain(|held| !is_over(&held.id));
        for old in replaced.iter().filter(|held| tended.dropped.contains(&held.id)) {
            stored.signing_secrets.insert(0, old.secret.clone());
            stored.signing_secrets.truncate(EARLIER);
        }
        for made in &tended.made {
            stored.subscriptions.push(Subscription {
                id: made.id.clone(),
                url: made.url.clone(),
                service: made.service.clone(),
                secret: made.secret.clone(),
                made_at: at,
                confirmed_at: None,
                replaced: false,
            });
        }
    })
    .await
}

async fn change(
    admin: &Admin,
    stored: &Stored,
    action: &'static str,
    with: impl FnOnce(&mut Stored) + Send,
) -> Result<Stored, Refusal> {
    let (caller, id) = (Caller::itself(), stored.integration.id.to_string());
    let asked = Asked { caller: &caller, action, org: "", integration: &id, etag: "" };
    edit(admin, asked, |stored| {
        with(stored);
        Ok(())
    })
    .await
}

/// Has a subscription pinged and waits until that has come in through the door; `Err` says why not.
async fn confirm(
    admin: &Admin,
    stored: &Stored,
    held: &Subscription,
) -> Result<Result<(), String>, Refusal> {
    let integration = &stored.integration;
    published(admin, integration.id, integration.version).await;
    let mut pings =
        admin.listen(subjects::observed(&integration.connector, integration.id, None)).await?;
    ask::ping(admin, integration, &held.id).await?;
    let came = async {
        while let Some(body) = pings.next().await {
            // What comes this way without a record is a ping, or is told of the account.
            if matches!(serde_json::from_slice(&body), Ok(Event::Observation(_))) {
                return true;
            }
        }
        false
    };
    if !timeout(PING_WITHIN, came).await.unwrap_or(false) {
        let secs = PING_WITHIN.as_secs();
        return Ok(Err(format!(
            "a ping to {} did not come in within {secs} s: is that address reached from the \
             outside, and does it lead to ingress?",
            held.url
        )));
    }
    let (id, at) = (held.id.clone(), now());
    change(admin, stored, "integration.subscription.confirm", move |stored| {
        if let Some(held) = stored.subscriptions.iter_mut().find(|it| it.id == id) {
            held.confirmed_at = Some(at);
        }
    })
    .await?;
    Ok(Ok(()))
}

/// Waits until the services can know of a version.
async fn published(admin: &Admin, id: IntegrationId, version: u64) {
    let until = Instant::now() + KNOWN_WITHIN;
    while Instant::now() < until {
        let there = admin.bus.snapshot(id).await;
        if matches!(there, Ok(Some(there)) if there.integration.version >= version) {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    tracing::debug!(integration = %id, at = %clock::now(), "the configuration is slow to arrive");
}
