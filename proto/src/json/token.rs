//! Tokens and master keys as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::{instant, known};
use crate::{v1, words::Word};

/// [`v1::Token`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Token {
    pub id: String,
    pub org: Option<String>,
    pub name: String,
    pub role: Option<&'static str>,
    pub acts_for_others: bool,
    pub create_time: Option<String>,
    pub creator: String,
    pub expire_time: Option<String>,
    pub last_use_time: Option<String>,
    pub revoke_time: Option<String>,
}

impl From<v1::Token> for Token {
    fn from(from: v1::Token) -> Self {
        Self {
            role: from.role().word(),
            id: from.id,
            org: known(from.org),
            name: from.name,
            acts_for_others: from.acts_for_others,
            create_time: instant(from.create_time),
            creator: from.creator,
            expire_time: instant(from.expire_time),
            last_use_time: instant(from.last_use_time),
            revoke_time: instant(from.revoke_time),
        }
    }
}

/// [`v1::CreateTokenResponse`] as JSON: the one place where a token's text is written.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct NewToken {
    #[serde(flatten)]
    pub token: Token,
    pub secret: String,
}

impl std::fmt::Debug for NewToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl From<v1::CreateTokenResponse> for NewToken {
    fn from(from: v1::CreateTokenResponse) -> Self {
        Self { token: from.token.unwrap_or_default().into(), secret: from.secret }
    }
}

/// [`v1::Key`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Key {
    pub id: String,
    pub is_newest: bool,
    pub is_held: bool,
    pub secrets: i64,
}

impl From<v1::Key> for Key {
    fn from(from: v1::Key) -> Self {
        let v1::Key { id, is_newest, is_held, secrets } = from;
        Self { id, is_newest, is_held, secrets }
    }
}

/// [`v1::RotateKeysResponse`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the message, documented there")]
pub struct Rotation {
    pub key: String,
    pub moved: i64,
    pub unmoved: i64,
    pub unopened: Vec<String>,
}

impl From<v1::RotateKeysResponse> for Rotation {
    fn from(from: v1::RotateKeysResponse) -> Self {
        let v1::RotateKeysResponse { key, moved, unmoved, unopened } = from;
        Self { key, moved, unmoved, unopened }
    }
}
