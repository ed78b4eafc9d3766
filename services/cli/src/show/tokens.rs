//! What people see of tokens and master keys.

use tandem_proto::json::{Key, NewToken, Rotation, Token};

use super::{
    Rows,
    rows::{text, word, yes},
};

impl Rows for Token {
    const COLUMNS: &'static [&'static str] =
        &["id", "org", "name", "role", "last_used", "expires", "revoked"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        let org = self.org.clone().unwrap_or_else(|| "(every organisation)".to_owned());
        vec![
            ("id", self.id.clone()),
            ("org", org),
            ("name", self.name.clone()),
            ("role", word(self.role)),
            ("acts_for_others", yes(self.acts_for_others)),
            ("created", text(self.create_time.as_ref())),
            ("creator", self.creator.clone()),
            ("last_used", text(self.last_use_time.as_ref())),
            ("expires", text(self.expire_time.as_ref())),
            ("revoked", text(self.revoke_time.as_ref())),
        ]
    }
}

impl Rows for NewToken {
    const COLUMNS: &'static [&'static str] = Token::COLUMNS;

    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = self.token.rows();
        rows.push(("secret", self.secret.clone()));
        rows
    }
}

impl Rows for Key {
    const COLUMNS: &'static [&'static str] = &["id", "newest", "held", "secrets"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("newest", yes(self.is_newest)),
            ("held", yes(self.is_held)),
            ("secrets", self.secrets.to_string()),
        ]
    }
}

impl Rows for Rotation {
    const COLUMNS: &'static [&'static str] = &["key", "moved", "unmoved"];

    fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("key", self.key.clone()),
            ("moved", self.moved.to_string()),
            ("unmoved", self.unmoved.to_string()),
            ("unopened", self.unopened.join(", ")),
        ]
    }
}
