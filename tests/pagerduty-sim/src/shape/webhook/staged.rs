//! Owns the shapes of events whose part of PagerDuty is not simulated: roles, tasks, workflows, actions.

use serde::Serialize;
use serde_json::{Value, json};

use crate::incident::Incident;
use crate::shape::reference::Refs;

/// The types of these events.
pub(crate) const TYPES: &[&str] = &[
    "incident.role.assigned",
    "incident.task.created",
    "incident.task.updated",
    "incident.task.completed",
    "incident.action_invocation.created",
    "incident.action_invocation.updated",
    "incident.action_invocation.terminated",
    "incident.workflow.started",
    "incident.workflow.completed",
];

/// What such an event is about.
pub(crate) struct Scene<'w> {
    pub(crate) refs: Refs<'w>,
    pub(crate) incident: &'w Incident,
    pub(crate) user: Value,
    pub(crate) uuid: String,
}

/// The data of such an event.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Staged {
    Role {
        #[serde(rename = "type")]
        kind: &'static str,
        incident_role_assignments: Vec<Value>,
    },
    Task {
        name: &'static str,
        description: &'static str,
        id: &'static str,
        summary: &'static str,
        #[serde(rename = "type")]
        kind: &'static str,
        status: &'static str,
        assignees: Vec<Value>,
        incident: Value,
    },
    Workflow {
        id: &'static str,
        #[serde(rename = "type")]
        kind: &'static str,
        summary: &'static str,
        incident_workflow: Value,
        workflow_trigger: Value,
        incident: Value,
        service: Value,
    },
    Invocation {
        id: &'static str,
        #[serde(rename = "self")]
        api: String,
        html_url: String,
        incident: Value,
        action: Value,
        state: &'static str,
        #[serde(rename = "type")]
        kind: &'static str,
    },
}

impl Scene<'_> {
    /// Makes the data of an event of one of the types.
    pub(crate) fn data(self, event_type: &str) -> Option<Staged> {
        Some(match event_type {
            "incident.role.assigned" => self.role(),
            "incident.task.created" => self.task("todo"),
            "incident.task.updated" => self.task("in_progress"),
            "incident.task.completed" => self.task("done"),
            "incident.action_invocation.created" => self.invocation("created"),
            "incident.action_invocation.updated" => self.invocation("running"),
            "incident.action_invocation.terminated" => self.invocation("completed"),
            "incident.workflow.started" | "incident.workflow.completed" => self.workflow(),
            _ => return None,
        })
    }

    fn role(self) -> Staged {
        Staged::Role {
            kind: "incident_role_assignment",
            incident_role_assignments: vec![json!({
                "assignee": self.user,
                "id": self.uuid,
                "incident": self.refs.bare_incident(self.incident),
                "old_assignee": null,
                "role":
                    { "id": "PR0LEIC", "summary": "Incident Commander", "type": "role_reference" },
                "status": "active",
                "type": "role_assignment_reference",
            })],
        }
    }

    fn task(self, status: &'static str) -> Staged {
        Staged::Task {
            name: "Draft customer notice",
            description: "Two sentences, no ETA",
            id: "PTSK019",
            summary: "Draft customer notice",
            kind: "incident_task",
            status,
            assignees: vec![self.user],
            incident: self.refs.bare_incident(self.incident),
        }
    }

    fn workflow(self) -> Staged {
        let name = "Major incident kickoff";
        let definition = "PWFDEF1";
        let api = self.refs.api(&format!("incident_workflows/{definition}"));
        let html = self.refs.html(&format!("incident-workflows/workflows/{definition}"));
        let kind = "incident_workflow_reference";
        Staged::Workflow {
            id: "PWFI42N",
            kind: "incident_workflow_instance",
            summary: name,
            incident_workflow: self.refs.built(kind, definition, Some(name), &api, &html),
            workflow_trigger: json!({
                "html_url": null,
                "id": self.uuid,
                "self": self.refs.api(&format!("incident_workflows/triggers/{}", self.uuid)),
                "summary": "Priority P1 or P2",
                "type": "workflow_trigger_reference",
            }),
            incident: self.refs.incident(self.incident),
            service: self.refs.service(&self.incident.service),
        }
    }

    fn invocation(self, state: &'static str) -> Staged {
        let (id, action) = ("01HVACT9INV0CATI0N77QX2B4K", "01HVACTI0NDEF1N1T10N5TZ8WM");
        let web = format!("rundeck-actions/actions/{action}");
        let name = Some("Restart gateway pods");
        let api = self.refs.api(&format!("automation/actions/{action}"));
        Staged::Invocation {
            id,
            api: self.refs.api(&format!("automation/invocations/{id}")),
            html_url: self.refs.html(&format!("{web}/invocations/{id}/report")),
            incident: self.refs.incident(self.incident),
            action: self.refs.built("action_reference", action, name, &api, &self.refs.html(&web)),
            state,
            kind: "incident_action_invocation",
        }
    }
}
