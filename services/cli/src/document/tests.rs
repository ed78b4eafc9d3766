use super::*;

const WHOLE: &str = r"
org: acme-corp
integrations:
  - handle: prod-pd
    name: Production PagerDuty
    type: pagerduty
    base_url: https://api.pagerduty.com
    conflict_strategy: manual-review
    scope: {min_severity: SEV-2, labels: {region: eu}}
    fields:
      title: {owner: external, priority: 5}
      label.region: {external_name: region_cf}
    service_mappings:
      - {service: P123ABC, incident_type: infrastructure, is_default: true}
";

fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Err(problems) => problems,
        Ok(read) => panic!("{read:?}"),
    }
}

#[test]
fn a_document_says_what_is_to_be() {
    let read = parse(WHOLE).unwrap();
    assert_eq!(read.org.as_deref(), Some("acme-corp"));
    let one = &read.integrations[0];
    assert!(one.enabled && !one.paused);
    assert_eq!(one.conflict_strategy(), v1::ConflictStrategy::ManualReview);
    assert_eq!((one.fields.len(), one.service_mappings[0].is_default), (2, true));
}

#[test]
fn an_unknown_key_is_named_by_its_path_with_the_one_that_was_meant() {
    let misspelt = WHOLE
        .replace("conflict_strategy", "conflict_stratgy")
        .replace("priority: 5", "prority: 5")
        .replace("      title:", "      titel:")
        .replace("is_default", "default");
    assert_eq!(
        problems(&misspelt),
        [
            "integrations.prod-pd.conflict_stratgy: there is no such key; is conflict_strategy meant?",
            "integrations.prod-pd.fields.titel: there is no such key; is title meant?",
            "integrations.prod-pd.service_mappings.P123ABC.default: there is no such key; is is_default meant?",
        ]
    );
    assert_eq!(
        problems("organization: acme"),
        ["organization: there is no such key; is org meant?"]
    );
    assert_eq!(problems("integrations: {}"), ["integrations: must be a list"]);
}

#[test]
fn a_value_that_cannot_stand_there_is_named_by_its_path() {
    let wrong = WHOLE.replace("manual-review", "whoever");
    let told = problems(&wrong);
    assert!(
        told[0].starts_with("integrations.prod-pd.conflict_strategy: \"whoever\" is not one of"),
        "{told:?}"
    );
    let wrong = WHOLE.replace("priority: 5", "priority: high");
    let told = problems(&wrong);
    assert!(told[0].starts_with("integrations.prod-pd.fields.title.priority: "), "{told:?}");
    let told = problems("integrations: [{handle: x}]");
    assert!(told[0].contains("missing field"), "{told:?}");
    assert!(problems("- a\n- b: [")[0].starts_with("it is no YAML"));
}

#[test]
fn a_secret_is_named_by_where_it_lies_and_one_of_our_own_goes_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, "u+abc\n").unwrap();
    let with = |line: &str| {
        WHOLE.replace("    type: pagerduty\n", &format!("    type: pagerduty\n    {line}\n"))
    };
    let file = format!("token_file: {}", path.display());
    let read = parse(&with(&file)).unwrap();
    assert_eq!(read.integrations[0].credentials.as_ref().unwrap().token, "u+abc");
    let told = problems(&with("token_env: TANDEM_TEST_NO_SUCH_VARIABLE"));
    assert!(told[0].contains("TANDEM_TEST_NO_SUCH_VARIABLE is not set"), "{told:?}");
    let told = problems(&with(&format!("{file}\n    token_env: X")));
    assert!(told[0].contains("name it twice"), "{told:?}");
    std::fs::write(&path, "tdm_canary\n").unwrap();
    let told = problems(&with(&file));
    assert!(!told[0].contains("canary"), "{told:?}");
}

#[test]
fn what_is_written_out_is_read_back_and_names_no_secret() {
    let made = parse(WHOLE).unwrap().integrations;
    let exported =
        v1::ExportConfigurationResponse { org: "acme-corp".to_owned(), integrations: made };
    let (document, _) = Document::of(exported.clone());
    let text = document.written(&[true]).unwrap();
    insta::assert_snapshot!(text);
    let read = parse(&text).unwrap();
    let bare = |it: &v1::Configuration| v1::Configuration { credentials: None, ..it.clone() };
    let (read, made): (Vec<_>, Vec<_>) = (
        read.integrations.iter().map(bare).collect(),
        exported.integrations.iter().map(bare).collect(),
    );
    assert_eq!(read, made);
}
