//! What each command does: from arguments to requests, from answers to what is shown.

mod audit;
mod configure;
mod conflict;
mod counterpart;
mod dlq;
mod document;
mod field_mapping;
mod field_ownership;
mod incident;
mod integration;
mod links;
mod plan;
mod questions;
mod scope;
mod service_mapping;
mod sync_status;
mod token;

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{
    args::{
        Cli, Command, audit::AuditCommand, incident::NoteCommand, integration::IntegrationCommand,
    },
    client::{Client, PATIENCE},
    config::Config,
    failure::Failure,
    show::{self, Show},
};

/// How many items are asked for at once while a list is gathered.
const PAGE: i32 = 500;
/// How long checking the whole audit may take.
const VERIFYING: Duration = Duration::from_hours(1);

/// How long making a plan may take: every open record is read for it, after everything else.
const PLANNING: Duration = Duration::from_mins(5);

/// What a command works with.
#[derive(Debug)]
struct Context {
    client: Client,
    /// The organisation; empty when none is set.
    org: String,
    /// Whether a token says who calls.
    has_token: bool,
    show: Show,
}

/// Runs one command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let show = Show::new(cli.global.output);
    match &cli.command {
        Command::Completion { shell } => return completion(*shell),
        Command::Man { dir } => return man(dir.as_deref()),
        _ => {}
    }
    let config = Config::load(&cli.global, cli.token_file.as_deref())?;
    let patience = match &cli.command {
        Command::Audit(AuditCommand::Verify { .. }) => VERIFYING,
        Command::Integration(IntegrationCommand::Plan(_) | IntegrationCommand::Apply(_)) => {
            PLANNING
        }
        _ => PATIENCE,
    };
    let has_token = config.token.is_some();
    let client = Client::connect(&config, patience).await?;
    let context = Context { client, org: config.org, has_token, show };
    match cli.command {
        Command::Integration(command) => integration::run(&context, command).await,
        Command::Export(wanted) => document::export(&context, wanted).await,
        Command::Apply(wanted) => document::apply(&context, wanted).await,
        Command::Incident(command) => incident::run(&context, command).await,
        Command::Note(NoteCommand::Add(note)) => incident::note(&context, note).await,
        Command::Explain(explain) => audit::explain(&context, explain).await,
        Command::Conflict(command) => conflict::run(&context, command).await,
        Command::Links(command) => links::run(&context, command).await,
        Command::Audit(command) => audit::run(&context, command).await,
        Command::Dlq(command) => dlq::run(&context, command).await,
        Command::Status => sync_status::all(&context).await,
        Command::Token(command) => token::run(&context, command).await,
        Command::Keys(command) => token::keys(&context, command).await,
        Command::Completion { shell } => completion(shell),
        Command::Man { dir } => man(dir.as_deref()),
    }
}

/// Prints the first manual page, or writes all of them.
fn man(dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        return show::print(&page);
    };
    let written = std::fs::create_dir_all(dir).and_then(|()| {
        let mut root = Cli::command();
        root.build();
        clap_mangen::generate_to(root, dir)
    });
    let name = dir.display();
    written.with_context(|| format!("cannot write manual pages into {name}"))?;
    eprintln!("written: read one with man {name}/im.1");
    Ok(())
}

fn completion(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "im", &mut script);
    show::print(&script)
}

/// What a watch ends with, which has no end of its own.
fn ended() -> Failure {
    Failure::Refused(Box::new(tonic::Status::unavailable("admin ended the stream")))
}

impl Context {
    /// The organisation, for commands that cannot do without. A token mostly says which.
    fn org(&self) -> Result<String, Failure> {
        if self.org.is_empty() && !self.has_token {
            return Err(Failure::Usage(
                "no organisation: say which with --org, TANDEM_ORG or `org` in \
                 ~/.config/im/config.toml"
                    .to_owned(),
            ));
        }
        Ok(self.org.clone())
    }
}
