//! Writes the OpenAPI document of the REST API beside this crate's manifest, where its changes are
//! seen in review; a test fails where the file is not what admin serves.

use std::path::Path;

fn main() -> anyhow::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let document = serde_json::to_string_pretty(&tandem_admin::rest::document())?;
    std::fs::write(&path, document + "\n")?;
    Ok(())
}
