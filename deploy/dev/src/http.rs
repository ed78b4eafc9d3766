//! A minimal HTTP/1.1 client for loopback.
//!
//! One request per connection, no TLS, no redirects: enough to ask a probe, to configure the simulator and to drive the
//! demo, and it costs no dependency. Every step has a time-out.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long connecting, writing and each read may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
    /// The status line and the headers, in lower case.
    head: String,
}

impl Response {
    /// What a header says, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(known, _)| *known == name).map(|(_, value)| value.trim())
    }

    /// Says whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is not a plain `http://host:port/path`.
    #[error("only http://host:port/path is spoken here, not {0:?}")]
    Url(String),
    /// The connection failed.
    #[error("no answer from {url}")]
    Io {
        /// What was asked.
        url: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The answer is not HTTP.
    #[error("{0} does not answer in HTTP")]
    Malformed(String),
}

/// Sends a GET request.
pub fn get(url: &str) -> Result<Response, HttpError> {
    request("GET", url, &[], "")
}

/// Says whether the address answers a GET request with 2xx.
pub fn is_ok(url: &str) -> bool {
    get(url).is_ok_and(|response| response.is_success())
}

/// Sends any request; a body is announced as JSON.
pub fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response, HttpError> {
    let rest = url.strip_prefix("http://").ok_or_else(|| HttpError::Url(url.to_owned()))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    if !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        // Writing to a string cannot fail.
        write!(head, "{name}: {value}\r\n").ok();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).ok();
    let raw = exchange(host, head.as_bytes(), body.as_bytes())
        .map_err(|source| HttpError::Io { url: url.to_owned(), source })?;
    parse(&raw).ok_or_else(|| HttpError::Malformed(url.to_owned()))
}

fn exchange(host: &str, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
    let address = host
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(head)?;
    stream.write_all(body)?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    Ok(raw)
}

fn parse(raw: &[u8]) -> Option<Response> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = raw.split_at_checked(end + 4)?;
    let head = std::str::from_utf8(head).ok()?.to_ascii_lowercase();
    let status = head.strip_prefix("http/1.")?.split(' ').nth(1)?.parse().ok()?;
    let chunked = head.lines().any(|line| {
        line.strip_prefix("transfer-encoding:").is_some_and(|value| value.contains("chunked"))
    });
    let body = if chunked { unchunk(body)? } else { body.to_vec() };
    Some(Response { status, body: String::from_utf8_lossy(&body).into_owned(), head })
}

/// Joins the chunks of a body sent in chunks.
fn unchunk(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(raw.get(..line)?).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let begin = line + 2;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(begin..begin.checked_add(size)?)?);
        raw = raw.get(begin + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_answer_is_read() {
        let response = parse(b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n").unwrap();
        assert_eq!((response.status, response.body.as_str()), (204, ""));
    }

    #[test]
    fn a_chunked_answer_is_joined() {
        let raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(raw).unwrap().body, "abcde");
    }

    #[test]
    fn an_answer_cut_short_is_refused() {
        let raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc";
        assert_eq!(parse(raw), None);
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn other_schemes_are_refused() {
        assert!(matches!(get("https://127.0.0.1/"), Err(HttpError::Url(_))));
    }
}
