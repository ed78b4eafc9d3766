//! The text of a token: how it is made, read and recognised again.
//!
//! `tdm_<id>_<secret>`: the prefix makes one that leaked easy to find, the id finds its row, and of
//! the whole only a digest is kept.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tandem_domain::id::{Mint, TokenId};
use uuid::Uuid;

/// What every token's text begins with.
pub const PREFIX: &str = "tdm_";

/// A token as somebody presents it.
#[derive(Debug)]
pub(crate) struct Presented {
    /// Which one it says it is.
    pub(crate) id: TokenId,
    digest: [u8; 32],
}

/// A new token's id, text and digest.
pub(crate) fn mint(now: Timestamp) -> (TokenId, SecretString, [u8; 32]) {
    // Two version 4 UUIDs bring 244 random bits.
    let random = [Uuid::new_v4(), Uuid::new_v4()].map(Uuid::into_bytes).concat();
    let id: TokenId = Mint::new(now, Uuid::new_v4().as_bytes()).id();
    let text =
        SecretString::from(format!("{PREFIX}{}_{}", id.uuid().simple(), hex::encode(random)));
    let digest = digest(text.expose_secret());
    (id, text, digest)
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl Presented {
    /// Reads a token's text; none where it has not the form of one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_secret = secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = Some(id).filter(|id| id.len() == 32 && is_secret)?;
        Some(Self { id: id.parse().ok()?, digest: digest(text) })
    }

    /// Whether this is the text that a digest is of; takes the same time either way.
    pub(crate) fn is(&self, digest: &[u8]) -> bool {
        self.digest.ct_eq(digest).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_minted_is_recognised_and_nothing_else_is() {
        let (id, text, digest) = mint(Timestamp::UNIX_EPOCH);
        let text = text.expose_secret();
        assert!(text.starts_with("tdm_"), "it can be searched for");
        let presented = Presented::read(text).unwrap();
        assert_eq!(presented.id, id);
        assert!(presented.is(&digest));
        let (_, other, _) = mint(Timestamp::UNIX_EPOCH);
        assert!(!Presented::read(other.expose_secret()).unwrap().is(&digest));
        assert!(!presented.is(&digest[1..]) && !presented.is(&[]));
    }

    #[test]
    fn what_has_not_the_form_of_a_token_is_none() {
        let (_, text, _) = mint(Timestamp::UNIX_EPOCH);
        let text = text.expose_secret();
        for bad in ["", "tdm_", "tdm__", "x", &text[1..], &text[..99], &format!("{text}0")] {
            assert!(Presented::read(bad).is_none(), "{bad}");
        }
    }
}
