//! The gate in front of the ports: a layer for gRPC, a middleware for REST.

use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{Extensions, HeaderValue, Method, Response as HttpResponse, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tonic::{
    Code, Status,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::{Layer, Service};

use super::{gate::Gate, rights};
use crate::rest;

/// What is said to those who ask too often.
const TOO_OFTEN: &str = "too many calls come from this address: try again a little later";

/// Puts the gate in front of every gRPC service.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    pub(crate) gate: Gate,
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, gate: self.gate.clone() }
    }
}

/// Services behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    gate: Gate,
}

impl<S, B> Service<HttpRequest<B>> for Guarded<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse<tonic::body::Body>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest<B>) -> Self::Future {
        // The one that said it was ready is called; its clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let gate = self.gate.clone();
        let admitted = gate.count(peer(request.extensions()));
        Box::pin(async move {
            if let Err(wait) = admitted {
                return Ok(too_often(wait).into_http());
            }
            let least = match rights::of_path(request.uri().path()) {
                None => return Ok(Status::unimplemented("there is no such call").into_http()),
                Some(rights::Least::Nothing) => return inner.call(request).await,
                Some(least) => least,
            };
            match gate.admit(least, request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(refusal) => Ok(Status::from(refusal).into_http()),
            }
        })
    }
}

/// Who is at the other end of a gRPC connection.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let over_tls = || {
        let info = extensions.get::<TlsConnectInfo<TcpConnectInfo>>()?;
        info.get_ref().remote_addr()
    };
    let plain = extensions.get::<TcpConnectInfo>().and_then(TcpConnectInfo::remote_addr);
    plain.or_else(over_tls).map(|source| source.ip())
}

fn too_often(wait: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(wait));
    Status::with_error_details(Code::ResourceExhausted, TOO_OFTEN, details)
}

type HttpRequest<B> = axum::http::Request<B>;

/// Lets requests to the REST API through, each as the call that it stands for.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let source = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if let Err(wait) = gate.count(source.map(|ConnectInfo(source)| source.ip())) {
        let mut answer = rest::nothing(StatusCode::TOO_MANY_REQUESTS, TOO_OFTEN);
        let seconds = HeaderValue::from(wait.as_secs().saturating_add(1));
        answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        return answer;
    }
    // Where nothing is, that is all there is to say.
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        return next.run(request).await;
    };
    let method = match request.method() {
        &Method::HEAD => &Method::GET,
        method => method,
    };
    let Some(least) = rest::call(method, path.as_str()).and_then(rights::of) else {
        return rest::not_this_way(&rest::allowed(path.as_str()));
    };
    match gate.admit(least, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}
