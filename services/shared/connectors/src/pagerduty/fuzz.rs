//! Deliveries that nobody at PagerDuty wrote: raw bytes, and real deliveries with something done to them.
//!
//! What counts is that nothing panics, that nothing is taken whose HMAC is not right, and that whatever is refused is
//! refused by name. A case that failed once is kept in `proptest-regressions` and tried first.

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use proptest::{prelude::*, sample::Index};
use secrecy::SecretString;
use tandem_domain::{
    event::{Event, Observation},
    id::IntegrationId,
};

use super::{Webhooks, signature};
use crate::inbound::{Arrival, Inbound as _, NotADelivery, Refusal};

const SECRETS: [&str; 2] = ["the-one-in-force", "the-one-to-come"];

static DELIVERIES: LazyLock<Vec<&[u8]>> = LazyLock::new(|| {
    let lines = include_str!("../../tests/fixtures/deliveries.jsonl").lines();
    lines.map(str::as_bytes).collect()
});

/// One thing done to bytes.
#[derive(Debug, Clone)]
enum Damage {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    /// A piece of it once more, somewhere else.
    Repeat(Index, usize, Index),
}

impl Damage {
    fn done_to(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len().max(1);
        match self {
            Self::Replace(at, with) => {
                if let Some(byte) = bytes.get_mut(at.index(length)) {
                    *byte = *with;
                }
            }
            Self::Insert(at, more) => {
                let at = at.index(length).min(bytes.len());
                drop(bytes.splice(at..at, more.iter().copied()));
            }
            Self::Remove(at, count) => {
                let at = at.index(length).min(bytes.len());
                drop(bytes.drain(at..(at + count).min(bytes.len())));
            }
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Repeat(from, count, to) => {
                let from = from.index(length).min(bytes.len());
                let piece = bytes[from..(from + count).min(bytes.len())].to_vec();
                let to = to.index(length).min(bytes.len());
                drop(bytes.splice(to..to, piece));
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let telling = prop::sample::select(b"{}[]\",:=0nv1 \\\0\xff".to_vec());
    let one = prop_oneof![
        (any::<Index>(), prop_oneof![telling, any::<u8>()])
            .prop_map(|(at, it)| Damage::Replace(at, it)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, more)| Damage::Insert(at, more)),
        (any::<Index>(), 1_usize..80).prop_map(|(at, count)| Damage::Remove(at, count)),
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 1_usize..80, any::<Index>())
            .prop_map(|(from, count, to)| Damage::Repeat(from, count, to)),
    ];
    prop::collection::vec(one, 1..5)
}

fn damaged(bytes: &[u8], damage: &[Damage]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for it in damage {
        it.done_to(&mut bytes);
    }
    bytes
}

fn delivery(which: Index) -> &'static [u8] {
    DELIVERIES[which.index(DELIVERIES.len())]
}

fn secrets() -> Vec<SecretString> {
    SECRETS.map(SecretString::from).into()
}

fn signed(body: &[u8]) -> HeaderValue {
    signature::sign(&secrets(), body)
}

fn headers(value: HeaderValue) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(signature::HEADER), value)])
}

fn judged(headers: &HeaderMap, body: &[u8]) -> Result<usize, Refusal> {
    Webhooks.verify(headers, body, &secrets()).map(|verified| verified.secret())
}

fn decoded(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Observation>, NotADelivery> {
    let verified = Webhooks.verify(headers, body, &secrets()).unwrap();
    let integration: IntegrationId = "int_00000000000000000000000000000001".parse().unwrap();
    let arrival = Arrival { integration, at: Timestamp::UNIX_EPOCH };
    Webhooks.decode(&verified, headers, arrival)
}

/// Whether a header holds a right entry, read in another way than the one under test.
fn holds_a_right_entry(header: &[u8], body: &[u8]) -> bool {
    let right = signed(body);
    let right: Vec<_> = right.to_str().unwrap().split(',').collect();
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    right.iter().any(|entry| header.contains(entry))
}

proptest! {
    #[test]
    fn bytes_that_nobody_signed_are_refused(
        body in prop::collection::vec(any::<u8>(), 0..600),
        header in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let Ok(value) = HeaderValue::from_bytes(&header) else { return Ok(()) };
        let refused = judged(&headers(value), &body);
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_delivery_that_was_changed_on_its_way_is_refused(
        which in any::<Index>(),
        damage in damage(),
    ) {
        let body = delivery(which);
        let changed = damaged(body, &damage);
        let judged = judged(&headers(signed(body)), &changed);
        let right = if changed == body { Ok(0) } else { Err(Refusal::Wrong) };
        prop_assert_eq!(judged, right);
    }

    #[test]
    fn a_signature_that_was_changed_counts_only_where_a_right_entry_is_left(
        which in any::<Index>(),
        damage in damage(),
    ) {
        let body = delivery(which);
        let header = damaged(signed(body).as_bytes(), &damage);
        let Ok(value) = HeaderValue::from_bytes(&header) else { return Ok(()) };
        if judged(&headers(value), body).is_ok() {
            prop_assert!(holds_a_right_entry(&header, body), "{:?}", String::from_utf8_lossy(&header));
        }
    }

    /// Whoever holds the secret may still send anything.
    #[test]
    fn what_is_signed_and_damaged_is_read_or_refused_by_name(
        which in any::<Index>(),
        damage in damage(),
        delivery_id in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let body = damaged(delivery(which), &damage);
        let mut headers = headers(signed(&body));
        if let Ok(value) = HeaderValue::from_bytes(&delivery_id) {
            headers.insert("x-webhook-id", value);
        }
        let observations = match decoded(&headers, &body) {
            Ok(observations) => observations,
            Err(refused) => {
                prop_assert!(!refused.to_string().is_empty());
                return Ok(());
            }
        };
        for observation in observations {
            prop_assert!(!observation.delivery.is_empty() && observation.delivery.len() <= 200);
            prop_assert!(!observation.event.is_empty() && !observation.event_type.is_empty());
            let event = Event::Observation(Box::new(observation));
            let json = serde_json::to_vec(&event).unwrap();
            prop_assert_eq!(Event::from_json(&json).unwrap(), event);
        }
    }

    #[test]
    fn signed_bytes_are_read_or_refused_by_name(
        body in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let refused = decoded(&headers(signed(&body)), &body).err();
        prop_assert!(refused.is_some_and(|it| !it.to_string().is_empty()));
    }
}

#[test]
fn depth_and_repetition_are_refused_without_being_followed() {
    for body in [
        "[".repeat(200_000),
        format!("{{\"event\":{}", "{\"data\":".repeat(100_000)),
        format!("{{\"event\":{}0{}}}", "[".repeat(10_000), "]".repeat(10_000)),
        format!("{{{}}}", vec!["\"event\":{}"; 10_000].join(",")),
        format!("{{\"event\":{{\"id\":\"{}\"}}}}", "x".repeat(250_000)),
    ] {
        let refused = decoded(&headers(signed(body.as_bytes())), body.as_bytes());
        assert!(refused.is_err(), "{} bytes", body.len());
    }
}
