//! What each event does, as data: one row for each type, in the order of the documentation.
//!
//! The tests play every case and every edit of every row, and the documentation is rendered from
//! the same rows, so it cannot say anything that was not seen to happen.

use super::row::{
    Call, Case, Does, Edit, Row,
    Shows::{Field, Line, Note},
    Told::{As, AsUnknown, Later},
    act, edit, inbound, note, put,
};

/// Every row, in order.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    std::iter::once(&TRIGGERED).chain(GROUPS.into_iter().flatten())
}

/// How an incident comes to be; each group begins with it.
pub(super) const TRIGGERED: Row = Row {
    told: As("incident.triggered"),
    cases: &[act(
        &[r#"{"action": "trigger", "title": "Card payments failing", "urgency": "high"}"#],
        &[
            Field("title", "Card payments failing"),
            Field("status", "open"),
            Field("severity", "SEV-2"),
            Field("incident_type", "infrastructure"),
            Field("assigned_to", "Priya Raman"),
            Field("escalation_policy", "Checkout primary"),
        ],
    )],
    edits: &[edit(
        &[
            "incident",
            "create",
            "--title",
            "Search is slow",
            "--severity",
            "SEV-3",
            "--type",
            "infrastructure",
            "--description",
            "p99 above 4 s",
        ],
        Call {
            request: "POST /incidents",
            writes: &[
                ("title", "Search is slow"),
                ("urgency", "low"),
                ("priority", ""),
                ("service", ""),
                ("incident_key", ""),
                ("body", ""),
            ],
        },
    )],
};

/// The rows after [`TRIGGERED`], by what can be played on one incident.
pub(super) const GROUPS: [&[Row]; 5] = [LIFECYCLE, UNTOLD, PEOPLE, TIMELINE, ELSEWHERE];

/// How far it has come.
pub(super) const LIFECYCLE: &[Row] = &[
    Row {
        told: As("incident.acknowledged"),
        cases: &[act(&[r#"{"action": "acknowledge"}"#], &[Field("status", "mitigated")])],
        edits: &[edit(
            &["incident", "update", "{id}", "--status", "mitigated"],
            put(&[("status", "acknowledged"), ("assignments", "")]),
        )],
    },
    Row {
        told: As("incident.unacknowledged"),
        cases: &[act(&[r#"{"action": "unacknowledge"}"#], &[Field("status", "open")])],
        edits: &[edit(
            &["incident", "update", "{id}", "--status", "open"],
            put(&[("status", "triggered")]),
        )],
    },
    Row {
        told: As("incident.resolved"),
        cases: &[
            Case {
                does: Does::Merge,
                shows: &[Field("status", "resolved"), Line("merged into Card payments failing")],
            },
            act(&[r#"{"action": "resolve"}"#], &[Field("status", "resolved")]),
        ],
        edits: &[
            edit(
                &["incident", "update", "{id}", "--status", "resolved"],
                put(&[("status", "resolved")]),
            ),
            Edit {
                first: &[],
                words: &["incident", "update", "{id}", "--status", "closed"],
                call: None,
            },
        ],
    },
    Row {
        told: As("incident.reopened"),
        cases: &[act(&[r#"{"action": "reopen"}"#], &[Field("status", "open")])],
        edits: &[edit(
            &["incident", "update", "{id}", "--status", "open"],
            put(&[("status", "triggered")]),
        )],
    },
];

/// What PagerDuty has no event for.
pub(super) const UNTOLD: &[Row] = &[
    Row {
        told: Later("another title"),
        cases: &[act(
            &[
                r#"{"action": "retitle", "title": "EU card payments failing"}"#,
                r#"{"action": "acknowledge"}"#,
            ],
            &[Field("title", "EU card payments failing"), Field("status", "mitigated")],
        )],
        edits: &[edit(
            &["incident", "update", "{id}", "--title", "Search is slow in the EU"],
            put(&[("title", "Search is slow in the EU")]),
        )],
    },
    Row {
        told: Later("another urgency"),
        cases: &[act(
            &[r#"{"action": "set_urgency", "urgency": "low"}"#, r#"{"action": "unacknowledge"}"#],
            &[Field("severity", "SEV-3"), Field("status", "open")],
        )],
        edits: &[
            // Without a priority, which would decide instead.
            Edit {
                first: &[r#"{"action": "set_priority", "priority": null}"#],
                words: &["incident", "update", "{id}", "--severity", "SEV-4"],
                call: None,
            },
            edit(
                &["incident", "update", "{id}", "--severity", "SEV-1"],
                put(&[("urgency", "high")]),
            ),
        ],
    },
];

/// Who has it, and how bad it is.
pub(super) const PEOPLE: &[Row] = &[
    inbound(
        "incident.reassigned",
        &[act(
            &[r#"{"action": "reassign", "assignees": ["PD4N4QK"]}"#],
            &[Field("assigned_to", "Dana Whitlock")],
        )],
    ),
    inbound(
        "incident.delegated",
        &[act(
            &[r#"{"action": "delegate", "escalation_policy": "PEPPLT2"}"#],
            &[Field("escalation_policy", "Platform on-call"), Field("assigned_to", "Tomas Ilves")],
        )],
    ),
    Row {
        told: As("incident.priority_updated"),
        cases: &[
            act(
                &[r#"{"action": "set_priority", "priority": "P1"}"#],
                &[Field("severity", "SEV-1"), Line("priority set to P1")],
            ),
            act(
                &[r#"{"action": "set_priority", "priority": "P2"}"#],
                &[Field("severity", "SEV-2"), Line("priority set to P2")],
            ),
            act(
                &[r#"{"action": "set_priority", "priority": "P3"}"#],
                &[Field("severity", "SEV-3"), Line("priority set to P3")],
            ),
            act(
                &[r#"{"action": "set_priority", "priority": "P4"}"#],
                &[Field("severity", "SEV-4"), Line("priority set to P4")],
            ),
            // Urgency decides again, and it has been high all the while.
            act(
                &[r#"{"action": "set_priority", "priority": null}"#],
                &[Field("severity", "SEV-2"), Line("priority cleared")],
            ),
        ],
        edits: &[Edit {
            first: &[r#"{"action": "set_priority", "priority": "P3"}"#],
            words: &["incident", "update", "{id}", "--severity", "SEV-1"],
            call: Some(put(&[("urgency", "high"), ("priority", "P1")])),
        }],
    },
    inbound(
        "incident.priority_changed",
        &[Case {
            does: Does::Post {
                like: "incident.priority_updated",
                here: false,
                with: &[("/priority/summary", r#""P4""#)],
            },
            shows: &[Field("severity", "SEV-4"), Line("priority set to P4")],
        }],
    ),
    Row {
        told: As("incident.escalated"),
        cases: &[act(
            &[r#"{"action": "escalate"}"#],
            &[
                Line("escalated to Dana Whitlock, Noor Haddad"),
                Field("assigned_to", "Dana Whitlock"),
            ],
        )],
        // To the level that has it, so that nothing but the escalation is to be seen.
        edits: &[edit(
            &["incident", "escalate", "{id}", "--level", "1"],
            put(&[("escalation_level", "")]),
        )],
    },
];

/// What is told, and maps to no field.
pub(super) const TIMELINE: &[Row] = &[
    Row {
        told: As("incident.annotated"),
        cases: &[
            act(
                &[r#"{"action": "annotate", "content": "rolled back <b>gateway</b> ✅"}"#],
                &[Note("rolled back <b>gateway</b> ✅")],
            ),
            Case {
                does: Does::Post {
                    like: "incident.annotated",
                    here: true,
                    with: &[
                        ("/id", r#""PN0TCUT""#),
                        ("/content", r#""a long report, cut to fit""#),
                        ("/trimmed", "true"),
                    ],
                },
                shows: &[Note(
                    "a long report, cut to fit […]\n(cut on its way; the whole note is at \
                     https://northwind-ops.pagerduty.com/incidents/{record})",
                )],
            },
        ],
        edits: &[
            edit(
                &["note", "add", "{id}", "customer notice is out"],
                note(&[("content", "customer notice is out")]),
            ),
            edit(
                &["incident", "update", "{id}", "--description", "a full disk"],
                note(&[("content", "New description: a full disk")]),
            ),
        ],
    },
    inbound(
        "incident.service_updated",
        &[act(
            &[r#"{"action": "set_service", "service": "PL3DG3R"}"#],
            &[Line("moved to service Ledger API")],
        )],
    ),
    inbound(
        "incident.incident_type.changed",
        &[act(
            &[r#"{"action": "set_type", "incident_type": "major_incident"}"#],
            &[Line("incident type changed to major_incident")],
        )],
    ),
    inbound(
        "incident.status_update_published",
        &[act(
            &[r#"{"action": "publish", "message": "half of it is back"}"#],
            &[Line("status update: half of it is back")],
        )],
    ),
    inbound(
        "incident.conference_bridge.updated",
        &[act(
            &[r#"{"action": "set_bridge", "conference_bridge":
                {"conference_number": "+1 555 0100", "conference_url": "https://meet.example.test/7"}}"#],
            &[Line("conference bridge: https://meet.example.test/7, +1 555 0100")],
        )],
    ),
    inbound(
        "incident.custom_field_values.updated",
        &[act(
            &[r#"{"action": "set_fields", "fields": {"PFLDENV": "production"}}"#],
            &[Line("custom fields: environment is now production")],
        )],
    ),
    Row {
        told: As("incident.responder.added"),
        cases: &[act(
            &[
                r#"{"action": "request_responder", "assignees": ["PT0M4S1"], "message": "please join"}"#,
            ],
            &[Line("Tomas Ilves was asked to respond: please join")],
        )],
        edits: &[edit(
            &["incident", "page", "{id}", "--message", "can you help", "--user", "Tomas Ilves"],
            Call {
                request: "POST /incidents/{id}/responder_requests",
                writes: &[
                    ("message", "can you help"),
                    ("requester_id", ""),
                    ("responder_request_targets", ""),
                ],
            },
        )],
    },
    inbound(
        "incident.responder.replied",
        &[act(
            &[r#"{"action": "join", "user": "PT0M4S1"}"#],
            &[Line("Tomas Ilves replied to the request: joined")],
        )],
    ),
    inbound(
        "incident.role.assigned",
        &[act(
            &[r#"{"action": "role.assigned"}"#],
            &[Line("roles: Incident Commander is Priya Raman")],
        )],
    ),
    inbound(
        "incident.task.created",
        &[act(&[r#"{"action": "task.created"}"#], &[Line("task created: Draft customer notice")])],
    ),
    inbound(
        "incident.task.updated",
        &[act(
            &[r#"{"action": "task.updated"}"#],
            &[Line("task updated: Draft customer notice (in_progress)")],
        )],
    ),
    inbound(
        "incident.task.completed",
        &[act(
            &[r#"{"action": "task.completed"}"#],
            &[Line("task completed: Draft customer notice")],
        )],
    ),
    inbound(
        "incident.action_invocation.created",
        &[act(
            &[r#"{"action": "action_invocation.created"}"#],
            &[Line("action Restart gateway pods: created")],
        )],
    ),
    inbound(
        "incident.action_invocation.updated",
        &[act(
            &[r#"{"action": "action_invocation.updated"}"#],
            &[Line("action Restart gateway pods: running")],
        )],
    ),
    inbound(
        "incident.action_invocation.terminated",
        &[act(
            &[r#"{"action": "action_invocation.terminated"}"#],
            &[Line("action Restart gateway pods: completed")],
        )],
    ),
    inbound(
        "incident.workflow.started",
        &[act(
            &[r#"{"action": "workflow.started"}"#],
            &[Line("workflow Major incident kickoff started")],
        )],
    ),
    inbound(
        "incident.workflow.completed",
        &[act(
            &[r#"{"action": "workflow.completed"}"#],
            &[Line("workflow Major incident kickoff completed")],
        )],
    ),
    Row {
        told: AsUnknown("incident.snoozed"),
        cases: &[Case {
            does: Does::Post { like: "incident.snoozed", here: true, with: &[] },
            shows: &[Line("unknown event type incident.snoozed")],
        }],
        edits: &[],
    },
];

/// What concerns no incident.
pub(super) const ELSEWHERE: &[Row] = &[
    inbound("service.created", &[Case { does: Does::Service, shows: &[] }]),
    inbound("service.updated", &[Case { does: Does::Service, shows: &[] }]),
    inbound("service.deleted", &[Case { does: Does::Service, shows: &[] }]),
    inbound("service.custom_field_values.updated", &[Case { does: Does::Service, shows: &[] }]),
    inbound(
        "pagey.ping",
        &[Case { does: Does::Post { like: "pagey.ping", here: false, with: &[] }, shows: &[] }],
    ),
    Row {
        told: AsUnknown("service.rebooted"),
        cases: &[Case {
            does: Does::Post { like: "service.updated", here: false, with: &[] },
            shows: &[],
        }],
        edits: &[],
    },
];
