//! Readers of the public feed that go on where they stopped: a durable consumer each, made for them.
//!
//! They may pull from it and acknowledge, and not make one themselves: whoever may make a consumer can
//! have it deliver to any subject there is.

use std::str::FromStr;

use tandem_domain::id::Org;

use crate::{Bus, Unavailable, topology};

/// Somebody who reads an organisation's public feed from where they stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reader {
    /// Their account on the broker, and the name of their consumer.
    pub name: String,
    /// The organisation.
    pub org: Org,
}

/// Why a text names no reader.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a reader is an account of the broker and an organisation: acme-chat=acme-corp")]
pub struct NotAReader;

impl FromStr for Reader {
    type Err = NotAReader;

    fn from_str(text: &str) -> Result<Self, NotAReader> {
        let (name, org) = text.split_once('=').ok_or(NotAReader)?;
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(safe) {
            return Err(NotAReader);
        }
        Ok(Self { name: name.to_owned(), org: org.parse().map_err(|_| NotAReader)? })
    }
}

/// Readers, as a setting lists them: with commas between them, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readers(pub Vec<Reader>);

impl FromStr for Readers {
    type Err = NotAReader;

    fn from_str(text: &str) -> Result<Self, NotAReader> {
        let each = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        each.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl Bus {
    pub(crate) async fn ensure_reader(&self, reader: &Reader) -> Result<(), Unavailable> {
        let config = topology::reader(reader);
        let made = self.jetstream.create_consumer_on_stream(config, topology::INCIDENTS).await;
        made.map(drop)
            .map_err(Box::from)
            .map_err(Unavailable::because("making a reader's consumer"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_is_an_account_and_an_organisation() {
        let reader: Reader = "acme-chat=acme-corp".parse().unwrap();
        assert_eq!((reader.name.as_str(), reader.org.as_str()), ("acme-chat", "acme-corp"));
        for bad in ["", "acme-chat", "=acme", "a.b=acme", "a=*", "a=", ">=acme"] {
            assert_eq!(bad.parse::<Reader>(), Err(NotAReader), "{bad}");
        }
        assert_eq!("".parse(), Ok(Readers::default()));
        assert_eq!("a=acme, b=acme".parse::<Readers>().unwrap().0.len(), 2);
        assert_eq!("a=acme,b".parse::<Readers>(), Err(NotAReader));
    }
}
