//! Secrets at rest: AES-256-GCM-SIV (RFC 8452) under a keyring of named master keys.
//!
//! A sealed text carries the id of its key, so that several keys can be valid while one is
//! replaced by another. What a secret belongs to (row and column) is bound in as associated data:
//! a sealed text copied elsewhere does not open. Neither keys nor secrets have a `Debug` that shows
//! them.
//!
//! A ring that knows where its keys come from looks there again before it seals, and when it meets a
//! key that it does not hold: a changed key file takes effect without a restart.

use std::sync::{Arc, PoisonError, RwLock};

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

/// Where the keys' text comes from; none while it cannot be read.
type Source = Box<dyn Fn() -> Option<SecretString> + Send + Sync>;

/// The master keys that are in force; the first seals, every one opens.
pub struct Keyring {
    keys: RwLock<Arc<Vec<MasterKey>>>,
    source: Option<Source>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Keyring {
    /// Reads keys of 64 hexadecimal digits each, separated by white space or commas, newest first.
    pub fn parse(text: &SecretString) -> Result<Self, SealError> {
        Ok(Self { keys: RwLock::new(Arc::new(parse(text)?)), source: None })
    }

    /// Looks for changed keys at `source`, which gives their text, from now on.
    #[must_use]
    pub fn renewed_by<F>(self, source: F) -> Self
    where
        F: Fn() -> Option<SecretString> + Send + Sync + 'static,
    {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// Takes the keys anew from where they come from; says whether they are others now. When they
    /// cannot be used, those that are held stay.
    pub fn renew(&self) -> Result<bool, SealError> {
        let text = self.source.as_ref().and_then(|source| source());
        let Some(text) = text else { return Ok(false) };
        let keys = parse(&text)?;
        let is_same = keys.iter().map(|key| &key.id).eq(self.held().iter().map(|key| &key.id));
        if !is_same {
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        }
        Ok(!is_same)
    }

    /// The ids of the keys, newest first.
    pub fn ids(&self) -> Vec<String> {
        self.held().iter().map(|key| key.id.clone()).collect()
    }

    fn held(&self) -> Arc<Vec<MasterKey>> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Seals a secret for one place, for example `int_0198…/token`.
    pub fn seal(&self, place: &str, secret: &SecretString) -> Result<String, SealError> {
        // Keys that cannot be used are told of where somebody asks for them; until then the held
        // ones do.
        self.renew().unwrap_or_default();
        let keys = self.held();
        let key = keys.first().ok_or(SealError::NoKey)?;
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
        match self.open_held(place, sealed) {
            Err(SealError::UnknownKey { .. }) if self.renew().unwrap_or_default() => {
                self.open_held(place, sealed)
            }
            opened => opened,
        }
    }

    fn open_held(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some("v1"), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SealError::Damaged);
        };
        let keys = self.held();
        let key = keys.iter().find(|key| key.id == id);
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

fn parse(text: &SecretString) -> Result<Vec<MasterKey>, SealError> {
    let words = text.expose_secret().split(|c: char| c.is_whitespace() || c == ',');
    let keys: Vec<_> =
        words.filter(|word| !word.is_empty()).map(MasterKey::parse).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(SealError::NoKey) } else { Ok(keys) }
}

/// The id of the key that a text was sealed under.
pub fn key_of(sealed: &str) -> Option<&str> {
    let mut parts = sealed.splitn(3, '.');
    (parts.next() == Some("v1")).then(|| parts.next()).flatten()
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
    fn a_changed_key_file_takes_effect_when_it_is_needed() {
        let (old, new) = ("11".repeat(32), "22".repeat(32));
        let text = Arc::new(RwLock::new(old.clone()));
        let source = Arc::clone(&text);
        let following =
            ring(&old).renewed_by(move || Some(SecretString::from(source.read().unwrap().clone())));
        let secret = SecretString::from("s");
        let before = following.seal("x", &secret).unwrap();

        *text.write().unwrap() = format!("{new}\n{old}");
        let elsewhere = ring(&new).seal("x", &secret).unwrap();
        assert!(following.open("x", &elsewhere).is_ok(), "an unknown key is looked for");
        assert!(following.open("x", &before).is_ok());
        let after = following.seal("x", &secret).unwrap();
        assert_eq!(key_of(&after), key_of(&elsewhere));
        assert_eq!(following.ids().first().map(String::as_str), key_of(&after));

        *text.write().unwrap() = "no key".to_owned();
        assert!(matches!(following.renew(), Err(SealError::BadKey)));
        assert!(following.open("x", &after).is_ok(), "what is held stays");
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
