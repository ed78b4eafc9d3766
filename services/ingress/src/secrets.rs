//! The signing secrets, opened when first needed and kept until their configuration changes.
//!
//! Opened secrets live here only, wiped from memory when replaced, and are shown nowhere.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use secrecy::SecretString;
use tandem_bus::config::{Snapshot, signing_secret_place};
use tandem_domain::id::IntegrationId;
use tandem_runtime::process::chain;
use tandem_seal::Keyring;

/// Opens secrets, and remembers them by integration and configuration version.
#[derive(Debug)]
pub(crate) struct Secrets {
    keyring: Keyring,
    opened: RwLock<HashMap<IntegrationId, Arc<Opened>>>,
}

/// The signing secrets of one version of an integration's configuration.
#[derive(Debug)]
pub(crate) struct Opened {
    version: u64,
    /// Those that opened, in the configuration's order.
    pub(crate) secrets: Vec<SecretString>,
    /// For each secret of the configuration whether it opened.
    pub(crate) opens: Vec<bool>,
}

impl Opened {
    /// Whether some secret did not open, so that a signature may be right and we cannot tell.
    pub(crate) fn is_partial(&self) -> bool {
        self.opens.contains(&false)
    }
}

impl Secrets {
    /// Nothing opened yet.
    pub(crate) fn new(keyring: Keyring) -> Self {
        Self { keyring, opened: RwLock::default() }
    }

    /// The opened secrets of a snapshot.
    pub(crate) fn of(&self, snapshot: &Snapshot) -> Arc<Opened> {
        let (id, version) = (snapshot.integration.id, snapshot.integration.version);
        let held = self.opened.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(held) = held.filter(|held| held.version == version) {
            return held;
        }
        let opened = Arc::new(self.open(snapshot));
        let mut all = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Arc::clone(&opened));
        opened
    }

    fn open(&self, snapshot: &Snapshot) -> Opened {
        let (id, version) = (snapshot.integration.id, snapshot.integration.version);
        let place = signing_secret_place(id);
        let mut opened = Opened { version, secrets: Vec::new(), opens: Vec::new() };
        for (index, sealed) in snapshot.signing_secrets.iter().enumerate() {
            let secret = self.keyring.open(&place, sealed);
            opened.opens.push(secret.is_ok());
            match secret {
                Ok(secret) => opened.secrets.push(secret),
                Err(error) => tracing::error!(
                    integration = %id,
                    secret = index + 1,
                    error = chain(&error),
                    "a signing secret does not open"
                ),
            }
        }
        opened
    }
}
