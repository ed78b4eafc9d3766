//! Listening without a stream: answers to what was just asked, and the live end of the feed.
//!
//! Nothing is kept for whoever is away, so nothing may rely on it: a lost answer is a time-out.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde::{Serialize, de::DeserializeOwned};
use tandem_domain::id::IntegrationId;

use crate::{Bus, Unavailable};

/// A request about an integration, and where its answer is waited for.
pub(crate) type Requested<T> = (IntegrationId, T, async_nats::Subject);

impl Bus {
    /// A subject that nobody else knows, for answers.
    pub fn inbox(&self) -> String {
        self.client.new_inbox()
    }

    /// Asks whoever listens on `subject`; `None` where nobody answers in time, or nothing that can
    /// be understood.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        subject: String,
        body: &(impl Serialize + Sync),
        within: Duration,
    ) -> Option<T> {
        // Without a connection the client would wait for one.
        if !self.connected() {
            return None;
        }
        let body = serde_json::to_vec(body).ok()?;
        let request = async_nats::Request::new().payload(body.into()).timeout(Some(within));
        let answer = self.client.send_request(subject, request).await.ok()?;
        serde_json::from_slice(&answer.payload).ok()
    }

    /// The requests on `subject`, whose last part names the integration, from now on; each is heard
    /// by one of the `group`. What cannot be understood goes unanswered.
    pub(crate) async fn requests<T: DeserializeOwned + Send>(
        &self,
        subject: &'static str,
        group: &str,
        doing: &'static str,
    ) -> Result<impl Stream<Item = Requested<T>> + Send + Unpin + use<T>, Unavailable> {
        let requests = self
            .client
            .queue_subscribe(subject, group.to_owned())
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because(doing))?;
        Ok(requests.filter_map(|message| {
            let integration = message.subject.split('.').nth(3).and_then(|id| id.parse().ok());
            let said = serde_json::from_slice(&message.payload).ok();
            let request = integration.zip(said).zip(message.reply);
            std::future::ready(
                request.map(|((integration, said), reply)| (integration, said, reply)),
            )
        }))
    }

    /// The bodies of messages on `subject` from now on: the server has the subscription before
    /// this returns.
    pub async fn listen(
        &self,
        subject: String,
    ) -> Result<impl Stream<Item = Bytes> + Send + Unpin + use<>, Unavailable> {
        let subscriber = self
            .client
            .subscribe(subject)
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("subscribing"))?;
        self.client
            .flush()
            .await
            .map_err(Box::from)
            .map_err(Unavailable::because("subscribing"))?;
        Ok(subscriber.map(|message| message.payload))
    }
}
