//! The process: settings, then [`tandem_ingress::start`], then waiting for the end.

use std::process::ExitCode;

use clap::Parser as _;
use tandem_ingress::Settings;
use tandem_runtime::process;

fn main() -> ExitCode {
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) => {
            // A closed standard output or error leaves the exit code to tell.
            drop(error.print());
            return if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS };
        }
    };
    let keyring = match settings.keyring() {
        Ok(keyring) => keyring,
        Err(error) => return process::usage(&error),
    };
    let common = settings.common.clone();
    process::run("tandem-ingress", &common, |stop| async move {
        tandem_ingress::start(settings, keyring, &stop).await.map_err(anyhow::Error::from)
    })
}
