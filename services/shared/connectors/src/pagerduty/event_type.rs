//! The types of events PagerDuty's webhooks v3 announce (webhooks v3 overview), and the ping.

macro_rules! event_types {
    ($($variant:ident = $name:literal $(| $alias:literal)?,)*) => {
        /// What happened, as PagerDuty names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum EventType {
            $($variant,)*
            /// One that did not exist when this was written.
            Other,
        }

        impl EventType {
            /// The known types.
            #[cfg(test)]
            pub(super) const KNOWN: &[Self] = &[$(Self::$variant,)*];

            /// The type of that name.
            pub(super) fn of(name: &str) -> Self {
                match name {
                    $($name $(| $alias)? => Self::$variant,)*
                    _ => Self::Other,
                }
            }

            /// PagerDuty's name for it, or `other`.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Other => "other",
                }
            }
        }
    };
}

event_types! {
    Triggered = "incident.triggered",
    Acknowledged = "incident.acknowledged",
    Unacknowledged = "incident.unacknowledged",
    Escalated = "incident.escalated",
    Reassigned = "incident.reassigned",
    Delegated = "incident.delegated",
    // The older name is in many people's documents.
    PriorityUpdated = "incident.priority_updated" | "incident.priority_changed",
    ServiceUpdated = "incident.service_updated",
    IncidentTypeChanged = "incident.incident_type.changed",
    Resolved = "incident.resolved",
    Reopened = "incident.reopened",
    Annotated = "incident.annotated",
    StatusUpdatePublished = "incident.status_update_published",
    ConferenceBridgeUpdated = "incident.conference_bridge.updated",
    CustomFieldsUpdated = "incident.custom_field_values.updated",
    ResponderAdded = "incident.responder.added",
    ResponderReplied = "incident.responder.replied",
    RoleAssigned = "incident.role.assigned",
    TaskCreated = "incident.task.created",
    TaskUpdated = "incident.task.updated",
    TaskCompleted = "incident.task.completed",
    ActionCreated = "incident.action_invocation.created",
    ActionUpdated = "incident.action_invocation.updated",
    ActionTerminated = "incident.action_invocation.terminated",
    WorkflowStarted = "incident.workflow.started",
    WorkflowCompleted = "incident.workflow.completed",
    ServiceCreated = "service.created",
    ServiceChanged = "service.updated",
    ServiceDeleted = "service.deleted",
    ServiceFieldsUpdated = "service.custom_field_values.updated",
    Ping = "pagey.ping",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_types_and_the_ping_are_found_by_their_names() {
        assert_eq!(EventType::KNOWN.len(), 31);
        for &known in EventType::KNOWN {
            assert_eq!(EventType::of(known.name()), known);
        }
        assert_eq!(EventType::of("incident.priority_changed"), EventType::PriorityUpdated);
        assert_eq!(EventType::of("incident.exploded"), EventType::Other);
    }
}
