//! The signing secrets, opened when first needed and kept until their configuration changes.
//!
//! Opened secrets live here only, are wiped from memory when replaced or forgotten, and are shown
//! nowhere.

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
        // What did not open may open by now, under a key that came later.
        let may_open =
            |held: &Opened| held.is_partial() && self.keyring.renew().unwrap_or_default();
        if let Some(held) = held.filter(|held| held.version == version && !may_open(held)) {
            return held;
        }
        let opened = Arc::new(self.open(snapshot));
        let mut all = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, Arc::clone(&opened));
        opened
    }

    /// Wipes the secrets of an integration that was deleted.
    pub(crate) fn forget(&self, id: IntegrationId) {
        self.opened.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn snapshot(version: u64, sealed: &[String]) -> Snapshot {
        let integration = serde_json::json!({
            "id": "int_00000000000000000000000000000001", "org": "acme-corp", "handle": "x",
            "name": "X", "connector": "x", "base_url": "", "direction": "inbound",
            "enabled": true, "strategy": "last_write_wins", "from_email": null, "rate_limit": 1,
            "backoff_multiplier": 1.0, "fields": {}, "services": [], "version": version,
        });
        Snapshot {
            integration: serde_json::from_value(integration).unwrap(),
            token: None,
            signing_secrets: sealed.to_vec(),
            senders: Vec::new(),
            deleted: false,
        }
    }

    #[test]
    fn they_are_opened_once_for_each_version() {
        let keyring = Keyring::parse(&SecretString::from("ab".repeat(32))).unwrap();
        let first = snapshot(1, &[]);
        let place = signing_secret_place(first.integration.id);
        let sealed = keyring.seal(&place, &SecretString::from("s3cret")).unwrap();
        let elsewhere = keyring.seal("elsewhere", &SecretString::from("s3cret")).unwrap();
        let secrets = Secrets::new(keyring);
        assert!(secrets.of(&first).opens.is_empty());

        let second = snapshot(2, &[elsewhere, sealed]);
        let opened = secrets.of(&second);
        assert_eq!(opened.opens, [false, true]);
        assert!(opened.is_partial());
        assert_eq!(opened.secrets[0].expose_secret(), "s3cret");
        assert!(Arc::ptr_eq(&opened, &secrets.of(&second)), "not opened again");
        assert!(!format!("{secrets:?}").contains("s3cret"));

        secrets.forget(second.integration.id);
        assert!(!Arc::ptr_eq(&opened, &secrets.of(&second)), "forgotten, so opened again");
    }
}
