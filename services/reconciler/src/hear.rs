//! Answers requests one after the other until it is time to stop, through outages of NATS.

use futures_util::{Stream, StreamExt};
use tandem_bus::Unavailable;
use tandem_runtime::Stop;
use tokio::time::{Duration, sleep};

/// How long to wait before listening again.
const AGAIN: Duration = Duration::from_millis(250);

/// Has what `listen` brings answered; listens anew whenever that ends.
pub(crate) async fn hear<T, S, L, A>(stop: &Stop, listen: impl Fn() -> L, answer: impl Fn(T) -> A)
where
    L: Future<Output = Result<S, Unavailable>>,
    S: Stream<Item = T> + Unpin,
    A: Future<Output = ()>,
{
    while !stop.is_asked() {
        match listen().await {
            Ok(mut requests) => loop {
                let request = tokio::select! {
                    request = requests.next() => request,
                    () = stop.asked() => return,
                };
                let Some(request) = request else { break };
                answer(request).await;
            },
            Err(error) => tracing::debug!(%error, "nobody is heard yet"),
        }
        tokio::select! {
            () = sleep(AGAIN) => {}
            () = stop.asked() => {}
        }
    }
}
