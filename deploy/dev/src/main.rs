//! `cargo dev`: the local runner.
//!
//! This file knows the commands and nothing else; each lives in its own module under `commands`.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs Tandem on this machine: NATS, Postgres, the services and a simulated PagerDuty.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Renews the committed `.sqlx` folder from the migrations and the queries.
    Sqlx(commands::sqlx::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Sqlx(arguments) => commands::sqlx::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => commands::fail(&error),
    }
}
