//! Reads what is published on NATS.
//!
//! The client protocol is a few lines of text, which is all that following one subject needs. The server's answer to a
//! ping proves that the subscription stands, so nothing published after that is missed.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, bail, ensure};

/// A subscription; it ends when dropped.
pub(crate) struct Feed {
    stream: TcpStream,
}

impl Drop for Feed {
    fn drop(&mut self) {
        // The server may have gone first.
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

/// A message as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Where it was published.
    pub(crate) subject: String,
    /// Its headers as they came, a line each; empty when it has none.
    headers: String,
    /// What it says.
    pub(crate) payload: Vec<u8>,
}

impl Message {
    /// A header's value; empty when there is no such header.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.trim())
    }
}

/// Follows a subject; `see` gets every message, on a thread of its own.
pub(crate) fn follow(
    url: &str,
    subject: &str,
    see: impl Fn(Message) + Send + 'static,
) -> anyhow::Result<Feed> {
    let address = url.strip_prefix("nats://").context("the address of NATS is none")?;
    let mut stream = TcpStream::connect(address).context("NATS does not answer")?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let options = r#"{"verbose":false,"pedantic":false,"headers":true,"name":"cargo dev"}"#;
    write!(stream, "CONNECT {options}\r\nSUB {subject} 1\r\nPING\r\n")?;
    let mut line = String::new();
    while !line.starts_with("PONG") {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.starts_with("-ERR") {
            bail!("NATS refuses the subscription: {}", line.trim());
        }
    }
    let feed = Feed { stream: stream.try_clone()? };
    std::thread::spawn(move || {
        // It ends with the connection, which is how it is stopped.
        while let Ok(Some(message)) = next(&mut reader, &mut stream) {
            see(message);
        }
    });
    Ok(feed)
}

/// Reads the next message; `None` at the end of the connection.
fn next(reader: &mut impl BufRead, writer: &mut impl Write) -> anyhow::Result<Option<Message>> {
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split_whitespace();
        let has_headers = match words.next() {
            Some("MSG") => false,
            Some("HMSG") => true,
            Some("PING") => {
                writer.write_all(b"PONG\r\n")?;
                continue;
            }
            _ => continue,
        };
        let subject = words.next().context("no subject")?.to_owned();
        let mut lengths = words.rev();
        let mut length = || anyhow::Ok(lengths.next().context("no length")?.parse::<usize>()?);
        let all = length()?;
        let headers = if has_headers { length()? } else { 0 };
        ensure!(headers <= all, "the headers are longer than the message");
        let mut bytes = vec![0; all + 2];
        reader.read_exact(&mut bytes)?;
        bytes.truncate(all);
        let payload = bytes.split_off(headers);
        let headers = String::from_utf8_lossy(&bytes).into_owned();
        return Ok(Some(Message { subject, headers, payload }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_the_rest_and_pings_are_answered() {
        let mut input: &[u8] =
            b"INFO {}\r\nPING\r\nMSG a.b 1 5\r\nMSG x\r\nMSG a.b 1 r.t 2\r\nok\r\n";
        let mut output = Vec::new();
        assert_eq!(next(&mut input, &mut output).unwrap().unwrap().payload, b"MSG x");
        assert_eq!(next(&mut input, &mut output).unwrap().unwrap().payload, b"ok");
        assert_eq!(next(&mut input, &mut output).unwrap(), None);
        assert_eq!(output, b"PONG\r\n");
    }

    #[test]
    fn headers_are_told_from_what_the_message_says() {
        let mut input: &[u8] =
            b"HMSG a.b 1 30 32\r\nNATS/1.0\r\nNats-Msg-Id: i.7\r\n\r\nok\r\nMSG c 1 2\r\nok\r\n";
        let message = next(&mut input, &mut Vec::new()).unwrap().unwrap();
        assert_eq!((&*message.subject, &*message.payload), ("a.b", &b"ok"[..]));
        assert_eq!((message.header("nats-msg-id"), message.header("traceparent")), ("i.7", ""));
        let message = next(&mut input, &mut Vec::new()).unwrap().unwrap();
        assert_eq!((&*message.subject, message.header("Nats-Msg-Id")), ("c", ""));
    }
}
