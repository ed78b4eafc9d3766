//! Owns the table of calls: method, path, known parameters, body, whether `From` is documented, handler.
//!
//! To add a call, add a row here and a handler; the README's table is checked against this one.

use super::strict::{Shape, TEXT, reference};
use super::{
    Answer, Asked, bulk, catalog, custom_fields, incidents, log_entries, notes, on_call, people,
    respond, subscriptions, writes,
};
use crate::refusal::Refusal;
use crate::world::World;

/// What carries a call out.
pub(crate) type Handler = fn(&mut World, &Asked) -> Result<Answer, Refusal>;

/// A limit of one call's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    BulkUpdate,
    Create,
    OnCalls,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// `{}` stands for one segment.
    pub(crate) path: &'static str,
    pub(crate) query: &'static [&'static str],
    /// What `include[]` may ask for.
    pub(crate) include: &'static [&'static str],
    pub(crate) body: Option<Shape>,
    /// `From` is documented as required.
    pub(crate) from: bool,
    /// Needs no key.
    pub(crate) open: bool,
    pub(crate) cap: Option<Cap>,
    pub(crate) handler: Handler,
}

const fn get(path: &'static str, query: &'static [&'static str], handler: Handler) -> Route {
    Route { query, ..write("GET", path, None, handler) }
}

const fn write(
    method: &'static str,
    path: &'static str,
    body: Option<Shape>,
    handler: Handler,
) -> Route {
    let (query, include, from, open, cap): (_, &[_], _, _, _) = (&[], &[], false, false, None);
    Route { method, path, query, include, body, from, open, cap, handler }
}

impl Route {
    const fn from(mut self) -> Self {
        self.from = true;
        self
    }

    const fn capped(mut self, cap: Cap) -> Self {
        self.cap = Some(cap);
        self
    }

    const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    const fn including(mut self, words: &'static [&'static str]) -> Self {
        self.include = words;
        self
    }
}

const PAGE: &[&str] = &["limit", "offset", "total"];
const BRIDGE: Shape = Shape::Nullable(&Shape::Object(&[
    ("conference_number", Shape::Nullable(&Shape::Text)),
    ("conference_url", Shape::Nullable(&Shape::Text)),
]));
const URGENCY: Shape = Shape::Word(&["high", "low"]);
const USER: Shape = reference!("user_reference" | "user");
const SERVICE: Shape = reference!("service_reference" | "service");
const POLICY: Shape = reference!("escalation_policy_reference" | "escalation_policy");
const ASSIGNMENTS: Shape =
    Shape::List(&Shape::Object(&[("assignee", Shape::Required(&USER)), ("at", Shape::Text)]));
const TYPE_NAME: Shape = Shape::Object(&[("name", TEXT)]);
const PRIORITY: Shape =
    Shape::Either(&Shape::Nullable(&reference!("priority_reference" | "priority")), &Shape::Text);

const NEW_INCIDENT: Shape = Shape::Object(&[(
    "incident",
    Shape::Required(&Shape::Object(&[
        ("type", Shape::Required(&Shape::Word(&["incident"]))),
        ("title", TEXT),
        ("service", Shape::Required(&SERVICE)),
        ("priority", PRIORITY),
        ("urgency", URGENCY),
        (
            "body",
            Shape::Object(&[
                ("type", Shape::Required(&Shape::Word(&["incident_body"]))),
                ("details", Shape::Text),
            ]),
        ),
        ("incident_key", Shape::Text),
        ("assignments", ASSIGNMENTS),
        ("escalation_policy", POLICY),
        ("incident_type", TYPE_NAME),
        ("conference_bridge", BRIDGE),
    ])),
)]);

const UPDATE: Shape = Shape::Object(&[
    ("type", Shape::Required(&Shape::Word(&["incident", "incident_reference"]))),
    ("status", Shape::Word(&["triggered", "acknowledged", "resolved"])),
    ("priority", PRIORITY),
    ("resolution", Shape::Text),
    ("title", Shape::Text),
    ("urgency", URGENCY),
    ("escalation_level", Shape::Int),
    ("assignments", ASSIGNMENTS),
    ("escalation_policy", POLICY),
    ("incident_type", TYPE_NAME),
    ("conference_bridge", BRIDGE),
    ("service", SERVICE),
]);

/// The same as a single update, with an id and without a service.
const BULK_ELEMENT: Shape = Shape::Object(&[
    ("id", TEXT),
    ("type", Shape::Required(&Shape::Word(&["incident", "incident_reference"]))),
    ("status", Shape::Word(&["triggered", "acknowledged", "resolved"])),
    ("priority", PRIORITY),
    ("resolution", Shape::Text),
    ("title", Shape::Text),
    ("urgency", URGENCY),
    ("escalation_level", Shape::Int),
    ("assignments", ASSIGNMENTS),
    ("escalation_policy", POLICY),
    ("incident_type", TYPE_NAME),
    ("conference_bridge", BRIDGE),
]);

const NOTE: Shape =
    Shape::Object(&[("note", Shape::Required(&Shape::Object(&[("content", TEXT)])))]);

const STATUS_UPDATE: Shape = Shape::Object(&[
    ("message", TEXT),
    ("subject", Shape::Nullable(&Shape::Text)),
    ("html_message", Shape::Nullable(&Shape::Text)),
]);

const TARGETS: Shape = Shape::Required(&Shape::List(&Shape::Object(&[(
    "responder_request_target",
    Shape::Required(&reference!("user_reference" | "escalation_policy_reference")),
)])));

/// The account has no id.
const FILTER: Shape = Shape::Object(&[
    (
        "type",
        Shape::Required(&Shape::Word(&[
            "account_reference",
            "service_reference",
            "team_reference",
        ])),
    ),
    ("id", Shape::Nullable(&Shape::Text)),
    ("summary", Shape::Nullable(&Shape::Text)),
    ("self", Shape::Nullable(&Shape::Text)),
    ("html_url", Shape::Nullable(&Shape::Text)),
]);

const SUBSCRIPTION: Shape = Shape::Object(&[(
    "webhook_subscription",
    Shape::Object(&[
        ("type", Shape::Required(&Shape::Word(&["webhook_subscription"]))),
        (
            "delivery_method",
            Shape::Object(&[
                ("type", Shape::Required(&Shape::Word(&["http_delivery_method"]))),
                ("url", TEXT),
                ("custom_headers", Shape::List(&Shape::Object(&[("name", TEXT), ("value", TEXT)]))),
            ]),
        ),
        ("description", Shape::Nullable(&Shape::Text)),
        ("events", Shape::List(&Shape::Word(subscriptions::EVENTS))),
        ("filter", FILTER),
        ("active", Shape::Bool),
        ("oauth_client_id", Shape::Nullable(&Shape::Text)),
    ]),
)]);

/// Delivery method and type cannot be changed.
const SUBSCRIPTION_UPDATE: Shape = Shape::Object(&[(
    "webhook_subscription",
    Shape::Object(&[
        ("type", Shape::Word(&["webhook_subscription"])),
        ("description", Shape::Nullable(&Shape::Text)),
        ("events", Shape::List(&Shape::Word(subscriptions::EVENTS))),
        ("filter", FILTER),
        ("active", Shape::Bool),
        ("oauth_client_id", Shape::Nullable(&Shape::Text)),
    ]),
)]);

const EVENT: Shape = Shape::Object(&[
    ("routing_key", Shape::Text),
    ("event_action", Shape::Word(&["trigger", "acknowledge", "resolve"])),
    ("dedup_key", Shape::Text),
    ("payload", Shape::Any),
    ("client", Shape::Text),
    ("client_url", Shape::Text),
    ("links", Shape::Any),
    ("images", Shape::Any),
]);

const LIST_QUERY: &[&str] = &[
    "limit",
    "offset",
    "total",
    "since",
    "until",
    "date_range",
    "incident_key",
    "statuses[]",
    "urgencies[]",
    "service_ids[]",
    "team_ids[]",
    "user_ids[]",
    "time_zone",
    "sort_by",
];
const LOG_QUERY: &[&str] =
    &["limit", "offset", "total", "since", "until", "time_zone", "is_overview", "team_ids[]"];
const ALERTS: &[&str] = &["limit", "offset", "total", "alert_key", "statuses[]", "sort_by"];
const SEARCH: &[&str] = &["limit", "offset", "total", "query"];
const USERS: &[&str] = &["limit", "offset", "total", "query", "team_ids[]"];
const SERVICES: &[&str] = &["limit", "offset", "total", "query", "name", "team_ids[]", "sort_by"];
const POLICIES: &[&str] =
    &["limit", "offset", "total", "query", "user_ids[]", "team_ids[]", "sort_by"];
const SPAN: &[&str] = &["since", "until", "time_zone", "overflow"];
const ON_CALLS: &[&str] = &[
    "limit",
    "offset",
    "total",
    "user_ids[]",
    "escalation_policy_ids[]",
    "schedule_ids[]",
    "since",
    "until",
    "earliest",
    "time_zone",
];
const FILTERED: &[&str] = &["limit", "offset", "total", "filter_type", "filter_id"];

/// The body is no word of the documentation's, and works.
const OF_INCIDENT: &[&str] = &[
    "acknowledgers",
    "agents",
    "assignees",
    "body",
    "conference_bridge",
    "custom_fields",
    "escalation_policies",
    "first_trigger_log_entries",
    "priorities",
    "services",
    "teams",
    "users",
];
const OF_LOG: &[&str] = &["incidents", "services", "channels", "teams"];
const OF_USER: &[&str] = &["contact_methods", "notification_rules", "teams"];
const OF_SERVICE: &[&str] = &["escalation_policies", "teams", "integrations"];
const OF_POLICY: &[&str] = &["services", "teams", "targets"];
const OF_ON_CALL: &[&str] = &["users", "schedules", "escalation_policies"];

/// The table of calls; of two rows that fit, the first is meant.
pub(crate) const ROUTES: &[Route] = &[
    write("POST", "/incidents", Some(NEW_INCIDENT), writes::create).from().capped(Cap::Create),
    write(
        "PUT",
        "/incidents",
        Some(Shape::Object(&[("incidents", Shape::Required(&Shape::List(&BULK_ELEMENT)))])),
        bulk::update,
    )
    .from()
    .capped(Cap::BulkUpdate),
    get("/incidents", LIST_QUERY, incidents::list).including(OF_INCIDENT),
    get("/incidents/{}", &[], incidents::one).including(OF_INCIDENT),
    write(
        "PUT",
        "/incidents/{}",
        Some(Shape::Object(&[("incident", Shape::Required(&UPDATE))])),
        writes::update,
    )
    .from(),
    get("/incidents/{}/notes", &[], notes::list),
    write("POST", "/incidents/{}/notes", Some(NOTE), notes::create).from(),
    write("PUT", "/incidents/{}/notes/{}", Some(NOTE), notes::update).from(),
    write("DELETE", "/incidents/{}/notes/{}", None, notes::delete),
    write("POST", "/incidents/{}/status_updates", Some(STATUS_UPDATE), respond::publish).from(),
    write(
        "POST",
        "/incidents/{}/snooze",
        Some(Shape::Object(&[("duration", Shape::Required(&Shape::Int))])),
        writes::snooze,
    )
    .from(),
    write(
        "PUT",
        "/incidents/{}/merge",
        Some(Shape::Object(&[(
            "source_incidents",
            Shape::Required(&Shape::List(&reference!("incident_reference"))),
        )])),
        writes::merge,
    )
    .from(),
    write(
        "POST",
        "/incidents/{}/responder_requests",
        Some(Shape::Object(&[
            ("requester_id", TEXT),
            ("message", TEXT),
            ("responder_request_targets", TARGETS),
        ])),
        respond::request,
    ),
    write(
        "PUT",
        "/incidents/{}/responder_requests/cancel",
        Some(Shape::Object(&[
            ("requester_id", TEXT),
            ("message", TEXT),
            ("responder_request_targets", TARGETS),
        ])),
        respond::cancel,
    ),
    get("/incidents/{}/custom_fields/values", &[], custom_fields::list),
    write(
        "PUT",
        "/incidents/{}/custom_fields/values",
        Some(Shape::Object(&[(
            "custom_fields",
            Shape::List(&Shape::Object(&[
                ("id", Shape::Text),
                ("name", Shape::Text),
                ("value", Shape::Any),
            ])),
        )])),
        custom_fields::update,
    ),
    get("/incidents/{}/log_entries", LOG_QUERY, log_entries::of_incident).including(OF_LOG),
    get("/incidents/{}/alerts", ALERTS, incidents::alerts).including(&[
        "services",
        "first_trigger_log_entries",
        "incidents",
    ]),
    get("/log_entries", LOG_QUERY, log_entries::of_account).including(OF_LOG),
    get("/log_entries/{}", &[], log_entries::one).including(OF_LOG),
    get("/users/me", &[], people::me).including(OF_USER),
    get("/users", USERS, people::list).including(OF_USER),
    get("/users/{}", &[], people::one).including(OF_USER),
    get("/services", SERVICES, catalog::services).including(OF_SERVICE),
    get("/services/{}", &[], catalog::service).including(OF_SERVICE),
    get("/priorities", PAGE, catalog::priorities),
    get("/escalation_policies", POLICIES, catalog::policies).including(OF_POLICY),
    get("/escalation_policies/{}", &[], catalog::policy).including(OF_POLICY),
    get("/teams", SEARCH, catalog::teams),
    get("/teams/{}", &[], catalog::team),
    get("/abilities", &[], catalog::abilities),
    get("/abilities/{}", &[], catalog::ability),
    get("/oncalls", ON_CALLS, on_call::list).including(OF_ON_CALL).capped(Cap::OnCalls),
    get("/schedules", SEARCH, on_call::schedules),
    get("/schedules/{}", SPAN, on_call::schedule),
    get("/schedules/{}/users", SPAN, on_call::people),
    get("/webhook_subscriptions", FILTERED, subscriptions::list),
    write("POST", "/webhook_subscriptions", Some(SUBSCRIPTION), subscriptions::create),
    get("/webhook_subscriptions/{}", &[], subscriptions::one),
    write("PUT", "/webhook_subscriptions/{}", Some(SUBSCRIPTION_UPDATE), subscriptions::update),
    write("DELETE", "/webhook_subscriptions/{}", None, subscriptions::delete),
    write("POST", "/webhook_subscriptions/{}/enable", None, subscriptions::enable),
    write("POST", "/webhook_subscriptions/{}/ping", None, subscriptions::ping),
    write("POST", "/v2/enqueue", Some(EVENT), crate::events_api::enqueue).open(),
    write("POST", "/v2/change/enqueue", Some(Shape::Any), crate::events_api::change).open(),
];

/// Finds the row of a call and what its placeholders stand for.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES
        .iter()
        .filter(|route| route.method == method)
        .find_map(|route| placeholders(route.path, path).map(|found| (route, found)))
}

fn placeholders(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.trim_end_matches('/').split('/'));
    let mut found = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(found),
            (Some("{}"), Some(value)) if !value.is_empty() => found.push(value.to_owned()),
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_lists_every_call() {
        let readme = include_str!("../../README.md");
        for route in ROUTES {
            let row = format!("| `{} {}` |", route.method, route.path);
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_path_finds_its_row_and_what_its_placeholders_stand_for() {
        let (route, path) = find("PUT", "/incidents/Q1/notes/P2").unwrap();
        assert_eq!((route.path, path), ("/incidents/{}/notes/{}", vec!["Q1".into(), "P2".into()]));
        assert_eq!(find("GET", "/users/me").unwrap().0.path, "/users/me");
        assert!(find("GET", "/incidents//notes").is_none());
        assert!(find("PATCH", "/incidents").is_none());
    }
}
