//! The commands of `cargo dev`, one module each, and how they end.

pub(crate) mod bench;
pub(crate) mod chaos;
pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod im;
pub(crate) mod simulate;
pub(crate) mod sqlx;
pub(crate) mod steps;
pub(crate) mod test;
mod throwaway;
pub(crate) mod told;
pub(crate) mod up;

use std::io::{Write, stderr};
use std::process::ExitCode;

/// Shows an error with its causes.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    // A closed standard error leaves the exit code to tell.
    writeln!(stderr(), "error: {error:#}").ok();
    ExitCode::FAILURE
}
