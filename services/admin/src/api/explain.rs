//! The story of a field: who wanted what, which rule settled it, what was sent and confirmed, and
//! how it stands. For an engineer at night: short, in order, in plain words.

mod standing;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tandem_domain::{
    conflict::Conflict,
    decision::{Decision, Rule},
    field::Field,
    id::{IntegrationId, LinkId},
    incident::Incident,
    integration::Integration,
    link::Link,
    reconcile::Write,
};
use tandem_proto::v1;
use tandem_store::{PgConnection, conflicts, decisions, integrations, links, writes};

use crate::{refusal::Refusal, wire};

/// How many steps of a field are told where nobody says.
pub(super) const STEPS: usize = 20;
/// The most writes of an incident that are looked at.
const WRITES_MAX: u32 = 10_000;

/// What stories are told from.
pub(super) struct Scene {
    incident: Incident,
    links: Vec<Link>,
    integrations: BTreeMap<IntegrationId, Integration>,
    conflicts: Vec<Conflict>,
    decisions: Vec<Decision>,
    writes: Vec<Write>,
}

/// Tells of one field, or shortly of each.
pub(super) async fn tell(
    conn: &mut PgConnection,
    incident: &Incident,
    field: Option<Field>,
    steps: usize,
) -> Result<v1::ExplainIncidentResponse, Refusal> {
    let scene = Scene::read(conn, incident, field).await?;
    let fields = match field {
        Some(field) => vec![scene.story(field, steps)],
        None => scene.fields().into_iter().map(|field| scene.short_story(field)).collect(),
    };
    Ok(v1::ExplainIncidentResponse {
        incident: incident.id.to_string(),
        title: incident.value(Field::Title).unwrap_or_default().to_owned(),
        fields,
    })
}

impl Scene {
    async fn read(
        conn: &mut PgConnection,
        incident: &Incident,
        field: Option<Field>,
    ) -> Result<Self, Refusal> {
        let stored = links::of_incidents(conn, &[incident.id]).await?;
        let mut configured = BTreeMap::new();
        for one in &stored {
            let id = one.link.integration;
            if let Some(found) = integrations::get(conn, id, false).await? {
                configured.insert(id, found.integration);
            }
        }
        let lines = writes::list(conn, incident.id, field, 0, WRITES_MAX).await?;
        Ok(Self {
            incident: incident.clone(),
            links: stored.into_iter().map(|stored| stored.link).collect(),
            integrations: configured,
            conflicts: conflicts::open_of(conn, &[incident.id]).await?,
            decisions: decisions::chain(conn, incident.id, field).await?,
            writes: lines.into_iter().map(|line| line.write).collect(),
        })
    }

    /// The fields there is something to tell of.
    fn fields(&self) -> BTreeSet<Field> {
        let decided = self.decisions.iter().map(|decision| decision.field);
        decided.chain(self.incident.fields.keys().copied()).collect()
    }

    /// The handle of a link's integration.
    fn handle(&self, link: Option<LinkId>) -> &str {
        let link = self.links.iter().find(|other| Some(other.id) == link);
        let integration = link.and_then(|link| self.integrations.get(&link.integration));
        integration.map_or("", |integration| integration.handle.as_str())
    }

    /// Everything about a field, its last steps at least.
    fn story(&self, field: Field, steps: usize) -> v1::FieldStory {
        let decided = self.decisions.iter().filter(|decision| decision.field == field);
        let written = self.writes.iter().filter(|write| write.field == field);
        let mut all: Vec<(Timestamp, v1::ExplainedStep)> = decided
            .map(|decision| (decision.at, self.decided(decision)))
            .chain(written.map(|write| (write.at, self.written(write))))
            .collect();
        // What was decided comes before what was written because of it.
        all.sort_by_key(|(at, _)| *at);
        let earlier = all.len().saturating_sub(steps);
        let steps = all.into_iter().skip(earlier).map(|(_, step)| step).collect();
        let earlier = i32::try_from(earlier).unwrap_or(i32::MAX);
        v1::FieldStory { steps, earlier, ..self.beginning(field) }
    }

    /// What set a field's value, what else was decided since, and how it stands.
    fn short_story(&self, field: Field) -> v1::FieldStory {
        let decided: Vec<&Decision> =
            self.decisions.iter().filter(|decision| decision.field == field).collect();
        let set = decided.iter().rposition(|decision| sets(decision)).unwrap_or(0);
        let since = decided.len().saturating_sub(set.saturating_add(1));
        // What came since lost; the last of it is what people ask about.
        let last = decided.last().filter(|_| since > 0);
        let told = decided.get(set).into_iter().chain(last);
        let steps: Vec<_> = told.map(|decision| self.decided(decision)).collect();
        let written = self.writes.iter().filter(|write| write.field == field).count();
        let earlier = decided.len().saturating_add(written).saturating_sub(steps.len());
        let earlier = i32::try_from(earlier).unwrap_or(i32::MAX);
        v1::FieldStory { steps, earlier, ..self.beginning(field) }
    }

    /// A field as it is, without its steps.
    fn beginning(&self, field: Field) -> v1::FieldStory {
        let owned = self.incident.fields.get(&field);
        v1::FieldStory {
            field: field.to_string(),
            value: owned.and_then(|owned| owned.value.clone()),
            author: owned.map(|owned| wire::author(&owned.by)).unwrap_or_default(),
            time: owned.map(|owned| wire::instant(owned.at)),
            steps: Vec::new(),
            earlier: 0,
            sides: self.links.iter().filter_map(|link| self.standing(link, field)).collect(),
        }
    }

    fn decided(&self, decision: &Decision) -> v1::ExplainedStep {
        let handle = self.handle(decision.link);
        v1::ExplainedStep {
            time: Some(wire::instant(decision.at)),
            what: words::decided(decision, handle),
            why: words::why(decision, handle),
            decision: Some(wire::audit::decision(decision, handle)),
            write: None,
        }
    }

    fn written(&self, write: &Write) -> v1::ExplainedStep {
        let handle = self.handle(Some(write.link));
        v1::ExplainedStep {
            time: Some(wire::instant(write.at)),
            what: words::written(write, handle),
            why: String::new(),
            decision: None,
            write: Some(v1::ExplainedWrite {
                link: write.link.to_string(),
                integration_handle: handle.to_owned(),
                version: wire::number(write.version),
                value: write.value.clone(),
                state: write.state.name().to_owned(),
            }),
        }
    }
}

/// Whether a decision set the field, be it to what it was.
fn sets(decision: &Decision) -> bool {
    let always = [Rule::Created, Rule::Edited, Rule::Taken, Rule::Resolved];
    decision.before != decision.after || always.contains(&decision.rule)
}
