//! Makes a data folder and runs scripts in it while no server does.
//!
//! A folder called `data` is complete: it is made under another name and renamed when the database is in it.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Durability, NAME, PostgresError, PostgresOptions};
use crate::privilege::Privilege;
use crate::runtimes::PostgresBin;

/// The data folder inside a Postgres's own folder.
pub(super) fn data(dir: &Path) -> PathBuf {
    dir.join("data")
}

/// The file a running postmaster keeps.
pub(super) fn pid_file(dir: &Path) -> PathBuf {
    data(dir).join("postmaster.pid")
}

/// Makes the data folder, unless there is one.
pub(super) fn make(
    bin: &PostgresBin,
    options: &PostgresOptions,
    privilege: Privilege,
) -> Result<(), PostgresError> {
    if data(&options.dir).is_dir() {
        return Ok(());
    }
    let making = options.dir.join("data.making");
    let failed = |source| PostgresError::Prepare { path: options.dir.clone(), source };
    let password_file = prepare(options, &making, privilege).map_err(failed)?;
    let mut args: Vec<OsString> = vec!["-D".into(), (&making).into(), "-U".into(), NAME.into()];
    args.extend(["--encoding=UTF8", "--no-locale"].map(Into::into));
    if options.durability == Durability::Throwaway {
        args.push("--no-sync".into());
    }
    match &password_file {
        Some(file) => {
            let mut flag = OsString::from("--pwfile=");
            flag.push(file);
            args.extend(["--auth=scram-sha-256".into(), flag]);
        }
        None => args.push("--auth=trust".into()),
    }
    let outcome = run(bin, "initdb", args, privilege, "");
    if let Some(file) = password_file {
        fs::remove_file(file).map_err(failed)?;
    }
    outcome?;
    single_in(bin, &making, privilege, "postgres", &format!("CREATE DATABASE {NAME};"))?;
    fs::rename(&making, data(&options.dir)).map_err(failed)
}

/// Runs a script in single-user mode in the data folder of `dir`.
pub(super) fn single(
    bin: &PostgresBin,
    dir: &Path,
    privilege: Privilege,
    database: &str,
    script: &str,
) -> Result<(), PostgresError> {
    single_in(bin, &data(dir), privilege, database, script)
}

fn single_in(
    bin: &PostgresBin,
    data: &Path,
    privilege: Privilege,
    database: &str,
    script: &str,
) -> Result<(), PostgresError> {
    let mut args: Vec<OsString> = vec!["--single".into(), "-j".into(), "-D".into(), data.into()];
    args.extend(["-c", "exit_on_error=on", "-c", "log_checkpoints=off"].map(Into::into));
    args.push(database.into());
    // With -j, a semicolon and an empty line end a command; inside the script they must not.
    let script = format!("{}\n;\n\n", script.replace("\r\n", "\n").replace(";\n\n", ";\n \n"));
    run(bin, "postgres", args, privilege, &script)
}

/// Makes the folders, and the file with the password where there is one.
fn prepare(
    options: &PostgresOptions,
    making: &Path,
    privilege: Privilege,
) -> io::Result<Option<PathBuf>> {
    fs::create_dir_all(&options.dir)?;
    if making.is_dir() {
        fs::remove_dir_all(making)?;
    }
    fs::DirBuilder::new().mode(0o700).create(making)?;
    let password_file = match &options.password {
        Some(password) => {
            let path = options.dir.join("password.new");
            let mut open = fs::OpenOptions::new();
            let mut file = open.create(true).write(true).truncate(true).mode(0o600).open(&path)?;
            writeln!(file, "{password}")?;
            Some(path)
        }
        None => None,
    };
    if let Some(id) = privilege.run_as() {
        chown(making, Some(id), Some(id))?;
        if let Some(file) = &password_file {
            chown(file, Some(id), Some(id))?;
        }
    }
    Ok(password_file)
}

/// Runs one of the programs to its end.
fn run(
    bin: &PostgresBin,
    name: &'static str,
    args: Vec<OsString>,
    privilege: Privilege,
    input: &str,
) -> Result<(), PostgresError> {
    let (program, args) = privilege.wrap(&bin.folder.join(name), args);
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(id) = privilege.run_as() {
        command.uid(id).gid(id);
    }
    let mut finish = || {
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that stops reading says why on standard error.
            stdin.write_all(input.as_bytes()).ok();
        }
        child.wait_with_output()
    };
    let output = finish()
        .map_err(|error| PostgresError::Program { program: name, output: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(PostgresError::Program { program: name, output })
}
