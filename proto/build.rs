//! Compiles `tandem/v1/*.proto` without protoc, and writes the same descriptor set for reflection.

use std::path::PathBuf;

use prost::Message as _;

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=tandem");
    let mut files: Vec<PathBuf> = std::fs::read_dir("tandem/v1")?
        .map(|entry| entry.map(|found| found.path()))
        .collect::<Result<_, _>>()?;
    files.sort();

    let descriptors = protox::compile(files, ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or(anyhow::anyhow!("no OUT_DIR"))?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure()
        // Secrets: the hand-written Debug in lib.rs shows which are there, and nothing of them.
        .skip_debug(["tandem.v1.Credentials", "tandem.v1.CreateTokenResponse"])
        .compile_fds(descriptors)?;
    Ok(())
}
