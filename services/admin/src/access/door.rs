//! The gate in front of the ports: a layer for gRPC, a middleware for REST.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, Response as HttpResponse, StatusCode},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use tonic::Status;
use tower::{Layer, Service};

use super::{gate::Gate, rights};
use crate::rest;

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
        Box::pin(async move {
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

type HttpRequest<B> = axum::http::Request<B>;

/// Lets requests to the REST API through, each as the call that it stands for.
pub(crate) async fn guard(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    // Where nothing is, that is all there is to say.
    let Some(path) = request.extensions().get::<MatchedPath>() else {
        return next.run(request).await;
    };
    let method = match request.method() {
        &Method::HEAD => &Method::GET,
        method => method,
    };
    let Some(least) = rest::call(method, path.as_str()).and_then(rights::of) else {
        let detail = "this address does not take this method";
        return rest::nothing(StatusCode::METHOD_NOT_ALLOWED, detail);
    };
    match gate.admit(least, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    }
}
