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
im integration list --output json
im integration get prod-pd
im integration delete prod-pd
im integration links prod-pd
im integration service-mapping add prod-pd --pd-service "P123ABC" --incident-type "infrastructure"
im integration service-mapping add prod-pd --pd-service P123ABC --incident-type infrastructure --default
im integration service-mapping list prod-pd
im integration service-mapping remove prod-pd --pd-service P123ABC --incident-type infrastructure
im integration field-ownership set prod-pd title --owner platform --priority 10
im integration field-ownership list prod-pd
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
im completion bash
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
