//! `cargo dev demo`: the story, on what is up already or on a stack started for it.

use tandem_dev::{bins, workspace};

use super::steps::Signals;
use super::{told, up};
use crate::demo::{Scene, play};
use crate::stack::state;

/// What `cargo dev demo` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Start over: forget all data of earlier runs first. Not possible while something is up.
    #[arg(long)]
    fresh: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = workspace::root()?;
    let signals = Signals::take_over()?;
    let Some(hold) = state::hold(&root)? else {
        anyhow::ensure!(!arguments.fresh, "--fresh: something is up here; `cargo dev down` first");
        let running = told::running()?;
        told::line("playing on what is up already")?;
        return play(Scene::set(&running.addresses, &signals)?);
    };
    bins::build(&root)?;
    let stack = up::start(&root, arguments.fresh, Scene::LOG, &signals, hold)?;
    let addresses = stack.state().addresses.clone();
    let played = Scene::set(&addresses, &signals).and_then(play);
    // Stopped in either case; what went wrong first is what is told.
    let stopped = stack.stop();
    played.and(stopped)
}
