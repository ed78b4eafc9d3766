//! Every call of the contract, made well, badly, without leave, from elsewhere, of nothing, and too
//! late. The calls come from the descriptors: one that is not in [`table`] fails.

mod case;
mod scene;
mod table;
mod wire;

use std::collections::BTreeSet;

use tonic::{Code, Status};
use tonic_types::StatusExt;

use case::{Case, Leave, Way};
use scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn every_call_does_what_it_should_and_is_refused_as_it_should() {
    let scene = Scene::set().await;
    let cases = table::cases(&scene);
    let told: BTreeSet<&str> = cases.iter().map(|case| case.call).collect();
    let contract = tandem_proto::calls();
    let contract: BTreeSet<&str> = contract.iter().map(String::as_str).collect();
    assert_eq!(
        told, contract,
        "a call of the contract is not in the table, or the other way round"
    );
    assert_eq!(told.len(), cases.len(), "each once");
    for case in &cases {
        refused(&scene, case).await;
    }
    let mut wrong = Vec::new();
    for case in &cases {
        if let Err(status) = done(&scene, case).await {
            let fields = fields(&Err(status.clone()));
            wrong.push(format!("{}: {status} {fields:?}", case.call));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Everything that must change nothing.
async fn refused(scene: &Scene, case: &Case) {
    let (call, good) = (case.call, &case.good);
    let nobody = scene.call(call, good, None).await;
    assert_eq!(code(&nobody), Code::Unauthenticated, "{call} without a token");
    if let Some(lower) = scene.below(case.least) {
        let lower = scene.call(call, good, Some(lower)).await;
        assert_eq!(code(&lower), Code::PermissionDenied, "{call} by a lower role: {lower:?}");
    }
    elsewhere(scene, case).await;

    let own = Some(scene.token(case.least));
    let bad = scene.call(call, &case.bad.0, own).await;
    assert_eq!(code(&bad), Code::InvalidArgument, "{call} made badly: {bad:?}");
    assert_eq!(fields(&bad), [case.bad.1], "{call} made badly: {bad:?}");
    if let Way::Made(request) = &case.unknown {
        let unknown = scene.call(call, request, own).await;
        assert_eq!(code(&unknown), Code::NotFound, "{call} of nothing: {unknown:?}");
    }
    if let Way::Made((request, expected)) = &case.late {
        let late = scene.call(call, request, own).await;
        assert_eq!(code(&late), *expected, "{call} too late: {late:?}");
    }
}

/// An admin of another organisation asks for the same, by its name and without.
async fn elsewhere(scene: &Scene, case: &Case) {
    let call = case.call;
    let other = Some(scene.stranger());
    let asked = scene.call(call, &case.good, other).await;
    let refused = [Code::PermissionDenied, Code::NotFound];
    assert!(refused.contains(&code(&asked)), "{call} from elsewhere: {asked:?}");
    let Some(unsaid) = wire::without_org(call, &case.good) else { return };
    match scene.call(call, &unsaid, other).await {
        Ok(answer) => {
            let holds = |bytes: &[u8], mark: &str| {
                bytes.windows(mark.len()).any(|part| part == mark.as_bytes())
            };
            // What was asked for may be named in the answer that says there is no such thing.
            for mark in scene.marks().into_iter().filter(|mark| !holds(&unsaid, mark)) {
                assert!(!holds(&answer, mark), "{call} shows {mark} elsewhere");
            }
        }
        unsaid => assert_eq!(code(&unsaid), Code::NotFound, "{call} from elsewhere: {unsaid:?}"),
    }
}

/// The call as it is meant, and whether repeating it ends as it should.
async fn done(scene: &Scene, case: &Case) -> Result<(), Status> {
    let own = Some(scene.token(case.least));
    scene.call(case.call, &case.good, own).await?;
    if let Way::Again(expected) = case.late {
        let again = scene.call(case.call, &case.good, own).await;
        assert_eq!(code(&again), expected, "{} again: {again:?}", case.call);
    }
    Ok(())
}

fn code(answer: &Result<Vec<u8>, Status>) -> Code {
    answer.as_ref().map_or_else(Status::code, |_| Code::Ok)
}

fn fields(answer: &Result<Vec<u8>, Status>) -> Vec<String> {
    let bad = answer.as_ref().err().and_then(StatusExt::get_details_bad_request);
    let all = bad.map(|bad| bad.field_violations).unwrap_or_default();
    all.into_iter().map(|violation| violation.field).collect()
}

#[test]
fn each_lower_role_has_a_token_to_be_refused_with() {
    assert!(Leave::Viewer < Leave::Operator && Leave::Operator < Leave::Admin);
    assert!(Leave::Admin < Leave::Everywhere);
}
