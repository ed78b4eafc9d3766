//! Adds what is new in the contract to `contract.lock`; refuses where anything that was released is
//! gone or reads otherwise.

use std::{io::ErrorKind, path::Path, process::ExitCode};

use tandem_proto::lock::{Difference, compare, contract};

fn main() -> anyhow::Result<ExitCode> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contract.lock");
    let lock = match std::fs::read_to_string(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error.into()),
    };
    let contract = contract();
    let Difference { broken, added } = compare(&lock, &contract);
    if !broken.is_empty() {
        eprintln!("nothing was written: this was released, and is gone or reads otherwise");
        broken.iter().for_each(|line| eprintln!("  {line}"));
        return Ok(ExitCode::FAILURE);
    }
    std::fs::write(&path, contract.join("\n") + "\n")?;
    println!("{} lines added to {}", added.len(), path.display());
    Ok(ExitCode::SUCCESS)
}
