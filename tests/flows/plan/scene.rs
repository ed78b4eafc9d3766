//! Two sides that grew apart: some pairs are linked, some belong together, most are alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Output,
    time::Duration,
};

use serde_json::{Value, json};
use tandem_tests::{Stack, eventually};

/// How long anything may take.
const WITHIN: Duration = Duration::from_mins(1);

/// How many there are of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    /// Linked, and the same.
    pub(super) in_step: usize,
    /// Linked, and renamed over there.
    pub(super) differing: usize,
    /// Records whose key names an incident, the same.
    pub(super) named: usize,
    /// The same, with another title over there.
    pub(super) renamed: usize,
    /// Records alone.
    pub(super) there: usize,
    /// Records alone, of a service that stands for nothing.
    pub(super) elsewhere: usize,
    /// Incidents alone.
    pub(super) here: usize,
    /// Incidents alone, of a type that no service stands for.
    pub(super) homeless: usize,
}

impl Counts {
    pub(super) const NONE: Self = Self {
        in_step: 0,
        differing: 0,
        named: 0,
        renamed: 0,
        there: 0,
        elsewhere: 0,
        here: 0,
        homeless: 0,
    };
}

/// What there is, by what it is for.
#[derive(Debug, Default)]
pub(super) struct Scene {
    /// Linked records, the same.
    in_step: BTreeSet<String>,
    /// Linked records that were renamed.
    differing: BTreeSet<String>,
    /// Incidents by the record that names them.
    named: BTreeMap<String, String>,
    renamed: BTreeMap<String, String>,
    /// Records alone.
    pub(super) there: BTreeSet<String>,
    /// Incidents alone.
    pub(super) here: BTreeSet<String>,
    homeless: BTreeSet<String>,
}

/// What a command said besides.
pub(super) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Makes a plan, as soon as somebody can read the account.
pub(super) async fn planned(stack: &Stack) -> Value {
    eventually("a plan can be made", WITHIN, || async {
        let plan = stack.im.json(&["integration", "plan", "sim-pd"]).await;
        plan.map_err(|error| error.to_string())
    })
    .await
}

fn id(of: &Value) -> String {
    of["id"].as_str().unwrap_or_else(|| panic!("no id: {of}")).to_owned()
}

/// Has the integration take part, or not: then nothing of here is meant for it, not even later.
async fn take_part(stack: &Stack, enabled: &str, direction: &str) {
    let words = ["integration", "configure", "sim-pd", "--enabled", enabled];
    stack.im.json(&[&words[..], &["--direction", direction]].concat()).await.unwrap();
}

async fn open(stack: &Stack, title: &str, kind: &str) -> String {
    let words = ["incident", "create", "--title", title, "--severity", "SEV-3", "--type", kind];
    id(&stack.im.json(&words).await.unwrap())
}

fn trigger(stack: &Stack, title: &str, service: &str, key: Option<&str>) -> String {
    let trigger = json!({
        "action": "trigger", "title": title, "service": service, "urgency": "low", "key": key,
    });
    id(&stack.act(trigger))
}

/// What happens on both sides before and while the integration takes no part.
impl Scene {
    pub(super) async fn set(stack: &Stack, counts: Counts) -> Self {
        let mut scene = Self::default();
        for number in 0..counts.in_step {
            let title = format!("in step {number}");
            scene.in_step.insert(trigger(stack, &title, "P123ABC", None));
        }
        for number in 0..counts.differing {
            let title = format!("differing {number}");
            scene.differing.insert(trigger(stack, &title, "P123ABC", None));
        }
        let linked = counts.in_step + counts.differing;
        eventually("the first arrive", WITHIN, || async {
            let there = stack.incidents().await.len();
            if there == linked { Ok(()) } else { Err(there) }
        })
        .await;
        stack.at_rest().await;
        take_part(stack, "false", "inbound").await;
        scene.grow_apart(stack, counts).await;
        // Webhooks of what takes no part are dealt with before it takes part again.
        stack.at_rest().await;
        take_part(stack, "true", "bidirectional").await;
        scene
    }

    async fn grow_apart(&mut self, stack: &Stack, counts: Counts) {
        // The first webhook that is left out shows that the configuration has arrived.
        for record in &self.differing {
            let title = stack.pagerduty.incidents();
            let title =
                title.iter().find(|it| it["id"] == record.as_str()).unwrap()["title"].clone();
            let title = format!("{}, renamed", title.as_str().unwrap());
            stack.act(json!({"action": "retitle", "incident": record, "title": title}));
        }
        for number in 0..counts.here {
            self.here.insert(open(stack, &format!("here {number}"), "infrastructure").await);
        }
        for number in 0..counts.homeless {
            self.homeless.insert(open(stack, &format!("homeless {number}"), "art").await);
        }
        for number in 0..counts.named {
            let title = format!("named {number}");
            let incident = open(stack, &title, "infrastructure").await;
            let record = trigger(stack, &title, "P123ABC", Some(&incident));
            self.named.insert(record, incident);
        }
        for number in 0..counts.renamed {
            let title = format!("renamed {number}");
            let incident = open(stack, &title, "infrastructure").await;
            let theirs = format!("{title}, there");
            let record = trigger(stack, &theirs, "P123ABC", Some(&incident));
            self.renamed.insert(record, incident);
        }
        for number in 0..counts.there {
            self.there.insert(trigger(stack, &format!("there {number}"), "P123ABC", None));
        }
        for number in 0..counts.elsewhere {
            self.there.insert(trigger(stack, &format!("elsewhere {number}"), "PL3DG3R", None));
        }
    }

    /// Each thing has the line that it should have, and there is no other line.
    pub(super) fn is_right_in_every_line(&self, plan: &Value) {
        let lines = plan["lines"].as_array().unwrap();
        let positions = lines.iter().map(|it| it["position"].as_u64().unwrap());
        assert!(positions.eq(1..=lines.len() as u64), "{lines:?}");
        let (mut linked, mut updated) = (BTreeMap::new(), BTreeSet::new());
        let (mut begun, mut created) = (BTreeSet::new(), BTreeSet::new());
        for line in lines {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            let (record, incident) = (text("record"), text("incident"));
            assert_eq!((&line["state"], &line["conflicts"]), (&json!("planned"), &json!([])));
            match line["kind"].as_str().unwrap() {
                "link" => {
                    // Who has it comes in; whose title it is, is written out.
                    let people = ["assigned_to", "escalation_policy"];
                    let mut expected: Vec<_> =
                        people.map(|field| ("platform".to_owned(), field.to_owned())).into();
                    if self.renamed.contains_key(&record) {
                        expected.push(("external".to_owned(), "title".to_owned()));
                    }
                    assert_eq!(changes(line), expected, "{line}");
                    linked.insert(record, incident);
                }
                "update" => {
                    let title = ("platform".to_owned(), "title".to_owned());
                    assert_eq!(changes(line), [title], "{line}");
                    updated.insert(record);
                }
                "create-here" => {
                    assert_eq!(line["incident"], json!(null));
                    let here = |change: &Value| change["side"] == "platform";
                    assert!(line["changes"].as_array().unwrap().iter().all(here), "{line}");
                    begun.insert(record);
                }
                "create-there" => {
                    assert_eq!((&line["service"], record.as_str()), (&json!("P123ABC"), ""));
                    assert_eq!(changes(line), first(line), "{line}");
                    created.insert(incident);
                }
                other => panic!("{other}"),
            }
        }
        let together = self.named.clone().into_iter().chain(self.renamed.clone());
        assert_eq!(linked, together.collect());
        assert_eq!(updated, self.differing);
        assert_eq!((begun, created), (self.there.clone(), self.here.clone()));
    }

    /// What was called and what came of it is what was planned, and nothing else.
    pub(super) async fn is_applied_exactly(&self, stack: &Stack, since: u64) {
        let calls = stack.pagerduty.calls(since);
        let made = calls.iter().filter(|call| call.method == "POST" && call.path == "/incidents");
        let titles: BTreeSet<&str> =
            made.clone().map(|call| call.body["incident"]["title"].as_str().unwrap()).collect();
        assert_eq!((made.count(), titles.len()), (self.here.len(), self.here.len()));
        let written: BTreeSet<String> = calls
            .iter()
            .filter(|call| call.method == "PUT")
            .filter(|call| !call.changed.is_empty())
            .map(|call| call.path.trim_start_matches("/incidents/").to_owned())
            .collect();
        let renamed: BTreeSet<String> = self.renamed.keys().cloned().collect();
        assert_eq!(written, renamed);
        let incidents = stack.incidents().await;
        let linked: BTreeSet<&str> = incidents
            .iter()
            .flat_map(|incident| incident["links"].as_array().unwrap())
            .filter_map(|link| link["record"].as_str())
            .collect();
        let records = stack.pagerduty.incidents();
        let there: BTreeSet<&str> = records.iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(linked, there, "every record has its incident");
        let alone = incidents.iter().filter(|it| it["links"].as_array().unwrap().is_empty());
        let alone: BTreeSet<String> = alone.map(id).collect();
        assert_eq!(alone, self.homeless, "every incident has its record");
        let twice = incidents.iter().filter(|it| it["links"].as_array().unwrap().len() > 1);
        assert_eq!((twice.count(), incidents.len()), (0, there.len() + self.homeless.len()));
    }
}

/// The changes of a line by side and field.
fn changes(line: &Value) -> Vec<(String, String)> {
    let all = line["changes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.map(|change| (text(&change["side"]), text(&change["field"]))).collect()
}

/// What a record of ours begins with.
fn first(line: &Value) -> Vec<(String, String)> {
    let title = line["changes"].as_array().unwrap().iter().find(|it| it["field"] == "title");
    assert_eq!(title.unwrap()["after"], line["title"], "{line}");
    ["title", "severity", "status"].map(|field| ("external".to_owned(), field.to_owned())).into()
}
