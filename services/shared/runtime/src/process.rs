//! The frame of a `main`: settings, telemetry, the boot order, and an exit code.
//!
//! Exit codes: 0 stopped as asked, 64 bad settings (`EX_USAGE` of sysexits.h), 1 anything else.

use std::{future::Future, process::ExitCode};

use crate::{Stop, files, settings::Common, telemetry};

/// Runs a service: `boot` opens connections and spawns tasks on [`Stop`], then this waits.
pub fn run<F, Fut, E>(service: &'static str, common: &Common, boot: F) -> ExitCode
where
    F: FnOnce(Stop) -> Fut,
    Fut: Future<Output = Result<(), E>>,
    E: AsRef<dyn std::error::Error + Send + Sync>,
{
    // One TLS provider for everything that speaks TLS; a second one would panic at first use.
    let first = rustls::crypto::ring::default_provider().install_default().is_ok();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&error);
            return ExitCode::FAILURE;
        }
    };
    // What sends to a collector lives on the runtime, which outlives the last flush.
    let inside = runtime.enter();
    let telemetry = match telemetry::start(service, common) {
        Ok(telemetry) => telemetry,
        Err(error) => return usage(&error),
    };
    drop(inside);
    files::raise();
    if !first {
        tracing::debug!("a TLS provider was installed before");
    }
    let well = runtime.block_on(async {
        let stop = Stop::default();
        match boot(stop.clone()).await {
            Ok(()) => {
                tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "started");
                stop.finished().await
            }
            Err(error) => {
                tracing::error!(error = chain(error.as_ref()), "cannot start");
                false
            }
        }
    });
    telemetry.finish();
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Reads the settings from flags and environment, or gives the exit code to end with.
pub fn settings<S: clap::Parser>() -> Result<S, ExitCode> {
    S::try_parse().map_err(|error| {
        // If standard output or error is closed there is nobody left to tell.
        drop(error.print());
        if error.use_stderr() { ExitCode::from(64) } else { ExitCode::SUCCESS }
    })
}

/// Says on standard error what is wrong with the settings, and gives the exit code for it.
pub fn usage(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    say(error);
    ExitCode::from(64)
}

fn say(error: &(dyn std::error::Error + 'static)) {
    use std::io::Write as _;
    // If standard error is closed there is nobody left to tell.
    drop(writeln!(std::io::stderr(), "error: {}", chain(error)));
}

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
