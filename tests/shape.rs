//! The shape of the code: which crate may lean on which, and that the rules stay pure.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// What each crate of ours may depend on, of ours. Reading order of the workspace manifest.
const ALLOWED: &[(&str, &[&str])] = &[
    ("tandem-domain", &[]),
    ("tandem-connectors", &["tandem-domain"]),
    ("tandem-seal", &[]),
    ("tandem-bus", &["tandem-domain"]),
    ("tandem-store", &["tandem-domain"]),
    ("tandem-runtime", &[]),
    ("tandem-proto", &[]),
    (
        "tandem-ingress",
        &["tandem-domain", "tandem-connectors", "tandem-bus", "tandem-seal", "tandem-runtime"],
    ),
    ("tandem-reconciler", &["tandem-domain", "tandem-bus", "tandem-store", "tandem-runtime"]),
    (
        "tandem-pagerduty-egress",
        &["tandem-domain", "tandem-connectors", "tandem-bus", "tandem-seal", "tandem-runtime"],
    ),
    (
        "tandem-admin",
        &[
            "tandem-domain",
            "tandem-connectors",
            "tandem-bus",
            "tandem-store",
            "tandem-seal",
            "tandem-proto",
            "tandem-runtime",
        ],
    ),
    ("tandem-cli", &["tandem-proto"]),
    ("tandem-pagerduty-sim", &[]),
    ("tandem-dev", &[]),
    ("tandem-tests", &["tandem-dev", "tandem-pagerduty-sim", "tandem-store"]),
];

/// What the rules may use: nothing that waits, reads a clock, rolls dice or talks to anybody.
const PURE: &[&str] = &[
    "arrayvec",
    "cel",
    "hex",
    "jiff",
    "serde",
    "serde_json",
    "sha2",
    "stacker",
    "thiserror",
    "uuid",
];

/// The crates of the workspace with their ordinary and build dependencies.
fn crates() -> BTreeMap<String, Vec<String>> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |of: &Value| of["name"].as_str().expect("a name").to_owned();
    let uses = |package: &Value| {
        let all = package["dependencies"].as_array().expect("dependencies").iter();
        all.filter(|dependency| dependency["kind"] != "dev").map(name).collect()
    };
    packages.iter().map(|package| (name(package), uses(package))).collect()
}

#[test]
fn crates_lean_only_on_what_they_may() {
    let crates = crates();
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    for (name, uses) in &crates {
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not listed"));
        let ours = uses.iter().filter(|other| crates.contains_key(*other));
        for other in ours {
            assert!(allowed.contains(&other.as_str()), "{name} must not depend on {other}");
        }
    }
    assert_eq!(crates.len(), ALLOWED.len(), "a listed crate is gone");
}

#[test]
fn the_rules_stay_pure() {
    for dependency in &crates()["tandem-domain"] {
        assert!(PURE.contains(&dependency.as_str()), "tandem-domain uses {dependency}");
    }
}

#[test]
fn only_the_connector_and_its_egress_know_the_far_sides_name() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../services");
    let mut offenders = Vec::new();
    for folder in ["ingress", "reconciler", "shared/domain", "shared/bus", "shared/store"] {
        search(&root.join(folder).join("src"), &mut offenders);
    }
    assert_eq!(offenders, Vec::<String>::new());
}

/// Finds the far side's name in code; comments may give it as an example or a source.
fn search(folder: &std::path::Path, offenders: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            search(&path, offenders);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source file");
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        let known = |line: &str| line.to_lowercase().contains("pagerduty");
        if code.into_iter().any(known) {
            offenders.push(path.display().to_string());
        }
    }
}
