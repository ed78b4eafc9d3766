//! `im`, the command line of Tandem: a client of admin and nothing more.
//!
//! One command is one or a few gRPC calls. What was asked for goes to standard output in the form
//! asked for, everything else (warnings, errors, hints) to standard error, and the exit code says
//! what kind of failure it was (see [`failure`]).

mod args;
mod client;
mod commands;
mod config;
mod document;
mod failure;
mod secret;
mod show;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, failure::Failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return failure::unparsed(&refusal),
    };
    match commands::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of our output has left, for example `head`: nobody is there to be told.
        Err(Failure::Unwritable(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(),
    }
}
