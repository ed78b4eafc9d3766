//! The gate on its own: no far side, and a seat that is simply held.

use tokio::time::timeout;

use super::*;
use crate::account::tests::account;

const SOON: Duration = Duration::from_secs(5);
const NOT_YET: Duration = Duration::from_millis(50);

fn gate() -> Gate {
    Gate::new(account(1), Seat::kept(), CancellationToken::new())
}

#[tokio::test]
async fn work_that_is_under_way_begins_again_when_no_calls_are_wanted() {
    let gate = gate();
    let version = timeout(SOON, gate.pass(Lane::Fields)).await.unwrap().unwrap().version();
    assert!(timeout(SOON, gate.pass_again(Lane::Fields, version)).await.unwrap().is_ok());
    gate.told(0, Duration::from_millis(200));
    assert!(timeout(SOON, gate.pass_again(Lane::Fields, version)).await.unwrap().is_err());
    assert!(
        timeout(NOT_YET, gate.pass(Lane::Fields)).await.is_err(),
        "nothing passes until the window ends"
    );
    assert!(timeout(SOON, gate.pass(Lane::Fields)).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_permit_is_for_one_version_of_the_configuration() {
    let gate = gate();
    gate.renew(account(2));
    assert!(timeout(SOON, gate.pass_again(Lane::Fields, 1)).await.unwrap().is_err());
    assert_eq!(timeout(SOON, gate.pass(Lane::Fields)).await.unwrap().unwrap().version(), 2);
}

#[tokio::test]
async fn a_shut_gate_opens_with_the_next_configuration_only() {
    let gate = gate();
    assert!(!gate.shut(7, "401"), "what an earlier key was told says nothing of this one");
    assert!(gate.shut(1, "401") && !gate.shut(1, "401") && gate.is_shut());
    let waiting = gate.pass(Lane::Fields);
    tokio::pin!(waiting);
    assert!(timeout(NOT_YET, &mut waiting).await.is_err());
    gate.renew(account(2));
    assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap().version(), 2);
}

#[tokio::test]
async fn while_somebody_has_paused_it_nothing_passes_and_a_refused_key_is_found_out_afterwards() {
    let paused = |version| {
        let mut account = account(version);
        account.integration.paused = true;
        account
    };
    let gate = Gate::new(paused(1), Seat::kept(), CancellationToken::new());
    assert!(timeout(NOT_YET, gate.pass(Lane::Resolve)).await.is_err());
    assert_eq!(gate.standing().shut.as_deref(), Some(PAUSED));
    gate.renew(account(2));
    assert!(timeout(SOON, gate.pass(Lane::Fields)).await.unwrap().is_ok());
    gate.renew(paused(3));
    assert!(timeout(SOON, gate.pass_again(Lane::Fields, 2)).await.unwrap().is_err());
    assert!(gate.is_shut());
    gate.renew(account(4));
    assert!(gate.shut(4, "401"));
}

#[tokio::test]
async fn nobody_waits_at_the_gate_when_it_is_time_to_stop() {
    let gate = gate();
    gate.shut(1, "401");
    gate.stop.cancel();
    assert!(timeout(SOON, gate.pass(Lane::Fields)).await.unwrap().is_err());
}

#[test]
fn an_outage_is_several_failures_in_a_row_and_its_end_is_told_once() {
    let gate = gate();
    assert_eq!((gate.failed(), gate.failed(), gate.succeeded()), (0, 1, 2));
    assert!(!gate.take_recovered());
    assert_eq!([gate.failed(), gate.failed(), gate.failed(), gate.failed()], [0, 1, 2, 3]);
    assert_eq!(gate.succeeded(), 4);
    assert!(gate.take_recovered() && !gate.take_recovered());
}

#[tokio::test]
async fn the_best_lane_goes_first_and_what_is_under_way_before_what_is_new() {
    let gate = gate();
    gate.told(0, Duration::from_millis(300));
    let order = Mutex::new(Vec::new());
    let new = async |lane: Lane| {
        gate.pass(lane).await.unwrap();
        order.lock().unwrap().push((lane, true));
    };
    let status = async {
        // It comes last, when all the others wait.
        tokio::task::yield_now().await;
        new(Lane::Resolve).await;
    };
    let all = async {
        tokio::join!(new(Lane::Notes), new(Lane::Fields), new(Lane::People), status);
    };
    timeout(SOON, all).await.unwrap();
    let lanes: Vec<_> = order.into_inner().unwrap().into_iter().map(|(lane, _)| lane).collect();
    assert_eq!(lanes, [Lane::Resolve, Lane::People, Lane::Fields, Lane::Notes]);

    // Nobody waits at a closed gate with work under way, so it is the pace that holds these up.
    gate.state().pace = Pace::new(600, Instant::now());
    let order = Mutex::new(Vec::new());
    let new = async {
        gate.pass(Lane::Fields).await.unwrap();
        order.lock().unwrap().push("new");
    };
    let under_way = async {
        tokio::task::yield_now().await;
        gate.pass_again(Lane::Fields, 1).await.unwrap();
        order.lock().unwrap().push("under way");
    };
    timeout(SOON, async { tokio::join!(new, under_way) }).await.unwrap();
    assert_eq!(order.into_inner().unwrap(), ["under way", "new"]);
}

#[tokio::test]
async fn nothing_passes_while_another_copy_may_hold_the_seat() {
    let gate = Gate::new(account(1), Seat::never(), CancellationToken::new());
    assert!(timeout(SOON, gate.pass_again(Lane::Resolve, 1)).await.unwrap().is_err());
    assert!(timeout(NOT_YET, gate.pass(Lane::Resolve)).await.is_err());
}
