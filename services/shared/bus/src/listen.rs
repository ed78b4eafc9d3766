//! Listening without a stream: answers to what was just asked, and the live end of the feed.
//!
//! Nothing is kept for whoever is away, so nothing may rely on it: a lost answer is a time-out.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

use crate::{Bus, Unavailable};

impl Bus {
    /// A subject that nobody else knows, for answers.
    pub fn inbox(&self) -> String {
        self.client.new_inbox()
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
