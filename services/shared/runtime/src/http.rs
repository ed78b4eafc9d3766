//! Serving HTTP/1.1 to whoever comes, over TLS where that is given: how many connections there may be,
//! how long a head may take, and how much of it there may be.
//!
//! Nobody can take the door away from the others: where there is no room, who has said nothing for
//! longest goes, and of one source there are never more than its share. A request that has begun is
//! finished when the process stops.

mod crowd;
mod rates;

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

pub use self::{
    crowd::{Activity, Crowd, Place},
    rates::Rates,
};
use crate::Stop;

/// How long a request's head may take to arrive, which bounds how long a connection idles, too.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The largest head. What comes of a body is read in pieces of at most this size, too.
const HEAD_MAX: usize = 16 * 1024;
/// The most headers.
const HEADERS_MAX: usize = 64;
/// How long to rest when a connection cannot be accepted, mostly for want of file descriptors.
const REST: Duration = Duration::from_millis(50);
/// What is said where everybody who is connected is being served.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\
                      connection: close\r\n\r\n";

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Altogether.
    pub connections: usize,
    /// From one address. Behind a proxy everybody comes from there, so it is a large share.
    pub per_source: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1024, per_source: 768 }
    }
}

/// Serves until it is time to stop. Requests carry who is at the other end, as [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: Stop,
) {
    let crowd = Arc::new(Crowd::new(limits));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.asked() => return,
        };
        match accepted {
            Ok((stream, source)) => match Crowd::enter(&crowd, source.ip()).await {
                Some(place) => {
                    let guest = Guest { source, place, router: router.clone(), stop: stop.clone() };
                    stop.spawn_work(guest.begin(stream, tls.clone()));
                }
                None => refuse(&stream),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Turns somebody away; whether they hear why is up to their timing.
fn refuse(stream: &TcpStream) {
    metrics::counter!("tandem_connections_refused_total").increment(1);
    stream.try_write(FULL).ok();
}

/// Who is connected, and what serves them.
struct Guest {
    source: SocketAddr,
    place: Place,
    router: Router,
    stop: Stop,
}

impl Guest {
    /// Agrees on TLS where it is asked for, then serves.
    async fn begin(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers on a connection may be delayed");
        }
        let Some(tls) = tls else { return self.connection(stream).await };
        let agreed = tokio::select! {
            agreed = timeout(HEAD_WITHIN, tls.accept(stream)) => agreed,
            () = self.place.given_away() => return,
            () = self.stop.asked() => return,
        };
        match agreed {
            Ok(Ok(stream)) => self.connection(stream).await,
            Ok(Err(error)) => tracing::debug!(%error, "no agreement on TLS"),
            Err(_) => tracing::debug!("agreeing on TLS took too long"),
        }
    }

    async fn connection<S>(self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { source, place, router, stop } = self;
        let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_MAX)
            .max_headers(HEADERS_MAX);
        let activity = place.activity();
        let service = tower::service_fn(move |request: Request<_>| {
            let (router, activity) = (router.clone(), activity.clone());
            async move {
                activity.begins();
                let mut request = request.map(Body::new);
                // Not by a layer: a router that is layered anew for each connection is copied whole.
                request.extensions_mut().insert(ConnectInfo(source));
                let answer: Result<Response, Infallible> = router.oneshot(request).await;
                activity.ends();
                answer
            }
        });
        let service = TowerToHyperService::new(service);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            () = place.given_away() => return,
            () = stop.asked() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error, "a connection broke");
        }
    }
}
