//! Who listens where and is told what.
//!
//! Each port has a preferred number; one that is taken is replaced by the next free one. This is the only place that
//! knows the services' settings.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tandem_dev::{Guest, Nats, ServiceOptions, nats, ports};

use super::state::Addresses;

/// The services in the order they are listed.
pub(super) const SERVICES: [&str; 4] =
    ["tandem-ingress", "tandem-reconciler", "tandem-pagerduty-egress", "tandem-admin"];

/// The port of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) ingress: u16,
    pub(super) grpc: u16,
    pub(super) rest: u16,
    pub(super) simulator: u16,
    pub(super) nats: u16,
    pub(super) postgres: u16,
    pub(super) ops: [u16; 4],
}

impl Ports {
    /// Picks all ports; says which ones had to be replaced.
    pub(super) fn pick() -> io::Result<(Self, Vec<String>)> {
        let (mut taken, mut replaced) = (Vec::new(), Vec::new());
        let mut pick = |what: &str, preferred: u16| {
            let port = ports::preferred(preferred, &taken)?;
            taken.push(port);
            if port != preferred {
                replaced.push(format!("port {preferred} is taken; {what} uses {port}"));
            }
            io::Result::Ok(port)
        };
        let picked = Self {
            ingress: pick("ingress", 8080)?,
            grpc: pick("admin (gRPC)", 50051)?,
            rest: pick("admin (REST)", 8081)?,
            simulator: pick("the simulator", 8090)?,
            nats: pick("NATS", 14222)?,
            postgres: pick("Postgres", 15432)?,
            ops: [
                pick("ingress (ops)", 9101)?,
                pick("reconciler (ops)", 9102)?,
                pick("pagerduty-egress (ops)", 9103)?,
                pick("admin (ops)", 9104)?,
            ],
        };
        Ok((picked, replaced))
    }

    /// Where everything is, once NATS and Postgres run.
    pub(super) fn addresses(self, nats: String, database: String) -> Addresses {
        let ops = SERVICES.iter().zip(self.ops);
        Addresses {
            http: http(self.ingress),
            admin: http(self.grpc),
            nats,
            database,
            pagerduty: http(self.simulator),
            ops: ops.map(|(name, port)| ((*name).to_owned(), http(port))).collect(),
        }
    }
}

/// What the services are started with.
pub(super) struct Layout<'a> {
    pub(super) ports: Ports,
    pub(super) addresses: &'a Addresses,
    pub(super) dev: &'a Path,
    pub(super) key_file: PathBuf,
    /// Where NATS is for each of the services.
    pub(super) nats: &'a Nats,
    pub(super) log: &'a str,
}

impl Layout<'_> {
    /// How to start each of the four services; `program` finds the program of a name.
    pub(super) fn services(
        &self,
        program: impl Fn(&str) -> anyhow::Result<PathBuf>,
    ) -> anyhow::Result<Vec<ServiceOptions>> {
        let settings = SERVICES.iter().zip(self.ports.ops);
        settings
            .map(|(name, ops)| {
                Ok(ServiceOptions {
                    name: (*name).to_owned(),
                    program: program(name)?,
                    env: self.env(name, ops),
                    log: log_file(self.dev, name),
                    ready_url: Some(format!("{}/readyz", http(ops))),
                    own_group: true,
                    ..ServiceOptions::default()
                })
            })
            .collect()
    }

    /// How to start the simulator.
    pub(super) fn simulator(&self, program: PathBuf) -> ServiceOptions {
        ServiceOptions {
            name: "pagerduty-sim".to_owned(),
            program,
            args: simulator_args(self.dev, &host(self.ports.simulator)),
            log: log_file(self.dev, "pagerduty-sim"),
            ready_url: Some(format!("{}/_sim/state", http(self.ports.simulator))),
            own_group: true,
            ..ServiceOptions::default()
        }
    }

    fn env(&self, name: &str, ops: u16) -> Vec<(String, String)> {
        let key_file = self.key_file.display().to_string();
        let own = match name {
            "tandem-ingress" => vec![
                ("TANDEM_HTTP_ADDR", host(self.ports.ingress)),
                ("TANDEM_API_UPSTREAM", http(self.ports.rest)),
                ("TANDEM_MASTER_KEY_FILE", key_file),
            ],
            "tandem-reconciler" => vec![
                ("DATABASE_URL", self.addresses.database.clone()),
                ("TANDEM_FEED_READERS", nats::readers(&[Guest::LOCAL])),
            ],
            "tandem-admin" => vec![
                ("DATABASE_URL", self.addresses.database.clone()),
                ("TANDEM_GRPC_ADDR", host(self.ports.grpc)),
                ("TANDEM_REST_ADDR", host(self.ports.rest)),
                ("TANDEM_PUBLIC_URL", http(self.ports.ingress)),
                ("TANDEM_MASTER_KEY_FILE", key_file),
            ],
            _ => vec![("TANDEM_MASTER_KEY_FILE", key_file)],
        };
        let common = [
            ("NATS_URL", self.nats.url_of(name)),
            ("TANDEM_OPS_ADDR", host(ops)),
            ("TANDEM_LOG", self.log.to_owned()),
            ("TANDEM_LOG_FORMAT", "text".to_owned()),
            // The logs are files.
            ("NO_COLOR", "1".to_owned()),
        ];
        common.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// The file in which the simulator keeps its account.
pub(crate) const SIMULATOR_FILE: &str = "simulator.json";

/// The simulator's arguments.
///
/// It keeps its records as we keep the links to them. The seed only counts where there is no account yet, and differs each
/// time: whoever remembers records of an account that was thrown away would take new ones for those.
fn simulator_args(dev: &Path, listen: &str) -> Vec<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seed, file) = (now.as_secs().to_string(), dev.join(SIMULATOR_FILE).display().to_string());
    ["serve", "--listen", listen, "--state-file", &file, "--seed", &seed]
        .map(str::to_owned)
        .to_vec()
}

/// The log file of a process.
pub(super) fn log_file(dev: &Path, name: &str) -> PathBuf {
    dev.join("log").join(format!("{name}.log"))
}

fn host(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn http(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_gets_a_port_of_its_own() {
        let (ports, _) = Ports::pick().unwrap();
        let mut all = vec![
            ports.ingress,
            ports.grpc,
            ports.rest,
            ports.simulator,
            ports.nats,
            ports.postgres,
        ];
        all.extend(ports.ops);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 10);
    }
}
