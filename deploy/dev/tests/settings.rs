//! What is set for the services from here exists there: a misspelt variable would be silently ignored.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tandem_dev::workspace;

/// Read by OpenTelemetry's SDK itself.
const OF_THE_SDK: [&str; 4] = [
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_EXPORTER_OTLP_HEADERS",
    // Endings of names, not names.
    "OTEL_",
];

/// Adds every name that a source file below a folder declares as `env = "NAME"`.
fn declared(folder: &Path, names: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            declared(&path, names)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path)?;
            let found = text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next());
            names.extend(found.map(str::to_owned));
        }
    }
    Ok(())
}

/// Every name in a text that looks like a setting of ours or of OpenTelemetry's.
fn mentioned(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    let ours = words.filter(|word| word.starts_with("TANDEM_") || word.starts_with("OTEL_"));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_setting_that_is_named_here_is_one_of_a_service() {
    let root = workspace::root().unwrap();
    let mut known = BTreeSet::new();
    declared(&root.join("services"), &mut known).unwrap();
    assert!(known.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{known:?}");
    // The broker reads the passwords of its users.
    let broker = fs::read_to_string(root.join("deploy/nats.conf")).unwrap();
    known.extend(mentioned(&broker));
    let of_the_runner = [
        "TANDEM_DEV_DIR",
        "TANDEM_NATS_SERVER",
        "TANDEM_POSTGRES_BIN",
        "TANDEM_POSTGRES_PASSWORD",
        // Of the command line, which reads it where a profile names none.
        "TANDEM_TOKEN",
    ];
    // Names of streams, which the services make.
    let streams = ["TANDEM_IN", "TANDEM_OUT", "TANDEM_DLQ", "TANDEM_SEATS"];
    let other: BTreeSet<_> = OF_THE_SDK.into_iter().chain(of_the_runner).chain(streams).collect();
    for file in ["docker-compose.yml", "deploy/README.md", "deploy/Dockerfile", "README.md"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for name in mentioned(&text).iter().filter(|name| !other.contains(name.as_str())) {
            assert!(known.contains(name), "{file} names {name}, which no service reads");
        }
    }
}
