//! What conflicts, stories, mappings and links look like.

use insta::assert_snapshot;
use tandem_proto::{json, v1};

use super::*;

#[test]
fn an_open_conflict_says_what_each_choice_would_do() {
    assert_snapshot!(lines(&conflict()));
}

#[test]
fn a_decided_conflict_says_how_it_ended() {
    let ending = v1::ConflictEnding {
        take: v1::ConflictTake::External.into(),
        value: Some("Payments down (EU)".to_owned()),
        author: "ada@acme.test".to_owned(),
        time: Some(at(95)),
    };
    let decided = v1::Conflict {
        standing: v1::ConflictStanding::Resolved.into(),
        ending: Some(ending),
        choices: Vec::new(),
        ..disputed()
    };
    assert_snapshot!(lines(&json::Conflict::from(decided)));
}

#[test]
fn conflicts_in_a_list() {
    assert_snapshot!(show(Output::Table).table(&[conflict()]));
}

#[test]
fn a_conflict_as_json() {
    assert_snapshot!(show(Output::Json).value(&conflict()).unwrap());
}

fn conflict() -> json::Conflict {
    json::Conflict::from(disputed())
}

fn disputed() -> v1::Conflict {
    let candidate = |side: v1::Side, value: &str, author: &str, seconds| v1::ConflictCandidate {
        side: side.into(),
        value: Some(value.to_owned()),
        external_value: Some(value.to_owned()),
        author: author.to_owned(),
        time: Some(at(seconds)),
        ..Default::default()
    };
    let choice = |take: v1::ConflictTake, effect: &str| v1::ConflictChoice {
        take: take.into(),
        effect: effect.to_owned(),
        ..Default::default()
    };
    v1::Conflict {
        id: "cfl_019b76da8c0070008000000000000007".to_owned(),
        integration_handle: "prod-pd".to_owned(),
        incident: "inc_019b76da8c007000800000000000002a".to_owned(),
        record: "Q1PD".to_owned(),
        url: "https://acme.test/incidents/Q1PD".to_owned(),
        field: "title".to_owned(),
        reason: v1::ConflictReason::BothMoved.into(),
        standing: v1::ConflictStanding::Open.into(),
        platform: Some(candidate(v1::Side::Platform, "Payments down\x1b", "ada@acme.test", 60)),
        external: Some(candidate(v1::Side::External, "Payments down (EU)", "Priya Raman", 61)),
        base: Some("Card payments failing".to_owned()),
        open_time: Some(at(62)),
        choices: vec![
            choice(
                v1::ConflictTake::Platform,
                "the platform keeps \"Payments down\"; prod-pd becomes \"Payments down\"",
            ),
            choice(
                v1::ConflictTake::External,
                "the platform becomes \"Payments down (EU)\"; prod-pd keeps \"Payments down (EU)\"",
            ),
            choice(v1::ConflictTake::Value, "the platform and prod-pd become the value given"),
        ],
        ..Default::default()
    }
}

#[test]
fn a_story_is_told_in_order_and_ends_with_how_it_stands() {
    let step = |seconds, what: &str, why: &str| v1::ExplainedStep {
        time: Some(at(seconds)),
        what: what.to_owned(),
        why: why.to_owned(),
        ..Default::default()
    };
    let told = v1::ExplainIncidentResponse {
        incident: "inc_019b76da8c007000800000000000002a".to_owned(),
        title: "Payments down".to_owned(),
        fields: vec![v1::FieldStory {
            field: "title".to_owned(),
            value: Some("Payments down".to_owned()),
            author: "ada@acme.test".to_owned(),
            time: Some(at(60)),
            earlier: 2,
            steps: vec![
                step(
                    60,
                    "ada@acme.test on the platform set it to \"Payments down\", from \"Card payments failing\" by Priya Raman",
                    "rule 18: somebody set it on the platform",
                ),
                step(61, "prod-pd is to hold \"Payments down\" (version 3)", ""),
                step(62, "prod-pd was sent \"Payments down\" and confirmed it (version 3)", ""),
            ],
            sides: vec![v1::ExplainedSide {
                integration_handle: "prod-pd".to_owned(),
                record: "Q1PD".to_owned(),
                seen_time: Some(at(62)),
                agrees: true,
                standing: "holds \"Payments down\", which agrees".to_owned(),
                ..Default::default()
            }],
        }],
    };
    assert_snapshot!(lines(&json::Explanation::from(told)));
}

#[test]
fn mappings_in_a_list_read_as_they_are_typed() {
    let row = |platform: &str, external: &str, fresh| v1::MappingRow {
        platform: platform.to_owned(),
        external: external.to_owned(),
        fresh,
    };
    let mapping = v1::FieldMapping {
        field: "severity".to_owned(),
        kind: v1::FieldMappingKind::Priorities.into(),
        rows: vec![
            row("SEV-1", "high", false),
            row("SEV-2", "high", true),
            row("SEV-3", "low", true),
        ],
        priorities: vec![row("SEV-1", "P1", true)],
        is_default: true,
        ..Default::default()
    };
    assert_snapshot!(show(Output::Table).table(&[json::FieldMapping::from(mapping)]));
}

#[test]
fn links_in_a_list_say_how_they_stand() {
    let link = v1::Link {
        id: "lnk_019b76da8c0070008000000000000003".to_owned(),
        incident: "inc_019b76da8c007000800000000000002a".to_owned(),
        record: "Q1PD".to_owned(),
        number: 42,
        url: "https://acme.test/incidents/Q1PD".to_owned(),
        state: v1::LinkState::Problem.into(),
        problem: "severity: \"Urgent\" has no partner on the platform".to_owned(),
        seen_time: Some(at(62)),
        ..Default::default()
    };
    assert_snapshot!(show(Output::Table).table(&[json::Link::from(link)]));
}
