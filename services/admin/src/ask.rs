//! Asking the service that calls the external account, and saying plainly why there is no answer.
//!
//! Admin calls no external account itself: the budget of calls is kept in one place.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tandem_bus::ask::{
    Answer, Due, Failed, Listed, Look, Looked, Obstacle, Part, Question, Status, Tended, Wanted,
};
use tandem_connectors::checkup::Check;
use tandem_domain::{event::Snapshot, id::LinkId, integration::Integration};
use tandem_store::integrations::Stored;
use tokio::time::{Instant, sleep};

use crate::{Admin, refusal::Refusal};

/// Longer than the other side keeps anybody waiting, so that it is heard why it took so long.
const ANSWER_WITHIN: Duration = Duration::from_secs(12);
/// How long until it is asked again for what takes longer.
const ASK_AGAIN: Duration = Duration::from_millis(250);
/// What is known there is told at once.
const STATUS_WITHIN: Duration = Duration::from_secs(2);
/// A list of links is worth having without it.
const DUE_WITHIN: Duration = Duration::from_millis(500);

/// A list of what the account has.
pub(crate) async fn list<T: DeserializeOwned>(
    admin: &Admin,
    stored: &Stored,
    fresh: bool,
    question: impl Fn(Part) -> Question + Send + Sync,
) -> Result<Listed<T>, Refusal> {
    let integration = &stored.integration;
    if let Some(silence) = silence(stored) {
        return Err(silence.refusal(integration));
    }
    let (connector, id) = (&integration.connector, integration.id);
    let answer = admin.bus.ask_list(connector, id, question, (fresh, ANSWER_WITHIN)).await;
    match answer {
        Some(Answer::Told { told }) => Ok(told),
        Some(Answer::Failed(failed)) => Err(refused(integration, failed)),
        None => Err(Refusal::Unanswered { message: unanswered(admin, integration) }),
    }
}

/// How long reading every open record may take.
const RECORDS_WITHIN: Duration = Duration::from_mins(2);

/// Every open record of the account, read since `since`. What takes longer than one answer may is
/// asked for again until it is there.
pub(crate) async fn records(
    admin: &Admin,
    stored: &Stored,
    since: Timestamp,
) -> Result<Listed<Snapshot>, Refusal> {
    let until = Instant::now() + RECORDS_WITHIN;
    let mut fresh = true;
    loop {
        match list::<Snapshot>(admin, stored, fresh, Question::Records).await {
            Ok(listed) if listed.read_at >= since && listed.outdated.is_none() => {
                return Ok(listed);
            }
            Ok(listed) if Instant::now() >= until => {
                let handle = &stored.integration.handle;
                let why = listed.outdated.unwrap_or_else(|| "it takes too long".to_owned());
                let message = format!("the records of {handle} cannot be read just now: {why}");
                return Err(Refusal::Unanswered { message });
            }
            Ok(listed) => fresh = listed.read_at < since,
            Err(Refusal::Unanswered { message }) if Instant::now() >= until => {
                return Err(Refusal::Unanswered { message });
            }
            // It goes on being read.
            Err(Refusal::Unanswered { .. }) => {
                fresh = false;
                sleep(ASK_AGAIN).await;
            }
            Err(refusal) => return Err(refusal),
        }
    }
}

/// Has the service that makes the calls look at one record.
pub(crate) async fn look(admin: &Admin, stored: &Stored, wanted: Look) -> Result<Looked, Refusal> {
    let integration = &stored.integration;
    if let Some(silence) = silence(stored) {
        return Err(silence.refusal(integration));
    }
    let (connector, id) = (&integration.connector, integration.id);
    match admin.bus.ask(connector, id, &Question::Look(wanted), ANSWER_WITHIN).await {
        Some(Answer::Told { told }) => Ok(told),
        Some(Answer::Failed(failed)) => Err(refused(integration, failed)),
        None => Err(Refusal::Unanswered { message: unanswered(admin, integration) }),
    }
}

/// What the service that makes the calls found of the connection; `Err` says why it was not asked
/// or did not answer.
pub(crate) async fn checks(admin: &Admin, integration: &Integration) -> Result<Vec<Check>, String> {
    let (connector, id) = (&integration.connector, integration.id);
    match admin.bus.ask(connector, id, &Question::Test, ANSWER_WITHIN).await {
        Some(Answer::Told { told }) => Ok(told),
        Some(Answer::Failed(failed)) => Err(failed.reason),
        None => Err(unanswered(admin, integration)),
    }
}

/// Has the service that makes the calls see to the subscriptions that send to us.
pub(crate) async fn subscriptions(
    admin: &Admin,
    integration: &Integration,
    wanted: Wanted,
) -> Result<Tended, Refusal> {
    let (connector, id) = (&integration.connector, integration.id);
    match admin.bus.ask(connector, id, &Question::Subscribe(wanted), ANSWER_WITHIN).await {
        Some(Answer::Told { told }) => Ok(told),
        Some(Answer::Failed(failed)) => Err(refused(integration, failed)),
        None => Err(Refusal::Unanswered { message: unanswered(admin, integration) }),
    }
}

/// Has a subscription send a ping.
pub(crate) async fn ping(
    admin: &Admin,
    integration: &Integration,
    subscription: &str,
) -> Result<(), Refusal> {
    let (connector, id) = (&integration.connector, integration.id);
    let ping = Question::Ping { subscription: subscription.to_owned() };
    match admin.bus.ask(connector, id, &ping, ANSWER_WITHIN).await {
        Some(Answer::Told { told: () }) => Ok(()),
        Some(Answer::Failed(failed)) => Err(refused(integration, failed)),
        None => Err(Refusal::Unanswered { message: unanswered(admin, integration) }),
    }
}

/// How the outbound side stands; none where nobody answers.
pub(crate) async fn status(admin: &Admin, integration: &Integration) -> Option<Status> {
    admin.bus.ask_status(&integration.connector, integration.id, STATUS_WITHIN).await
}

/// In how many seconds what waits for links will be done, as far as somebody answers and knows.
pub(crate) async fn dues(
    admin: &Admin,
    integration: &Integration,
    links: Vec<LinkId>,
) -> HashMap<LinkId, u64> {
    if links.is_empty() {
        return HashMap::new();
    }
    let (connector, id) = (&integration.connector, integration.id);
    let question = Question::Due { links };
    let answer: Option<Vec<Due>> = admin.bus.ask(connector, id, &question, DUE_WITHIN).await;
    let dues = answer.unwrap_or_default().into_iter();
    let mut last = HashMap::new();
    // A link that several things wait for is done when the last of them is.
    for (link, eta_s) in dues.filter_map(|due| Some((due.link, due.eta_s?))) {
        let held: &mut u64 = last.entry(link).or_default();
        *held = eta_s.max(*held);
    }
    last
}

/// A reason of its own configuration why nobody makes calls for an integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    /// For programs.
    pub(crate) kind: &'static str,
    /// For people.
    why: &'static str,
    command: &'static str,
    option: &'static str,
}

impl Silence {
    /// The reason in words for people, and the way out.
    pub(crate) fn message(self, integration: &Integration) -> String {
        let handle = &integration.handle;
        let Self { why, command, option, .. } = self;
        format!("{handle} {why}: im integration {command} {handle}{option}")
    }

    fn refusal(self, integration: &Integration) -> Refusal {
        let message = self.message(integration);
        Refusal::Precluded { kind: self.kind, name: integration.handle.to_string(), message }
    }
}

/// Why nobody makes calls for an integration; none where somebody should.
pub(crate) fn silence(stored: &Stored) -> Option<Silence> {
    let integration = &stored.integration;
    let silence = |kind, why, command, option| Some(Silence { kind, why, command, option });
    if !integration.enabled {
        return silence("DISABLED", "is disabled, so nothing calls its account", "enable", "");
    }
    if stored.token.is_none() {
        let why = "has no token to call its account with";
        return silence("NO_TOKEN", why, "configure", " --token-file <FILE>");
    }
    if integration.paused {
        let why = "is paused, so nothing calls its account and what is to go out waits";
        return silence("PAUSED", why, "resume", "");
    }
    None
}

/// Why nobody answers, as far as that can be told from here.
pub(crate) fn unanswered(admin: &Admin, integration: &Integration) -> String {
    let Integration { handle, connector, .. } = integration;
    if admin.bus.connected() {
        format!(
            "no egress answers for {handle}: see whether tandem-{connector}-egress runs, and \
             whether its log says that {handle} cannot be served"
        )
    } else {
        format!("no egress can be asked about {handle}: nats is not available")
    }
}

fn refused(integration: &Integration, failed: Failed) -> Refusal {
    let handle = &integration.handle;
    let Failed { obstacle, reason } = failed;
    let precluded = |kind, message| Refusal::Precluded { kind, name: handle.to_string(), message };
    match obstacle {
        Obstacle::Paused => precluded("PAUSED", paused(integration, &reason)),
        Obstacle::Refused => {
            precluded("REFUSED", format!("the account of {handle} refuses this: {reason}"))
        }
        Obstacle::Away | Obstacle::Busy => {
            let message = format!("the account of {handle} cannot be asked just now: {reason}");
            Refusal::Unanswered { message }
        }
    }
}

/// That an integration is paused, and the way out.
pub(crate) fn paused(integration: &Integration, reason: &str) -> String {
    let handle = &integration.handle;
    format!(
        "{handle} is paused until it is configured anew ({reason}): im integration configure \
         {handle} --token-file <FILE>"
    )
}
