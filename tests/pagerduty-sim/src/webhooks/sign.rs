//! Owns the signature: HMAC-SHA256 over the exact bytes, keyed with the secret's characters as they are.
//!
//! One `v1=` entry per active secret, joined by commas without spaces.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Writes the value of `X-PagerDuty-Signature`.
pub(crate) fn signature(secrets: &[String], body: &[u8]) -> String {
    let entries: Vec<_> = secrets.iter().filter_map(|secret| entry(secret, body)).collect();
    entries.join(",")
}

fn entry(secret: &str, body: &[u8]) -> Option<String> {
    // HMAC takes keys of any length, so this never gives nothing.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    Some(format!("v1={}", hex::encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "2LHo6pdkkOeNZWwav8jzbDWOnnIkpUJKIkuEpAdrN7bi134SXsXzN6AXI3RMAh1h";
    const B: &str = "+ZXblUXsXQo78/P4GhGfGR7d2oBtcCcRwlth1ZiBuafav+pvDXX5gi8rOaFgE9uY";
    const BODY_1: &str = r#"{"event":{"id":"01HVZ0EXAMPLEPING000000001","event_type":"pagey.ping","resource_type":"pagey","occurred_at":"2026-03-02T08:59:58.104Z","agent":{"id":"PB0T5YN","type":"user_reference"},"client":null,"data":{"message":"Hello from your friend Pagey!","type":"ping"}}}"#;
    const BODY_2: &str = r#"{"event":{"data":{"content":"Zażółć — 修復済み ✅"}}}"#;

    fn signed(secrets: &[&str], body: &str) -> String {
        let secrets: Vec<_> = secrets.iter().map(|it| (*it).to_owned()).collect();
        signature(&secrets, body.as_bytes())
    }

    /// §2.2, first body with either secret.
    #[test]
    fn the_published_vectors_hold() {
        assert_eq!(BODY_1.len(), 264);
        let a = "v1=7a7eb1dbe027a0f44de20c1fe07551c9242af979312b9fc27a2898e5f25f2097";
        let b = "v1=f9d770491faf2541b3ca208d8e25e34f2d7b5ff5b5d9e229ae12dbfd41be9ac5";
        assert_eq!(signed(&[A], BODY_1), a);
        assert_eq!(signed(&[B], BODY_1), b);
        assert_eq!(signed(&[B, A], BODY_1), format!("{b},{a}"));
    }

    /// §2.2, second body: multi-byte UTF-8.
    #[test]
    fn a_body_of_multi_byte_characters_is_signed_as_bytes() {
        assert_eq!(BODY_2.len(), 64);
        let a = "v1=70c1f2f85fec1fa62c832dfcefee90d126433f6b2720637cf9dae0747fce2e3c";
        assert_eq!(signed(&[A], BODY_2), a);
    }
}
