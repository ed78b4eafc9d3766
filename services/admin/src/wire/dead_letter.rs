//! Dead letters and their replays in the contract's messages.

use jiff::Timestamp;
use tandem_bus::dead_letter::{Answer, Request};
use tandem_proto::v1;
use tandem_store::dead_letters::{Group, Kind, Replay, State, Stored, Way};

use super::{instant, number};
use crate::dead_letters::replay::Plan;

/// A letter, whole.
pub(crate) fn dead_letter(from: Stored, handle: &str) -> v1::DeadLetter {
    let Stored { letter, state, reason, edited, follows, replay, changed_at, .. } = from;
    // What admin stored is one of these; anything else is shown as nothing rather than refused.
    let request = letter.request.and_then(|json| serde_json::from_value::<Request>(json).ok());
    let answer = letter.answer.and_then(|json| serde_json::from_value::<Answer>(json).ok());
    v1::DeadLetter {
        id: letter.id.to_string(),
        direction: direction(letter.way).into(),
        kind: kind(&letter.kind).into(),
        integration: text(letter.integration),
        integration_handle: handle.to_owned(),
        link: text(letter.link),
        record: letter.record.unwrap_or_default(),
        cause: letter.cause,
        group: letter.group,
        time: Some(instant(letter.at)),
        attempts: number(letter.attempts),
        subject: letter.subject,
        original: letter.original,
        request: request.map(call),
        answer: answer.map(|answer| v1::DeadLetterAnswer {
            status: u32::from(answer.status),
            body: answer.body,
        }),
        state: self::state(state).into(),
        reason: reason.unwrap_or_default(),
        edited: edited.unwrap_or_default(),
        follows: text(follows),
        replay: text(replay),
        traceparent: letter.traceparent.unwrap_or_default(),
        update_time: Some(instant(changed_at)),
    }
}

/// A letter as lists show it: without what may be large.
pub(crate) fn dead_letter_line(from: Stored, handle: &str) -> v1::DeadLetter {
    v1::DeadLetter {
        original: String::new(),
        edited: String::new(),
        request: None,
        answer: None,
        ..dead_letter(from, handle)
    }
}

/// Letters of one root cause.
pub(crate) fn dead_letter_group(from: Group) -> v1::DeadLetterGroup {
    v1::DeadLetterGroup {
        group: from.group,
        direction: direction(from.way).into(),
        cause: from.cause,
        count: number(from.count),
        first_time: Some(instant(from.first_at)),
        last_time: Some(instant(from.last_at)),
    }
}

/// What a replay of a letter sends.
pub(crate) fn replay_preview(from: Plan) -> v1::ReplayPreview {
    v1::ReplayPreview {
        subject: from.outgoing.subject,
        message: String::from_utf8_lossy(&from.outgoing.body).into_owned(),
        effect: from.effect.to_owned(),
        calls: from.calls.into_iter().map(call).collect(),
    }
}

/// A replay of many letters, as far as it is at `now`.
pub(crate) fn replay(from: &Replay, now: Timestamp) -> v1::Replay {
    let progress = from.progress;
    let done = progress.sent + progress.superseded + progress.failed;
    v1::Replay {
        id: from.id.to_string(),
        total: number(progress.total),
        done: number(done),
        sent: number(progress.sent),
        superseded: number(progress.superseded),
        failed: number(progress.failed),
        rate_per_minute: rate(done, from.created_at, from.finished_at.unwrap_or(now)),
        actor: from.actor.clone(),
        create_time: Some(instant(from.created_at)),
        finish_time: from.finished_at.map(instant),
    }
}

/// How many a minute, to one digit after the point.
fn rate(done: u64, from: Timestamp, until: Timestamp) -> f64 {
    let seconds = until.duration_since(from).as_secs_f64();
    let done = f64::from(u32::try_from(done).unwrap_or(u32::MAX));
    if seconds <= 0.0 { 0.0 } else { (done / seconds * 600.0).round() / 10.0 }
}

fn call(from: Request) -> v1::DeadLetterCall {
    let body = from.body.map(|body| body.to_string()).unwrap_or_default();
    v1::DeadLetterCall { method: from.method, path: from.path, body }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

const fn direction(from: Way) -> v1::DeadLetterDirection {
    match from {
        Way::In => v1::DeadLetterDirection::In,
        Way::Out => v1::DeadLetterDirection::Out,
    }
}

const fn state(from: State) -> v1::DeadLetterState {
    match from {
        State::Open => v1::DeadLetterState::Open,
        State::Replayed => v1::DeadLetterState::Replayed,
        State::Superseded => v1::DeadLetterState::Superseded,
        State::Discarded => v1::DeadLetterState::Discarded,
    }
}

const fn kind(from: &Kind) -> v1::DeadLetterKind {
    match from {
        Kind::Event { .. } => v1::DeadLetterKind::Event,
        Kind::State { .. } => v1::DeadLetterKind::State,
        Kind::Act => v1::DeadLetterKind::Act,
        Kind::Unreadable => v1::DeadLetterKind::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_per_minute_and_never_of_no_time() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!((rate(3, at(0), at(90)) - 2.0).abs() < f64::EPSILON);
        assert!((rate(3, at(9), at(9))).abs() < f64::EPSILON);
    }
}
