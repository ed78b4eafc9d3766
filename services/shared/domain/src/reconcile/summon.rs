//! Bringing people in: handing a record on to another level, asking somebody to help.
//!
//! It is asked for once, on the links whose integration carries escalations, and what the external
//! side then tells of it by itself is known by its cause: it is no edit of somebody else's, and the
//! timeline says it once. Who has the record afterwards is state like any other.

use jiff::{SignedDuration, Timestamp};

use super::{TimelineKind, draft::Draft, echo::is_stranger, sight::Sight};
use crate::{
    event::{Edit, Observation, Reading, Refusal, Summoned},
    feed::{Happening, News},
    field::Field,
    id::{EditId, IntegrationId, LinkId},
    incident::Actor,
    integration::Integration,
    lens::Lens,
    link::{Link, Stamp, Summons},
    outbound::{Act, ActKind},
};

/// The highest level there is anywhere.
const LEVEL_MAX: u32 = 100;
/// The longest message to those who are asked, in bytes.
const MESSAGE_MAX: usize = 4096;
/// How many are remembered of each link.
const REMEMBERED: usize = 16;
/// How long after the answer to our call the external side may say that it happened.
const TOLD_AFTER: SignedDuration = SignedDuration::from_secs(1);
/// How long one is remembered that nothing was heard of: as long as calls are tried again.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

type Refused = (Refusal, String);

impl Draft<'_> {
    /// Hands the incident on, wherever escalations are carried over.
    pub(super) fn escalate(
        &mut self,
        edit: &Edit,
        level: u32,
        integration: Option<IntegrationId>,
    ) -> Result<(), Refused> {
        if !(1..=LEVEL_MAX).contains(&level) {
            return Err(unfit(format!("level: it is a number from 1 to {LEVEL_MAX}")));
        }
        for link in self.carriers(integration)? {
            let kind = ActKind::Escalate { request: edit.id, level };
            let handle = self.handle_of(link);
            let said = format!("escalated to level {level} in {handle}");
            self.summon(edit, link, kind, Summoned::Escalated, said);
        }
        Ok(())
    }

    /// Asks people to help.
    pub(super) fn page(
        &mut self,
        edit: &Edit,
        message: &str,
        (users, policies): (&[String], &[String]),
        integration: Option<IntegrationId>,
    ) -> Result<(), Refused> {
        if message.trim().is_empty() || message.len() > MESSAGE_MAX || message.contains('\0') {
            let problem = format!("message: it has 1 to {MESSAGE_MAX} bytes and no NUL");
            return Err(unfit(problem));
        }
        if users.is_empty() && policies.is_empty() {
            return Err(unfit("users: name somebody to ask, or an escalation policy"));
        }
        let carriers = self.carriers(integration)?;
        let [link] = carriers.as_slice() else {
            let handles: Vec<_> = carriers.iter().map(|link| self.handle_of(*link)).collect();
            let problem = format!("integration: say in which: {}", handles.join(", "));
            return Err(unfit(problem));
        };
        let kind = ActKind::Respond {
            request: edit.id,
            message: message.to_owned(),
            users: self.known_as(*link, Field::AssignedTo, users)?,
            policies: self.known_as(*link, Field::EscalationPolicy, policies)?,
        };
        let asked: Vec<&str> = users.iter().chain(policies).map(String::as_str).collect();
        let said = format!("{} asked to respond: {message}", were(&asked));
        let told_as = Summoned::Asked { message: Some(message.to_owned()) };
        self.summon(edit, *link, kind, told_as, said);
        Ok(())
    }

    fn summon(&mut self, edit: &Edit, id: LinkId, kind: ActKind, told_as: Summoned, said: String) {
        let opened = self.input.at;
        let Some(link) = self.link_mut(id) else { return };
        let Some(record) = link.record.clone() else { return };
        let integration = link.integration;
        link.summons.retain(|it| opened.duration_since(it.opened) < FORGOTTEN_AFTER);
        let surplus = (link.summons.len() + 1).saturating_sub(REMEMBERED);
        link.summons.drain(..surplus);
        let by = edit.author.clone();
        link.summons.push(Summons { request: edit.id, told_as, by, opened, done: None });
        let actor = edit.author.clone();
        self.acts.push(Act { link: id, integration, record, actor, kind });
        self.revise();
        self.announce(id, &said, &edit.author);
        self.line(edit.at, TimelineKind::Remarked, said, edit.author.clone());
    }

    /// The links that can carry it, or why there are none.
    fn carriers(&self, integration: Option<IntegrationId>) -> Result<Vec<LinkId>, Refused> {
        let over = matches!(self.incident.value(Field::Status), Some("resolved" | "closed"));
        if over {
            return Err(unfit("incident: it is over; reopen it first"));
        }
        let asked = |link: &&Link| {
            !link.detached && integration.is_none_or(|only| only == link.integration)
        };
        let asked: Vec<&Link> = self.links.iter().filter(asked).collect();
        let able = |link: &&&Link| self.config(link.integration).is_some_and(carries);
        let willing: Vec<&Link> = asked.iter().filter(able).copied().collect();
        let ready = willing.iter().filter(|link| link.record.is_some());
        let ready: Vec<LinkId> = ready.map(|link| link.id).collect();
        if !ready.is_empty() {
            return Ok(ready);
        }
        let handle = |links: &[&Link]| {
            let first = links.first().and_then(|link| self.config(link.integration));
            first.map(|config| config.handle.to_string())
        };
        Err(unfit(match (handle(&willing), handle(&asked)) {
            (Some(handle), _) => {
                format!("integration: the record in {handle} is still being created; try again")
            }
            (None, Some(handle)) => format!(
                "integration: {handle} carries no escalations: im integration configure {handle} \
                 --sync-escalations true"
            ),
            (None, None) => "integration: the incident has no link there".to_owned(),
        }))
    }

    /// What the external side calls people or policies that the platform knows by name.
    fn known_as(
        &self,
        link: LinkId,
        field: Field,
        names: &[String],
    ) -> Result<Vec<String>, Refused> {
        let config = self.link(link).and_then(|link| self.config(link.integration));
        let rule = config.and_then(|config| config.fields.get(&field));
        let (rows, by_email) = match rule.map(|rule| &rule.lens) {
            Some(Lens::Reference { rows, by_email }) => (rows.as_slice(), by_email.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let known = |name: &String| {
            let mut rows = rows.iter().chain(by_email);
            let row = rows.find(|row| row.platform == *name || row.external == *name);
            row.map(|row| row.external.clone()).ok_or_else(|| {
                let handle = config.map_or("", |config| config.handle.as_str());
                let (what, mapping) = match field {
                    Field::EscalationPolicy => ("policies", "policy-mapping"),
                    _ => ("users", "user-mapping"),
                };
                unfit(format!(
                    "{what}: nobody knows who {name:?} is in {handle}: im integration {mapping} \
                     set {handle} {name:?} <ID>"
                ))
            })
        };
        names.iter().map(known).collect()
    }

    /// Who asked for what an event tells, where it was asked for here.
    pub(super) fn asked_for(&self, id: LinkId, observation: &Observation) -> Option<Actor> {
        let summoned = observation.summons.as_ref()?;
        let link = self.link(id)?;
        let clock = self.config(link.integration)?.clock;
        let told = Stamp::Told {
            occurred_at: observation.occurred_at,
            arrived: observation.arrived,
            sequence: self.input.sequence,
        };
        let (lo, hi) = (told.earliest(clock), told.latest(clock));
        let stranger = observation.actor.as_ref().is_some_and(|actor| is_stranger(link, actor));
        let ours = link.summons.iter().rev().find(|it| {
            let until = it.done.map(|done| done.checked_add(TOLD_AFTER).unwrap_or(done));
            same(&it.told_as, summoned)
                && hi >= it.opened
                && until.is_none_or(|until| lo <= until)
                // Whose address is known acts over there in their own name.
                && (!stranger || it.by.email.is_some())
        });
        ours.map(|it| it.by.clone())
    }

    /// Tells the outside that an external side brought people in, where that is carried over.
    pub(super) fn tell_summoned(&mut self, link: LinkId, text: &str, by: &Actor) {
        let config = self.link(link).and_then(|link| self.config(link.integration));
        if config.is_some_and(|config| config.sync_escalations) {
            self.announce(link, text, by);
        }
    }

    fn announce(&mut self, link: LinkId, text: &str, by: &Actor) {
        let (integration, text, by) = (self.handle_of(link), text.to_owned(), by.clone());
        self.feed.push((Happening::Escalated, News::Summons { link, integration, text, by }));
    }

    /// The call was made: what it showed is taken in, and later tellings of others are news again.
    pub(super) fn summoned(
        &mut self,
        id: LinkId,
        request: EditId,
        received: Timestamp,
        after: Option<&Reading>,
    ) {
        let Some(link) = self.link_mut(id) else { return };
        let asked = link.summons.iter_mut().find(|it| it.request == request);
        let by = asked.map(|it| {
            it.done = Some(received);
            it.by.clone()
        });
        let (Some(by), Some(Reading { sent, received, snapshot, .. })) = (by, after) else {
            return;
        };
        self.see(&Sight {
            link: id,
            snapshot,
            stamp: Stamp::Read { sent: *sent, received: *received, made: false },
            edited: None,
            actor: by,
            answers: 0,
            attempted: false,
            previous: &[],
            lags: false,
            begins: false,
            grain: SignedDuration::ZERO,
        });
    }

    /// The call was refused for good; the act's id begins its receipt's.
    pub(super) fn summons_refused(&mut self, id: LinkId, receipt: &str, reason: &str) {
        let request = receipt.split('-').next().and_then(|act| act.parse::<EditId>().ok());
        let Some((request, link)) = request.zip(self.link_mut(id)) else { return };
        let Some(place) = link.summons.iter().position(|it| it.request == request) else { return };
        let Summons { told_as, by, .. } = link.summons.remove(place);
        let what = match told_as {
            Summoned::Escalated => "the escalation",
            Summoned::Asked { .. } => "asking for help",
        };
        let (at, handle) = (self.input.at, self.handle_of(id));
        self.line(at, TimelineKind::Remarked, format!("{what} failed in {handle}: {reason}"), by);
    }

    fn handle_of(&self, link: LinkId) -> String {
        let config = self.link(link).and_then(|link| self.config(link.integration));
        config.map(|config| config.handle.to_string()).unwrap_or_default()
    }
}

/// Whether people can be brought in through an integration.
const fn carries(config: &Integration) -> bool {
    config.sends() && config.sync_escalations
}

/// Whether two tell of the same kind, in the same words.
fn same(asked: &Summoned, told: &Summoned) -> bool {
    match (asked, told) {
        (Summoned::Escalated, Summoned::Escalated) => true,
        (Summoned::Asked { message: ours }, Summoned::Asked { message: theirs }) => {
            let words = |text: &Option<String>| {
                let words = text.as_deref().unwrap_or_default().split_whitespace();
                words.map(str::to_owned).collect::<Vec<_>>()
            };
            words(ours) == words(theirs)
        }
        _ => false,
    }
}

fn were(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", names.join(", "))
}

fn unfit(problem: impl Into<String>) -> Refused {
    (Refusal::Unfit, problem.into())
}
