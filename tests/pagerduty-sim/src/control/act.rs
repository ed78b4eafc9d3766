//! Owns the playing of people: one action of one person, as in PagerDuty's web app.
//!
//! It goes through the same changes as REST, with `website` as its channel.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{refused, shown};
use crate::change::{Change, New};
use crate::clock;
use crate::incident::{Actor, Bridge, Urgency};
use crate::refusal::Refusal;
use crate::shared::Shared;
use crate::world::World;

/// Who plays unless the request says so.
const DEFAULT_USER: &str = "PRY4M2A";

/// A person's action.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Act {
    /// The id or email of the person.
    user: Option<String>,
    action: String,
    /// The id or number of the incident.
    incident: Option<Value>,
    title: Option<String>,
    body: Option<String>,
    service: Option<String>,
    key: Option<String>,
    urgency: Option<Urgency>,
    /// The id or name of a priority; null clears it.
    priority: Option<String>,
    /// Ids or emails.
    assignees: Vec<String>,
    escalation_policy: Option<String>,
    level: Option<usize>,
    /// The note of an annotate, or of a resolve.
    content: Option<String>,
    incident_type: Option<String>,
    sources: Vec<String>,
    duration: Option<u64>,
    message: Option<String>,
    subject: Option<String>,
    conference_bridge: Option<Bridge>,
    /// Custom field values by field id.
    fields: std::collections::BTreeMap<String, Value>,
    /// What happens by itself, ascribed to nobody.
    automatic: bool,
}

/// Why an action was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error("no such user: {0}")]
    User(String),
    #[error("no such action: {0}")]
    Action(String),
    #[error("missing: {0}")]
    Missing(&'static str),
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
}

pub(super) async fn handle(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let act = match serde_json::from_slice::<Act>(&body) {
        Ok(act) => act,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match shared.with(|world| self::act(world, &act)) {
        Ok(incident) => shown(StatusCode::OK, &json!({ "incident": incident })),
        Err(ActError::Refused(refusal)) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            shown(status, &refusal.body())
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// Does what a person does, and gives the incident as it is then.
pub(crate) fn act(world: &mut World, act: &Act) -> Result<Value, ActError> {
    let user = user(world, act.user.as_deref().unwrap_or(DEFAULT_USER))?;
    let actor = if act.automatic {
        Actor { agent: crate::incident::Agent::Automation, channel: "auto", client: None }
    } else {
        Actor::user(&user, "website")
    };
    let id = if act.action == "trigger" {
        let new = new(world, act)?;
        Change::new(world, actor, clock::now()).create(new)?
    } else {
        let id = incident(world, act)?;
        perform(world, act, actor, &id, &user)?;
        id
    };
    super::read::incident(world, &id).ok_or(ActError::Refused(Refusal::IncidentNotFound))
}

fn new(world: &World, act: &Act) -> Result<New, ActError> {
    let assignee = act.assignees.first().map(|it| user(world, it)).transpose()?;
    Ok(New {
        title: act.title.clone().ok_or(ActError::Missing("title"))?,
        service: act.service.clone().unwrap_or_else(|| "P123ABC".to_owned()),
        body: act.body.clone(),
        key: act.key.clone(),
        alert_key: None,
        urgency: act.urgency,
        priority: act.priority.as_deref().map(|it| priority(world, it)),
        assignee,
        policy: act.escalation_policy.clone(),
        incident_type: act.incident_type.clone(),
        bridge: act.conference_bridge.clone(),
    })
}

fn perform(
    world: &mut World,
    act: &Act,
    actor: Actor,
    id: &str,
    user_id: &str,
) -> Result<(), ActError> {
    let need = |value: &Option<String>, name| value.clone().ok_or(ActError::Missing(name));
    let assignees: Result<Vec<_>, _> = act.assignees.iter().map(|it| user(world, it)).collect();
    let to = act.priority.as_deref().map(|it| priority(world, it));
    let sources: Vec<_> = act
        .sources
        .iter()
        .map(|it| world.incidents.find(it).map_or_else(|| it.clone(), |found| found.id.clone()))
        .collect();
    let mut change = Change::new(world, actor, clock::now());
    match act.action.as_str() {
        "acknowledge" => change.acknowledge(id)?,
        "unacknowledge" => change.unacknowledge(id)?,
        "resolve" => {
            change.resolve(id)?;
            if let Some(text) = &act.content {
                change.annotate_resolution(id, text)?;
            }
        }
        "reopen" => change.reopen(id)?,
        "reassign" => change.reassign(id, &assignees?)?,
        "escalate" => {
            let next = change.incident(id)?.level + 1;
            change.escalate(id, act.level.unwrap_or(next))?;
        }
        "delegate" => change.delegate(id, &need(&act.escalation_policy, "escalation_policy")?)?,
        "annotate" => change.annotate(id, &need(&act.content, "content")?).map(drop)?,
        "retitle" => change.retitle(id, &need(&act.title, "title")?)?,
        "set_urgency" => {
            change.set_urgency(id, act.urgency.ok_or(ActError::Missing("urgency"))?)?;
        }
        "set_priority" => change.set_priority(id, to.as_deref())?,
        "set_service" => change.set_service(id, &need(&act.service, "service")?)?,
        "set_type" => change.set_type(id, &need(&act.incident_type, "incident_type")?)?,
        "set_bridge" => change.set_bridge(id, act.conference_bridge.clone())?,
        "set_fields" => {
            let values: Vec<_> = act.fields.clone().into_iter().collect();
            change.set_custom_fields(id, &values)?;
        }
        "merge" => change.merge(id, &sources)?,
        "snooze" => change.snooze(id, act.duration.unwrap_or(3600))?,
        "publish" => {
            let message = need(&act.message, "message")?;
            change.publish(id, &message, act.subject.clone(), None)?;
        }
        "request_responder" => {
            let message = act.message.clone().unwrap_or_default();
            for responder in assignees? {
                change.request_responder(id, user_id, &responder, &message)?;
            }
        }
        "join" => change.reply(id, user_id, "joined")?,
        "decline" => change.reply(id, user_id, "declined")?,
        other if change.stage(id, other)? => {}
        other => return Err(ActError::Action(other.to_owned())),
    }
    Ok(())
}

fn user(world: &World, id_or_email: &str) -> Result<String, ActError> {
    let found = world.account.user(id_or_email);
    let found = found.or_else(|| world.account.user_by_email(id_or_email));
    found.map(|it| it.id.clone()).ok_or_else(|| ActError::User(id_or_email.to_owned()))
}

/// The id of a priority given by id or name; an unknown one stays as it is and is refused later.
fn priority(world: &World, id_or_name: &str) -> String {
    world.account.priority_by_name(id_or_name).map_or(id_or_name, |it| &it.id).to_owned()
}

fn incident(world: &World, act: &Act) -> Result<String, ActError> {
    let given = match &act.incident {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Err(ActError::Missing("incident")),
    };
    let found = world.incidents.find(&given).map(|it| it.id.clone());
    found.ok_or(ActError::Refused(Refusal::IncidentNotFound))
}
