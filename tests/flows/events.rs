//! Every event PagerDuty tells: what it does on the platform, and which edit brings it about.
//!
//! `table` holds them as data; the tests play it and the documentation is rendered from it.

mod bodies;
mod document;
mod outward;
mod row;
mod scene;
mod table;

use tandem_tests::Stack;

use self::{
    row::Row,
    scene::Scene,
    table::{ELSEWHERE, LIFECYCLE, PEOPLE, TIMELINE, UNTOLD},
};

/// Plays groups of rows on one stack, each on an incident of its own.
async fn play(groups: &[&[Row]]) -> Stack {
    let stack = Stack::start().await;
    for group in groups {
        let mut scene = Scene::triggered(&stack).await;
        for row in *group {
            scene.play(row).await;
        }
        scene.end().await;
    }
    stack
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_an_incidents_life_move_its_status_and_show_what_was_untold() {
    play(&[LIFECYCLE, UNTOLD]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_people_and_priorities_move_who_has_it_and_how_bad_it_is() {
    play(&[PEOPLE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_a_field_are_told_on_the_timeline_once() {
    play(&[TIMELINE]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_concern_no_incident_are_taken_and_kept_on_record() {
    let stack = play(&[ELSEWHERE]).await;
    assert_eq!(stack.incidents().await.len(), 1, "only the one at hand");
}
