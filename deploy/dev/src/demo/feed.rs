//! Reads the public feed off NATS.
//!
//! The client protocol is a few lines of text, which is all that following one subject needs. The server's answer to a
//! ping proves that the subscription stands, so no event after that is missed.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};

use anyhow::{Context, bail};
use serde_json::Value;

/// A subscription; it ends when dropped.
pub(super) struct Feed {
    stream: TcpStream,
}

impl Drop for Feed {
    fn drop(&mut self) {
        // The server may have gone first.
        self.stream.shutdown(Shutdown::Both).ok();
    }
}

/// Follows a subject; `see` gets every event, on a thread of its own.
pub(super) fn follow(
    url: &str,
    subject: &str,
    see: impl Fn(Value) + Send + 'static,
) -> anyhow::Result<Feed> {
    let address = url.strip_prefix("nats://").context("the address of NATS is none")?;
    let mut stream = TcpStream::connect(address).context("NATS does not answer")?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let options = r#"{"verbose":false,"pedantic":false,"name":"cargo dev demo"}"#;
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
        while let Ok(Some(payload)) = next(&mut reader, &mut stream) {
            if let Ok(event) = serde_json::from_slice(&payload) {
                see(event);
            }
        }
    });
    Ok(feed)
}

/// Reads the next message; `None` at the end of the connection.
fn next(reader: &mut impl BufRead, writer: &mut impl Write) -> anyhow::Result<Option<Vec<u8>>> {
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.starts_with("PING") {
            writer.write_all(b"PONG\r\n")?;
        }
        if line.starts_with("MSG ") {
            let length: usize = line.split_whitespace().last().context("no length")?.parse()?;
            let mut payload = vec![0; length + 2];
            reader.read_exact(&mut payload)?;
            payload.truncate(length);
            return Ok(Some(payload));
        }
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
        assert_eq!(next(&mut input, &mut output).unwrap().unwrap(), b"MSG x");
        assert_eq!(next(&mut input, &mut output).unwrap().unwrap(), b"ok");
        assert_eq!(next(&mut input, &mut output).unwrap(), None);
        assert_eq!(output, b"PONG\r\n");
    }
}
