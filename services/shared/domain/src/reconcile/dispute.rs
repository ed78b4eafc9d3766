//! Conflicts: opened where both sides moved under manual review or a field goes back and forth,
//! kept up to date while they are open, closed by somebody or by the sides themselves (rule 30).

use super::draft::{Draft, Ruling};
use crate::{
    conflict::{Candidate, Choice, Conflict, Ending, Reason, Standing},
    decision::Rule,
    event::{Edit, Refusal},
    field::Field,
    id::{ConflictId, LinkId},
    incident::{Actor, Side},
    lens::{Foreign, Memory},
    link::{Base, Theirs},
};

impl Draft<'_> {
    /// Whether nothing may be taken from or written to a field of a link until somebody decides.
    pub(super) fn is_frozen(&self, link: LinkId, field: Field) -> bool {
        self.conflicts.iter().any(|open| open.link == link && open.field == field)
    }

    /// Opens a conflict about a field of a link.
    pub(super) fn dispute(
        &mut self,
        link: LinkId,
        field: Field,
        reason: Reason,
        external: Candidate,
    ) {
        let Some(platform) = self.platform_candidate(link, field) else { return };
        let Some(link) = self.link(link) else { return };
        let base = link.fields.get(&field).and_then(|seen| seen.base.as_ref());
        let (integration, base) = (link.integration, base.map(|base| base.value.clone()));
        let conflict = Conflict {
            link: link.id,
            id: self.mint.id(),
            incident: self.incident.id,
            integration,
            field,
            reason,
            standing: Standing::Open,
            platform,
            external,
            base,
            opened_at: self.input.at,
            ending: None,
        };
        self.conflicts.push(conflict.clone());
        self.disputed.push(conflict);
    }

    /// What the platform says about a field, as a link's external side would hold it.
    fn platform_candidate(&self, link: LinkId, field: Field) -> Option<Candidate> {
        let link = self.link(link)?;
        let rule = self.configs.get(&link.integration)?.fields.get(&field)?;
        let theirs = link.fields.get(&field).and_then(|seen| seen.theirs.as_ref());
        let ours = self.incident.fields.get(&field)?;
        let got = rule.lens.get(ours.value.as_deref(), theirs.map(|theirs| &theirs.value));
        let external = Foreign { value: got.ok().flatten().flatten(), label: None };
        Some(Candidate { value: ours.value.clone(), external, by: ours.by.clone(), at: ours.at })
    }

    /// The external side moved on while a conflict is open: its newest value is the candidate.
    pub(super) fn show_external(&mut self, link: LinkId, field: Field, candidate: Candidate) {
        self.change_open(link, field, |open| open.external = candidate);
    }

    fn change_open(&mut self, link: LinkId, field: Field, change: impl FnOnce(&mut Conflict)) {
        let open = self.conflicts.iter_mut().find(|it| it.link == link && it.field == field);
        let Some(open) = open else { return };
        change(open);
        let changed = open.clone();
        self.disputed.retain(|other| other.id != changed.id);
        self.disputed.push(changed);
    }

    /// Brings the platform's candidates up to date, and closes what the sides agree about by now.
    pub(super) fn close_agreed(&mut self) {
        let open: Vec<_> = self.conflicts.iter().map(|it| (it.id, it.link, it.field)).collect();
        for (id, link, field) in open {
            let Some(candidate) = self.platform_candidate(link, field) else { continue };
            self.change_where_differs(link, field, candidate);
            let theirs = self.link(link).and_then(|it| it.fields.get(&field)?.theirs.clone());
            let in_doubt =
                self.verdict_on(link, field).and_then(|it| it.seen?.held.as_ref()).is_some();
            let clock =
                self.link(link).and_then(|it| self.config(it.integration)).map(|it| it.clock);
            // What was seen before the platform came to say the same proves nothing about it yet.
            let began = |theirs: &Theirs| clock.map(|clock| theirs.stamp.earliest(clock));
            if let Some(theirs) = theirs.filter(|_| !in_doubt)
                && self.agree(link, field, &theirs.value, began(&theirs))
            {
                self.close(id, Standing::Agreed, None, Actor::unnamed(Side::Platform));
            }
        }
    }

    fn change_where_differs(&mut self, link: LinkId, field: Field, candidate: Candidate) {
        let open = self.conflicts.iter().find(|it| it.link == link && it.field == field);
        if open.is_some_and(|open| open.platform != candidate) {
            self.change_open(link, field, |open| open.platform = candidate);
        }
    }

    /// Ends a conflict; the field thaws.
    fn close(&mut self, id: ConflictId, standing: Standing, choice: Option<Choice>, by: Actor) {
        let Some(place) = self.conflicts.iter().position(|open| open.id == id) else { return };
        let mut conflict = self.conflicts.remove(place);
        let value = self.incident.value(conflict.field).map(str::to_owned);
        conflict.standing = standing;
        conflict.ending = Some(Ending { choice, value, by, at: self.input.at });
        if let Some(link) = self.link_mut(conflict.link) {
            link.fields.entry(conflict.field).or_default().turns.clear();
        }
        self.disputed.retain(|other| other.id != id);
        self.disputed.push(conflict);
    }

    /// Closes every conflict of a link that was taken apart.
    pub(super) fn moot(&mut self, link: LinkId, by: &Actor) {
        let of_link = self.conflicts.iter().filter(|open| open.link == link);
        let ids: Vec<_> = of_link.map(|open| open.id).collect();
        for id in ids {
            self.close(id, Standing::Moot, None, by.clone());
        }
    }

    /// Somebody decides a conflict: the value becomes ours with the time of the decision, and what
    /// is older cannot bring the conflict back.
    pub(super) fn resolve(
        &mut self,
        edit: &Edit,
        id: ConflictId,
        choice: &Choice,
    ) -> Result<(), (Refusal, String)> {
        let Some(conflict) = self.conflicts.iter().find(|open| open.id == id).cloned() else {
            let message = format!("{id} is not an open conflict of {}", edit.incident);
            return Err((Refusal::Unknown, message));
        };
        let (link, field) = (conflict.link, conflict.field);
        let theirs = self.link(link).and_then(|it| it.fields.get(&field)?.theirs.clone());
        let value = match choice {
            Choice::Platform => conflict.platform.value.clone(),
            Choice::External => conflict.external.value.clone(),
            Choice::Value { value } => value.clone(),
        };
        if let Err(unfit) = field.check(value.as_deref()) {
            return Err((Refusal::Unfit, unfit.to_string()));
        }
        let external = theirs.as_ref().map(|theirs| theirs.value.clone());
        let rev = self.set(Ruling {
            field,
            value: value.clone(),
            at: edit.at,
            span: None,
            by: edit.author.clone(),
            rule: Rule::Resolved,
            link: Some((link, conflict.integration)),
            external: external.as_ref().and_then(|external| external.value.clone()),
        });
        if let Some(owned) = self.incident.fields.get_mut(&field) {
            // It is an edit of the platform, whichever value it is.
            owned.via = None;
        }
        let at = self.input.at;
        if let Some(link) = self.link_mut(link) {
            link.fields.entry(field).or_default().decided = Some(at);
        }
        // What they hold is known to whoever decided: it is no edit any more.
        if let Some(external) = external {
            let back = self.link(link).and_then(|link| {
                let config = self.configs.get(&link.integration)?;
                config
                    .fields
                    .get(&field)?
                    .lens
                    .put(value.as_deref(), &external, &Memory::new())
                    .ok()
            });
            let rev = if back == Some(value) { rev } else { rev.saturating_sub(1) };
            self.rebase(link, field, Base { value: external.value, rev });
        }
        self.close(id, Standing::Resolved, Some(choice.clone()), edit.author.clone());
        Ok(())
    }

    /// An enforced field that the external side owns is what they hold, whatever ours says.
    pub(super) fn give_way(&mut self) {
        let claims = self.links.iter().filter(|link| !link.detached).flat_map(|link| {
            let config = self.configs.get(&link.integration).filter(|config| config.enabled);
            let owned = config.into_iter().flat_map(|config| &config.fields);
            let owned = owned.filter(|(_, rule)| rule.belongs_to(Side::External));
            owned.map(|(field, rule)| (*field, rule.priority, std::cmp::Reverse(link.id)))
        });
        let claims: Vec<_> = claims.collect();
        for (field, priority, std::cmp::Reverse(link)) in &claims {
            let stronger = claims.iter().any(|(other, more, id)| {
                other == field && (more, id) > (priority, &std::cmp::Reverse(*link))
            });
            if !stronger {
                self.follow(*link, *field);
            }
        }
    }

    fn follow(&mut self, link: LinkId, field: Field) {
        let Some(verdict) = self.verdict_on(link, field) else { return };
        let Some(seen) = verdict.seen.filter(|seen| seen.held.is_none()) else { return };
        let Some(theirs) = seen.theirs.clone().filter(|_| verdict.config.reads(field)) else {
            return;
        };
        let ours = self.incident.value(field);
        if verdict.rule.lens.agree(ours, &theirs.value) {
            return;
        }
        let Ok(value) = verdict.rule.lens.put(ours, &theirs.value, &seen.remembered) else {
            return;
        };
        if field.check(value.as_deref()).is_err() {
            return;
        }
        let integration = verdict.config.id;
        let rev = self.set(Ruling {
            field,
            value,
            at: self.input.at,
            span: None,
            by: Actor::unnamed(Side::External),
            rule: Rule::Enforced,
            link: Some((link, integration)),
            external: theirs.value.value.clone(),
        });
        self.rebase(link, field, Base { value: theirs.value.value, rev });
    }
}
