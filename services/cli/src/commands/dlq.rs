//! `im dlq …` and `im integration dlq …`: list, show, replay, edit, discard.

mod message;

use std::{io::IsTerminal as _, time::Duration};

use anyhow::Context as _;
use tandem_proto::{json, v1};

use super::{Context, PAGE, ended};
use crate::{
    args::dlq::{DlqCommand, Edit, Letter, Replay, Which},
    failure::Failure,
};

/// How often it is asked how far a replay is.
const STEP: Duration = Duration::from_millis(500);

pub(super) async fn run(context: &Context, command: DlqCommand) -> Result<(), Failure> {
    match command {
        DlqCommand::List { integration, which } => {
            list(context, integration.unwrap_or_default(), which).await
        }
        DlqCommand::Causes { integration, direction } => {
            causes(context, integration.unwrap_or_default(), direction.unwrap_or_default()).await
        }
        DlqCommand::Show(letter) => show(context, letter).await,
        DlqCommand::Replay(replay) => self::replay(context, replay).await,
        DlqCommand::Progress { replay } => {
            context.show.one(&json::Replay::from(progress(context, replay).await?))
        }
        DlqCommand::Edit(edit) => self::edit(context, edit).await,
        DlqCommand::Discard { letters, reason } => discard(context, letters, reason).await,
    }
}

/// Lists letters; those of one integration where it is not empty.
pub(super) async fn list(
    context: &Context,
    integration: String,
    which: Which,
) -> Result<(), Failure> {
    if which.watch {
        return watch(context, integration, which).await;
    }
    context.show.list(&all(context, integration, which).await?)
}

/// Prints the open letters, the newest last, and then each that comes or is dealt with.
async fn watch(context: &Context, integration: String, which: Which) -> Result<(), Failure> {
    let (org, of) = (context.org.clone(), integration.clone());
    let request = v1::WatchDeadLettersRequest { org, integration: of };
    // Before it is listed what there is, so that nothing falls between the two.
    let mut stream = context.client.dead_letters().watch_dead_letters(request).await?.into_inner();
    for open in all(context, integration, which).await?.iter().rev() {
        context.show.next(open)?;
    }
    while let Some(change) = stream.message().await? {
        context.show.next(&json::DeadLetter::from(change.dead_letter.unwrap_or_default()))?;
    }
    Err(ended())
}

async fn all(
    context: &Context,
    integration: String,
    which: Which,
) -> Result<Vec<json::DeadLetter>, Failure> {
    let state = match (which.all, which.state) {
        (true, _) => v1::DeadLetterState::Unspecified,
        (false, said) => said.unwrap_or(v1::DeadLetterState::Open),
    };
    let mut client = context.client.dead_letters();
    let mut found: Vec<json::DeadLetter> = Vec::new();
    let mut page_token = String::new();
    loop {
        let missing = which.limit.saturating_sub(found.len());
        let request = v1::ListDeadLettersRequest {
            org: context.org.clone(),
            integration: integration.clone(),
            direction: which.direction.unwrap_or_default().into(),
            state: state.into(),
            group: which.group.clone().unwrap_or_default(),
            page_size: i32::try_from(missing).unwrap_or(PAGE).clamp(1, PAGE),
            page_token,
        };
        let page = client.list_dead_letters(request).await?.into_inner();
        found.extend(page.dead_letters.into_iter().map(Into::into));
        found.truncate(which.limit);
        page_token = page.next_page_token;
        if page_token.is_empty() || found.len() == which.limit {
            return Ok(found);
        }
    }
}

async fn causes(
    context: &Context,
    integration: String,
    direction: v1::DeadLetterDirection,
) -> Result<(), Failure> {
    let request = v1::ListDeadLetterGroupsRequest {
        org: context.org.clone(),
        integration,
        direction: direction.into(),
        state: v1::DeadLetterState::Open.into(),
    };
    let groups = context.client.dead_letters().list_dead_letter_groups(request).await?;
    let groups: Vec<json::DeadLetterGroup> =
        groups.into_inner().groups.into_iter().map(Into::into).collect();
    context.show.list(&groups)
}

async fn show(context: &Context, letter: Letter) -> Result<(), Failure> {
    let request = v1::GetDeadLetterRequest { dead_letter: letter.letter };
    let found = context.client.dead_letters().get_dead_letter(request).await?.into_inner();
    context.show.one(&json::DeadLetter::from(found))
}

async fn replay(context: &Context, replay: Replay) -> Result<(), Failure> {
    match replay.letters.as_slice() {
        [letter] => send(context, letter.clone(), String::new(), replay.dry_run).await,
        _ if replay.dry_run => {
            Err(Failure::Usage("--dry-run shows one letter: name it".to_owned()))
        }
        _ => many(context, replay).await,
    }
}

/// Sends one letter, or shows what would be sent.
async fn send(
    context: &Context,
    dead_letter: String,
    edited: String,
    validate_only: bool,
) -> Result<(), Failure> {
    let request = v1::ReplayDeadLetterRequest { dead_letter, edited, validate_only };
    let replayed = context.client.dead_letters().replay_dead_letter(request).await?.into_inner();
    context.show.one(&json::ReplayedLetter::from(replayed))
}

/// Sends many, and waits until that is done.
async fn many(context: &Context, replay: Replay) -> Result<(), Failure> {
    let request = v1::ReplayDeadLettersRequest {
        org: context.org.clone(),
        integration: replay.integration.unwrap_or_default(),
        direction: replay.direction.unwrap_or_default().into(),
        group: replay.group.unwrap_or_default(),
        dead_letters: replay.letters,
    };
    let begun = context.client.dead_letters().replay_dead_letters(request).await?;
    let mut now = begun.into_inner();
    if !replay.no_wait {
        let told = Told::new();
        while now.finish_time.is_none() {
            told.tell(&now);
            tokio::time::sleep(STEP).await;
            now = progress(context, now.id).await?;
        }
        told.end();
    }
    context.show.one(&json::Replay::from(now))
}

async fn progress(context: &Context, replay: String) -> Result<v1::Replay, Failure> {
    let request = v1::GetReplayRequest { replay };
    Ok(context.client.dead_letters().get_replay(request).await?.into_inner())
}

/// Tells people how far a replay is: one line that is written over, on a terminal only.
struct Told {
    is_terminal: bool,
}

impl Told {
    fn new() -> Self {
        Self { is_terminal: std::io::stderr().is_terminal() }
    }

    fn tell(&self, replay: &v1::Replay) {
        if self.is_terminal {
            let v1::Replay { done, total, rate_per_minute, .. } = replay;
            eprint!("\r{done}/{total}, {rate_per_minute:.0} a minute ");
        }
    }

    fn end(&self) {
        if self.is_terminal {
            eprint!("\r\x1b[K");
        }
    }
}

async fn edit(context: &Context, edit: Edit) -> Result<(), Failure> {
    let id = edit.letter.letter;
    let edited = match (&edit.file, edit.set.as_slice()) {
        (Some(path), _) => message::from_file(path)?,
        (None, set) => {
            let request = v1::GetDeadLetterRequest { dead_letter: id.clone() };
            let found = context.client.dead_letters().get_dead_letter(request).await?;
            let original = found.into_inner().original;
            if set.is_empty() { message::typed(&original)? } else { message::set(&original, set)? }
        }
    };
    let somebody_is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if edit.dry_run || (!edit.yes && somebody_is_there) {
        send(context, id.clone(), edited.clone(), true).await?;
    }
    if edit.dry_run || (!edit.yes && somebody_is_there && !agreed()?) {
        return Ok(());
    }
    send(context, id, edited, false).await
}

fn agreed() -> Result<bool, Failure> {
    let asked = dialoguer::Confirm::new().with_prompt("Send this?").default(false);
    Ok(asked.interact().context("cannot ask; use --yes")?)
}

async fn discard(context: &Context, letters: Vec<String>, reason: String) -> Result<(), Failure> {
    let mut client = context.client.dead_letters();
    for letter in letters {
        let request =
            v1::DiscardDeadLetterRequest { dead_letter: letter.clone(), reason: reason.clone() };
        client.discard_dead_letter(request).await?;
        context.show.done(&format!("discarded {letter}"))?;
    }
    Ok(())
}
