//! Asking the egress copy that acts for an integration how things stand there.
//!
//! Questions and answers are JSON on `tandem.ask.<connector>.<integration>`. Nothing is stored: who
//! gets no answer asks again, or says that there is none, which means that no copy acts.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tandem_domain::id::{Connector, IntegrationId, LinkId};

use crate::{Bus, Unavailable, subjects};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Question {
    /// How much waits, how fast it goes, and what stands in its way; answered by a [`Status`].
    Status,
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
        let question = serde_json::to_vec(&Question::Status).ok()?;
        let subject = subjects::ask(connector, integration);
        let request = async_nats::Request::new().payload(question.into()).timeout(Some(within));
        let answer = self.client.send_request(subject, request).await.ok()?;
        serde_json::from_slice(&answer.payload).ok()
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
