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
    match told::running() {
        Ok(state) => {
            command.env("TANDEM_ADMIN_URL", state.addresses.admin).env("TANDEM_ORG", ORG);
        }
        // Without an address of ours it would try its own default, and reach something else.
        Err(error) if !needs_nothing(&arguments.words) => return Err(error),
        Err(_) => {}
    }
    Err(command.exec()).context("im cannot be run")
}

/// Says whether these words only ask for help, a version or completions, or name an address themselves.
fn needs_nothing(words: &[OsString]) -> bool {
    const ENOUGH: [&str; 8] =
        ["help", "--help", "-h", "--version", "-V", "completion", "completions", "--admin-url"];
    let is_enough = |word: &OsString| {
        let word = word.to_string_lossy();
        ENOUGH.contains(&&*word) || word.starts_with("--admin-url=")
    };
    words.is_empty() || words.iter().any(is_enough)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_asks_nobody_needs_nothing_to_run() {
        let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        for enough in [
            "",
            "--help",
            "incident list --help",
            "completions bash",
            "--admin-url=http://h:1 incident list",
        ] {
            assert!(needs_nothing(&words(enough)), "{enough}");
        }
        for lacking in ["incident list", "integration get sim-pd"] {
            assert!(!needs_nothing(&words(lacking)), "{lacking}");
        }
    }
}
