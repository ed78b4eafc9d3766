//! Identifiers: typed, prefixed where people see them, and minted without clock or randomness.
//!
//! An [`Id`] is a version 7 UUID with a kind, so that a link's id does not fit an incident's slot.
//! People and JSON see it with a prefix (`inc_0198…`); Postgres sees the bare UUID.

use std::{fmt, marker::PhantomData, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What an [`Id`] identifies; gives the prefix people see.
pub trait Kind {
    /// The prefix before the underscore, for example `inc`.
    const PREFIX: &'static str;
    /// What it is called in messages, for example "incident".
    const NOUN: &'static str;
}

/// A typed identifier.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// Why a text is not an [`Id`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the id of {noun}: expected {prefix}_ and 32 hexadecimal digits")]
pub struct NotAnId {
    text: String,
    noun: &'static str,
    prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// Gives a stored UUID its kind.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bare UUID, for storage.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.uuid.simple())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;

    /// Takes the prefixed form, or a bare UUID in either spelling; another kind's prefix is refused.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = match text.split_once('_') {
            Some((prefix, bare)) if prefix == K::PREFIX => Some(bare),
            Some(_) => None,
            None => Some(text),
        };
        bare.and_then(|bare| Uuid::try_parse(bare).ok())
            .map(Self::from_uuid)
            .ok_or_else(|| NotAnId { text: clip(text), noun: K::NOUN, prefix: K::PREFIX })
    }
}

/// Keeps what is echoed in an error short, whatever was sent.
fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $alias:ident, $kind:ident, $prefix:literal, $noun:literal;)*) => {$(
        #[doc = concat!("Marks an id as that of ", $noun, ".")]
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NOUN: &'static str = $noun;
        }
        $(#[$doc])*
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// The platform's record of an incident.
    IncidentId, IncidentKind, "inc", "an incident";
    /// A configured connection to one external account.
    IntegrationId, IntegrationKind, "int", "an integration";
    /// An incident joined to a record, in one integration.
    LinkId, LinkKind, "lnk", "a link";
    /// A row that says why a field has its value.
    DecisionId, DecisionKind, "dec", "a decision";
    /// A change made on the platform side.
    EditId, EditKind, "edt", "an edit";
    /// A disagreement somebody has to settle.
    ConflictId, ConflictKind, "cfl", "a conflict";
    /// A note on an incident's timeline.
    NoteId, NoteKind, "nte", "a note";
    /// A message that could not be handled.
    DeadLetterId, DeadLetterKind, "dlt", "a dead letter";
    /// A replay of many dead letters.
    ReplayId, ReplayKind, "rpl", "a replay";
    /// What joining two sides would come to.
    PlanId, PlanKind, "pln", "a plan";
    /// What somebody calls admin with.
    TokenId, TokenKind, "tok", "a token";
}

/// Mints ids from a time and a seed, so that handling the same event again gives the same ids.
#[derive(Debug, Clone)]
pub struct Mint {
    at: Timestamp,
    seed: Seed,
    count: u64,
}

/// What a mint's ids depend on. Most events need no id, so a seed is digested for the first one.
#[derive(Debug, Clone)]
enum Seed {
    Given(Vec<u8>),
    Digested([u8; 32]),
}

impl Seed {
    fn digest(&mut self) -> [u8; 32] {
        let digest = match self {
            Self::Given(seed) => Sha256::digest(seed).into(),
            Self::Digested(digest) => return *digest,
        };
        *self = Self::Digested(digest);
        digest
    }
}

impl Mint {
    /// Starts a mint whose ids carry the time `at` and depend on `seed` alone.
    pub fn new(at: Timestamp, seed: impl Into<Vec<u8>>) -> Self {
        Self { at, seed: Seed::Given(seed.into()), count: 0 }
    }

    /// The next id.
    pub fn id<K: Kind>(&mut self) -> Id<K> {
        let mut hash = Sha256::new();
        hash.update(self.seed.digest());
        hash.update(self.count.to_be_bytes());
        self.count += 1;
        let digest: [u8; 32] = hash.finalize().into();
        let mut random = [0_u8; 10];
        random.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.at.as_millisecond()).unwrap_or(0);
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// Why a text is not a [`RecordId`] or an [`Org`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {noun}: {problem}")]
pub struct NotAName {
    text: String,
    noun: &'static str,
    problem: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $noun:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            text: String,
        }

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.text
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAName;

            fn try_from(text: String) -> Result<Self, NotAName> {
                match $check(&text) {
                    Ok(()) => Ok(Self { text }),
                    Err(problem) => Err(NotAName { text: clip(&text), noun: $noun, problem }),
                }
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )*};
}

names! {
    /// A record's id in its external system: opaque, 1 to 128 printable ASCII characters.
    RecordId, "a record id", opaque;
    /// An organisation's slug, for example `acme-corp`.
    Org, "an organisation", slug;
    /// An integration's short name for command lines, for example `prod-pd`.
    Handle, "a handle", slug;
    /// The kind of external system an integration connects to, for example `pagerduty`.
    Connector, "a connector", slug;
}

fn opaque(text: &str) -> Result<(), &'static str> {
    match text.len() {
        0 => Err("it is empty"),
        1..=128 if text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
        1..=128 => Err("it may hold printable ASCII characters only"),
        _ => Err("it is longer than 128 characters"),
    }
}

fn slug(text: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match text.len() {
        0 => Err("it is empty"),
        1..=63 if text.starts_with('-') || text.ends_with('-') => {
            Err("it must start and end with a letter or digit")
        }
        1..=63 if text.bytes().all(allowed) => Ok(()),
        1..=63 => Err("it may hold lower-case letters, digits and hyphens only"),
        _ => Err("it is longer than 63 characters"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_refuses_another_kinds_prefix() {
        let id: IncidentId = Mint::new(Timestamp::UNIX_EPOCH, b"x").id();
        assert_eq!(id.to_string().parse::<IncidentId>(), Ok(id));
        assert_eq!(id.uuid().to_string().parse::<IncidentId>(), Ok(id));
        assert!(id.to_string().parse::<LinkId>().is_err());
        assert_eq!(id.uuid().get_version_num(), 7);
    }

    #[test]
    fn the_same_seed_mints_the_same_ids_and_never_one_twice() {
        let mint = |seed: &[u8]| {
            let mut mint = Mint::new(Timestamp::UNIX_EPOCH, seed);
            [mint.id::<IncidentKind>(), mint.id(), mint.id()]
        };
        assert_eq!(mint(b"a"), mint(b"a"));
        let [first, second, third] = mint(b"a");
        assert!(first != second && second != third);
        assert_ne!(mint(b"a"), mint(b"b"));
    }

    #[test]
    fn names_refuse_what_could_forge_a_subject() {
        for bad in ["", "a.b", "*", ">", "Acme", "-a", "a-", "a b", &"a".repeat(64)] {
            assert!(bad.parse::<Org>().is_err(), "{bad:?}");
        }
        assert!("a".repeat(63).parse::<Org>().is_ok());
        let why = |text: &str| text.parse::<Org>().unwrap_err().to_string();
        assert!(why("-a").contains("must start and end with"), "{}", why("-a"));
        assert!(why("a b").contains("may hold lower-case letters"), "{}", why("a b"));
        assert!(why(&"a".repeat(64)).contains("is longer than 63"));
        assert!("x".repeat(128).parse::<RecordId>().is_ok());
        assert!("x".repeat(129).parse::<RecordId>().is_err());
        assert!("acme-corp".parse::<Org>().is_ok());
        assert!("Q1T7M4Z0KD82WB".parse::<RecordId>().is_ok());
        assert!("Q1 T7".parse::<RecordId>().is_err());
    }
}
