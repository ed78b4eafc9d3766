//! `cargo dev im …`: the command line client against what runs here.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;
use tandem_dev::{bins, workspace};

use super::told;
use crate::stack::configure::ORG;

/// What `cargo dev im` takes.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Passed to `im`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// Becomes `im`, so that its exit code is ours.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let program = match bins::built("im") {
        Ok(program) => program,
        Err(_) => bins::path(&workspace::root()?, "im")?,
    };
    let mut command = Command::new(program);
    command.args(&arguments.words);
    // Help and completions need nothing to run.
    if let Ok(state) = told::running() {
        command.env("TANDEM_ADMIN_URL", state.addresses.admin).env("TANDEM_ORG", ORG);
    }
    Err(command.exec()).context("im cannot be run")
}
