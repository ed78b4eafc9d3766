//! Each service has a user of the broker, who may do what the service needs and nothing else. That
//! they may what they need is seen by every other test: none of them ends with a trespass.

use std::time::Duration;

use async_nats::{ConnectOptions, Event, ServerError};
use tandem_tests::Stack;
use tokio::sync::mpsc;

/// What a user must not be able to publish, and to listen to.
type Shut = (&'static str, &'static [&'static str], &'static [&'static str]);

const SHUT: &[Shut] = &[
    (
        "tandem-ingress",
        &[
            // Edits of people, and receipts of who calls nobody.
            "tandem.in.platform.demo.inc_1",
            "tandem.out.pagerduty.int_1.lnk_1.state",
            "incidents.v1.demo.inc_1.updated",
            "tandem.dlq.in.x",
            "$KV.tandem-config.int_1",
            "$JS.API.CONSUMER.CREATE.TANDEM_IN.x",
            "$JS.API.STREAM.DELETE.TANDEM_IN",
            "$JS.API.STREAM.PURGE.TANDEM_IN",
        ],
        &[">", "tandem.in.>", "incidents.v1.>", "_INBOX.>", "_INBOX.tandem-admin.>"],
    ),
    (
        "tandem-reconciler",
        &[
            "tandem.in.pagerduty.int_1.x",
            "tandem.ask.pagerduty.int_1",
            "$KV.tandem-config.int_1",
            "$JS.API.CONSUMER.CREATE.KV_tandem-config.x",
            "$JS.API.STREAM.PURGE.INCIDENTS",
        ],
        &[">", "tandem.>", "incidents.v1.>", "_INBOX.tandem-admin.>"],
    ),
    (
        "tandem-pagerduty-egress",
        &[
            "tandem.in.platform.demo.inc_1",
            "tandem.in.jira.int_1.x",
            "incidents.v1.demo.inc_1.updated",
            "$KV.tandem-config.int_1",
            "$JS.API.CONSUMER.CREATE.TANDEM_IN.x",
            "$JS.API.CONSUMER.MSG.NEXT.TANDEM_DLQ.dead-letters",
            "_INBOX.tandem-admin.x",
        ],
        &[">", "tandem.out.>", "tandem.ask.jira.*", "incidents.v1.>", "_INBOX.>"],
    ),
    (
        "tandem-admin",
        &[
            "incidents.v1.demo.inc_1.updated",
            "tandem.seat.pagerduty.int_1",
            "$JS.API.CONSUMER.MSG.NEXT.TANDEM_IN.reconciler",
            "$JS.API.STREAM.DELETE.TANDEM_IN",
        ],
        &[">", "tandem.in.>", "tandem.out.>", "_INBOX.>", "_INBOX.tandem-reconciler.>"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_service_can_neither_say_nor_hear_what_it_has_no_business_with() {
    let stack = Stack::start().await;
    for (service, publish, subscribe) in SHUT {
        let (told, mut refusals) = mpsc::unbounded_channel();
        let url = stack.nats.url_of(service);
        let named = url.trim_start_matches("nats://").split([':', '@']).collect::<Vec<_>>();
        let (user, password) = (named[0].to_owned(), named[1].to_owned());
        let options = ConnectOptions::with_user_and_password(user, password);
        let options = options.event_callback(move |event| {
            let told = told.clone();
            async move {
                if let Event::ServerError(ServerError::Other(error)) = event {
                    drop(told.send(error));
                }
            }
        });
        let client = options.connect(stack.nats.url()).await.unwrap();
        let mut refused = async |what: &str, subject: &str| {
            let said = tokio::time::timeout(Duration::from_secs(20), refusals.recv()).await;
            let said = said.unwrap_or_else(|_| panic!("{service} may {what} {subject}")).unwrap();
            let said = said.to_lowercase();
            assert!(said.contains(what) && said.contains(&subject.to_lowercase()), "{said}");
        };
        for subject in *publish {
            client.publish(*subject, "x".into()).await.unwrap();
            client.flush().await.unwrap();
            refused("publish", subject).await;
        }
        for subject in *subscribe {
            let _listening = client.subscribe(*subject).await.unwrap();
            client.flush().await.unwrap();
            refused("subscription", subject).await;
        }
    }
    let stranger = ConnectOptions::with_user_and_password("admin".to_owned(), "admin".to_owned());
    assert!(stranger.connect(stack.nats.url()).await.is_err(), "a password is asked for");
}
