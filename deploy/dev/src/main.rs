//! `cargo dev`: the local runner.
//!
//! This file knows the commands and nothing else; each lives in its own module under `commands`.

mod commands;
mod demo;
mod feed;
mod stack;

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
    /// Starts everything and watches over it until Ctrl-C.
    Up(commands::up::Arguments),
    /// Stops what `up --detach` has started.
    Down,
    /// Prints where everything is, as exports for a shell.
    Env,
    /// Plays one incident's story on both sides and shows the latency of each hop.
    Demo(commands::demo::Arguments),
    /// Runs the command line client against what is up.
    Im(commands::im::Arguments),
    /// Checks formatting, lints, documentation, dependencies and the `.sqlx` folder.
    Check,
    /// Checks, then runs all tests with a NATS and a Postgres of their own.
    Test(commands::test::Arguments),
    /// Plays many seeded worlds of the simulation the rules are proven in, or replays one.
    Simulate(commands::simulate::Arguments),
    /// Plays what goes wrong at length: services killed, PagerDuty away, many dead letters.
    Chaos(commands::chaos::Arguments),
    /// Measures what the parts can do on this machine.
    Bench(commands::bench::Arguments),
    /// Renews the committed `.sqlx` folder from the migrations and the queries.
    Sqlx(commands::sqlx::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Up(arguments) => commands::up::run(&arguments),
        Command::Down => commands::up::down(),
        Command::Env => commands::told::env(),
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Im(arguments) => commands::im::run(&arguments),
        Command::Check => commands::check::run(),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Simulate(arguments) => commands::simulate::run(&arguments),
        Command::Chaos(arguments) => commands::chaos::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Sqlx(arguments) => commands::sqlx::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => commands::fail(&error),
    }
}
