//! What people ask for besides values: deciding conflicts, joining and parting, comparing again.

use jiff::Timestamp;

use super::{
    Configs, Input, State, Step, TimelineKind,
    draft::Draft,
    edit::{outdated, refuse},
    level::service_for,
};
use crate::{
    event::{Change, Edit, Refusal},
    id::{IntegrationId, LinkId, RecordId},
    link::{Held, Link, LinkField, Stamp, Theirs},
};

pub(super) fn apply(state: State, input: Input<'_>, edit: &Edit, configs: &Configs) -> Step {
    let before = state.clone();
    let mut draft = Draft::resume(state, input, configs);
    let done = match &edit.change {
        Change::Escalate { level, integration } => draft.escalate(edit, *level, *integration),
        Change::Page { message, users, policies, integration } => {
            draft.page(edit, message, (users, policies), *integration)
        }
        Change::Resolve { conflict, choice } => draft.resolve(edit, *conflict, choice),
        Change::Link { integration, record } => draft.join_to(edit, *integration, record),
        Change::TakePart { integration, revision } => {
            draft.take_part(edit, *integration, *revision)
        }
        Change::Unlink { link } => draft.part(edit, *link),
        Change::Resync { link, read } => draft.compare_again(*link, *read),
        Change::Create { .. } | Change::Update { .. } | Change::Note { .. } => Ok(()),
    };
    match done {
        Ok(()) => draft.finish(true),
        Err((refusal, message)) => refuse(Some(before), refusal, message),
    }
}

/// What is still known of a field when its link is joined again: what they held, to be read and
/// judged before anything is written over it, even where it is the same, and then nobody knows when
/// it was written.
fn as_parted(known: LinkField) -> LinkField {
    let (sent, received) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
    let held = known.theirs.as_ref().map(|theirs| Held {
        seen: Theirs {
            value: theirs.value.clone(),
            stamp: Stamp::Read { sent, received, made: false },
        },
        asked: 0,
        judged: true,
        not_before: None,
    });
    LinkField { theirs: known.theirs, held, ..LinkField::default() }
}

impl Draft<'_> {
    /// Joins the incident to a record that is there: a read shows it, and what differs is settled
    /// like any edit of both sides.
    fn join_to(
        &mut self,
        edit: &Edit,
        integration: IntegrationId,
        record: &RecordId,
    ) -> Result<(), (Refusal, String)> {
        if self.config(integration).is_none() {
            let message = format!("there is no integration {integration} in {}", edit.org);
            return Err((Refusal::Unknown, message));
        }
        if self.input.elsewhere {
            let message = format!("{record} is linked to another incident; unlink it there first");
            return Err((Refusal::Taken, message));
        }
        let of_integration = self.links.iter_mut().find(|link| link.integration == integration);
        let attached = of_integration.as_ref().is_some_and(|link| !link.detached);
        let id = match of_integration {
            Some(link) if attached && link.record.as_ref() == Some(record) => return Ok(()),
            Some(link) if link.record.as_ref() == Some(record) => {
                // What both sides did in between is settled like a pair that is linked at first,
                // but for what is known of when.
                let (version, confirmed) = (link.version, link.confirmed);
                let fields = std::mem::take(&mut link.fields).into_iter();
                let fields = fields.map(|(field, known)| (field, as_parted(known))).collect();
                let (number, url) = (link.number, link.url.take());
                let fresh = Link::new(link.id, link.incident, integration);
                *link = Link { number, url, version, confirmed, fields, ..fresh };
                link.id
            }
            Some(link) if attached => {
                let to =
                    link.record.as_ref().map_or("a record that is being created", RecordId::as_str);
                let message = format!("the incident is linked to {to} there; unlink it first");
                return Err((Refusal::Taken, message));
            }
            Some(link) => {
                *link = Link {
                    version: link.version,
                    confirmed: link.confirmed,
                    ..Link::new(link.id, link.incident, integration)
                };
                link.id
            }
            None => {
                let link = Link::new(self.mint.id(), self.incident.id, integration);
                let id = link.id;
                self.links.push(link);
                id
            }
        };
        self.revise();
        self.link_up(id, record, edit.at);
        Ok(())
    }

    /// Adds the link that a record is then created for, unless there is one: asked twice is done
    /// once, and what was unlinked by hand stays so. Nothing is left behind where it cannot be.
    fn take_part(
        &mut self,
        edit: &Edit,
        integration: IntegrationId,
        revision: Option<u64>,
    ) -> Result<(), (Refusal, String)> {
        let Some(config) = self.config(integration) else {
            let message = format!("there is no integration {integration} in {}", edit.org);
            return Err((Refusal::Unknown, message));
        };
        match self.links.iter().find(|link| link.integration == integration) {
            Some(link) if link.detached => {
                let message = "the incident was unlinked there by hand; link it again".to_owned();
                return Err((Refusal::Taken, message));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        if let Some(message) = outdated(self.incident.revision, revision) {
            return Err((Refusal::Stale, message));
        }
        if !config.sends() {
            let message = format!("nothing is sent to {}", config.handle);
            return Err((Refusal::Unfit, message));
        }
        let creatable = service_for(&self.incident, config).map(|_| ());
        let outside = config.scope.excludes(&self.incident, None).map_or(Ok(()), Err);
        creatable.and(outside).map_err(|message| (Refusal::Unfit, message))?;
        let link = Link::new(self.mint.id(), self.incident.id, integration);
        self.links.push(link);
        self.revise();
        Ok(())
    }

    /// Takes a link apart. The record is left as it is, and nothing of it reaches the incident.
    fn part(&mut self, edit: &Edit, id: LinkId) -> Result<(), (Refusal, String)> {
        let Some(link) = self.link_mut(id).filter(|link| !link.detached) else {
            let message = format!("{id} is not a link of {}", edit.incident);
            return Err((Refusal::Unknown, message));
        };
        link.detached = true;
        link.problem = None;
        // Waiting writes are withdrawn by a newer state that wants nothing.
        let withdraw = link.published.take().is_some() && link.confirmed < link.version;
        for seen in link.fields.values_mut() {
            seen.open.clear();
            seen.held = None;
        }
        if withdraw {
            self.withdraw(id);
        }
        self.moot(id, &edit.author);
        self.revise();
        let (at, by) = (edit.at, edit.author.clone());
        let record = self.link(id).and_then(|link| link.record.clone());
        let record = record.map_or_else(|| "its record".to_owned(), |record| record.to_string());
        self.line(at, TimelineKind::Unlinked, format!("unlinked from {record}"), by);
        Ok(())
    }

    /// Compares both sides again; the comparing itself happens at the end of every transition.
    fn compare_again(&mut self, id: LinkId, read: bool) -> Result<(), (Refusal, String)> {
        let Some(link) = self.link_mut(id).filter(|link| !link.detached) else {
            return Err((Refusal::Unknown, format!("there is no link {id} on this incident")));
        };
        // What was refused or could not leave gets another chance.
        link.published = None;
        link.problem = None;
        if read {
            link.asked = 0;
            link.reread = true;
        }
        Ok(())
    }
}
