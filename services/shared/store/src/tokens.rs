//! Tokens: who may call admin. Written and read by admin only.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use tandem_domain::id::{Org, TokenId};
use uuid::Uuid;

use crate::{StoreError, rows::Place};

/// What a token may be used for; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Edits incidents, links and conflicts, and deals with dead letters.
    Operator,
    /// Configures.
    Admin,
}

impl Role {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// A token, without its text, of which only a digest is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The organisation that it opens; none for every one.
    pub org: Option<Org>,
    /// What its changes are signed with.
    pub name: String,
    /// What it may be used for.
    pub role: Role,
    /// Whether its holder may say on whose behalf a change is made.
    pub acts_for_others: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Which tokens are meant.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only those of this organisation.
    pub org: Option<Org>,
    /// Only those that are in force at this time.
    pub in_force_at: Option<Timestamp>,
    /// Only those after this place.
    pub after: Option<(Timestamp, TokenId)>,
    /// How many at most.
    pub limit: u32,
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    org: Option<String>,
    name: String,
    role: String,
    acts_for_others: bool,
    digest: Vec<u8>,
    created_at: jiff_sqlx::Timestamp,
    created_by: String,
    expires_at: Option<jiff_sqlx::Timestamp>,
    revoked_at: Option<jiff_sqlx::Timestamp>,
    last_used_at: Option<jiff_sqlx::Timestamp>,
}

impl Row {
    fn token(self) -> Result<Token, StoreError> {
        let place = Place { table: "tokens", row: self.id };
        let org = self.org.map(|org| org.parse::<Org>()).transpose();
        let role = Role::of(&self.role);
        Ok(Token {
            id: TokenId::from_uuid(self.id),
            org: org.map_err(|error| place.broken("org", error.to_string()))?,
            name: self.name,
            role: role.ok_or_else(|| place.broken("role", self.role))?,
            acts_for_others: self.acts_for_others,
            created_at: self.created_at.to_jiff(),
            created_by: self.created_by,
            expires_at: self.expires_at.map(jiff_sqlx::Timestamp::to_jiff),
            revoked_at: self.revoked_at.map(jiff_sqlx::Timestamp::to_jiff),
            last_used_at: self.last_used_at.map(jiff_sqlx::Timestamp::to_jiff),
        })
    }
}

/// One token, whatever its state, and the digest of its text.
pub async fn get(
    conn: &mut PgConnection,
    id: TokenId,
) -> Result<Option<(Token, Vec<u8>)>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, name, role, acts_for_others, digest, created_at, created_by, expires_at,
            revoked_at, last_used_at
        from tokens
        where id = $1
        "#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await
    .map_err(StoreError::doing("reading a token"))?;
    let Some(mut row) = row else { return Ok(None) };
    let digest = std::mem::take(&mut row.digest);
    Ok(Some((row.token()?, digest)))
}

/// The tokens that are called so and were not revoked, of an organisation or of any.
pub async fn named(
    conn: &mut PgConnection,
    org: Option<&Org>,
    name: &str,
) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, name, role, acts_for_others, digest, created_at, created_by, expires_at,
            revoked_at, last_used_at
        from tokens
        where name = $2 and revoked_at is null and ($1::text is null or org = $1)
        order by id
        "#,
        org.map(Org::as_str),
        name
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("finding a token"))?;
    rows.into_iter().map(Row::token).collect()
}

/// Tokens, newest first.
pub async fn list(conn: &mut PgConnection, filter: &Filter) -> Result<Vec<Token>, StoreError> {
    let (after_at, after_id) =
        filter.after.map_or((None, None), |(at, id)| (Some(at.to_sqlx()), Some(id.uuid())));
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id, org, name, role, acts_for_others, digest, created_at, created_by, expires_at,
            revoked_at, last_used_at
        from tokens
        where
            ($1::text is null or org = $1)
            and (
                $2::timestamptz is null
                or revoked_at is null and (expires_at is null or expires_at > $2)
            )
            and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
        order by created_at desc, id desc
        limit $5
        "#,
        filter.org.as_ref().map(Org::as_str),
        filter.in_force_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>,
        after_at as Option<jiff_sqlx::Timestamp>,
        after_id as Option<Uuid>,
        i64::from(filter.limit)
    )
    .fetch_all(conn)
    .await
    .map_err(StoreError::doing("listing tokens"))?;
    rows.into_iter().map(Row::token).collect()
}

/// Adds a token. [`StoreError::is_taken`] says that its name is in use.
pub async fn add(conn: &mut PgConnection, token: &Token, digest: &[u8]) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into tokens (
            id, org, name, role, acts_for_others, digest, created_at, created_by, expires_at
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        "#,
        token.id.uuid(),
        token.org.as_ref().map(Org::as_str),
        token.name,
        token.role.name(),
        token.acts_for_others,
        digest,
        token.created_at.to_sqlx() as jiff_sqlx::Timestamp,
        token.created_by,
        token.expires_at.map(ToSqlx::to_sqlx) as Option<jiff_sqlx::Timestamp>
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("adding a token"))?;
    Ok(())
}

/// Revokes a token; says whether it was in force.
pub async fn revoke(
    conn: &mut PgConnection,
    id: TokenId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let revoked = sqlx::query!(
        "update tokens set revoked_at = $2 where id = $1 and revoked_at is null",
        id.uuid(),
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("revoking a token"))?;
    Ok(revoked.rows_affected() > 0)
}

/// Remembers when a token was used.
pub async fn used(conn: &mut PgConnection, id: TokenId, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query!(
        "update tokens set last_used_at = greatest(last_used_at, $2) where id = $1",
        id.uuid(),
        at.to_sqlx() as jiff_sqlx::Timestamp
    )
    .execute(conn)
    .await
    .map_err(StoreError::doing("remembering a token's use"))?;
    Ok(())
}
