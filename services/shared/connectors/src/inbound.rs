//! The inbound half of the connector interface: a delivery is verified, then decoded.
//!
//! [`Verified`] comes from [`Inbound::verify`] only, so nothing unverified can be decoded. Whoever
//! adds a system implements [`Inbound`] and adds its name to [`inbound`]; nothing else changes.

use http::HeaderMap;
use jiff::Timestamp;
use secrecy::SecretString;
use tandem_domain::{
    event::Observation,
    id::{Connector, IntegrationId},
};

use crate::pagerduty;

/// How deliveries of one kind of external system are judged and read.
pub trait Inbound: Send + Sync {
    /// Judges a delivery by its headers and raw bytes against every secret in force.
    fn verify<'a>(
        &self,
        headers: &HeaderMap,
        body: &'a [u8],
        secrets: &[SecretString],
    ) -> Result<Verified<'a>, Refusal>;

    /// Reads what a delivery tells, one observation for each thing that happened.
    fn decode(
        &self,
        verified: &Verified<'_>,
        headers: &HeaderMap,
        arrival: Arrival,
    ) -> Result<Vec<Observation>, NotADelivery>;

    /// Whether a request carries a signature at all.
    fn is_signed(&self, headers: &HeaderMap) -> bool;

    /// Whoever says to have sent a delivery, by the id that its subscription has; nothing vouches for
    /// that.
    fn sender(&self, headers: &HeaderMap) -> Option<String>;

    /// A harmless delivery signed with `secret`, for a self-check.
    fn sample(&self, secret: &SecretString) -> Sample;

    /// An event type's name where it is a known one, else `other`: fit to label a metric.
    fn label(&self, event_type: &str) -> &'static str;
}

/// The inbound half of a connector, by its name.
pub fn inbound(connector: &Connector) -> Option<&'static dyn Inbound> {
    match connector.as_str() {
        pagerduty::NAME => Some(&pagerduty::Webhooks),
        _ => None,
    }
}

/// A body whose signature was right.
#[derive(Debug, Clone, Copy)]
pub struct Verified<'a> {
    body: &'a [u8],
    secret: usize,
}

impl<'a> Verified<'a> {
    /// For implementations of [`Inbound::verify`], and nobody else.
    pub(crate) const fn new(body: &'a [u8], secret: usize) -> Self {
        Self { body, secret }
    }

    /// The raw body.
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Which of the secrets fits, counted from 0.
    pub const fn secret(&self) -> usize {
        self.secret
    }
}

/// What a delivery does not say itself.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// The integration it was sent to.
    pub integration: IntegrationId,
    /// When we had it, on our clock.
    pub at: Timestamp,
}

/// A signed delivery made up for a self-check.
#[derive(Debug)]
pub struct Sample {
    /// Its headers, the signature among them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: &'static [u8],
}

/// Why a delivery does not count as the external system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not signed.
    #[error("the signature is missing")]
    Missing,
    /// What stands in the signature's place cannot be one.
    #[error("the signature is malformed")]
    Malformed,
    /// It was signed with another secret, or changed on its way.
    #[error("the signature fits none of the secrets in force")]
    Wrong,
}

/// Why a verified body is not a delivery.
#[derive(Debug, thiserror::Error)]
pub enum NotADelivery {
    /// It is not the JSON that was expected.
    #[error("the body is not JSON, or a key occurs twice")]
    Json(#[source] serde_json::Error),
    /// Something is missing that every delivery has.
    #[error("the body has no usable {part}")]
    Lacks {
        /// What is missing.
        part: &'static str,
    },
}
