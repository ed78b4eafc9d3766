//! The `pagerduty-sim` program: a thin shell around the library.

use std::process::ExitCode;

use clap::Parser as _;
use tandem_pagerduty_sim::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pagerduty-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
