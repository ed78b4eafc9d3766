//! Which facts are shown by which tests: keeps FACTS.md and the tests in step, in both directions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FACTS: &str = include_str!("../../FACTS.md");

/// The rows of the list: a section, and the tests that show its fact; none where the row says why.
fn rows() -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    let cells =
        |line: &'static str| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| §");
    let row = |line| {
        let cells = cells(line);
        let last = *cells.last().expect("a row has cells");
        let tests = last.split('`').skip(1).step_by(2).collect();
        (cells[0], tests, last)
    };
    FACTS.lines().filter(is_row).map(row).collect()
}

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder of ours");
    let mut out = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(std::fs::read_to_string(&path).expect("a source file"));
        }
    }
    out
}

/// Every test, with the sections that its doc names.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut out = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for text in ["tests", "src"].iter().flat_map(|folder| sources(&root.join(folder))) {
        let (mut named, mut is_test) = (BTreeSet::new(), false);
        for line in text.lines().map(str::trim_start) {
            if let Some(doc) = line.strip_prefix("/// ") {
                named.extend(sections(doc));
            } else if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            } else {
                let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                if let Some(name) = name.filter(|_| is_test) {
                    out.insert(name.to_owned(), std::mem::take(&mut named));
                }
                (named, is_test) = (BTreeSet::new(), false);
            }
        }
    }
    out
}

/// The sections that a text names, as in `§3.4`.
fn sections(text: &str) -> impl Iterator<Item = String> {
    text.split('§').skip(1).map(|rest| {
        let is_part = |it: &char| it.is_ascii_digit() || *it == '.';
        rest.chars().take_while(is_part).collect::<String>().trim_end_matches('.').to_owned()
    })
}

#[test]
fn every_fact_is_shown_by_tests_that_exist_or_says_why_not() {
    let tests = tests();
    let rows = rows();
    assert!(rows.len() > 100, "the list was read: {}", rows.len());
    for (section, named, last) in rows {
        assert!(!named.is_empty() || last.starts_with("none: "), "§{section}: {last}");
        for name in named.iter().filter(|_| !last.starts_with("none: ")) {
            assert!(tests.contains_key(*name), "§{section}: there is no test {name}");
        }
    }
}

#[test]
fn every_test_is_listed_in_the_sections_it_names() {
    let rows = rows();
    let mut missing = Vec::new();
    for (test, sections) in tests() {
        for section in sections {
            let listed = |(of, named, _): &(&str, Vec<&str>, &str)| {
                *of == section && named.contains(&test.as_str())
            };
            if !rows.iter().any(listed) {
                missing.push(format!("{test} names §{section}"));
            }
        }
    }
    assert!(missing.is_empty(), "not listed in FACTS.md:\n{}", missing.join("\n"));
}
