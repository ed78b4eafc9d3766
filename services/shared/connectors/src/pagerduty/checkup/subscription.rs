//! Whether webhooks are sent to us: the subscriptions that name our address, and what they cover.

use tandem_domain::integration::Integration;

use super::super::subscription::{NEEDED, Subscription, is_ours};
use crate::checkup::Check;

/// Judges whether the webhooks that are needed are sent to us.
pub fn webhooks(integration: &Integration, all: &[Subscription]) -> Check {
    let name = "subscription";
    let ours: Vec<_> = all.iter().filter(|it| is_ours(&it.url, integration.id)).collect();
    let ids = |some: &[&Subscription]| {
        some.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    if ours.is_empty() {
        let way_out = format!(
            "in PagerDuty, Integrations > Generic Webhooks (v3) > New Webhook, with the URL \
             https://<YOUR SERVER>/api/v1/webhooks/{}; then: im integration configure {} \
             --signing-secret-file <FILE>",
            integration.id, integration.handle
        );
        return Check::warning(name, "none seen that sends to this integration", way_out);
    }
    let (on, off): (Vec<_>, Vec<_>) = ours.into_iter().partition(|it| it.sends);
    if on.is_empty() {
        let found = format!("switched off, so nothing arrives: {}", ids(&off));
        return Check::failed(name, found, ENABLE);
    }
    if !off.is_empty() {
        let found = format!("{} sends, {} is switched off", ids(&on), ids(&off));
        return Check::warning(name, found, ENABLE);
    }
    let missing: Vec<_> = NEEDED
        .iter()
        .map(|needed| needed.name())
        .filter(|needed| on.iter().all(|it| it.events.iter().all(|event| event != needed)))
        .collect();
    if !missing.is_empty() {
        let found = format!("{} does not announce {}", ids(&on), missing.join(", "));
        return Check::warning(name, found, "add these event types to it in PagerDuty");
    }
    let everywhere = on.iter().any(|it| it.service.is_none());
    let covers = |id: &str| everywhere || on.iter().any(|it| it.service.as_deref() == Some(id));
    let mapped = integration.services.iter().map(|it| it.service.as_str());
    let uncovered: Vec<_> = mapped.filter(|id| !covers(id)).collect();
    if !uncovered.is_empty() {
        let found = format!("{} is not about {}", ids(&on), uncovered.join(", "));
        return Check::warning(name, found, "subscribe to these services too, or to the account");
    }
    Check::ok(name, format!("{} sends to this integration", ids(&on)))
}

const ENABLE: &str = "enable it in PagerDuty (Integrations > Generic Webhooks), and see why it was: \
                      three webhooks in a row were refused or not answered";
