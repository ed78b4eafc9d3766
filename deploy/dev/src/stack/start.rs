//! Starts the stack: NATS and Postgres, the migrations, the services and the simulator, the integration.
//!
//! The wish to end is honoured between any two steps; what has been started until then is stopped by its handles.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tandem_dev::{
    Durability, Guest, Nats, NatsOptions, Postgres, PostgresOptions, Progress, Service, bins,
    ports, postgres, runtimes, workspace,
};

use tandem_dev::runtimes::{NatsServer, PostgresBin};

use super::configure;
use super::layout::{Layout, Ports, log_file};
use super::outdated::Outdated;
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
        // Whatever has to be installed comes before anybody else's start is held up.
        let server = runtimes::nats_server(self.root, self.progress)?;
        let bin = self.postgres_bin(&dev)?;
        let turn = ports::turn();
        let (ports, replaced) = Ports::pick().context("no free ports")?;
        for line in replaced {
            self.progress.say(format_args!("  {line}"));
        }
        let supervisor = Process::of("cargo dev up", Some(std::process::id()));
        let mut state = State { supervisor, ..State::default() };

        let nats = self.nats(&server, &dev, ports.nats)?;
        self.record(&mut state, "nats-server", nats.pid())?;
        let postgres = self.postgres(&bin, &dev, ports.postgres)?;
        self.record(&mut state, "postgres", postgres.pid())?;
        state.addresses = ports.addresses(nats.url(), postgres.url());
        let key_file = dev.join("master.key");
        secrets::keep(&key_file)?;
        let addresses = state.addresses.clone();
        let (dev_dir, log) = (dev.as_path(), self.log);
        let layout =
            Layout { ports, addresses: &addresses, dev: dev_dir, key_file, nats: &nats, log };

        self.progress.step("migrating", || migrate(&dev, &state))?;
        let (services, simulator) = self.services(&layout, &mut state)?;
        drop(turn);
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

    fn nats(&self, server: &NatsServer, dev: &Path, port: u16) -> anyhow::Result<Nats> {
        let options = NatsOptions {
            dir: dev.join("nats"),
            port,
            own_group: true,
            guests: vec![Guest::LOCAL],
            ..NatsOptions::default()
        };
        let name = format!("starting nats-server {}", server.version);
        Ok(self.progress.step(&name, || Nats::start(server, options))?)
    }

    /// The Postgres that can open the data there is.
    fn postgres_bin(&self, dev: &Path) -> anyhow::Result<PostgresBin> {
        let version = postgres::data_version(&dev.join("postgres"));
        let bin = runtimes::postgres(self.root, version, self.progress);
        let Some(version) = version else { return Ok(bin?) };
        bin.with_context(|| {
            format!(
                "the data under {}/postgres is of Postgres {version}, which is not to be had here; \
                 `cargo dev up --fresh` starts over without the data",
                workspace::dev_name().display()
            )
        })
    }

    fn postgres(&self, bin: &PostgresBin, dev: &Path, port: u16) -> anyhow::Result<Postgres> {
        self.unless_asked()?;
        let dir = dev.join("postgres");
        let password = secrets::keep(&dev.join("postgres.password"))?;
        let options = PostgresOptions {
            dir,
            port,
            durability: Durability::Kept,
            password: Some(password),
            own_group: true,
        };
        let name = format!("starting Postgres {}", bin.version);
        Ok(self.progress.step(&name, || Postgres::start(bin, options))?)
    }

    /// Starts the simulator and the services side by side.
    fn services(
        &self,
        layout: &Layout<'_>,
        state: &mut State,
    ) -> anyhow::Result<(Vec<Service>, Service)> {
        self.unless_asked()?;
        // From before the services ask for their streams.
        let outdated = Outdated::watch(&layout.addresses.nats)?;
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
            let mut all: Vec<&mut Service> =
                [&mut simulator].into_iter().chain(&mut services).collect();
            outdated.while_starting(&mut all, self.signals)
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
    ensure!(
        output.status.success(),
        "the database under {} does not take this checkout's migrations:\n{}\n\
         If it was made by another version, `cargo dev up --fresh` starts over without the data.",
        workspace::dev_name().display(),
        String::from_utf8_lossy(&text).trim_end()
    );
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
