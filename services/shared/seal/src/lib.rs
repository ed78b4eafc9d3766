//! Secrets at rest: AES-256-GCM-SIV (RFC 8452) under a keyring of named master keys.
//!
//! A sealed text carries the id of its key, so that several keys can be valid while one is
//! replaced by another. What a secret belongs to (row and column) is bound in as associated data:
//! a sealed text copied elsewhere does not open. Neither keys nor secrets have a `Debug` that shows
//! them.

use aes_gcm_siv::{
    Aes256GcmSiv, Nonce,
    aead::{Aead, KeyInit, Payload},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Why something could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The key is not 64 hexadecimal digits.
    #[error(
        "the master key must be 64 hexadecimal digits, for example from `openssl rand -hex 32`"
    )]
    BadKey,
    /// No key was given at all.
    #[error("no master key was given")]
    NoKey,
    /// The sealed text is not in our form.
    #[error("the sealed text is damaged")]
    Damaged,
    /// The key it was sealed under is not on the ring.
    #[error("it was sealed under key {key}, which is not among the given ones")]
    UnknownKey {
        /// The key's id.
        key: String,
    },
    /// The cipher refused: wrong place, wrong key of the same id, or a changed text.
    #[error("it does not open here: it was changed, or sealed for another place")]
    Refused,
}

struct MasterKey {
    id: String,
    cipher: Aes256GcmSiv,
}

/// The master keys that are in force; the first seals, every one opens.
pub struct Keyring {
    keys: Vec<MasterKey>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

impl Keyring {
    /// Reads keys of 64 hexadecimal digits each, separated by white space or commas, newest first.
    pub fn parse(text: &SecretString) -> Result<Self, SealError> {
        let words = text.expose_secret().split(|c: char| c.is_whitespace() || c == ',');
        let keys: Vec<_> = words
            .filter(|word| !word.is_empty())
            .map(MasterKey::parse)
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SealError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Seals a secret for one place, for example `int_0198…/token`.
    pub fn seal(&self, place: &str, secret: &SecretString) -> Result<String, SealError> {
        let key = self.keys.first().ok_or(SealError::NoKey)?;
        // A version 4 UUID brings 122 random bits; with GCM-SIV even a repeated nonce would only
        // reveal that two secrets are equal.
        let random = uuid::Uuid::new_v4();
        let (nonce, _) = random.as_bytes().split_at(12);
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let place = associated(place);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: place.as_bytes() };
        let text =
            key.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::Refused)?;
        Ok(format!("v1.{}.{}{}", key.id, hex::encode(nonce), hex::encode(text)))
    }

    /// Opens what was sealed for the same place.
    pub fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some("v1"), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Damaged);
        };
        let key = self.keys.iter().find(|key| key.id == id);
        let key =
            key.ok_or_else(|| SealError::UnknownKey { key: id.chars().take(16).collect() })?;
        let body = hex::decode(body).map_err(|_| SealError::Damaged)?;
        let (nonce, text) = body.split_at_checked(12).ok_or(SealError::Damaged)?;
        let nonce: [u8; 12] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        let place = associated(place);
        let payload = Payload { msg: text, aad: place.as_bytes() };
        let plain = key.cipher.decrypt(&Nonce::from(nonce), payload);
        let plain = Zeroizing::new(plain.map_err(|_| SealError::Refused)?);
        let plain = std::str::from_utf8(&plain).map_err(|_| SealError::Damaged)?;
        Ok(SecretString::from(plain))
    }
}

impl MasterKey {
    fn parse(word: &str) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        hex::decode_to_slice(word, bytes.as_mut_slice()).map_err(|_| SealError::BadKey)?;
        let cipher =
            Aes256GcmSiv::new_from_slice(bytes.as_slice()).map_err(|_| SealError::BadKey)?;
        let id = hex::encode(Sha256::digest(bytes.as_slice())).chars().take(8).collect();
        Ok(Self { id, cipher })
    }
}

/// What is authenticated beside the secret.
fn associated(place: &str) -> String {
    format!("tandem/v1/{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &str) -> Keyring {
        Keyring::parse(&SecretString::from(keys)).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_only() {
        let ring = ring(&"ab".repeat(32));
        let sealed = ring.seal("int_1/token", &SecretString::from("s3cret")).unwrap();
        assert!(!sealed.contains("s3cret"));
        assert_eq!(ring.open("int_1/token", &sealed).unwrap().expose_secret(), "s3cret");
        assert!(matches!(ring.open("int_2/token", &sealed), Err(SealError::Refused)));
    }

    #[test]
    fn an_older_key_still_opens_and_an_unknown_one_is_named() {
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let sealed = ring(&old).seal("x", &SecretString::from("s")).unwrap();
        assert!(ring(&format!("{new},{old}")).open("x", &sealed).is_ok());
        assert!(matches!(ring(&new).open("x", &sealed), Err(SealError::UnknownKey { .. })));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let ring = ring(&"ab".repeat(32));
        for text in ["", "v1", "v1.x.y", "v2.a.b", "v1.00000000.zz", "v1..", "é.é.é"] {
            assert!(ring.open("x", text).is_err(), "{text:?}");
        }
        let sealed = ring.seal("x", &SecretString::from("s")).unwrap();
        let (head, _) = sealed.split_at(sealed.len() - 2);
        assert!(ring.open("x", head).is_err());
    }

    #[test]
    fn bad_keys_are_refused_without_being_shown() {
        for keys in ["", "  ", "abc", &"zz".repeat(32)] {
            let error = Keyring::parse(&SecretString::from(keys)).unwrap_err().to_string();
            assert!(keys.trim().is_empty() || !error.contains(keys));
        }
        assert!(!format!("{:?}", ring(&"ab".repeat(32))).contains("abab"));
    }
}
