//! Keys and passwords of the local stack, made once and kept under `.dev` for their owner only.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use tandem_dev::random;

/// Reads a secret of 64 hexadecimal digits, made on first use.
pub(super) fn keep(path: &Path) -> anyhow::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            let path = path.display();
            return Err(error).with_context(|| {
                format!("{path} cannot be read; `cargo dev up --fresh` starts over without it")
            });
        }
    }
    let secret = random::hex().context("no random bytes to be had")?;
    let write = || {
        let mut file = File::options().create_new(true).write(true).mode(0o600).open(path)?;
        writeln!(file, "{secret}")
    };
    write().with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let secret = keep(&path).unwrap();
        assert_eq!(secret.len(), 64);
        assert_eq!(keep(&path).unwrap(), secret);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(keep(&folder.path().join("other")).unwrap(), secret);
    }
}
