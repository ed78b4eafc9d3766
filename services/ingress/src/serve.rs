//! Connections: how many there may be, and how long one may take to say what it wants.
//!
//! HTTP/1.1 only, which is what webhooks and their proxies speak. A request that has begun is
//! finished when the process stops.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tandem_runtime::Stop;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Open connections; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 2048;
/// How long a request's head may take to arrive, which bounds how long a connection idles, too.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// How long to rest when a connection cannot be accepted, mostly for want of file descriptors.
const REST: Duration = Duration::from_millis(50);

/// Serves until it is time to stop.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: Stop) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.asked() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let (router, asked) = (router.clone(), stop.clone());
                stop.spawn_work(async move {
                    connection(stream, router, asked).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, stop: Stop) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers on a connection may be delayed");
    }
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let service = TowerToHyperService::new(router);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.asked() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection broke");
    }
}
