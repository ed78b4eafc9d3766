//! The commands as the handbook prints them, typed word for word and in their order; and of every
//! command there is, that it is tried somewhere, and says what is wrong with what it is not given.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;
use tandem_pagerduty_sim::USER_TOKEN;
use tandem_tests::{Im, Stack};

/// As printed. A word with `|` in it stands for one line with each of its parts, and `…` for what
/// everybody has another of.
const PRINTED: &str = r#"
im integration configure --name "Production PagerDuty" --type pagerduty --org acme-corp --base-url "https://api.pagerduty.com" --direction bidirectional --token "…"
im integration configure prod-pd --conflict-strategy last-write-wins|ownership-priority|manual-review
im integration configure prod-pd --sync-escalations true
im integration configure prod-pd --rate-limit 100 --backoff-multiplier 2
im integration field-ownership set prod-pd title --owner platform --priority 10
im integration service-mapping add prod-pd --pd-service "P123ABC" --incident-type "infrastructure"
im integration oncall prod-pd --schedule-id "PABC123"
im integration sync-status|links|dlq|test|list|get|delete prod-pd
im conflict list --integration prod-pd
"#;

/// What is wanted to be read in the answers, in their order: the exit code and pieces of the text.
const WANTED: [(i32, &[&str]); 17] = [
    (
        0,
        &[
            "prod-pd",
            "Production PagerDuty",
            "bidirectional",
            "it is unverified",
            "next: have webhooks sent",
        ],
    ),
    (0, &["last-write-wins"]),
    (0, &["ownership-priority"]),
    (0, &["manual-review"]),
    (0, &["sync escalations    yes"]),
    (0, &["rate limit          100/min", "backoff multiplier  2"]),
    (0, &["title", "platform", "10"]),
    (0, &["P123ABC", "infrastructure"]),
    (0, &["PABC123"]),
    (0, &["prod-pd"]),
    (0, &[]),
    (0, &[]),
    // Everything but what nobody has given yet.
    (1, &["token", "error: failed: signature"]),
    (0, &["prod-pd", "pagerduty"]),
    (0, &["manual-review", "100/min"]),
    (0, &["prod-pd"]),
    // It was deleted just now, and what is on record of it is still there to be read.
    (0, &[]),
];

/// The lines to type: words, as a shell makes them.
fn typed() -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for line in PRINTED.lines().filter(|line| !line.is_empty()) {
        let words = shell_words::split(line).unwrap();
        let choices = words.iter().position(|word| word.contains('|'));
        let Some(place) = choices else {
            lines.push(words);
            continue;
        };
        for choice in words[place].split('|') {
            let mut words = words.clone();
            choice.clone_into(&mut words[place]);
            lines.push(words);
        }
    }
    for word in lines.iter_mut().flatten().filter(|word| *word == "…") {
        USER_TOKEN.clone_into(word);
    }
    lines
}

/// Runs `im`; gives its exit code and what it said, on both ways.
async fn run(im: &Im, words: &[&str]) -> (i32, String, String) {
    let output = im.run(words).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_commands_work_word_for_word_and_in_their_order() {
    let stack = Stack::start().await;
    let im = stack.im.of_no_org();
    let mut wrong = Vec::new();
    assert_eq!(typed().len(), WANTED.len());
    for (place, words) in typed().iter().enumerate() {
        let words: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
        let (code, said, besides) = run(&im, &words).await;
        let (wanted, pieces) = WANTED[place];
        let both = format!("{said}{besides}");
        if code != wanted || pieces.iter().any(|piece| !both.contains(piece)) {
            wrong.push(format!("im {words:?}: {code} and not {wanted}, with {pieces:?}:\n{both}"));
        }
        if place == 0 {
            // Not printed: from here on it is the simulator's account, since nothing leaves this machine.
            let url = &stack.pagerduty.url;
            let words = ["integration", "configure", "prod-pd", "--base-url", url];
            im.json_fed(&[&words[..], &["--token-file", "-"]].concat(), USER_TOKEN).await.unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Commands that no other flow types, in an order in which each finds what it needs. `{incident}` and
/// `{link}` are put in.
const REST: &str = r#"
im integration pause sim-pd
im integration resume sim-pd
im integration disable sim-pd
im integration enable sim-pd
im integration scope set sim-pd --min-severity SEV-3
im integration scope show sim-pd
im integration scope clear sim-pd
im integration service-mapping list sim-pd
im integration service-mapping add sim-pd --pd-service PCHK0UT --incident-type payments
im integration service-mapping remove sim-pd --pd-service PCHK0UT --incident-type payments
im integration field-ownership set sim-pd title --owner external --priority 1
im integration field-ownership list sim-pd
im integration field-ownership delete sim-pd title
im integration field-mapping set sim-pd label.region --external region_cf
im integration field-mapping list sim-pd
im integration field-mapping reset sim-pd label.region
im integration user-mapping set sim-pd "Dana Whitlock" PD4N4QK
im integration user-mapping list sim-pd
im integration user-mapping remove sim-pd "Dana Whitlock"
im integration policy-mapping set sim-pd "Checkout primary" PEPCHK1
im integration policy-mapping list sim-pd
im integration policy-mapping remove sim-pd "Checkout primary"
im incident note {incident} "The queue is full."
im links show {link}
im token create --name handbook --role viewer
im token list
im token revoke handbook
"#;

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_no_story_needs_work_for_people_and_for_programs() {
    let stack = Stack::start().await;
    let words = ["incident", "create", "--title", "Checkout is slow", "--severity", "SEV-2"];
    let words = [&words[..], &["--type", "infrastructure"]].concat();
    let made = stack.im.json(&words).await.unwrap();
    let incident = made["id"].as_str().unwrap();
    let soon = std::time::Duration::from_secs(20);
    let joined = tandem_tests::eventually("it is linked", soon, || async {
        let words = ["integration", "links", "sim-pd"];
        let links = stack.im.json(&words).await.map_err(|error| error.to_string())?;
        links[0]["id"].as_str().map(str::to_owned).ok_or_else(|| links.to_string())
    })
    .await;
    for line in REST.lines().filter(|line| !line.is_empty()) {
        let line = line.replace("{incident}", incident).replace("{link}", &joined);
        let words = shell_words::split(&line).unwrap();
        let words: Vec<_> = words.iter().skip(1).map(String::as_str).collect();
        let (code, said, besides) = run(&stack.im, &words).await;
        assert_eq!(code, 0, "{line}: {said}{besides}");
        assert!(!said.is_empty() || !besides.is_empty(), "{line} says nothing");
        assert!(!said.contains('\u{1b}'), "colour is for terminals: {said}");
        // What changes something once is refused, or does nothing, when it is asked for again.
        let (code, said, besides) =
            run(&stack.im, &[&words[..], &["--output", "json"]].concat()).await;
        match code {
            0 => {
                let mut values = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
                assert!(values.all(|value| value.is_ok()), "{line}: {said}");
            }
            3 | 4 => assert!(besides.starts_with("error: "), "{line}: {besides}"),
            other => panic!("{line}: {other}: {said}{besides}"),
        }
    }
    let (code, script, _) = run(&stack.im, &["completion", "bash"]).await;
    assert!(code == 0 && script.contains("complete -F _im"), "{script}");
    watched(&stack, incident).await;
}

/// `im incident watch` tells of an edit.
async fn watched(stack: &Stack, incident: &str) {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let mut child = stack.im.begin(&["incident", "watch", "--output", "json"]).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = async {
        let mut number = 0;
        loop {
            number += 1;
            let title = format!("Checkout is down ({number})");
            stack.im.json(&["incident", "update", incident, "--title", &title]).await.unwrap();
            // It may not have begun to listen when the first edit was made.
            let within = std::time::Duration::from_secs(5);
            if let Ok(line) = tokio::time::timeout(within, lines.next_line()).await {
                return line.unwrap().expect("it goes on");
            }
        }
    };
    let told =
        tokio::time::timeout(std::time::Duration::from_mins(1), told).await.expect("in time");
    assert!(told.contains('{') || told.contains(incident), "{told}");
    child.kill().await.unwrap();
}

/// Every flow there is, as text without spaces.
fn flows(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            flows(&path, all);
        } else {
            all.extend(std::fs::read_to_string(&path).unwrap().split_whitespace());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_typed_in_a_flow_and_names_what_it_lacks() {
    let stack = Stack::start().await;
    let pages = stack.dir().join("man");
    let (code, said, besides) = run(&stack.im, &["man", "--dir", pages.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{said}{besides}");
    let mut source = String::new();
    flows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("flows"), &mut source);
    let mut untried = BTreeSet::new();
    let mut commands = 0;
    for words in leaves(&stack.im).await {
        commands += 1;
        let page = pages.join(format!("im-{}.1", words.join("-")));
        assert!(page.is_file(), "{words:?} has a page of the manual");
        let as_list = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(",");
        let as_line = format!("im{}", words.concat());
        if !source.contains(&as_list) && !source.contains(&as_line) {
            untried.insert(words.join(" "));
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let (code, _, besides) =
            run(&stack.im, &[&words[..], &["--no-such-option"]].concat()).await;
        assert_eq!(code, 64, "{words:?}: {besides}");
        assert!(besides.contains("--no-such-option"), "{words:?}: {besides}");
        let (_, help, _) = run(&stack.im, &[&words[..], &["--help"]].concat()).await;
        let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap().to_owned();
        let asked = usage.split_whitespace().find(|word| word.starts_with('<'));
        if let Some(asked) = asked {
            let (code, _, besides) = run(&stack.im, &words).await;
            assert_eq!(code, 64, "{words:?}: {besides}");
            let name = asked.trim_matches(['<', '>', '.', '[', ']']);
            assert!(besides.contains(name), "{words:?} does not name {name}: {besides}");
        }
    }
    assert!(commands > 60, "{commands}");
    assert_eq!(untried, BTreeSet::new(), "no flow types these");
}

/// Every command that has none below it, by its words.
async fn leaves(im: &Im) -> Vec<Vec<String>> {
    let mut leaves = Vec::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(words) = open.pop() {
        let asked: Vec<_> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let (code, help, _) = run(im, &asked).await;
        assert_eq!(code, 0, "{words:?}");
        let Some((_, below)) = help.split_once("\nCommands:\n") else {
            leaves.push(words);
            continue;
        };
        let names = below.lines().take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        for name in names.filter(|name| !name.is_empty()) {
            open.push([&words[..], &[name.to_owned()]].concat());
        }
    }
    leaves
}
