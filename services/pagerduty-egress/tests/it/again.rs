//! Work that the broker hands out a second time: a copy took it, and never acknowledged.

use std::time::Duration;

use futures_util::StreamExt as _;
use tandem_bus::topology;
use tandem_domain::field::Field;
use tokio::time::timeout;

use crate::stage::{PATIENCE, Stage, connector, integration, link, snapshot, state};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_copy_that_died_has_reported_is_not_done_again() {
    for reported in [true, false] {
        let mut stage = Stage::unready().await;
        stage.configure(snapshot(1, &stage.pagerduty.url)).await;
        let record = stage.record("Payments fail");
        let retitled: (Field, &str, &[&str]) = (Field::Title, "Refunds fail", &["Payments fail"]);
        stage.want(&state(1, 7, &record, &[retitled])).await;

        // Another copy has it, and dies; in the meantime somebody may have given another title.
        let states = topology::egress_states(&connector(), integration());
        let taken = stage.bus.consume(topology::OUT, states, 1).await.unwrap();
        let taken = Box::pin(taken).next().await.unwrap().unwrap();
        taken.later(Duration::ZERO).await;

        let mut questions = stage.bus.asked_of_reports().await.unwrap();
        stage.egress.resume().unwrap();
        let question = timeout(PATIENCE, questions.next()).await.expect("it asks").unwrap();
        assert_eq!(question.integration, integration());
        assert_eq!(question.asked.work, format!("{}-v7", link(1)));
        assert_eq!(question.asked.since, taken.stored_at);
        stage.bus.say_reported(question, reported).await;
        stage.at_rest().await;
        let calls = if reported { 0 } else { 2 };
        assert_eq!(stage.calls().len(), calls, "reported: {reported}: {:?}", stage.calls());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_tell_it_is_done() {
    let mut stage = Stage::unready().await;
    stage.configure(snapshot(1, &stage.pagerduty.url)).await;
    let record = stage.record("Payments fail");
    stage.want(&state(1, 7, &record, &[(Field::Title, "Refunds fail", &["Payments fail"])])).await;
    let states = topology::egress_states(&connector(), integration());
    let taken = stage.bus.consume(topology::OUT, states, 1).await.unwrap();
    Box::pin(taken).next().await.unwrap().unwrap().later(Duration::ZERO).await;
    stage.egress.resume().unwrap();
    stage.at_rest().await;
    assert_eq!(stage.pagerduty.incidents()[0]["title"], "Refunds fail");
}
