//! Watching what the public feed does not tell of: looked at again and again, and what became
//! different is told. A look that fails because the database is away is made good by the next.
//!
//! The more a look costs, the less often there is one, so that a watch takes a small part of the
//! database whatever there is to look at.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use futures_util::{Stream, stream};
use tokio::time::sleep;
use tonic::Status;

use crate::{Admin, caller::Caller, refusal::Refusal};

/// How long from one look to the next at least.
const STEP: Duration = Duration::from_secs(1);
/// And how many times as long as a look took.
const APART: u32 = 20;

/// Something that is looked at.
pub(super) trait Source: Send {
    /// What is told of it.
    type Item: Send;

    /// What became different since the last look; what the first one gives is what there is.
    fn look(
        &mut self,
        admin: &Admin,
    ) -> impl Future<Output = Result<Vec<Self::Item>, Refusal>> + Send;
}

struct Watching<S: Source> {
    admin: Admin,
    caller: Caller,
    source: S,
    told: VecDeque<S::Item>,
    pause: Duration,
}

/// Streams what becomes different from now on.
pub(super) async fn stream<S: Source + 'static>(
    admin: &Admin,
    caller: Caller,
    mut source: S,
) -> Result<impl Stream<Item = Result<S::Item, Status>> + Send + use<S>, Refusal> {
    drop(source.look(admin).await?);
    let admin = admin.clone();
    let watching = Watching { admin, caller, source, told: VecDeque::new(), pause: STEP };
    // After an error the state is gone, and with it the stream.
    Ok(stream::unfold(Some(watching), |watching| async move {
        let mut watching = watching?;
        match watching.next().await {
            Some(Ok(item)) => Some((Ok(item), Some(watching))),
            Some(Err(refusal)) => Some((Err(Status::from(refusal)), None)),
            None => None,
        }
    }))
}

impl<S: Source> Watching<S> {
    async fn next(&mut self) -> Option<Result<S::Item, Refusal>> {
        loop {
            if let Some(item) = self.told.pop_front() {
                return Some(Ok(item));
            }
            tokio::select! {
                () = self.admin.stop.asked() => return None,
                () = sleep(self.pause) => {}
            }
            let began = Instant::now();
            let looked = async {
                self.admin.gate().recheck(&self.caller).await?;
                self.source.look(&self.admin).await
            };
            match looked.await {
                Ok(told) => self.told.extend(told),
                // What became different meanwhile is different then, too.
                Err(Refusal::Unavailable { .. }) => {}
                Err(refusal) => return Some(Err(refusal)),
            }
            self.pause = STEP.max(began.elapsed().saturating_mul(APART));
        }
    }
}
