//! A bare HTTP/1.1 client: one request per connection, and requests that are not finished.

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The status and the problem's code.
    pub(crate) fn refusal(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(self.header("retry-after").is_some(), [429, 503].contains(&self.status));
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// Sends a whole request.
pub(crate) async fn send(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> Answer {
    let mut stream = begin(to, method, path, headers, body.len()).await;
    // A server that has made up its mind need not read on.
    drop(stream.write_all(body).await);
    finish(stream).await
}

/// Sends a request's head, announcing a body that is still to come.
pub(crate) async fn begin(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    length: usize,
) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {length}\r\n\r\n").unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads the answer.
pub(crate) async fn finish(mut stream: TcpStream) -> Answer {
    let mut raw = Vec::new();
    let read = timeout(Duration::from_secs(20), stream.read_to_end(&mut raw));
    read.await.expect("no answer within 20 s").unwrap();
    let raw = String::from_utf8(raw).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").expect("no answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
