//! Dead letters: read, sent again, edited, given up.

mod watch;

use std::collections::{HashMap, HashSet};

use futures_util::{Stream, StreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use tandem_domain::id::{DeadLetterId, IntegrationId, Mint, ReplayId};
use tandem_proto::v1::{self, dead_letter_service_server::DeadLetterService};
use tandem_runtime::clock;
use tandem_store::{
    PgConnection, Store, audit,
    dead_letters::{self, Filter, Page, Progress, Replay, State, Stored, Way},
    integrations,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{find, watching};
use crate::{
    Admin,
    caller::Caller,
    dead_letters::{
        replay::{self, Order, Replayed},
        state,
    },
    page,
    refusal::Refusal,
    wire::dead_letter as wire,
};

/// How many root causes are listed at most.
const GROUPS: u32 = 1000;
/// How many letters may be named at once.
const NAMED_MAX: usize = 1000;
const REASON_MAX: usize = 1024;

/// Answers one letter, whole.
pub(crate) async fn get(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetDeadLetterRequest,
) -> Result<v1::DeadLetter, Refusal> {
    let id = letter_id(&request.dead_letter)?;
    let mut transaction = admin.store.begin().await?;
    shown(&mut transaction, caller, id).await
}

/// Lists letters, newest first.
pub(crate) async fn list(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListDeadLettersRequest,
) -> Result<v1::ListDeadLettersResponse, Refusal> {
    let size = page::size(request.page_size)?;
    let after = page::after::<(Timestamp, DeadLetterId)>(&request.page_token)?;
    let (way, state) = (way(request.direction()), said(request.state()));
    let mut transaction = admin.store.begin().await?;
    let filter = Filter {
        way,
        state,
        group: (!request.group.is_empty()).then_some(request.group),
        ..of(&mut transaction, caller, &request.org, &request.integration).await?
    };
    let asked = Page { after, limit: page::with_one_more(size) };
    let mut page = dead_letters::list(&mut transaction, &filter, asked).await?;
    let place = |stored: &Stored| (stored.letter.stored_at, stored.letter.id);
    let next_page_token = page::next(&mut page, size, place);
    let all = integrations::list(&mut transaction, None).await?.into_iter();
    let handles: HashMap<IntegrationId, String> =
        all.map(|one| (one.integration.id, one.integration.handle.to_string())).collect();
    let line = |stored: Stored| {
        let handle = stored.letter.integration.and_then(|id| handles.get(&id));
        wire::dead_letter_line(stored, handle.map_or("", String::as_str))
    };
    let dead_letters = page.into_iter().map(line).collect();
    Ok(v1::ListDeadLettersResponse { dead_letters, next_page_token })
}

/// Streams the letters that come and those that are dealt with, from now on.
async fn watch(
    admin: &Admin,
    caller: Caller,
    request: v1::WatchDeadLettersRequest,
) -> Result<impl Stream<Item = Result<v1::WatchDeadLettersResponse, Status>> + Send + use<>, Refusal>
{
    let mut transaction = admin.store.begin().await?;
    let filter = of(&mut transaction, &caller, &request.org, &request.integration).await?;
    drop(transaction);
    let letters = watch::Letters { caller: caller.clone(), filter, open: HashSet::new() };
    let stream = watching::stream(admin, caller, letters).await?;
    let told = |letter| v1::WatchDeadLettersResponse { dead_letter: Some(letter) };
    Ok(stream.map(move |letter| letter.map(told)))
}

/// Lists the root causes.
pub(crate) async fn groups(
    admin: &Admin,
    caller: &Caller,
    request: v1::ListDeadLetterGroupsRequest,
) -> Result<v1::ListDeadLetterGroupsResponse, Refusal> {
    let (way, state) = (way(request.direction()), said(request.state()));
    let mut transaction = admin.store.begin().await?;
    let base = of(&mut transaction, caller, &request.org, &request.integration).await?;
    let filter = Filter { way, state, ..base };
    let groups = dead_letters::groups(&mut transaction, &filter, GROUPS).await?;
    let groups = groups.into_iter().map(wire::dead_letter_group).collect();
    Ok(v1::ListDeadLetterGroupsResponse { groups })
}

/// Sends one letter again, or shows what would be sent.
pub(crate) async fn replay_one(
    admin: &Admin,
    caller: &Caller,
    request: v1::ReplayDeadLetterRequest,
) -> Result<v1::ReplayDeadLetterResponse, Refusal> {
    let id = letter_id(&request.dead_letter)?;
    let edited = (!request.edited.is_empty()).then_some(request.edited.as_str());
    let order = Order { edited, actor: caller.name(), reason: None, now: clock::now() };
    let mut transaction = admin.store.begin().await?;
    seen(&mut transaction, caller, id).await?;
    let replayed = if request.validate_only {
        // Nothing of it is committed.
        let stored = replay::open(&mut transaction, id).await?;
        Replayed::Sent(Box::new(replay::plan(&mut transaction, &stored, order).await?))
    } else {
        replay::one(admin, &mut transaction, id, order).await?
    };
    let dead_letter = Some(shown(&mut transaction, caller, id).await?);
    if !request.validate_only {
        Store::commit(transaction).await?;
    }
    let preview = match replayed {
        Replayed::Sent(plan) => Some(wire::replay_preview(*plan)),
        Replayed::Superseded => None,
    };
    Ok(v1::ReplayDeadLetterResponse { dead_letter, preview })
}

/// Begins a replay of many letters.
pub(crate) async fn replay_many(
    admin: &Admin,
    caller: &Caller,
    request: v1::ReplayDeadLettersRequest,
) -> Result<v1::Replay, Refusal> {
    let way = way(request.direction());
    if request.dead_letters.is_empty() && request.integration.is_empty() {
        return Err(Refusal::invalid("integration", "must be given, or letters named"));
    }
    if request.dead_letters.len() > NAMED_MAX {
        let problem = format!("must not be more than {NAMED_MAX}: say an integration instead");
        return Err(Refusal::invalid("dead_letters", problem));
    }
    let ids = request.dead_letters.iter().map(|id| letter_id(id)).collect::<Result<Vec<_>, _>>()?;
    let only = (!ids.is_empty()).then_some(ids.as_slice());
    let now = clock::now();
    let mut transaction = admin.store.begin().await?;
    let group = (!request.group.is_empty()).then_some(request.group);
    let base = of(&mut transaction, caller, &request.org, &request.integration).await?;
    let filter = Filter { way, group, ..base };
    let mut replay = Replay {
        id: Mint::new(now, Uuid::new_v4().as_bytes()).id(),
        org: filter.org.as_ref().map(ToString::to_string),
        integration: filter.integration,
        actor: caller.name().to_owned(),
        progress: Progress::default(),
        created_at: now,
        finished_at: None,
    };
    let total = dead_letters::begin(&mut transaction, &replay, &filter, only).await?;
    replay.progress.total = total;
    let entry = audit::Entry {
        at: now,
        actor: caller.name(),
        org: replay.org.as_deref(),
        action: "dead_letters.replay",
        target: &replay.id.to_string(),
        reason: None,
        before: None,
        after: Some(serde_json::json!({
            "integration": filter.integration, "group": filter.group,
            "direction": way.map(Way::name), "dead_letters": only, "total": total,
        })),
    };
    audit::add(&mut transaction, entry).await?;
    Store::commit(transaction).await?;
    admin.replays.notify_one();
    Ok(wire::replay(&replay, now))
}

/// Answers how far a replay is.
pub(crate) async fn get_replay(
    admin: &Admin,
    caller: &Caller,
    request: v1::GetReplayRequest,
) -> Result<v1::Replay, Refusal> {
    if request.replay.is_empty() {
        return Err(Refusal::invalid("replay", "must be the id of a replay (rpl_…)"));
    }
    let unknown = || Refusal::unknown("replay", &*request.replay);
    let id = request.replay.parse::<ReplayId>().map_err(|_| unknown())?;
    let mut transaction = admin.store.begin().await?;
    let found = dead_letters::replay(&mut transaction, id).await?;
    let found = found.filter(|found| caller.sees_text(found.org.as_deref()));
    let found = found.ok_or_else(unknown)?;
    Ok(wire::replay(&found, clock::now()))
}

/// Gives one letter up.
pub(crate) async fn discard(
    admin: &Admin,
    caller: &Caller,
    request: v1::DiscardDeadLetterRequest,
) -> Result<v1::DeadLetter, Refusal> {
    let id = letter_id(&request.dead_letter)?;
    let reason = request.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_MAX || reason.contains('\0') {
        let problem = format!("must say why, in 1 to {REASON_MAX} characters");
        return Err(Refusal::invalid("reason", problem));
    }
    let now = clock::now();
    let mut transaction = admin.store.begin().await?;
    seen(&mut transaction, caller, id).await?;
    let org = replay::open(&mut transaction, id).await?.letter.org;
    dead_letters::settle(&mut transaction, id, State::Discarded, reason, now).await?;
    let entry = audit::Entry {
        at: now,
        actor: caller.name(),
        org: org.as_deref(),
        action: "dead_letter.discard",
        target: &id.to_string(),
        reason: Some(reason),
        before: Some(state(State::Open)),
        after: Some(state(State::Discarded)),
    };
    audit::add(&mut transaction, entry).await?;
    let shown = shown(&mut transaction, caller, id).await?;
    Store::commit(transaction).await?;
    Ok(shown)
}

/// A letter, if the caller sees it. One that belongs to no organisation is for those who see all.
async fn seen(
    conn: &mut PgConnection,
    caller: &Caller,
    id: DeadLetterId,
) -> Result<Stored, Refusal> {
    let stored = dead_letters::get(conn, id).await?;
    let stored = stored.filter(|stored| caller.sees_text(stored.letter.org.as_deref()));
    stored.ok_or_else(|| Refusal::unknown("dead letter", id.to_string()))
}

/// A letter as it is now.
async fn shown(
    conn: &mut PgConnection,
    caller: &Caller,
    id: DeadLetterId,
) -> Result<v1::DeadLetter, Refusal> {
    let stored = seen(conn, caller, id).await?;
    let handle = match stored.letter.integration {
        Some(id) => integrations::get(conn, id, false).await?,
        None => None,
    };
    let handle = handle.map(|found| found.integration.handle.to_string());
    Ok(wire::dead_letter(stored, &handle.unwrap_or_default()))
}

/// The letters of an organisation or of one of its integrations.
async fn of(
    conn: &mut PgConnection,
    caller: &Caller,
    org: &str,
    integration: &str,
) -> Result<Filter, Refusal> {
    if integration.is_empty() {
        return Ok(Filter { org: caller.org_or_all(org)?, ..Filter::default() });
    }
    let found = find(conn, caller, org, integration).await?.integration;
    Ok(Filter { org: Some(found.org), integration: Some(found.id), ..Filter::default() })
}

fn letter_id(text: &str) -> Result<DeadLetterId, Refusal> {
    if text.is_empty() {
        return Err(Refusal::invalid("dead_letter", "must be the id of a dead letter (dlt_…)"));
    }
    text.parse().map_err(|_| Refusal::unknown("dead letter", text))
}

const fn way(from: v1::DeadLetterDirection) -> Option<Way> {
    match from {
        v1::DeadLetterDirection::Unspecified => None,
        v1::DeadLetterDirection::In => Some(Way::In),
        v1::DeadLetterDirection::Out => Some(Way::Out),
    }
}

const fn said(from: v1::DeadLetterState) -> Option<State> {
    match from {
        v1::DeadLetterState::Unspecified => None,
        v1::DeadLetterState::Open => Some(State::Open),
        v1::DeadLetterState::Replayed => Some(State::Replayed),
        v1::DeadLetterState::Superseded => Some(State::Superseded),
        v1::DeadLetterState::Discarded => Some(State::Discarded),
    }
}

#[tonic::async_trait]
impl DeadLetterService for Admin {
    type WatchDeadLettersStream = BoxStream<'static, Result<v1::WatchDeadLettersResponse, Status>>;

    async fn watch_dead_letters(
        &self,
        request: Request<v1::WatchDeadLettersRequest>,
    ) -> Result<Response<Self::WatchDeadLettersStream>, Status> {
        let caller = Caller::of(&request)?;
        let watching = watch(self, caller, request.into_inner()).await?;
        Ok(Response::new(Box::pin(watching)))
    }

    async fn get_dead_letter(
        &self,
        request: Request<v1::GetDeadLetterRequest>,
    ) -> Result<Response<v1::DeadLetter>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get(self, &caller, request.into_inner()).await?))
    }

    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Result<Response<v1::ListDeadLettersResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(list(self, &caller, request.into_inner()).await?))
    }

    async fn list_dead_letter_groups(
        &self,
        request: Request<v1::ListDeadLetterGroupsRequest>,
    ) -> Result<Response<v1::ListDeadLetterGroupsResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(groups(self, &caller, request.into_inner()).await?))
    }

    async fn replay_dead_letter(
        &self,
        request: Request<v1::ReplayDeadLetterRequest>,
    ) -> Result<Response<v1::ReplayDeadLetterResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(replay_one(self, &caller, request.into_inner()).await?))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<v1::ReplayDeadLettersRequest>,
    ) -> Result<Response<v1::Replay>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(replay_many(self, &caller, request.into_inner()).await?))
    }

    async fn get_replay(
        &self,
        request: Request<v1::GetReplayRequest>,
    ) -> Result<Response<v1::Replay>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(get_replay(self, &caller, request.into_inner()).await?))
    }

    async fn discard_dead_letter(
        &self,
        request: Request<v1::DiscardDeadLetterRequest>,
    ) -> Result<Response<v1::DeadLetter>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(discard(self, &caller, request.into_inner()).await?))
    }
}
