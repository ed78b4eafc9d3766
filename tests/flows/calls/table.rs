//! The table: each call of the contract with the ways to make it.
//!
//! Good requests say the organisation wherever they can, so that the same request from elsewhere is
//! one that reaches for another's things. The order is that of the good ones.

mod configuration;
mod incidents;
mod letters;
mod plans;
mod questions;

use super::{case::Case, scene::Scene};

const ORG: &str = "demo";
const SIM: &str = "sim-pd";
/// Nothing is called so.
const NOTHING: &str = "no-such";
/// No integration ever had this etag.
const OLD: &str = "0";
const NO_ORG: &str = "Not a slug";
const READS: &str = "it only reads";

/// Every case.
pub(super) fn cases(scene: &Scene) -> Vec<Case> {
    let mut all = configuration::audit();
    // Before anything moves.
    all.extend(plans::cases(scene));
    all.extend(incidents::cases(scene));
    all.extend(letters::cases(scene));
    all.extend(questions::cases());
    all.extend(configuration::cases(scene));
    all
}

/// The id of a thing that is not there.
fn nothing(prefix: &str) -> String {
    format!("{prefix}_{}", "0".repeat(32))
}

fn org() -> String {
    ORG.to_owned()
}

fn sim() -> String {
    SIM.to_owned()
}

fn none() -> String {
    NOTHING.to_owned()
}

fn mask(path: &str) -> prost_types::FieldMask {
    prost_types::FieldMask { paths: vec![path.to_owned()] }
}
