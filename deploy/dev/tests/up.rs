//! `cargo dev up` as a user has it: in the background, in a checkout of its own, with every program for real.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use tandem_dev::pids::Identity;
use tandem_dev::{Nats, NatsOptions, Progress, bins, http, runtimes, workspace};

/// Runs the runner in a checkout.
fn dev(root: &Path, words: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tandem-dev"));
    // The checkout is found from the current folder when cargo says nothing about another one.
    command.current_dir(root).env_remove("CARGO_MANIFEST_DIR").args(words).output()
}

/// A folder that looks like a checkout to the runner; it stops what runs in it when dropped.
struct Checkout(tempfile::TempDir);

impl Checkout {
    fn new() -> anyhow::Result<Self> {
        let real = workspace::root()?;
        // Whatever is missing is built now; the runner is told to take what is there.
        for name in ["tandem-admin", "pagerduty-sim", "im"] {
            bins::path(&real, name)?;
        }
        let folder = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()?;
        fs::create_dir_all(folder.path().join("deploy/dev"))?;
        let lock = "deploy/dev/runtimes.lock";
        fs::copy(real.join(lock), folder.path().join(lock))?;
        Ok(Self(folder))
    }

    fn dev(&self, words: &[&str]) -> Result<String, String> {
        let output = dev(self.0.path(), words).map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complained = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(said) } else { Err(complained + &said) }
    }

    fn state(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(self.0.path().join(".dev/state.json"))?)?)
    }

    fn processes(&self) -> anyhow::Result<Vec<(String, Identity)>> {
        let state = self.state()?;
        let read = |process: &Value| {
            let pid = process.get("pid")?.as_u64()?;
            let identity = Identity {
                pid: u32::try_from(pid).ok()?,
                born: process.get("born")?.as_str()?.to_owned(),
            };
            Some((process.get("name")?.as_str()?.to_owned(), identity))
        };
        let list = state.get("processes").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(list.iter().filter_map(read).collect())
    }

    fn process(&self, name: &str) -> anyhow::Result<Identity> {
        let found = self.processes()?.into_iter().find(|(called, _)| called == name);
        Ok(found.ok_or_else(|| anyhow::anyhow!("{name} is not recorded"))?.1)
    }
}

/// Both sides, as a user sees and moves them.
impl Checkout {
    fn pagerduty(&self, path: &str) -> anyhow::Result<String> {
        let state = self.state()?;
        let address = state.pointer("/addresses/pagerduty").and_then(Value::as_str);
        Ok(format!("{}/_sim/{path}", address.unwrap_or_default()))
    }

    /// A list that the simulator shows.
    fn listed(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let answer: Value = serde_json::from_str(&http::get(&self.pagerduty(name)?)?.body)?;
        Ok(answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default())
    }

    /// Lets a person trigger an incident; gives its id here once it has arrived and the simulator has saved it.
    fn trigger(&self, title: &str) -> anyhow::Result<String> {
        let act = json!({ "action": "trigger", "title": title }).to_string();
        http::request("POST", &self.pagerduty("act")?, &[], &act)?;
        let saved = self.0.path().join(".dev/simulator.json");
        eventually("the incident is saved", || {
            fs::read_to_string(&saved).is_ok_and(|saved| saved.contains(title))
        });
        let mut id = None;
        eventually("the incident arrives", || {
            let list = self.dev(&["im", "--output", "json", "incident", "list"]);
            let list: Vec<Value> =
                serde_json::from_str(&list.unwrap_or_default()).unwrap_or_default();
            let found = list.iter().find(|it| it.get("title").is_some_and(|it| it == title));
            id = found.and_then(|it| Some(it.get("id")?.as_str()?.to_owned()));
            id.is_some()
        });
        id.ok_or_else(|| anyhow::anyhow!("it has no id"))
    }

    /// Renames an incident here, and waits until the simulator has heard of it.
    fn rename(&self, id: &str, title: &str) -> Result<(), String> {
        self.dev(&["im", "incident", "update", id, "--title", title])?;
        let renamed = |it: &Value| it.get("title").is_some_and(|it| it == title);
        eventually("the new title reaches the simulator", || {
            self.listed("incidents").is_ok_and(|list| list.iter().any(renamed))
        });
        Ok(())
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.dev(&["down"]).ok();
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_is_up_can_be_used_killed_and_stopped_and_keeps_its_data() {
    let checkout = Checkout::new().unwrap();
    checkout.dev(&["up", "--built", "--detach"]).unwrap();

    // It says where it is, and it is there.
    let exports = checkout.dev(&["env"]).unwrap();
    for name in ["TANDEM_HTTP_URL", "TANDEM_ADMIN_URL", "NATS_URL", "DATABASE_URL", "PAGERDUTY_URL"]
    {
        assert!(exports.contains(&format!("export {name}='")), "{exports}");
    }
    let state = checkout.state().unwrap();
    let ingress = state["addresses"]["http"].as_str().unwrap();
    assert!(http::is_ok(&format!("{ingress}/readyz")));

    // The integration is made once and found again.
    let get = ["im", "--output", "json", "integration", "get", "sim-pd"];
    let integration: Value = serde_json::from_str(&checkout.dev(&get).unwrap()).unwrap();
    assert_eq!(integration["name"], "PagerDuty simulator");
    assert_ne!(integration["signing_secrets"], 0);

    // A second one says so and changes nothing.
    let again = checkout.dev(&["up", "--built"]).unwrap();
    assert!(again.contains("already running"), "{again}");

    // What is killed comes back.
    let killed = checkout.process("tandem-reconciler").unwrap();
    killed.signal(rustix::process::Signal::KILL).unwrap();
    eventually("the reconciler runs again", || {
        checkout.process("tandem-reconciler").is_ok_and(|now| now != killed && now.is_alive())
    });

    // So does the simulator, with its records.
    let incident = checkout.trigger("Disk full").unwrap();
    let killed = checkout.process("pagerduty-sim").unwrap();
    killed.signal(rustix::process::Signal::KILL).unwrap();
    eventually("the simulator runs again", || {
        checkout.process("pagerduty-sim").is_ok_and(|now| now != killed && now.is_alive())
    });
    checkout.rename(&incident, "Disk full again").unwrap();
    assert_eq!(checkout.listed("subscriptions").unwrap().len(), 1);

    // Stopped, nothing is left.
    let processes = checkout.processes().unwrap();
    assert_eq!(processes.len(), 7, "{processes:?}");
    checkout.dev(&["down"]).unwrap();
    assert!(processes.iter().all(|(_, identity)| !identity.is_alive()), "{processes:?}");
    assert!(checkout.dev(&["env"]).is_err());

    // The data is still there.
    checkout.dev(&["up", "--built", "--detach"]).unwrap();
    let found: Value = serde_json::from_str(&checkout.dev(&get).unwrap()).unwrap();
    assert_eq!(found["id"], integration["id"]);
    // So are the simulator's records, and the one subscription still brings its events.
    checkout.rename(&incident, "Disk quite full").unwrap();
    assert_eq!(checkout.listed("subscriptions").unwrap().len(), 1);
    checkout.trigger("Disk on fire").unwrap();

    // A watcher that was killed leaves processes behind, which the next command cleans up.
    let watcher = checkout.state().unwrap()["supervisor"]["pid"].as_u64().unwrap();
    let watcher = Identity::of(u32::try_from(watcher).unwrap()).unwrap();
    watcher.signal(rustix::process::Signal::KILL).unwrap();
    eventually("the watcher is gone", || !watcher.is_alive());
    let left = checkout.processes().unwrap();
    assert!(left.iter().all(|(_, identity)| identity.is_alive()), "{left:?}");
    checkout.dev(&["down"]).unwrap();
    assert!(left.iter().all(|(_, identity)| !identity.is_alive()), "{left:?}");
}

/// Makes a stream with a setting that cannot be changed later, as an earlier version may have.
fn leave_an_older_stream(checkout: &Path) -> anyhow::Result<()> {
    let server = runtimes::nats_server(&workspace::root()?, Progress::Silent)?;
    let dir = checkout.join(".dev/nats");
    let mut nats = Nats::start(&server, NatsOptions { dir, ..NatsOptions::default() })?;
    let mut stream = TcpStream::connect(nats.url().trim_start_matches("nats://"))?;
    let config = json!({ "name": "TANDEM_IN", "subjects": ["tandem.in.>"], "storage": "file", "max_consumers": 3 });
    let config = config.to_string();
    write!(
        stream,
        "CONNECT {{\"verbose\":false}}\r\nSUB made 1\r\nPUB $JS.API.STREAM.CREATE.TANDEM_IN made {}\r\n{config}\r\n",
        config.len()
    )?;
    let answered = BufReader::new(stream)
        .lines()
        .find(|line| line.as_ref().map_or(true, |line| line.contains("stream_create_response")));
    anyhow::ensure!(!answered.context("no answer")??.contains("error"), "the stream is not made");
    Ok(nats.stop()?)
}

#[test]
fn data_of_another_layout_ends_the_start_with_what_to_do_about_it() {
    let checkout = Checkout::new().unwrap();
    leave_an_older_stream(checkout.0.path()).unwrap();
    let began = Instant::now();
    let said = checkout.dev(&["up", "--built"]).unwrap_err();
    assert!(said.contains("TANDEM_IN") && said.contains("cargo dev up --fresh"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(20), "it does not wait until nothing is ready");
    // Nothing was thrown away unasked, and what it says to do helps.
    assert!(checkout.0.path().join(".dev/nats/jetstream").is_dir());
    checkout.dev(&["up", "--built", "--fresh", "--detach"]).unwrap();
    // Starting over is not for what runs.
    let said = checkout.dev(&["up", "--built", "--fresh"]).unwrap_err();
    assert!(said.contains("cargo dev down"), "{said}");
}

#[test]
fn with_nothing_up_each_command_says_what_to_do() {
    let checkout = Checkout::new().unwrap();
    for words in [&["env"][..], &["im", "incident", "list"]] {
        let said = checkout.dev(words).unwrap_err();
        assert!(said.contains("cargo dev up"), "{words:?}: {said}");
    }
    assert!(checkout.dev(&["im", "incident", "list", "--help"]).unwrap().contains("Usage"));
    assert!(checkout.dev(&["down"]).unwrap().contains("nothing was running"));
    let elsewhere = tempfile::tempdir().unwrap();
    // Found by neither the current folder nor the program, which is started from a copy.
    let program = elsewhere.path().join("dev");
    fs::copy(env!("CARGO_BIN_EXE_tandem-dev"), &program).unwrap();
    let mut command = Command::new(program);
    let output = command.current_dir(elsewhere.path()).env_remove("CARGO_MANIFEST_DIR").arg("env");
    let said = String::from_utf8_lossy(&output.output().unwrap().stderr).into_owned();
    assert!(said.contains("run it in the folder you cloned"), "{said}");
}
