//! The process: settings, then [`tandem_ingress::start`], then waiting for the end.

use std::process::ExitCode;

use tandem_ingress::Settings;
use tandem_runtime::process;

fn main() -> ExitCode {
    let settings: Settings = match process::settings() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let keyring = match settings.keyring() {
        Ok(keyring) => keyring,
        Err(error) => return process::usage(&error),
    };
    let tls = match settings.tls() {
        Ok(tls) => tls,
        Err(error) => return process::usage(&error),
    };
    let common = settings.common.clone();
    process::run("tandem-ingress", &common, |stop| async move {
        tandem_ingress::start(settings, keyring, tls, &stop).await.map_err(anyhow::Error::from)
    })
}
