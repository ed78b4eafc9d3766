//! Where secrets come from: a variable, a file, standard input, a prompt, or (warned about) argv.
//!
//! A secret is held as [`SecretString`] from the moment it is read until it is put on the wire. One
//! trailing line break is not part of it, since editors and `echo` add one.

use std::{
    io::{IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    args::integration::{SigningSecretSource, TokenSource},
    failure::Failure,
};

/// What a token of Tandem's own begins with.
const OWN_PREFIX: &str = "tdm_";

/// Reads the API token from where it was said to be; a new integration is asked for it.
pub(crate) fn token(source: &TokenSource, is_new: bool) -> Result<Option<SecretString>, Failure> {
    if let Some(token) = &source.token {
        eprintln!(
            "warning: --token shows in the list of processes and in the shell's history; \
             prefer --token-env, --token-file or --token-prompt"
        );
        return foreign(token.clone(), "--token").map(Some);
    }
    if let Some(variable) = &source.token_env {
        return foreign(from_variable(variable)?, variable).map(Some);
    }
    if let Some(path) = &source.token_file {
        return foreign(from_file(path)?, &path.display().to_string()).map(Some);
    }
    let somebody_is_there = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if source.token_prompt || (is_new && somebody_is_there) {
        return prompt();
    }
    Ok(None)
}

/// Reads the webhook's signing secret from where it was said to be.
pub(crate) fn signing_secret(
    source: &SigningSecretSource,
) -> Result<Option<SecretString>, Failure> {
    match (&source.signing_secret_env, &source.signing_secret_file) {
        (Some(variable), _) => from_variable(variable).map(Some),
        (None, Some(path)) => from_file(path).map(Some),
        (None, None) => Ok(None),
    }
}

pub(crate) fn from_variable(variable: &str) -> Result<SecretString, Failure> {
    // The variable's name is an argument, so clap cannot read it.
    let value = std::env::var_os(variable)
        .ok_or_else(|| Failure::Usage(format!("the environment variable {variable} is not set")))?;
    let text = value
        .into_string()
        .map_err(|_| Failure::Usage(format!("the environment variable {variable} is not UTF-8")))?;
    checked(&text, variable)
}

pub(crate) fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read the secret from {}", path.display()))?;
    checked(&text, &path.display().to_string())
}

/// Refuses to hand a token of Tandem's own to an external account.
fn foreign(secret: SecretString, origin: &str) -> Result<SecretString, Failure> {
    if secret.expose_secret().starts_with(OWN_PREFIX) {
        return Err(Failure::Usage(format!(
            "{origin} holds a token of Tandem itself, which no external account must see; to call \
             admin with it, give --token-file before the command: im --token-file FILE …"
        )));
    }
    Ok(secret)
}

/// The secret, unless it is one of Tandem's own.
pub(crate) fn not_our_own(secret: &SecretString) -> Result<String, String> {
    if secret.expose_secret().starts_with(OWN_PREFIX) {
        return Err("a token of Tandem itself is no secret of an external account".to_owned());
    }
    Ok(secret.expose_secret().to_owned())
}

fn checked(text: &str, origin: &str) -> Result<SecretString, Failure> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::Usage(format!("{origin} holds no secret: it is empty")));
    }
    Ok(SecretString::from(text))
}

fn prompt() -> Result<Option<SecretString>, Failure> {
    let typed = dialoguer::Password::new()
        .with_prompt("API token (empty: set it later)")
        .allow_empty_password(true)
        .interact()
        .context("cannot ask for the token; use --token-env or --token-file")?;
    Ok((!typed.is_empty()).then(|| SecretString::from(typed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "u+abc \r\n").unwrap();
        assert_eq!(from_file(&path).unwrap().expose_secret(), "u+abc ");
    }

    #[test]
    fn an_empty_file_is_refused_rather_than_taken_as_an_empty_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(from_file(&path), Err(Failure::Usage(_))));
    }

    #[test]
    fn a_token_of_our_own_goes_to_no_external_account() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "tdm_canary").unwrap();
        let source = TokenSource {
            token: None,
            token_env: None,
            token_file: Some(path),
            token_prompt: false,
        };
        let Err(Failure::Usage(told)) = token(&source, false) else { panic!("it is refused") };
        assert!(!told.contains("canary"), "{told}");
    }

    #[test]
    fn an_unset_variable_is_named() {
        let Err(Failure::Usage(told)) = from_variable("TANDEM_TEST_NO_SUCH_VARIABLE") else {
            panic!("it must be refused");
        };
        assert!(told.contains("TANDEM_TEST_NO_SUCH_VARIABLE"));
    }
}
