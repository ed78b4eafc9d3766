//! How a field stands on one link, now.

use tandem_domain::{
    field::Field,
    integration::Integration,
    link::{Link, LinkField, Stamp},
};
use tandem_proto::v1;

use super::Scene;
use crate::wire::{self, conflict::said};

impl Scene {
    /// How a field stands on a link; none where it takes no part there.
    pub(super) fn standing(&self, link: &Link, field: Field) -> Option<v1::ExplainedSide> {
        let integration = self.integrations.get(&link.integration)?;
        let rule = integration.fields.get(&field)?;
        let seen = link.fields.get(&field);
        let theirs = seen.and_then(|seen| seen.theirs.as_ref());
        let ours = self.incident.value(field);
        let agrees = theirs.is_some_and(|theirs| rule.lens.agree(ours, &theirs.value));
        let of_field = |open: &&_| {
            let open: &tandem_domain::conflict::Conflict = open;
            open.link == link.id && open.field == field
        };
        let conflict = self.conflicts.iter().find(of_field).map(|open| open.id.to_string());
        let conflict = conflict.unwrap_or_default();
        let seen_at = theirs.map(|theirs| match theirs.stamp {
            Stamp::Told { arrived, .. } => arrived,
            Stamp::Read { received, .. } => received,
        });
        let view = View { link, integration, field, seen, agrees, conflict: &conflict };
        Some(v1::ExplainedSide {
            link: link.id.to_string(),
            integration_handle: integration.handle.to_string(),
            record: link.record.as_ref().map(ToString::to_string).unwrap_or_default(),
            value: theirs.and_then(|theirs| theirs.value.value.clone()),
            seen_time: seen_at.map(wire::instant),
            agrees,
            standing: view.told(),
            conflict,
        })
    }
}

/// A field on a link, looked at.
struct View<'a> {
    link: &'a Link,
    integration: &'a Integration,
    field: Field,
    seen: Option<&'a LinkField>,
    agrees: bool,
    conflict: &'a str,
}

impl View<'_> {
    fn told(&self) -> String {
        let theirs = self.seen.and_then(|seen| seen.theirs.as_ref());
        let holds = theirs.map(|theirs| {
            let label = theirs.value.label.as_ref().map(|label| format!(" ({label})"));
            format!("holds {}{}", said(theirs.value.value.as_deref()), label.unwrap_or_default())
        });
        match (holds, self.agrees) {
            (None, _) => self.unseen(),
            (Some(holds), true) if self.conflict.is_empty() => match self.on_its_way() {
                None => format!("{holds}, which agrees"),
                Some(way) => format!("{holds}; {way}"),
            },
            (Some(holds), _) => format!("{holds}; {}", self.difference()),
        }
    }

    fn unseen(&self) -> String {
        match (&self.link.record, &self.link.problem) {
            _ if self.link.detached => "was never seen, and is unlinked".to_owned(),
            (None, Some(problem)) => format!("has no record: {problem}"),
            (None, None) => "has no record yet; it is being created".to_owned(),
            (Some(_), _) => "was never seen to hold it".to_owned(),
        }
    }

    /// Why the sides differ, or may.
    fn difference(&self) -> String {
        let held = self.seen.is_some_and(|seen| seen.held.is_some());
        if self.link.detached {
            "unlinked: neither side follows the other".to_owned()
        } else if !self.conflict.is_empty() {
            format!("frozen until somebody decides: im conflict show {}", self.conflict)
        } else if !self.integration.enabled {
            "the integration is disabled".to_owned()
        } else if self.integration.paused && (held || self.on_its_way().is_some()) {
            "waits: the integration is paused".to_owned()
        } else if held {
            "in doubt: what was seen cannot be put in order, a read will tell".to_owned()
        } else if let Some(way) = self.on_its_way() {
            way
        } else if let Some(problem) = &self.link.problem {
            problem.clone()
        } else if self.integration.writes(self.field) {
            "differs, and nothing is on its way: im links resync".to_owned()
        } else {
            "differs: the platform's value does not travel there".to_owned()
        }
    }

    fn on_its_way(&self) -> Option<String> {
        let open = self.seen?.open.last()?;
        let value = said(open.value.as_deref());
        Some(format!("{value} is on its way (version {}), not confirmed", open.version))
    }
}
