//! `tandem-admin token …`: tokens made by whoever has the database at hand, the first one above all.

use std::io::Write as _;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use tandem_domain::id::{NotAName, Org};
use tandem_runtime::clock;
use tandem_store::{
    Store,
    tokens::{self, Filter, Role},
};

use crate::{
    api::token::{self, Asked},
    caller::Caller,
    refusal::{Refusal, Violation},
    settings::{NewToken, TokenCommand},
};

/// How many tokens are listed at most.
const LISTED: u32 = 10_000;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum Undone {
    /// An argument cannot be used.
    #[error("{}", told(.0))]
    Invalid(Vec<Violation>),
    /// Anything else.
    #[error("not done")]
    Refused(#[source] Refusal),
    /// The output cannot be written.
    #[error("the output cannot be written")]
    Unwritten(#[source] std::io::Error),
}

fn told(violations: &[Violation]) -> String {
    let one = |violation: &Violation| format!("--{} {}", violation.field, violation.problem);
    violations.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl From<Refusal> for Undone {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(violations) => Self::Invalid(violations),
            other => Self::Refused(other),
        }
    }
}

/// Does what was asked on the command line.
pub async fn run(store: &Store, command: &TokenCommand) -> Result<(), Undone> {
    let printed = match command {
        TokenCommand::Create(new) => create(store, new).await?,
        TokenCommand::List => list(store).await?,
        TokenCommand::Revoke { token, org } => {
            let org = org.as_deref().unwrap_or_default();
            let revoked = token::revoke_in(store, &Caller::at_hand(), org, token).await?;
            format!("{} ({}) is revoked", revoked.name, revoked.id)
        }
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{printed}").map_err(Undone::Unwritten)
}

/// Makes a token; only its text is printed, so that a script can take it as it comes.
async fn create(store: &Store, new: &NewToken) -> Result<String, Undone> {
    let org = new.org.as_ref().map(|org| org.parse::<Org>()).transpose();
    let org = org.map_err(|error: NotAName| Refusal::invalid("org", error.to_string()))?;
    let role = match new.role.as_str() {
        "viewer" => Role::Viewer,
        "operator" => Role::Operator,
        _ => Role::Admin,
    };
    let now = clock::now();
    let days = |days: u32| SignedDuration::from_hours(24 * i64::from(days));
    let asked = Asked {
        org,
        name: new.name.clone(),
        role,
        acts_for_others: new.acts_for_others,
        expires_at: new.expires_in_days.and_then(|count| now.checked_add(days(count)).ok()),
    };
    let (_, text) = token::create_in(store, &Caller::at_hand(), asked, now).await?;
    Ok(text.expose_secret().to_owned())
}

async fn list(store: &Store) -> Result<String, Undone> {
    let filter = Filter { in_force_at: Some(clock::now()), limit: LISTED, ..Filter::default() };
    let mut conn = store.acquire().await.map_err(Refusal::from)?;
    let all = tokens::list(&mut conn, &filter).await.map_err(Refusal::from)?;
    let line = |token: &tokens::Token| {
        let org = token.org.as_ref().map_or("(every organisation)", Org::as_str);
        let ends = token.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        format!("{}  {}  {}  {org}  ends: {ends}", token.id, token.name, token.role.name())
    };
    Ok(all.iter().map(line).collect::<Vec<_>>().join("\n"))
}
