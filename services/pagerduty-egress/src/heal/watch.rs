//! Watching the subscriptions that send to us: one that was switched off for a day is switched on
//! again. One that somebody switched off by hand is left so, and shows.

use tandem_bus::ask::{Sending, Subscribed};
use tandem_connectors::pagerduty::{
    directory::{LAST_OFFSET, PAGE},
    subscription::{self, Subscription},
};
use tandem_runtime::clock;

use super::{Cut, Healer};
use crate::call::Trouble;

impl Healer<'_> {
    /// Looks at the subscriptions once.
    pub(super) async fn watch(&mut self) -> Result<(), Cut> {
        if !self.delivery.gate.account().integration.direction.inbound() {
            return Ok(());
        }
        let all = match self.subscriptions().await {
            Ok(all) => all,
            Err(Trouble::CalledOff(_)) => return Err(Cut::Away),
            Err(Trouble::Failed(failure)) => {
                let reason = failure.reason.clone();
                self.show(Sending::Unknown, 0, reason);
                return Ok(());
            }
        };
        let (mut on, mut off, mut reasons) = (0, 0, Vec::new());
        for ours in all.iter().filter(|it| subscription::is_ours(&it.url, self.id)) {
            if ours.sends {
                on += 1;
            } else if !ours.disabled {
                off += 1;
                reasons.push(format!("{} was switched off by hand", ours.id));
            } else if self.enable(ours).await {
                on += 1;
            } else {
                off += 1;
                reasons.push(format!("{} is switched off and could not be enabled", ours.id));
            }
        }
        let sending = match (on, off) {
            (0, 0) => Sending::Missing,
            (0, _) => Sending::Off,
            (_, 0) => Sending::On,
            _ => Sending::Partly,
        };
        self.show(sending, on, reasons.join("; "));
        Ok(())
    }

    async fn enable(&self, ours: &Subscription) -> bool {
        let enabled = self.call(subscription::enable(&ours.id), |_| Some(())).await.is_ok();
        if enabled {
            tracing::warn!(
                integration = %self.id,
                subscription = ours.id,
                "webhooks had been switched off; enabled again, and what was dropped is looked for"
            );
            metrics::counter!("tandem_subscriptions_enabled_total").increment(1);
            self.delivery.shown.enabled(clock::now());
        }
        enabled
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, Trouble> {
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let request = subscription::subscriptions(offset);
            let page = self.call(request, subscription::read_subscriptions).await?.value;
            all.extend(page.items);
            offset += PAGE;
            if !page.more || offset > LAST_OFFSET {
                return Ok(all);
            }
        }
    }

    fn show(&self, sending: Sending, on: u64, reason: String) {
        let at = clock::now();
        self.delivery.shown.watched(Subscribed { sending, on, reason, at, enabled_at: None });
    }
}
