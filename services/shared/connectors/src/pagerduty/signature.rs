//! PagerDuty's webhook signature (webhooks v3, "verifying signatures").
//!
//! `X-PagerDuty-Signature` holds `v1=` and 64 hexadecimal digits for each secret in force, separated
//! by commas: HMAC-SHA256 over the raw body, keyed with the secret's characters as they are (it
//! looks like base64 and is not decoded). Everything is compared in constant time, and always with
//! everything, so the time taken tells nothing about which secret or entry fits.

use hmac::{Hmac, KeyInit as _, Mac as _, digest::CtOutput};
use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;

use crate::inbound::{Refusal, Verified};

type HmacSha256 = Hmac<Sha256>;
type Tag = CtOutput<HmacSha256>;

/// The header that carries it; several values count as one, joined by commas.
pub(super) const HEADER: &str = "x-pagerduty-signature";
/// PagerDuty sends one entry per secret in force; more than a handful is somebody guessing.
const ENTRIES_MAX: usize = 16;

/// Judges a body by its signature header.
pub(super) fn verify<'a>(
    headers: &HeaderMap,
    body: &'a [u8],
    secrets: &[SecretString],
) -> Result<Verified<'a>, Refusal> {
    let entries = entries(headers)?;
    let mut fitting = None;
    for (index, secret) in secrets.iter().enumerate() {
        let Some(tag) = tag(secret, body) else { continue };
        // Counted and not searched: no entry is left uncompared.
        let fits = entries.iter().filter(|entry| **entry == tag).count();
        if fits > 0 {
            fitting = fitting.or(Some(index));
        }
    }
    fitting.map(|secret| Verified::new(body, secret)).ok_or(Refusal::Wrong)
}

/// The header value that signs `body` with each of the secrets.
pub fn sign(secrets: &[SecretString], body: &[u8]) -> HeaderValue {
    let entry = |tag: Tag| format!("v1={}", hex::encode(tag.into_bytes()));
    let tags = secrets.iter().filter_map(|secret| tag(secret, body));
    let value = tags.map(entry).collect::<Vec<_>>().join(",");
    // Hexadecimal digits, `v1=` and commas always make a header value.
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
}

/// The `v1` entries; those of other versions are left aside.
fn entries(headers: &HeaderMap) -> Result<Vec<Tag>, Refusal> {
    let mut entries = Vec::new();
    let mut seen = 0;
    for value in headers.get_all(HEADER) {
        let value = value.to_str().map_err(|_| Refusal::Malformed)?;
        for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            seen += 1;
            if seen > ENTRIES_MAX {
                return Err(Refusal::Malformed);
            }
            let Some((version, digits)) = entry.split_once('=') else {
                return Err(Refusal::Malformed);
            };
            if version == "v1" {
                let mut bytes = [0_u8; 32];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| Refusal::Malformed)?;
                entries.push(Tag::new(bytes.into()));
            }
        }
    }
    match (seen, entries.is_empty()) {
        (0, _) => Err(Refusal::Missing),
        (_, true) => Err(Refusal::Malformed),
        (_, false) => Ok(entries),
    }
}

/// The HMAC of a body. An empty secret has none: everybody could sign with it.
fn tag(secret: &SecretString, body: &[u8]) -> Option<Tag> {
    let secret = Some(secret.expose_secret()).filter(|secret| !secret.is_empty())?;
    let mac = HmacSha256::new_from_slice(secret.as_bytes()).ok()?;
    Some(mac.chain_update(body).finalize())
}

#[cfg(test)]
mod tests;
