//! The alerts are written on what the services show.

use std::{collections::BTreeSet, time::Duration};

use tandem_dev::workspace;
use tandem_tests::{Healing, Options, Stack, eventually};

/// What an alert must say besides when it fires.
const MEMBERS: [&str; 5] = ["expr:", "for:", "severity:", "summary:", "description:"];

fn rules() -> String {
    std::fs::read_to_string(workspace::root().unwrap().join("deploy/alerts.yml")).unwrap()
}

/// The metrics that a text names.
fn named(text: &str) -> BTreeSet<&str> {
    let words = text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    words.filter(|word| word.starts_with("tandem_")).collect()
}

#[test]
fn every_alert_says_when_how_badly_what_and_what_to_do() {
    let rules = rules();
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 10, "{}", alerts.len());
    let mut names = BTreeSet::new();
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        for member in MEMBERS {
            let said = |line: &str| line.trim().strip_prefix(member).is_some_and(|it| it.len() > 2);
            assert_eq!(alert.lines().filter(|line| said(line)).count(), 1, "{member} of {name}");
        }
        let severity = |it: &str| alert.contains(&format!("severity: {it}\n"));
        assert!(severity("critical") || severity("warning"), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_an_alert_is_shown_by_a_service_that_runs() {
    let stack = Stack::start_with(Options { healing: Healing::ALWAYS, ..Options::default() }).await;
    let rules = rules();
    let asked = named(&rules);
    assert!(asked.len() >= 8, "{asked:?}");
    eventually("all of them are shown", Duration::from_mins(1), || async {
        let mut shown = BTreeSet::new();
        for url in &stack.ops_urls {
            let answer = stack.http.get(format!("{url}/metrics")).send().await.unwrap();
            let text = answer.text().await.unwrap();
            let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
            shown.extend(typed.filter_map(|line| Some(line.split(' ').next()?.to_owned())));
        }
        let missing: Vec<_> = asked.iter().filter(|name| !shown.contains(**name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} of {shown:?}")) }
    })
    .await;
    let labelled = |label: &str| rules.contains(label);
    assert!(labelled("lane=~\"resolve|acknowledge\"") && labelled("stream=\"in\""));
    let mut all = String::new();
    for url in &stack.ops_urls {
        let answer = stack.http.get(format!("{url}/metrics")).send().await.unwrap();
        all.push_str(&answer.text().await.unwrap());
    }
    for series in ["lane=\"resolve\"", "lane=\"acknowledge\"", "stream=\"in\""] {
        assert!(all.contains(series), "{series}");
    }
}
