//! Dead letters.

use tandem_proto::v1;
use tonic::Code;

use super::{NO_ORG, READS, none, nothing, org, sim};
use crate::calls::{
    case::{
        Case,
        Leave::{Operator, Viewer},
        case,
    },
    scene::Scene,
};

pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut all = reading(scene);
    all.extend(dealing(scene));
    all
}

fn reading(scene: &Scene) -> Vec<Case> {
    let [letter, ..] = &scene.letters;
    let get = |id: &str| v1::GetDeadLetterRequest { dead_letter: id.to_owned() };
    let list = |integration: String, page_size| v1::ListDeadLettersRequest {
        org: org(),
        integration,
        page_size,
        ..Default::default()
    };
    let groups = |org: &str, integration: String| v1::ListDeadLetterGroupsRequest {
        org: org.to_owned(),
        integration,
        ..Default::default()
    };
    let watch = |org: &str, integration: String| v1::WatchDeadLettersRequest {
        org: org.to_owned(),
        integration,
    };
    let replay = |id: &str| v1::GetReplayRequest { replay: id.to_owned() };
    vec![
        case("DeadLetterService/GetDeadLetter", Viewer, &get(letter))
            .bad("dead_letter", &get(""))
            .unknown(&get(&nothing("dlt")))
            .never_late(READS),
        case("DeadLetterService/ListDeadLetters", Viewer, &list(sim(), 0))
            .bad("page_size", &list(sim(), -1))
            .unknown(&list(none(), 0))
            .never_late(READS),
        case("DeadLetterService/ListDeadLetterGroups", Viewer, &groups("demo", sim()))
            .bad("org", &groups(NO_ORG, sim()))
            .unknown(&groups("demo", none()))
            .never_late(READS),
        case("DeadLetterService/WatchDeadLetters", Viewer, &watch("demo", sim()))
            .bad("org", &watch(NO_ORG, sim()))
            .unknown(&watch("demo", none()))
            .never_late(READS),
        case("DeadLetterService/GetReplay", Viewer, &replay(&scene.replay))
            .bad("replay", &replay(""))
            .unknown(&replay(&nothing("rpl")))
            .never_late(READS),
    ]
}

fn dealing(scene: &Scene) -> Vec<Case> {
    let [first, second, third] = &scene.letters;
    let one =
        |id: &str| v1::ReplayDeadLetterRequest { dead_letter: id.to_owned(), ..Default::default() };
    let many = |ids: &[&String], integration: String| v1::ReplayDeadLettersRequest {
        org: org(),
        integration,
        dead_letters: ids.iter().map(|id| (*id).clone()).collect(),
        ..Default::default()
    };
    let discard = |id: &str, reason: &str| v1::DiscardDeadLetterRequest {
        dead_letter: id.to_owned(),
        reason: reason.to_owned(),
    };
    vec![
        case("DeadLetterService/ReplayDeadLetter", Operator, &one(first))
            .bad("dead_letter", &one(""))
            .unknown(&one(&nothing("dlt")))
            .once(Code::FailedPrecondition),
        case("DeadLetterService/DiscardDeadLetter", Operator, &discard(third, "gone"))
            .bad("reason", &discard(third, " "))
            .unknown(&discard(&nothing("dlt"), "gone"))
            .once(Code::FailedPrecondition),
        case("DeadLetterService/ReplayDeadLetters", Operator, &many(&[second], String::new()))
            .bad("integration", &many(&[], String::new()))
            .unknown(&many(&[], none()))
            .never_late("letters that were dealt with are left out"),
    ]
}
