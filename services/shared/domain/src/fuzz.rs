//! Messages and expressions that nobody meant: what reads them says what is wrong, and never panics.
//!
//! A case that failed once is kept in `proptest-regressions` and tried first.

use proptest::{prelude::*, sample::Index};
use serde_json::{Value as Json, json};

use crate::{
    event::Event,
    finding::Finding,
    outbound::{Act, Desired},
    scope::Scope,
};

const INTEGRATION: &str = "int_00000000000000000000000000000001";
const INCIDENT: &str = "inc_00000000000000000000000000000001";
const LINK: &str = "lnk_00000000000000000000000000000001";
const AT: &str = "2026-09-21T14:13:20Z";

/// One of each kind of event, with much in it.
fn events() -> Vec<Json> {
    let reading = json!({
        "snapshot": {"record": "Q1", "fields": {"title": {"value": "x"}}, "assignees": ["P1"],
                     "number": 7, "url": "https://x", "key": "k", "teams": []},
        "sent": AT, "received": AT, "attempted": [1, 2],
    });
    let edit = |change: Json| {
        let mut edit = json!({
            "kind": "edit", "id": "edt_00000000000000000000000000000001", "org": "acme",
            "incident": INCIDENT, "at": AT,
            "author": {"side": "platform", "name": "Dana", "email": "dana@acme.test"},
        });
        if let (Some(edit), Json::Object(change)) = (edit.as_object_mut(), change) {
            edit.extend(change);
        }
        edit
    };
    vec![
        json!({
            "kind": "observation", "integration": INTEGRATION, "delivery": "d", "event": "e",
            "event_type": "t", "occurred_at": AT, "arrived": AT, "record": "Q1", "begins": true,
            "actor": {"side": "external", "id": "P1"}, "snapshot": reading["snapshot"],
        }),
        json!({
            "kind": "receipt", "id": "r", "integration": INTEGRATION, "link": LINK,
            "outcome": "settled", "version": 3, "before": reading, "after": null, "fates": {},
        }),
        json!({
            "kind": "receipt", "id": "r", "integration": INTEGRATION, "link": LINK,
            "outcome": "refused", "version": null, "before": null, "reason": "no",
        }),
        edit(json!({"change": "create", "fields": {"title": "x"}, "labels": {"a": "b"}})),
        edit(json!({"change": "update", "fields": {"label.a": null}, "revision": 7})),
        edit(json!({"change": "page", "message": "m", "users": ["Dana"], "policies": []})),
        edit(json!({"change": "resync", "link": LINK, "read": true})),
    ]
}

/// Any JSON at all, and the odd things that are nearly right.
fn any_json() -> impl Strategy<Value = Json> {
    let odd = prop::sample::select(vec![
        json!(null),
        json!(-1),
        json!(1.5e300),
        json!(u64::MAX),
        json!(""),
        json!("\0"),
        json!([]),
        json!({}),
        json!(INCIDENT),
        json!(LINK),
        json!("9999-12-31T23:59:59Z"),
        json!("label."),
        json!("-009999-01-01T00:00:00Z"),
        json!("\u{202e}"),
        json!("edit"),
        json!({"value": 7}),
    ]);
    let leaf = prop_oneof![
        odd,
        any::<i64>().prop_map(Json::from),
        ".{0,40}".prop_map(Json::from),
        any::<bool>().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z_.]{0,12}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in a document.
fn places(json: &Json, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match json {
        Json::Object(map) => {
            for (name, it) in map {
                places(it, &format!("{at}/{name}"), all);
            }
        }
        Json::Array(list) => {
            for (place, it) in list.iter().enumerate() {
                places(it, &format!("{at}/{place}"), all);
            }
        }
        _ => {}
    }
}

/// An event in which a few places hold something else.
fn changed() -> impl Strategy<Value = Json> {
    let changes = prop::collection::vec((any::<Index>(), any_json()), 0..4);
    (any::<Index>(), changes).prop_map(|(which, changes)| {
        let mut all = events();
        let mut event = all.swap_remove(which.index(all.len()));
        for (at, with) in changes {
            let mut there = Vec::new();
            places(&event, "", &mut there);
            if let Some(place) = event.pointer_mut(&there[at.index(there.len())]) {
                *place = with;
            }
        }
        event
    })
}

/// Pieces of expressions, in any order.
fn expression() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "title",
        "severity",
        "labels",
        "teams",
        ".",
        "region",
        "[",
        "]",
        "(",
        ")",
        "\"eu\"",
        "'",
        "==",
        "&&",
        "||",
        "!",
        "in",
        "?",
        ":",
        "1",
        "-",
        "9223372036854775807",
        "0",
        "/",
        "%",
        "*",
        "+",
        "size(",
        ".map(x, x)",
        ".all(x, x == 1)",
        ".matches(",
        "{",
        "}",
        ",",
        "\\",
        "\u{0}",
        "é",
        "timestamp(",
        "duration(\"1h\")",
        "null",
        "true",
        "b\"\\xff\"",
        "has(",
        " ",
    ]);
    prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn check(expression: &str) -> Result<(), String> {
    let scope = Scope { expression: Some(expression.to_owned()), ..Scope::default() };
    scope.check().map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn bytes_are_no_event(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Event::from_json(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Desired>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Act>(&bytes).is_err());
        prop_assert!(serde_json::from_slice::<Finding>(&bytes).is_err());
    }

    #[test]
    fn what_is_read_as_an_event_is_written_as_the_same(json in changed()) {
        let Ok(event) = Event::from_json(json.to_string().as_bytes()) else { return Ok(()) };
        let again = serde_json::to_vec(&event).unwrap();
        prop_assert_eq!(&Event::from_json(&again).unwrap(), &event);
        prop_assert!(!event.source().is_empty());
        let _: (String, String) = (event.delivery(), event.identity());
    }

    #[test]
    fn an_expression_is_taken_or_refused_with_a_reason(
        expression in prop_oneof![expression(), ".{0,200}"],
    ) {
        if let Err(reason) = check(&expression) {
            prop_assert!(reason.starts_with("expression: ") && reason.len() > 30, "{reason}");
        }
    }
}

#[test]
fn each_of_the_events_is_one() {
    for event in events() {
        let read = Event::from_json(event.to_string().as_bytes());
        assert!(read.is_ok(), "{read:?}: {event}");
    }
}

#[test]
fn depth_is_refused_without_being_followed() {
    for json in ["[".repeat(100_000), format!("{{\"kind\":{}", "{\"kind\":".repeat(100_000))] {
        assert!(Event::from_json(json.as_bytes()).is_err());
    }
    for (open, close) in
        [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("size(", ")"), ("{1:", "}")]
    {
        let depth = 2000 / (open.len() + close.len());
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(check(&deep).is_err(), "{open}");
    }
}
