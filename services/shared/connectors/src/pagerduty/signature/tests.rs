//! Published and own vectors of the signature, and headers that nobody should have sent.

use proptest::prelude::*;

use super::*;

const A: &str = "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h";
const B: &str = "+ZXblUXsXQo78/P4GhGfGR7d2oBtcCcRwlth1ZiBuafav+pvDXX5gi8rOaFgE9uY";
const PING: &[u8] = br#"{"event":{"id":"01HVZ0EXAMPLEPING000000001","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-03-02T08:59:58.104Z","agent":{"id":"PB0T5YN","type":"user_reference"},"client":null,"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}"#;
const PING_A: &str = "v1=7a7eb1dbe027a0f44de20c1fe07551c9242af979312b9fc27a2898e5f25f2097";
const PING_B: &str = "v1=f9d770491faf2541b3ca208d8e25e34f2d7b5ff5b5d9e229ae12dbfd41be9ac5";
const NOTE: &str = r#"{"event":{"data":{"content":"Zażółć — 修復済み ✅"}}}"#;
const NOTE_A: &str = "v1=70c1f2f85fec1fa62c832dfcefee90d126433f6b2720637cf9dae0747fce2e3c";

fn secrets(texts: &[&str]) -> Vec<SecretString> {
    texts.iter().map(|text| SecretString::from(*text)).collect()
}

fn headers(values: &[&str]) -> HeaderMap {
    values
        .iter()
        .map(|value| (http::HeaderName::from_static(HEADER), value.parse().unwrap()))
        .collect()
}

fn judge(header: &str, body: &[u8], held: &[&str]) -> Result<usize, Refusal> {
    verify(&headers(&[header]), body, &secrets(held)).map(|verified| verified.secret())
}

#[test]
fn the_known_vectors_verify_and_are_reproduced() {
    assert_eq!(judge(PING_A, PING, &[A]), Ok(0));
    assert_eq!(judge(PING_B, PING, &[B]), Ok(0));
    assert_eq!(judge(NOTE_A, NOTE.as_bytes(), &[A]), Ok(0));
    assert_eq!(sign(&secrets(&[B, A]), PING), format!("{PING_B},{PING_A}"));
    assert_eq!(sign(&secrets(&[A]), NOTE.as_bytes()), NOTE_A);
}

#[test]
fn during_a_rotation_either_secret_and_either_entry_is_enough() {
    let both = format!("{PING_B},{PING_A}");
    assert_eq!(judge(&both, PING, &[A]), Ok(0));
    assert_eq!(judge(&both, PING, &[B]), Ok(0));
    assert_eq!(judge(PING_A, PING, &[B, A]), Ok(1));
    let spaced = format!(" {PING_B} , v2=zz,  {PING_A} ");
    assert_eq!(judge(&spaced, PING, &["other", A]), Ok(1));
    let lines = headers(&[PING_B, PING_A]);
    assert!(verify(&lines, PING, &secrets(&[A])).is_ok());
}

#[test]
fn a_wrong_one_is_told_from_a_malformed_and_a_missing_one() {
    let mut changed = PING.to_vec();
    changed[20] ^= 1;
    assert_eq!(judge(PING_A, &changed, &[A, B]), Err(Refusal::Wrong));
    assert_eq!(judge(PING_A, PING, &[B]), Err(Refusal::Wrong));
    assert_eq!(judge(PING_A, PING, &[]), Err(Refusal::Wrong));
    assert_eq!(verify(&HeaderMap::new(), PING, &secrets(&[A])).err(), Some(Refusal::Missing));
    assert_eq!(judge("", PING, &[A]), Err(Refusal::Missing));
    let entries_beyond_reason = [PING_A; ENTRIES_MAX + 1].join(",");
    for malformed in ["v1", "v1=", "v1=00", "v2=00", "hello", &PING_A[..66], &entries_beyond_reason]
    {
        assert_eq!(judge(malformed, PING, &[A]), Err(Refusal::Malformed), "{malformed}");
    }
}

#[test]
fn an_empty_secret_fits_nothing() {
    let empty = HmacSha256::new_from_slice(b"").unwrap().chain_update(PING).finalize();
    let forged = format!("v1={}", hex::encode(empty.into_bytes()));
    assert_eq!(judge(&forged, PING, &[""]), Err(Refusal::Wrong));
    assert_eq!(sign(&secrets(&[""]), PING), "");
}

proptest! {
    #[test]
    fn what_was_signed_verifies_until_a_bit_of_it_changes(
        body in prop::collection::vec(any::<u8>(), 1..200),
        secret in "[ -~]{1,80}",
        at in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        let held = secrets(&[&secret]);
        let header = HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), sign(&held, &body))]);
        prop_assert!(verify(&header, &body, &held).is_ok());
        let mut changed = body.clone();
        changed[at.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(verify(&header, &changed, &held).err(), Some(Refusal::Wrong));
    }

    #[test]
    fn no_header_makes_it_panic_or_verify(value in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let header = HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), value)]);
            prop_assert!(verify(&header, PING, &secrets(&[A])).is_err());
        }
    }
}
