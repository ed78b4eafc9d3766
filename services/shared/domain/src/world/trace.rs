//! A world's story, line by line, for whoever replays it.

use std::fmt::Write as _;

use super::{World, far::Patch};
use crate::{
    event::{Change, Edit, Event, Outcome, Reading, Snapshot},
    field::Value,
    outbound::Desired,
    reconcile::{State, Step},
};

impl World {
    /// Adds a line, if anybody listens.
    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let (seconds, ms) = (self.now / 1000, self.now % 1000);
            story.push(format!("{seconds:>4}.{ms:03} {}", line()));
        }
    }

    /// Tells what the rules made of an event.
    pub(super) fn say_step(&mut self, step: &Step) {
        if self.story.is_none() {
            return;
        }
        if !matches!(step.effect, crate::reconcile::Effect::Applied) {
            self.say(|| format!("    {:?}", step.effect));
        }
        for it in &step.decisions {
            let (before, after) = (plain(&it.before), plain(&it.after));
            let external = plain(&it.external);
            self.say(|| {
                format!(
                    "    {} ({}): {before} → {after}, theirs {external}",
                    it.field,
                    it.rule.name()
                )
            });
        }
        for it in &step.conflicts {
            self.say(|| format!("    conflict about {}: {:?}", it.field, it.standing));
        }
        let Some(state) = &step.state else { return };
        let ours = state
            .incident
            .fields
            .iter()
            .map(|(field, owned)| format!("{field}={} (r{})", plain(&owned.value), owned.rev));
        let mut lines = vec![format!("    ours: {}", ours.collect::<Vec<_>>().join(" "))];
        for link in &state.links {
            let mut line = format!("    v{}/{}", link.version, link.confirmed);
            for (field, seen) in &link.fields {
                let theirs = seen.theirs.as_ref().map(|theirs| plain(&theirs.value.value));
                let base =
                    seen.base.as_ref().map(|base| format!("{}@{}", plain(&base.value), base.rev));
                let open: Vec<_> = seen
                    .open
                    .iter()
                    .map(|it| format!("{}@v{}", plain(&it.value), it.version))
                    .collect();
                let held = seen
                    .held
                    .as_ref()
                    .map(|held| format!(" held {}", plain(&held.seen.value.value)));
                write!(
                    line,
                    " | {field}: {} base {} open {open:?}{}",
                    theirs.as_deref().unwrap_or("?"),
                    base.as_deref().unwrap_or("?"),
                    held.unwrap_or_default(),
                )
                .ok();
            }
            if let Some(problem) = &link.problem {
                write!(line, " | problem: {problem}").ok();
            }
            lines.push(line);
        }
        for line in lines {
            self.say(|| line);
        }
    }
}

/// One line about an event.
pub(super) fn event(event: &Event) -> String {
    match event {
        Event::Observation(it) => {
            let shown = it.snapshot.as_ref().map(snapshot).unwrap_or_default();
            format!("webhook {} {} {shown}", it.event, it.event_type)
        }
        Event::Receipt(it) => match &it.outcome {
            Outcome::Settled { version, before, after, fates, uncertain, .. } => {
                let fates: Vec<_> = fates.iter().map(|(f, fate)| format!("{f} {fate:?}")).collect();
                let unsure = if *uncertain { " uncertain" } else { "" };
                let (before, after) = (reading(before.as_deref()), reading(after.as_deref()));
                format!("receipt v{version}{unsure} before {before} after {after} {fates:?}")
            }
            Outcome::Refused { version, reason, .. } => format!("refused {version:?}: {reason}"),
            Outcome::Noted { .. } => "noted".to_owned(),
            Outcome::Summoned { .. } => "summoned".to_owned(),
        },
        Event::Edit(it) => edit(it),
        Event::Finding(it) => format!("finding {} {}", it.id, reading(Some(&it.reading))),
    }
}

/// One line about an edit.
pub(super) fn edit(edit: &Edit) -> String {
    let what = match &edit.change {
        Change::Create { fields, .. } => format!("creates {}", fields.len()),
        Change::Update { fields, revision } => {
            let set: Vec<_> =
                fields.iter().map(|(f, value)| format!("{f}={}", plain(value))).collect();
            let on = revision.map(|revision| format!(" on r{revision}")).unwrap_or_default();
            format!("sets {}{on}", set.join(" "))
        }
        Change::Note { .. } => "writes a note".to_owned(),
        Change::Escalate { level, .. } => format!("escalates to level {level}"),
        Change::Page { .. } => "asks for help".to_owned(),
        Change::Resolve { choice, .. } => format!("decides {choice:?}"),
        Change::Link { record, .. } => format!("links {record}"),
        Change::TakePart { .. } => "has it take part".to_owned(),
        Change::Unlink { .. } => "unlinks".to_owned(),
        Change::Resync { read, .. } => format!("has it compared again, read: {read}"),
    };
    format!("the platform {what}, at {}", super::millis(edit.at))
}

/// One line about a desired state.
pub(super) fn desired(desired: &Desired) -> String {
    let want = desired.want.iter().map(|(field, want)| {
        let expect: Vec<_> = want.expect.iter().map(plain).collect();
        format!("{field}={} over {}", plain(&want.value), expect.join("/"))
    });
    let after = desired.not_before.map(|at| format!(", not before {}", super::millis(at)));
    let want = want.collect::<Vec<_>>().join(", ");
    format!("v{} wants {want}{}", desired.version, after.unwrap_or_default())
}

fn reading(reading: Option<&Reading>) -> String {
    reading.map_or_else(
        || "-".to_owned(),
        |it| {
            let (sent, received) = (super::millis(it.sent), super::millis(it.received));
            format!("{sent}..{received} {}", snapshot(&it.snapshot))
        },
    )
}

fn snapshot(snapshot: &Snapshot) -> String {
    let shown = snapshot.fields.iter().map(|(field, it)| format!("{field}={}", plain(&it.value)));
    format!("[{}]", shown.collect::<Vec<_>>().join(" "))
}

fn plain(value: &Value) -> String {
    value.clone().unwrap_or_else(|| "∅".to_owned())
}

impl Patch {
    /// What it changes, in a few words.
    pub(super) fn spell(&self) -> String {
        let parts = [
            ("title", &self.title),
            ("urgency", &self.urgency),
            ("priority", &self.priority),
            ("status", &self.status),
        ];
        let parts =
            parts.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        let label = self.label.as_ref().map(|value| format!("label={}", plain(value)));
        parts.chain(label).collect::<Vec<_>>().join(" ")
    }
}

/// The first thing in which two states differ.
pub(super) fn difference(one: Option<&State>, other: Option<&State>) -> String {
    let (Some(one), Some(other)) = (one, other) else { return "one is gone".to_owned() };
    for (link, again) in one.links.iter().zip(&other.links) {
        for (field, seen) in &link.fields {
            let then = again.fields.get(field);
            if then != Some(seen) {
                return format!("{field} of {}: {seen:?} / {then:?}", link.integration);
            }
        }
        if link != again {
            return format!("{link:?} / {again:?}");
        }
    }
    if one.incident == other.incident { "elsewhere".to_owned() } else { "the incident".to_owned() }
}
