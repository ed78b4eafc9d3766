//! Looking at one record for somebody who makes or applies a plan, in the last lane of the budget.

use std::time::Duration;

use tandem_bus::ask::{Answer, Failed, Look, Looked, Obstacle};
use tandem_domain::id::IntegrationId;
use tokio::time::timeout;

use super::{hopeless, late};
use crate::{deliver::Delivery, heal, inquire::read::failed};

/// Looks at a record, and reports it where it is as planned.
pub(super) async fn look(
    delivery: &Delivery,
    id: IntegrationId,
    wanted: Look,
    within: Duration,
) -> Answer<Looked> {
    if let Some(failed) = hopeless(&delivery.gate.standing()) {
        return Answer::Failed(failed);
    }
    match timeout(within, heal::look_for(delivery, id, &wanted)).await {
        Ok(Ok(told)) => Answer::Told { told },
        Ok(Err(heal::Unseen::Call(trouble))) => Answer::Failed(failed(&trouble)),
        Ok(Err(heal::Unseen::Broker)) => {
            let reason = "nats does not take what was found".to_owned();
            Answer::Failed(Failed { obstacle: Obstacle::Away, reason })
        }
        Err(_) => Answer::Failed(late(&delivery.gate.standing())),
    }
}
