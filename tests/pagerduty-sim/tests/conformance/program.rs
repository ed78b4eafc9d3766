//! The program itself as a process, for what only a process can do: be killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// A running program; it is killed when dropped.
pub(crate) struct Program {
    child: Child,
    url: String,
    http: reqwest::Client,
}

fn serve(state_file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagerduty-sim"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--state-file"]).arg(state_file);
    command
}

impl Program {
    /// Starts it and waits for the line that says where it listens.
    pub(crate) fn start(state_file: &Path) -> Self {
        let mut child = serve(state_file).stdout(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        // Installed already is as good as installed now.
        rustls::crypto::ring::default_provider().install_default().ok();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { child, url, http }
    }

    /// What it says when it does not start.
    pub(crate) fn refused(state_file: &Path) -> String {
        let output = serve(state_file).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Lets a person trigger an incident; gives its id.
    pub(crate) async fn trigger(&self, title: &str) -> String {
        let body = json!({ "action": "trigger", "title": title });
        let request = self.http.post(format!("{}/_sim/act", self.url)).json(&body);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        crate::harness::id(&answer["incident"]).to_owned()
    }

    /// The ids of all incidents, oldest first.
    pub(crate) async fn incidents(&self) -> Vec<String> {
        let request = self.http.get(format!("{}/_sim/incidents", self.url));
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let list = answer["incidents"].as_array().unwrap();
        list.iter().map(|it| crate::harness::id(it).to_owned()).collect()
    }

    /// Kills it (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM) and waits for that.
    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
