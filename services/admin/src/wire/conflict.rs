//! Conflicts in the contract's messages, and what each choice would do.

use tandem_domain::{
    conflict::{Candidate, Choice, Conflict, Ending, Reason, Standing},
    field::Value,
    incident::Side,
    integration::Integration,
    lens::Foreign,
    link::Link,
};
use tandem_proto::v1;

use super::{author, instant, side};

/// What of a conflict's surroundings is shown with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Its integration; none when it is gone.
    pub(crate) integration: Option<&'a Integration>,
    /// Its link.
    pub(crate) link: Option<&'a Link>,
}

/// A conflict as a list shows it.
pub(crate) fn conflict(from: &Conflict, around: Around<'_>) -> v1::Conflict {
    let handle = around.integration.map(|integration| integration.handle.to_string());
    let record = around.link.and_then(|link| link.record.as_ref());
    v1::Conflict {
        id: from.id.to_string(),
        integration: from.integration.to_string(),
        integration_handle: handle.unwrap_or_default(),
        incident: from.incident.to_string(),
        link: from.link.to_string(),
        record: record.map(ToString::to_string).unwrap_or_default(),
        url: around.link.and_then(|link| link.url.clone()).unwrap_or_default(),
        field: from.field.to_string(),
        reason: reason(from.reason).into(),
        standing: standing(from.standing).into(),
        platform: Some(candidate(&from.platform, Side::Platform)),
        external: Some(candidate(&from.external, Side::External)),
        base: from.base.clone().flatten(),
        open_time: Some(instant(from.opened_at)),
        ending: from.ending.as_ref().map(ending),
        choices: Vec::new(),
    }
}

/// A conflict whole: while it is open, with what each choice would do.
pub(crate) fn conflict_whole(from: &Conflict, around: Around<'_>) -> v1::Conflict {
    let open = from.standing == Standing::Open;
    let integration = around.integration.filter(|_| open);
    let choices = integration.map(|it| choices(from, it, around.link)).unwrap_or_default();
    v1::Conflict { choices, ..conflict(from, around) }
}

fn choices(
    conflict: &Conflict,
    integration: &Integration,
    link: Option<&Link>,
) -> Vec<v1::ConflictChoice> {
    let seen = link.and_then(|link| link.fields.get(&conflict.field)?.theirs.as_ref());
    let theirs = seen.map_or(&conflict.external.external, |theirs| &theirs.value);
    let prospect = Prospect { conflict, integration, theirs };
    let (ours, others) = (&conflict.platform.value, &conflict.external.value);
    let any = if integration.writes(conflict.field) {
        format!("the platform and {} become the value given", integration.handle)
    } else {
        let held = said(theirs.value.as_deref());
        format!("the platform becomes the value given; {} keeps {held}", integration.handle)
    };
    vec![
        prospect.of(v1::ConflictTake::Platform, ours),
        prospect.of(v1::ConflictTake::External, others),
        v1::ConflictChoice {
            take: v1::ConflictTake::Value.into(),
            platform_value: None,
            external_value: None,
            effect: any,
        },
    ]
}

/// What a conflict could come to.
struct Prospect<'a> {
    conflict: &'a Conflict,
    integration: &'a Integration,
    /// What the external side holds.
    theirs: &'a Foreign,
}

impl Prospect<'_> {
    fn of(&self, take: v1::ConflictTake, value: &Value) -> v1::ConflictChoice {
        let held = self.theirs.value.clone();
        let wanted = self.wanted(value);
        let there = match &wanted {
            Ok(Some(wanted)) => wanted.clone(),
            Ok(None) | Err(_) => held.clone(),
        };
        let effect = match self.conflict.field.check(value.as_deref()) {
            Err(unfit) => format!("cannot be taken: {}", unfit.problem),
            Ok(()) => format!(
                "the platform {}; {}",
                moves(&self.conflict.platform.value, value),
                self.outward(&held, &there, wanted)
            ),
        };
        v1::ConflictChoice {
            take: take.into(),
            platform_value: value.clone(),
            external_value: there,
            effect,
        }
    }

    /// What is to be written for a platform value; `Ok(None)` when nothing is.
    fn wanted(&self, value: &Value) -> Result<Option<Value>, String> {
        let field = self.conflict.field;
        let Some(rule) = self.integration.fields.get(&field) else { return Ok(None) };
        if !self.integration.writes(field) || rule.lens.agree(value.as_deref(), self.theirs) {
            return Ok(None);
        }
        let got = rule.lens.get(value.as_deref(), Some(self.theirs));
        got.map_err(|no_partner| no_partner.to_string())
    }

    fn outward(
        &self,
        held: &Value,
        there: &Value,
        wanted: Result<Option<Value>, String>,
    ) -> String {
        let handle = &self.integration.handle;
        match wanted {
            Ok(Some(_)) => format!("{handle} {}", moves(held, there)),
            Ok(None) => format!("{handle} keeps {}", said(held.as_deref())),
            Err(problem) => format!("{handle} keeps {}: {problem}", said(held.as_deref())),
        }
    }
}

fn moves(from: &Value, to: &Value) -> String {
    let verb = if from == to { "keeps" } else { "becomes" };
    format!("{verb} {}", said(to.as_deref()))
}

/// A value as it is read in a sentence.
pub(crate) fn said(value: Option<&str>) -> String {
    const LONG: usize = 80;
    match value {
        None => "empty".to_owned(),
        Some(text) if text.chars().count() <= LONG => format!("\"{text}\""),
        Some(text) => {
            let start: String = text.chars().take(LONG).collect();
            format!("\"{start}…\"")
        }
    }
}

fn candidate(from: &Candidate, on: Side) -> v1::ConflictCandidate {
    v1::ConflictCandidate {
        side: side(on).into(),
        value: from.value.clone(),
        external_value: from.external.value.clone(),
        external_label: from.external.label.clone().unwrap_or_default(),
        author: author(&from.by),
        time: Some(instant(from.at)),
    }
}

fn ending(from: &Ending) -> v1::ConflictEnding {
    let take = match &from.choice {
        None => v1::ConflictTake::Unspecified,
        Some(Choice::Platform) => v1::ConflictTake::Platform,
        Some(Choice::External) => v1::ConflictTake::External,
        Some(Choice::Value { .. }) => v1::ConflictTake::Value,
    };
    v1::ConflictEnding {
        take: take.into(),
        value: from.value.clone(),
        author: author(&from.by),
        time: Some(instant(from.at)),
    }
}

const fn reason(from: Reason) -> v1::ConflictReason {
    match from {
        Reason::BothMoved => v1::ConflictReason::BothMoved,
        Reason::Flapping => v1::ConflictReason::Flapping,
    }
}

const fn standing(from: Standing) -> v1::ConflictStanding {
    match from {
        Standing::Open => v1::ConflictStanding::Open,
        Standing::Resolved => v1::ConflictStanding::Resolved,
        Standing::Agreed => v1::ConflictStanding::Agreed,
        Standing::Moot => v1::ConflictStanding::Moot,
    }
}
