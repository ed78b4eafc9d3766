//! Starts the stack: NATS and Postgres, the migrations, the services and the simulator, the integration.
//!
//! The wish to end is honoured between any two steps; what has been started until then is stopped by its handles.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tandem_dev::{
    Durability, Nats, NatsOptions, Postgres, PostgresOptions, Progress, Service, bins, postgres,
    runtimes, workspace,
};

use super::configure;
use super::layout::{Layout, Ports, log_file};
use super::state::{self, Hold, Process, State};
use super::{Stack, secrets};
use crate::commands::steps::Signals;

/// How the stack is to be started.
pub(crate) struct Start<'a> {
    /// The checkout.
    pub(crate) root: &'a Path,
    /// What the services log.
    pub(crate) log: &'a str,
    /// Who wants an early end.
    pub(crate) signals: &'a Signals,
    /// Where progress is shown.
    pub(crate) progress: Progress,
}

impl Start<'_> {
    /// Starts everything; the caller has built the programs.
    pub(crate) fn run(&self, hold: Hold) -> anyhow::Result<Stack> {
        let dev = workspace::dev_dir(self.root);
        rotate_logs(&dev)?;
        let (ports, replaced) = Ports::pick().context("no free ports")?;
        for line in replaced {
            self.progress.say(format_args!("  {line}"));
        }
        let supervisor = Process::of("cargo dev up", Some(std::process::id()));
        let mut state = State { supervisor, ..State::default() };

        let nats = self.nats(&dev, ports.nats)?;
        self.record(&mut state, "nats-server", nats.pid())?;
        let postgres = self.postgres(&dev, ports.postgres)?;
        self.record(&mut state, "postgres", postgres.pid())?;
        state.addresses = ports.addresses(nats.url(), postgres.url());
        let key_file = dev.join("master.key");
        secrets::keep(&key_file)?;
        let addresses = state.addresses.clone();
        let layout = Layout { ports, addresses: &addresses, dev: &dev, key_file, log: self.log };

        self.progress.step("migrating", || migrate(&dev, &state))?;
        let (services, simulator) = self.services(&layout, &mut state)?;
        let mut stack = Stack {
            services,
            simulator,
            postgres,
            nats,
            state,
            root: self.root.to_path_buf(),
            progress: self.progress,
            _hold: hold,
        };
        self.unless_asked()?;
        self.progress.step("configuring the integration sim-pd", || {
            configure::run(&stack.state.addresses)
        })?;
        stack.state.ready = true;
        state::save(self.root, &stack.state)?;
        Ok(stack)
    }

    fn nats(&self, dev: &Path, port: u16) -> anyhow::Result<Nats> {
        let server = runtimes::nats_server(self.root, self.progress)?;
        let options =
            NatsOptions { dir: dev.join("nats"), port, own_group: true, ..NatsOptions::default() };
        let name = format!("starting nats-server {}", server.version);
        Ok(self.progress.step(&name, || Nats::start(&server, options))?)
    }

    fn postgres(&self, dev: &Path, port: u16) -> anyhow::Result<Postgres> {
        self.unless_asked()?;
        let dir = dev.join("postgres");
        let bin = runtimes::postgres(self.root, postgres::data_version(&dir), self.progress)
            .context("`--fresh` starts over without the data")?;
        let password = secrets::keep(&dev.join("postgres.password"))?;
        let options = PostgresOptions {
            dir,
            port,
            durability: Durability::Kept,
            password: Some(password),
            own_group: true,
        };
        let name = format!("starting Postgres {}", bin.version);
        Ok(self.progress.step(&name, || Postgres::start(&bin, options))?)
    }

    /// Starts the simulator and the services side by side.
    fn services(
        &self,
        layout: &Layout<'_>,
        state: &mut State,
    ) -> anyhow::Result<(Vec<Service>, Service)> {
        self.unless_asked()?;
        let program = |name: &str| Ok(bins::built(name)?);
        let mut simulator = Service::prepare(layout.simulator(program("pagerduty-sim")?));
        let mut services: Vec<Service> =
            layout.services(program)?.into_iter().map(Service::prepare).collect();
        self.progress.step("starting the services and the simulator", || {
            // All of them are started and recorded before any is waited for.
            for service in [&mut simulator].into_iter().chain(&mut services) {
                service.resume_unready()?;
                self.record(state, service.name(), service.pid())?;
            }
            for service in [&mut simulator].into_iter().chain(&mut services) {
                service.wait_ready()?;
            }
            anyhow::Ok(())
        })?;
        Ok((services, simulator))
    }

    fn record(&self, state: &mut State, name: &str, pid: Option<u32>) -> anyhow::Result<()> {
        state.processes.extend(Process::of(name, pid));
        state::save(self.root, state)
    }

    fn unless_asked(&self) -> anyhow::Result<()> {
        ensure!(!self.signals.asked(), "interrupted");
        Ok(())
    }
}

/// Brings the database's schema up to date.
fn migrate(dev: &Path, state: &State) -> anyhow::Result<()> {
    let log = log_file(dev, "migrate");
    let output = Command::new(bins::built("tandem-admin")?)
        .arg("migrate")
        .env("DATABASE_URL", &state.addresses.database)
        .env("TANDEM_MASTER_KEY_FILE", dev.join("master.key"))
        .env("NATS_URL", &state.addresses.nats)
        .env_remove("TANDEM_MASTER_KEY")
        .stdin(Stdio::null())
        .output()
        .context("tandem-admin cannot be run")?;
    let text = [output.stdout, output.stderr].concat();
    fs::write(&log, &text)?;
    ensure!(output.status.success(), "the migrations failed:\n{}", String::from_utf8_lossy(&text));
    Ok(())
}

/// Keeps one earlier log of each process, and starts new ones.
fn rotate_logs(dev: &Path) -> anyhow::Result<()> {
    let folder = dev.join("log");
    fs::create_dir_all(&folder)?;
    let ours = [dev.join("nats/nats.log"), dev.join("postgres/postgres.log")];
    let logs = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
    for log in logs.chain(ours).filter(|path| is_log(path) && path.is_file()) {
        // The supervisor's own log is open already when it runs in the background.
        if !log.ends_with("up.log") {
            fs::rename(&log, log.with_extension("log.1"))?;
        }
    }
    Ok(())
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "log")
}
