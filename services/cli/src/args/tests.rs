//! The documented command lines parse, the rest is refused, and the help is as reviewed.

use clap::CommandFactory as _;

use super::*;

/// Lines of the handbook, as they are typed.
const DOCUMENTED: &str = r#"
im integration configure --name "Production PagerDuty" --type pagerduty --org acme-corp --base-url "https://api.pagerduty.com" --direction bidirectional --token "t"
im integration configure prod-pd --conflict-strategy last-write-wins
im integration configure prod-pd --conflict-strategy ownership-priority
im integration configure prod-pd --conflict-strategy manual-review
im integration configure prod-pd --rate-limit 100 --backoff-multiplier 2
im integration configure prod-pd --enabled false --token-env PD_TOKEN
im integration configure prod-pd --signing-secret-file secret.txt
im integration enable prod-pd
im integration disable prod-pd --etag 7
im integration pause prod-pd
im integration resume prod-pd
im integration rotate-secret prod-pd
im integration rotate-secrets prod-pd --signing-secret-file secret.txt
im integration history prod-pd --limit 5 --diff
im integration rollback prod-pd --to-version 3 --dry-run
im integration rollback prod-pd --to-version 3 --yes --etag 7
im export
im export --integration prod-pd
im apply -f tandem.yaml --dry-run
im apply --file - --yes
im integration list --output json
im integration list prod-pd
im integration get prod-pd
im integration delete prod-pd
im integration links prod-pd
im integration service-mapping add prod-pd --pd-service "P123ABC" --incident-type "infrastructure"
im integration service-mapping add prod-pd --pd-service P123ABC --incident-type infrastructure --default
im integration service-mapping list prod-pd
im integration service-mapping remove prod-pd --pd-service P123ABC --incident-type infrastructure
im integration field-ownership set prod-pd title --owner platform --priority 10
im integration field-ownership list prod-pd
im integration field-ownership delete prod-pd title
im incident list --status open --limit 10
im incident list --status mitigated --severity SEV-1
im incident get inc_1
im incident create --title "db down" --severity SEV-2 --description d --type infrastructure --label team=pay
im incident update inc_1 --title t --severity sev-1 --status resolved --description "" --assigned-to a@b.test
im incident watch
im incident timeline inc_1
im incident note inc_1 "text"
im note add inc_1 "text"
im integration dlq prod-pd
im integration dlq prod-pd --state replayed --direction out --group "pagerduty 404" --limit 5
im integration configure prod-pd --sync-escalations true
im integration field-ownership set prod-pd title --owner platform --priority 10 --enforced
im integration field-ownership set prod-pd assigned_to --owner external --priority 5 --direction bidirectional
im integration field-ownership set prod-pd title --owner platform --enforced=false --etag 7
im integration field-mapping list prod-pd
im integration field-mapping set prod-pd severity SEV-1=high SEV-2=high! SEV-3=low! SEV-4=low --priorities SEV-1=P1 SEV-2=P2
im integration field-mapping set prod-pd severity --no-priorities
im integration field-mapping set prod-pd label.region --external region_cf
im integration field-mapping reset prod-pd severity
im integration user-mapping list prod-pd
im integration user-mapping set prod-pd "Dana Whitlock" PD4N4QK
im integration user-mapping remove prod-pd "Dana Whitlock"
im integration policy-mapping set prod-pd "Checkout primary" PEPCHK1
im integration scope show prod-pd
im integration scope set prod-pd --service P123ABC --team PT1 --label region=eu --min-severity SEV-2 --expression 'labels.region == "eu"'
im integration scope clear prod-pd
im integration ignored prod-pd --days 30
im conflict list --integration prod-pd
im conflict list --field title --standing resolved
im conflict show cfl_1
im conflict resolve cfl_1 --take platform
im conflict resolve cfl_1 cfl_2 --value "C"
im conflict resolve --integration prod-pd --field title --all --take external --yes
im links show lnk_1
im links link inc_1 --integration prod-pd --record Q1T7M4Z0KD82WB
im links unlink lnk_1
im links resync lnk_1 --read
im explain inc_1
im explain inc_1 title --steps 100
im incident explain inc_1 title
im incident update inc_1 --label team=pay --remove-label region --as ada@acme.test
im audit list --incident inc_1 --field title --rule owner_wins
im audit admin --actor ada@acme.test --action integration --target prod-pd --days 7 --limit 5
im audit verify
im audit verify inc_1
im dlq list --integration prod-pd --all
im dlq causes --integration prod-pd
im dlq show dlt_1
im dlq replay dlt_1 --dry-run
im dlq replay dlt_1 dlt_2
im dlq replay --integration prod-pd --direction in --group "not an event" --no-wait
im dlq progress rpl_1
im dlq edit dlt_1 --set snapshot.fields.title.value="db down" --dry-run
im dlq edit dlt_1 --file - --yes
im dlq discard dlt_1 dlt_2 --reason "the service is gone"
im integration configure prod-pd --rate-limit 100 --etag 7
im integration delete prod-pd --yes --etag 7
im integration service-mapping remove prod-pd --pd-service P123ABC --etag 7
im token create --name chat-bot --role operator --acts-for-others --expires-in-days 90
im token list --all
im token revoke chat-bot
im keys list
im keys rotate --key 0a1b2c3d
im --token-file prod.token status
im --token-file prod.token integration configure prod-pd --token-file pagerduty.token
im status --profile prod
im integration oncall prod-pd --schedule-id "PABC123"
im integration oncall prod-pd --fresh --output yaml
im integration users prod-pd --map-by-email
im integration services prod-pd
im integration escalation-policies prod-pd
im integration priorities prod-pd --fresh
im integration test prod-pd
im integration sync-status prod-pd
im status
im completion bash
im conflict list --integration prod-pd --watch
im dlq list --watch
im integration dlq prod-pd --watch
im integration links prod-pd --watch
im man
im man --dir man
im incident escalate inc_1 --level 2
im incident page inc_1 --message "please join" --user "Dana Whitlock" --policy "Platform on-call"
im integration plan prod-pd
im integration apply prod-pd --max-notifications 20
im integration policy-mapping list prod-pd
im integration policy-mapping remove prod-pd "Checkout primary"
"#;

fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["im"].iter().chain(args))
}

#[test]
fn verify_cli() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_line_parses() {
    for line in DOCUMENTED.trim().lines() {
        if let Err(refusal) = Cli::try_parse_from(shell_words::split(line).unwrap()) {
            panic!("{line}: {refusal}");
        }
    }
}

#[test]
fn every_command_is_documented() {
    let mut documented = std::collections::BTreeSet::new();
    for line in DOCUMENTED.trim().lines() {
        let words = shell_words::split(line).unwrap();
        let matches = Cli::command().try_get_matches_from(words).unwrap();
        let (mut path, mut at) = (String::new(), &matches);
        while let Some((name, below)) = at.subcommand() {
            path = format!("{path} {name}");
            at = below;
        }
        documented.insert(path);
    }
    let mut open = vec![(String::new(), Cli::command())];
    while let Some((path, command)) = open.pop() {
        assert!(command.has_subcommands() || documented.contains(&path), "im{path} is in no line");
        for below in command.get_subcommands() {
            open.push((format!("{path} {}", below.get_name()), below.clone()));
        }
    }
}

#[test]
fn global_options_may_stand_anywhere() {
    let cli = parse(&["incident", "list", "--org", "acme", "-o", "yaml"]).unwrap();
    assert_eq!(cli.global.org.as_deref(), Some("acme"));
    assert_eq!(cli.global.output, Output::Yaml);
}

#[test]
fn only_one_source_of_a_token_is_taken() {
    let line = ["integration", "configure", "p", "--token-env", "A", "--token-file", "f"];
    assert!(parse(&line).is_err());
}

#[test]
fn a_label_without_a_key_is_refused() {
    assert!(parse(&["incident", "create", "--title", "t", "--label", "=v"]).is_err());
    assert!(parse(&["incident", "create", "--title", "t", "--label", "k"]).is_err());
}

#[test]
fn a_decision_needs_to_say_what_of_and_what() {
    for bad in [
        &["conflict", "resolve", "cfl_1"][..],
        &["conflict", "resolve", "--take", "platform"],
        &["conflict", "resolve", "--all", "--take", "platform"],
        &["conflict", "resolve", "cfl_1", "--take", "platform", "--value", "x"],
        &["conflict", "resolve", "cfl_1", "--take", "value"],
        &["integration", "field-mapping", "set", "p", "severity", "SEV-1"],
        &["integration", "field-mapping", "set", "p", "severity", "SEV-1=!"],
    ] {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_token_on_the_command_line_never_shows_in_debug() {
    let cli = parse(&["integration", "configure", "p", "--token", "tokentoken"]).unwrap();
    assert!(!format!("{cli:?}").contains("tokentoken"));
}

#[test]
fn help_is_as_reviewed() {
    let mut root = Cli::command();
    root.build();
    insta::assert_snapshot!(help(&mut root).join("\n"));
}

/// The help of a command and those below it; the global options once, at the root.
fn help(command: &mut clap::Command) -> Vec<String> {
    let text = command.render_help().to_string();
    let mut all = match text.split_once("\nGlobal options:") {
        Some((own, _)) if command.get_name() != "im" => vec![own.to_owned()],
        _ => vec![text],
    };
    for sub in command.get_subcommands_mut() {
        all.extend(help(sub));
    }
    all
}
