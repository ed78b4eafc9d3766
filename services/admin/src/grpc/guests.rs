//! Connections to the gRPC port: as many as there may be. Where there is no room, who has said nothing
//! for longest goes; who answers the keep-alive has said something.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt as _};
use tandem_runtime::http::{Activity, Crowd, Limits, Place};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A connection with a place among the others.
pub(super) struct Guest {
    stream: TcpStream,
    activity: Activity,
    given_away: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: Place,
}

/// Those who come, as far as there is room for them.
pub(super) fn welcome(
    arrivals: impl Stream<Item = io::Result<TcpStream>>,
) -> impl Stream<Item = io::Result<Guest>> {
    let crowd = Arc::new(Crowd::new(Limits::default()));
    arrivals.filter_map(move |arrival| {
        let crowd = Arc::clone(&crowd);
        async move {
            let stream = match arrival {
                Ok(stream) => stream,
                Err(error) => return Some(Err(error)),
            };
            // Who is gone already needs no place.
            let source = stream.peer_addr().ok()?;
            let place = Crowd::enter(&crowd, source.ip()).await?;
            Some(Ok(Guest::new(stream, place)))
        }
    })
}

impl Guest {
    fn new(stream: TcpStream, place: Place) -> Self {
        let (activity, given_away) = (place.activity(), Box::pin(place.given_away()));
        Self { stream, activity, given_away, _place: place }
    }
}

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given_away.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.ends();
        }
        read
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
