//! Seeing to the subscriptions that send to us: what is missing is made, what is to go is deleted.
//!
//! A secret is told once, by the answer that makes a subscription. It is sealed here, at once; when
//! that answer or ours is lost, so is the secret, and the subscription is deleted as a stranger the
//! next time, and made anew.

use std::{sync::PoisonError, time::Duration};

use tandem_bus::{
    ask::{Answer, Made, Tended, Wanted},
    config::signing_secret_place,
};
use tandem_connectors::pagerduty::{
    directory::{LAST_OFFSET, PAGE},
    rest::Request,
    subscription::{self, Subscription},
};
use tokio::time::timeout;

use super::{late, read::failed};
use crate::{
    call::{Answer as Answered, Caller, Trouble},
    deliver::Delivery,
    lanes::Lane,
};

/// What is done so far.
type Progress = std::sync::Mutex<Tended>;

/// Sees to the subscriptions; what takes too long is told as far as it came.
pub(super) async fn tend(delivery: &Delivery, wanted: &Wanted, within: Duration) -> Answer<Tended> {
    let progress = Progress::default();
    let ended = timeout(within, work(delivery, wanted, &progress)).await;
    let mut told = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    match ended {
        Ok(Ok(())) => Answer::Told { told },
        // What was made must be known, or its secret is lost.
        Ok(Err(trouble)) if told.looked => {
            told.problem = Some(failed(&trouble).reason);
            Answer::Told { told }
        }
        Ok(Err(trouble)) => Answer::Failed(failed(&trouble)),
        Err(_) if told.looked => {
            told.problem = Some(late(&delivery.gate.standing()).reason);
            Answer::Told { told }
        }
        Err(_) => Answer::Failed(late(&delivery.gate.standing())),
    }
}

/// Has a subscription send a ping.
pub(super) async fn ping(delivery: &Delivery, id: &str, within: Duration) -> Answer<()> {
    let pinging = call(delivery, subscription::ping(id), |_| Some(()));
    match timeout(within, pinging).await {
        Ok(Ok(_)) => Answer::Told { told: () },
        Ok(Err(trouble)) => Answer::Failed(failed(&trouble)),
        Err(_) => Answer::Failed(late(&delivery.gate.standing())),
    }
}

async fn call<T>(
    delivery: &Delivery,
    request: Request,
    read: impl FnOnce(&serde_json::Value) -> Option<T> + Send,
) -> Result<Answered<T>, Trouble> {
    let permit = delivery.gate.pass(Lane::Questions).await?;
    let mut caller = Caller::asking(&delivery.http, &delivery.gate, permit, &delivery.stop);
    caller.call(request, read).await
}

async fn work(delivery: &Delivery, wanted: &Wanted, progress: &Progress) -> Result<(), Trouble> {
    let note = |with: &mut dyn FnMut(&mut Tended)| {
        with(&mut progress.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let all = all(delivery).await?;
    let is_at_work = |it: &&Subscription| wanted.known.contains(&it.id) && it.url == wanted.url;
    let live: Vec<_> = all.iter().filter(is_at_work).map(|it| it.id.clone()).collect();
    note(&mut |told| {
        told.looked = true;
        told.live.clone_from(&live);
    });
    for service in &wanted.services {
        if all.iter().filter(is_at_work).any(|it| it.service == *service) {
            continue;
        }
        let request = subscription::subscribe(&wanted.url, service.as_deref(), &wanted.mark);
        let made = call(delivery, request, subscription::read_made).await?.value;
        let place = signing_secret_place(delivery.gate.account().integration.id);
        let secret = match delivery.keys.seal(&place, &made.secret) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(%error, "a secret could not be sealed");
                continue;
            }
        };
        tracing::info!(subscription = made.id, "subscribed to webhooks");
        let (url, service) = (wanted.url.clone(), service.clone());
        let made = Made { id: made.id, url, service, secret };
        note(&mut |told| told.made.push(made.clone()));
    }
    let is_stranger = |it: &&Subscription| {
        let held = wanted.known.iter().chain(&wanted.keep).chain(&wanted.drop);
        it.url == wanted.url
            && it.description == wanted.mark
            && !held.clone().any(|id| *id == it.id)
    };
    let strangers = all.iter().filter(is_stranger).map(|it| &it.id);
    for id in strangers.chain(&wanted.drop) {
        if all.iter().any(|it| it.id == *id) {
            call(delivery, subscription::unsubscribe(id), |_| Some(())).await?;
            tracing::info!(subscription = id, "unsubscribed");
        }
        note(&mut |told| told.dropped.push(id.clone()));
    }
    Ok(())
}

async fn all(delivery: &Delivery) -> Result<Vec<Subscription>, Trouble> {
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let request = subscription::subscriptions(offset);
        let page = call(delivery, request, subscription::read_subscriptions).await?.value;
        all.extend(page.items);
        offset += PAGE;
        if !page.more || offset > LAST_OFFSET {
            return Ok(all);
        }
    }
}
