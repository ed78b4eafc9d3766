//! The configuration file: defaults for what would otherwise be typed each time, once or for several
//! servers.
//!
//! The command line and the environment win over it. A file that is not there is no error, unless
//! it was asked for by name. A profile's token goes to the profile's server and to no other.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::Deserialize;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::{args::Global, failure::Failure, secret};

const DEFAULT_ADMIN_URL: &str = "http://127.0.0.1:50051";
/// The variable that holds the token itself.
const TOKEN: &str = "TANDEM_TOKEN";

/// What may stand in the file: a profile for when none is named, and those that have names.
#[derive(Debug, Default)]
struct File {
    chosen: Option<String>,
    named: BTreeMap<String, Profile>,
    nameless: Profile,
}

/// One server, and how to call it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profile {
    org: Option<String>,
    admin_url: Option<String>,
    r#as: Option<String>,
    token: Option<SecretString>,
    token_file: Option<PathBuf>,
    token_env: Option<String>,
    ca_file: Option<PathBuf>,
    client_cert_file: Option<PathBuf>,
    client_key_file: Option<PathBuf>,
}

/// Where to go, for which organisation, and as whom.
#[derive(Debug)]
pub(crate) struct Config {
    /// The organisation; empty when none is set.
    pub(crate) org: String,
    /// Where admin listens.
    pub(crate) admin_url: String,
    /// Whose edits these are.
    pub(crate) author: Option<String>,
    /// What says who calls.
    pub(crate) token: Option<SecretString>,
    /// Whom to trust, and how to be trusted.
    pub(crate) tls: Tls,
}

/// The certificates of a profile.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    ca: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

impl Config {
    /// Puts command line, environment, file and defaults together, in that order.
    pub(crate) fn load(global: &Global, token_file: Option<&Path>) -> Result<Self, Failure> {
        let file = match (&global.config, default_path()) {
            (Some(path), _) => read(path)?.with_context(|| {
                format!("the configuration file {} is not there", path.display())
            })?,
            (None, Some(path)) => read(&path)?.unwrap_or_default(),
            (None, None) => File::default(),
        };
        let profile = file.chosen(global.profile.as_deref())?;
        let own_url = profile.admin_url.clone().unwrap_or_else(|| DEFAULT_ADMIN_URL.to_owned());
        let admin_url = global.admin_url.clone().unwrap_or_else(|| own_url.clone());
        let token = match token_file {
            Some(path) => Some(secret::from_file(path)?),
            None if std::env::var_os(TOKEN).is_some() => Some(secret::from_variable(TOKEN)?),
            None if admin_url == own_url => profile.token()?,
            None => None,
        };
        let client = profile.client_cert_file.as_deref().zip(profile.client_key_file.as_deref());
        Ok(Self {
            org: global.org.clone().or(profile.org).unwrap_or_default(),
            author: global.author.clone().or(profile.r#as),
            tls: Tls {
                ca: profile.ca_file.as_deref().map(at_home),
                client: client.map(|(cert, key)| (at_home(cert), at_home(key))),
            },
            admin_url,
            token,
        })
    }
}

impl File {
    /// Reads the file's text: what is neither `profile` nor in `profiles` is the nameless one's.
    fn parse(text: &str) -> Result<Self, toml::de::Error> {
        let mut nameless: toml::Table = toml::from_str(text)?;
        let chosen = nameless.remove("profile").map(toml::Value::try_into).transpose()?;
        let named = nameless.remove("profiles").map(toml::Value::try_into).transpose()?;
        let nameless = toml::Value::Table(nameless).try_into()?;
        Ok(Self { chosen, named: named.unwrap_or_default(), nameless })
    }

    /// The profile that is named on the command line, or else in the file, or else the nameless one.
    fn chosen(mut self, named: Option<&str>) -> Result<Profile, Failure> {
        let Some(name) = named.or(self.chosen.as_deref()) else { return Ok(self.nameless) };
        let found = self.named.remove(name);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.named.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Failure::Usage(format!(
                "there is no profile {name:?} in the configuration file; there is {known}"
            ))
        })
    }
}

impl Profile {
    fn token(&self) -> Result<Option<SecretString>, Failure> {
        match (&self.token, &self.token_file, &self.token_env) {
            (None, None, None) => Ok(None),
            (Some(token), None, None) => Ok(Some(token.clone())),
            (None, Some(path), None) => secret::from_file(&at_home(path)).map(Some),
            (None, None, Some(variable)) => secret::from_variable(variable).map(Some),
            _ => Err(Failure::Usage(
                "a profile has one of token, token_file and token_env".to_owned(),
            )),
        }
    }
}

impl Tls {
    /// How to speak TLS: with an authority of one's own, or with those that the system trusts.
    pub(crate) fn client(&self) -> Result<ClientTlsConfig, Failure> {
        let read = |path: &Path| {
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let mut tls = match &self.ca {
            Some(path) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(path)?)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((cert, key)) = &self.client {
            tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?));
        }
        Ok(tls)
    }
}

/// A path as it was meant: `~/` is the home folder, in a file as in a shell.
fn at_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::home_dir()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

fn default_path() -> Option<PathBuf> {
    std::env::home_dir().map(|home| home.join(".config/im/config.toml"))
}

fn read(path: &Path) -> anyhow::Result<Option<File>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    let file = File::parse(&text).with_context(|| format!("cannot use {}", path.display()))?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::args::Output;

    fn global(config: &Path) -> Global {
        Global {
            profile: None,
            admin_url: None,
            org: None,
            author: None,
            output: Output::Table,
            config: Some(config.to_owned()),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "org = \"acme\"").unwrap();

        let from_file = load(&global(&path)).unwrap();
        assert_eq!(
            (from_file.org.as_str(), from_file.admin_url.as_str()),
            ("acme", DEFAULT_ADMIN_URL)
        );

        let typed = Global { org: Some("other".to_owned()), ..global(&path) };
        assert_eq!(load(&typed).unwrap().org, "other");
    }

    fn load(global: &Global) -> Result<Config, Failure> {
        Config::load(global, None)
    }

    #[test]
    fn a_profile_is_one_server_with_its_token_which_goes_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let (path, token) = (dir.path().join("config.toml"), dir.path().join("token"));
        std::fs::write(&token, "tdm_of_prod\n").unwrap();
        let text = format!(
            "org = \"local\"\nprofile = \"prod\"\n[profiles.prod]\norg = \"acme\"\n\
             admin_url = \"https://tandem.test\"\ntoken_file = {token:?}\n[profiles.dev]\n\
             token = \"x\"\ntoken_env = \"Y\"\n"
        );
        std::fs::write(&path, text).unwrap();
        let prod = load(&global(&path)).unwrap();
        assert_eq!((prod.org.as_str(), prod.admin_url.as_str()), ("acme", "https://tandem.test"));
        assert_eq!(prod.token.unwrap().expose_secret(), "tdm_of_prod");

        let elsewhere = Some("http://other.test".to_owned());
        let other = load(&Global { admin_url: elsewhere, ..global(&path) }).unwrap();
        assert!(other.token.is_none());
        let given = Config::load(&global(&path), Some(&token)).unwrap();
        assert!(given.token.is_some());

        let named = |name: &str| Global { profile: Some(name.to_owned()), ..global(&path) };
        assert!(
            matches!(load(&named("dev")), Err(Failure::Usage(told)) if told.contains("one of"))
        );
        assert!(
            matches!(load(&named("x")), Err(Failure::Usage(told)) if told.contains("dev, prod"))
        );
    }

    #[test]
    fn a_misspelt_key_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "organisation = \"acme\"").unwrap();
        let told = format!("{:?}", load(&global(&path)).unwrap_err());
        assert!(told.contains("organisation"), "{told}");
    }

    #[test]
    fn a_named_file_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let told = format!("{:?}", load(&global(&dir.path().join("none.toml"))).unwrap_err());
        assert!(told.contains("is not there"), "{told}");
    }
}
