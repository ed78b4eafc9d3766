//! The library against real programs: nats-server and Postgres as found or installed on this machine.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use tandem_dev::pids::Identity;
use tandem_dev::{
    Durability, Nats, NatsOptions, Postgres, PostgresOptions, Progress, http, ports, runtimes,
    workspace,
};
use tempfile::TempDir;

fn nats(options: NatsOptions) -> anyhow::Result<Nats> {
    let server = runtimes::nats_server(&workspace::root()?, Progress::Silent)?;
    Ok(Nats::start(&server, options)?)
}

fn postgres(options: PostgresOptions) -> anyhow::Result<Postgres> {
    let bin = runtimes::postgres(&workspace::root()?, None, Progress::Silent)?;
    Ok(Postgres::prepare(&bin, options)?)
}

/// A folder that others may enter: Postgres may have to become somebody else than root.
fn folder() -> std::io::Result<TempDir> {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir()
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[test]
fn nats_comes_back_on_its_port_after_a_stop_and_after_a_crash() {
    let folder = folder().unwrap();
    let mut nats = nats(NatsOptions { dir: folder.path().into(), ..Default::default() }).unwrap();
    let (url, first) = (nats.url(), nats.pid().unwrap());
    assert!(answers(nats.port()));

    nats.stop().unwrap();
    assert!(!answers(nats.port()) && !nats.is_running());
    nats.resume().unwrap();
    nats.kill9().unwrap();
    assert!(!answers(nats.port()));
    nats.resume().unwrap();
    assert!(answers(nats.port()));
    assert_eq!(nats.url(), url);
    assert_ne!(nats.pid().unwrap(), first);
}

#[test]
fn nats_runs_with_the_shipped_settings_and_those_of_the_caller() {
    let folder = folder().unwrap();
    let monitor = ports::free().unwrap();
    let extra_config = format!("http: \"127.0.0.1:{monitor}\"");
    let options = NatsOptions { dir: folder.path().into(), extra_config, ..Default::default() };
    let _nats = nats(options).unwrap();
    let seen = http::get(&format!("http://127.0.0.1:{monitor}/varz")).unwrap();
    let seen: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(seen["jetstream"]["config"]["sync_always"], true, "{seen}");
    assert_eq!(seen["max_payload"], 1_048_576);
}

#[test]
fn a_start_that_fails_shows_the_end_of_the_log() {
    let folder = folder().unwrap();
    let extra_config = "no_such_setting: 1".to_owned();
    let options = NatsOptions { dir: folder.path().into(), extra_config, ..Default::default() };
    let error = nats(options).err().unwrap().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

#[test]
fn a_dropped_handle_leaves_no_process() {
    let folder = folder().unwrap();
    let nats = nats(NatsOptions { dir: folder.path().into(), ..Default::default() }).unwrap();
    let identity = Identity::of(nats.pid().unwrap()).unwrap();
    assert!(identity.is_alive());
    drop(nats);
    assert!(!identity.is_alive());
}

#[test]
fn postgres_keeps_its_data_over_a_stop_and_a_crash() {
    let folder = folder().unwrap();
    let options = PostgresOptions { dir: folder.path().into(), ..Default::default() };
    let mut postgres = postgres(options).unwrap();
    let script = "create table kept (n int);\n\ninsert into kept values (42);\n\n\
                  do $$ begin\n  perform 1;\n\n  perform 2;\nend $$; -- ends in a comment";
    postgres.run_offline(script).unwrap();

    postgres.resume().unwrap();
    let url = postgres.url();
    assert!(answers(postgres.port()));
    postgres.kill9().unwrap();
    postgres.resume().unwrap();
    assert_eq!(postgres.url(), url);
    postgres.stop().unwrap();
    assert!(!answers(postgres.port()));

    postgres
        .run_offline("insert into kept select n from kept; select 1 / (count(*) - 1) from kept")
        .unwrap();
    let error = postgres.run_offline("insert into kept values (1); select 1 / 0;").unwrap_err();
    assert!(error.to_string().contains("division by zero"), "{error}");
    postgres
        .run_offline("select 1 / (case when (select count(*) from kept) = 2 then 1 else 0 end)")
        .unwrap();
}

#[test]
fn a_kept_postgres_asks_for_its_password() {
    let folder = folder().unwrap();
    let mut postgres = postgres(PostgresOptions {
        dir: folder.path().into(),
        port: ports::free().unwrap(),
        durability: Durability::Kept,
        password: Some("d0d0".to_owned()),
        own_group: false,
    })
    .unwrap();
    postgres.resume().unwrap();
    assert!(postgres.url().starts_with("postgres://tandem:d0d0@127.0.0.1:"));
    let rules = fs::read_to_string(folder.path().join("data/pg_hba.conf")).unwrap();
    let active = rules.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    assert!(active.clone().count() > 0);
    assert!(active.into_iter().all(|line| line.ends_with("scram-sha-256")), "{rules}");
    assert!(!folder.path().join("password.new").exists());
}

#[test]
fn a_pid_file_whose_number_belongs_to_a_stranger_does_not_stop_a_start() {
    let folder = folder().unwrap();
    let mut postgres =
        postgres(PostgresOptions { dir: folder.path().into(), ..Default::default() }).unwrap();
    let stranger = std::process::id();
    fs::write(folder.path().join("data/postmaster.pid"), format!("{stranger}\n")).unwrap();
    postgres.resume().unwrap();
    assert!(answers(postgres.port()));
}
