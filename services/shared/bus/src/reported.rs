//! Whether a piece of work was reported: asked by the egress, answered by the reconciler.
//!
//! A copy can die between its report and its acknowledgement, and then the broker hands the same
//! work to another one, which would write over whatever came since. What was reported is in the
//! reconciler's inbox by then, so work that comes again is asked after before it is done again.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tandem_domain::id::{Connector, IntegrationId};

use crate::{Bus, Unavailable, subjects};

/// Who of the copies answers.
const GROUP: &str = "reported";

/// A question about one piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// What the ids of its reports begin with.
    pub work: String,
    /// When the broker had it: what was reported before was something else of that name, which an
    /// operator sent again.
    pub since: Timestamp,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether a report of it was taken in.
    pub reported: bool,
}

/// A question that waits for its answer.
#[derive(Debug)]
pub struct Question {
    /// The integration.
    pub integration: IntegrationId,
    /// What is asked.
    pub asked: Asked,
    reply_to: async_nats::Subject,
}

impl Bus {
    /// Whether a report of that work was taken in; `None` where nobody answers in time.
    pub async fn is_reported(
        &self,
        connector: &Connector,
        integration: IntegrationId,
        asked: &Asked,
        within: Duration,
    ) -> Option<bool> {
        let subject = subjects::reported(connector, integration);
        let answer = self.request(subject, asked, within).await;
        answer.map(|Answer { reported }| reported)
    }

    /// The questions that come from now on; each is heard by one copy.
    pub async fn asked_of_reports(
        &self,
    ) -> Result<impl Stream<Item = Question> + Send + Unpin + use<>, Unavailable> {
        let doing = "listening to questions about reports";
        let questions = self.requests(subjects::REPORTED, GROUP, doing).await?;
        let question = |(integration, asked, reply_to)| Question { integration, asked, reply_to };
        Ok(questions.map(question))
    }

    /// Answers a question about a report.
    pub async fn say_reported(&self, question: Question, reported: bool) {
        if let Ok(body) = serde_json::to_vec(&Answer { reported }) {
            self.tell(question.reply_to.to_string(), body.into()).await;
        }
    }
}
