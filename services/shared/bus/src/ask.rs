//! Asking the egress copy that acts for an integration: how things stand, and what the account has.
//!
//! Questions and answers are JSON on `tandem.ask.<connector>.<integration>`. Nothing is stored: who
//! gets no answer asks again, or says that there is none, which means that no copy acts. What the
//! items of a list look like is between the connector and whoever asks. Lists travel in parts,
//! since a message has a size that it must not exceed.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tandem_domain::{
    event::{Reading, Snapshot},
    id::{Connector, IntegrationId, LinkId, RecordId},
};

use crate::{Bus, Unavailable, subjects};

/// The most items of a list that one answer holds.
pub const PART: usize = 2_000;
/// The most records that one answer holds: each may have a title of four kilobytes.
pub const RECORDS_PART: usize = 100;
/// How often a list is begun again that was read anew while its parts were fetched.
const BEGINNINGS: usize = 3;

/// What is asked. The lists are answered by an [`Answer`] of [`Listed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Question {
    /// How much waits, how fast it goes, and what stands in its way; answered by a [`Status`].
    Status,
    /// When what waits for these links will be done; answered by a list of [`Due`], one for each
    /// link that something waits for.
    Due {
        /// The links.
        links: Vec<LinkId>,
    },
    /// Who is on call now.
    OnCall {
        /// In this schedule only.
        #[serde(default)]
        schedule: Option<String>,
        /// Which part of the list.
        #[serde(flatten)]
        part: Part,
    },
    /// The account's schedules.
    Schedules(Part),
    /// The account's users.
    Users(Part),
    /// The account's services.
    Services(Part),
    /// The account's escalation policies.
    EscalationPolicies(Part),
    /// The account's priorities.
    Priorities(Part),
    /// Every open record, as far as a list shows it; read for whoever asks, in the last lane.
    Records(Part),
    /// To look at one record; answered by an [`Answer`] of [`Looked`].
    Look(Look),
    /// Whether the connection works; answered by an [`Answer`] of checks.
    Test,
    /// To see to the subscriptions that send to us; answered by an [`Answer`] of [`Tended`].
    Subscribe(Wanted),
    /// To have a subscription send a ping; answered by an [`Answer`] of nothing.
    Ping {
        /// The subscription.
        subscription: String,
    },
}

/// Which record is to be looked at, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The record.
    pub record: RecordId,
    /// What it was like when a plan was made, where it is asked whether it still is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Box<Snapshot>>,
    /// Whether it is to be reported as it is found, if it is as planned: as a finding with which an
    /// incident may begin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub report: bool,
}

/// What became of looking at a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "looked", rename_all = "snake_case")]
pub enum Looked {
    /// It was read, and is as planned where it was asked whether it is.
    Seen {
        /// What it holds.
        reading: Box<Reading>,
    },
    /// It was as planned, and is reported.
    Reported {
        /// The finding's id.
        finding: String,
    },
    /// It is not as planned, and nothing was reported.
    Moved,
    /// It is not there, or not to be seen by this key.
    Gone,
}

/// What should send webhooks to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Where to.
    pub url: String,
    /// What a subscription of ours is known by over there.
    pub mark: String,
    /// Of what: services, or the whole account.
    pub services: Vec<Option<String>>,
    /// Those whose secrets we hold.
    pub known: Vec<String>,
    /// Those that are to be let be.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Those that are to go.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// What became of the subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tended {
    /// Whether it was seen what there is.
    pub looked: bool,
    /// Those of the known ones that are there.
    pub live: Vec<String>,
    /// Those that were made.
    pub made: Vec<Made>,
    /// Those that are gone.
    pub dropped: Vec<String>,
    /// Why not everything was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A subscription that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// Of what.
    pub service: Option<String>,
    /// Its secret, sealed as a signing secret of the integration.
    pub secret: String,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// How many items were had already.
    #[serde(default)]
    pub from: usize,
    /// Whether it is to be read anew, even if it was read a moment ago.
    #[serde(default)]
    pub fresh: bool,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer<T> {
    /// What was asked for.
    Told {
        /// The thing itself.
        told: T,
    },
    /// There is no answer.
    Failed(Failed),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What stood in the way.
    pub obstacle: Obstacle,
    /// The same in words for people.
    pub reason: String,
}

/// What stood in the way of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Nothing is asked of the account until the configuration changes.
    Paused,
    /// The account cannot be reached, or does not answer.
    Away,
    /// There are too many calls just now.
    Busy,
    /// The account refuses this question.
    Refused,
}

/// A list, or a part of it, and when it was read from the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed<T> {
    /// When it was read.
    pub read_at: Timestamp,
    /// Why it was not read anew, where it should have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated: Option<String>,
    /// How many items there are.
    pub total: usize,
    /// Whether that is all of them, or as many as the account lets anybody read.
    pub complete: bool,
    /// The items of this part.
    pub items: Vec<T>,
}

/// How the outbound side of one integration stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The integration.
    pub integration: IntegrationId,
    /// When it was so.
    pub at: Timestamp,
    /// The version of the configuration that is in force.
    pub version: u64,
    /// How many pieces of work wait or are in hand, by lane.
    pub waiting: BTreeMap<String, u64>,
    /// How many of them are in hand.
    pub in_hand: u64,
    /// How many calls go in a minute at most.
    pub per_minute: u32,
    /// When all of it will be done if nothing else comes and nothing fails, in seconds from `at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<u64>,
    /// Why nothing goes out until the configuration changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
    /// Until when nothing goes out, because the external side wants no calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_until: Option<Timestamp>,
    /// Calls that failed one after the other without one that was answered.
    pub failures: u32,
    /// The work that waits longest for another try, the next to be tried first; a few at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retrying: Vec<Retrying>,
    /// What is begun next, in order; a few at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Due>,
    /// How the subscriptions stand that send webhooks to us; none while nobody has looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscribed: Option<Subscribed>,
    /// When it was last looked for what nobody told.
    #[serde(default)]
    pub healed: Healed,
}

/// Whether anything sends webhooks to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sending {
    /// Every subscription that should.
    On,
    /// Some of them do not.
    Partly,
    /// None of them does.
    Off,
    /// There is no subscription.
    Missing,
    /// It cannot be seen.
    Unknown,
}

/// How the subscriptions stand that send webhooks to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Whether they send.
    pub sending: Sending,
    /// How many do.
    pub on: u64,
    /// Why it is so, where not all is well.
    #[serde(default)]
    pub reason: String,
    /// When it was so.
    pub at: Timestamp,
    /// When one was last found switched off, and enabled again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled_at: Option<Timestamp>,
}

/// When it was last looked for what nobody told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healed {
    /// The last round through the log that came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged_at: Option<Timestamp>,
    /// The last sweep of all open records that came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept_at: Option<Timestamp>,
}

/// A piece of work that waits or is in hand, and when it will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The link.
    pub link: LinkId,
    /// What it is: a version of a desired state, or an act, by its id.
    pub work: String,
    /// Its lane.
    pub lane: String,
    /// In how many seconds it will be done, if nothing more urgent comes and nothing fails; absent
    /// where nothing goes out at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eta_s: Option<u64>,
}

/// A piece of work that has failed and will be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retrying {
    /// The link.
    pub link: LinkId,
    /// What it is: a version of a desired state, or an act, by its id.
    pub work: String,
    /// Its lane.
    pub lane: String,
    /// How often it has failed.
    pub failures: u32,
    /// What it failed of last.
    pub cause: String,
    /// When it is tried next.
    pub next: Timestamp,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// The question, where it can be understood.
    pub question: Option<Question>,
    reply_to: async_nats::Subject,
}

impl Bus {
    /// Asks an integration's acting egress how things stand; `None` where nobody answers in time.
    pub async fn ask_status(
        &self,
        connector: &Connector,
        integration: IntegrationId,
        within: Duration,
    ) -> Option<Status> {
        self.ask(connector, integration, &Question::Status, within).await
    }

    /// Asks an integration's acting egress; `None` where nobody answers in time, or nothing that
    /// can be understood.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        connector: &Connector,
        integration: IntegrationId,
        question: &Question,
        within: Duration,
    ) -> Option<T> {
        self.request(subjects::ask(connector, integration), question, within).await
    }

    /// Asks an integration's acting egress for a whole list, part by part; `None` where nobody
    /// answers a part in time.
    pub async fn ask_list<T: DeserializeOwned>(
        &self,
        connector: &Connector,
        integration: IntegrationId,
        question: impl Fn(Part) -> Question + Send + Sync,
        (fresh, within): (bool, Duration),
    ) -> Option<Answer<Listed<T>>> {
        let mut whole: Option<Listed<T>> = None;
        let mut beginnings = 0;
        loop {
            let from = whole.as_ref().map_or(0, |whole| whole.items.len());
            let part = Part { from, fresh: fresh && beginnings == 0 };
            let answer = self.ask(connector, integration, &question(part), within).await?;
            let Answer::Told { told: part } = answer else { return Some(answer) };
            let held = match whole.take().filter(|held| held.read_at == part.read_at) {
                Some(mut held) => {
                    held.items.extend(part.items);
                    held
                }
                // It was read anew since: its parts do not fit together.
                None if from > 0 && beginnings >= BEGINNINGS => return None,
                None if from > 0 => continue,
                None => {
                    beginnings += 1;
                    part
                }
            };
            if held.items.len() >= held.total || held.items.len() == from {
                return Some(Answer::Told { told: held });
            }
            whole = Some(held);
        }
    }

    /// The questions about an integration from now on.
    pub async fn asked(
        &self,
        connector: &Connector,
        integration: IntegrationId,
    ) -> Result<impl Stream<Item = Asked> + Send + Unpin + use<>, Unavailable> {
        let questions = self
            .client
            .subscribe(subjects::ask(connector, integration))
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("listening for questions"))?;
        Ok(questions.filter_map(|message| {
            let question = serde_json::from_slice(&message.payload).ok();
            std::future::ready(message.reply.map(|reply_to| Asked { question, reply_to }))
        }))
    }

    /// Answers a question.
    pub async fn answer<T: Serialize + Sync>(&self, asked: Asked, answer: &T) {
        match serde_json::to_vec(answer) {
            Ok(body) => self.tell(asked.reply_to.to_string(), Bytes::from(body)).await,
            Err(error) => tracing::error!(%error, "an answer cannot be written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_that_says_little_is_understood() {
        let read = |json| serde_json::from_value::<Question>(json).unwrap();
        assert_eq!(read(json!({ "verb": "status" })), Question::Status);
        assert_eq!(read(json!({ "verb": "users" })), Question::Users(Part::default()));
        let anyone = Question::OnCall { schedule: None, part: Part::default() };
        assert_eq!(read(json!({ "verb": "on_call" })), anyone);
        let part = Part { from: 2_000, fresh: true };
        let one = Question::OnCall { schedule: Some("PABC123".to_owned()), part };
        let written = serde_json::to_value(&one).unwrap();
        let expected =
            json!({ "verb": "on_call", "schedule": "PABC123", "from": 2000, "fresh": true });
        assert_eq!(written, expected);
        assert_eq!(read(written), one);
    }

    #[test]
    fn an_answer_says_what_became_of_the_question() {
        let failed = Failed { obstacle: Obstacle::Away, reason: "no answer in time".to_owned() };
        let written = serde_json::to_value(Answer::<Status>::Failed(failed.clone())).unwrap();
        let expected =
            json!({ "answer": "failed", "obstacle": "away", "reason": "no answer in time" });
        assert_eq!(written, expected);
        let read: Answer<Vec<u8>> = serde_json::from_value(written).unwrap();
        assert_eq!(read, Answer::Failed(failed));
        let told: Answer<Vec<u8>> =
            serde_json::from_value(json!({ "answer": "told", "told": [1, 2] })).unwrap();
        assert_eq!(told, Answer::Told { told: vec![1, 2] });
    }
}
