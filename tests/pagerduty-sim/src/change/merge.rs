//! Owns merging: each source is resolved and says into what; the target emits nothing.
//!
//! All sources are checked before the first one changes.

use serde_json::json;

use super::Change;
use crate::incident::MergedInto;
use crate::refusal::Refusal;

impl Change<'_> {
    pub(crate) fn merge(&mut self, target: &str, sources: &[String]) -> Result<(), Refusal> {
        self.check_open(target)?;
        if sources.is_empty() {
            return Err(Refusal::Arguments("Source incidents cannot be empty".to_owned()));
        }
        for source in sources {
            let incident = self.incident(source)?;
            if incident.merged_into.is_some() {
                return Err(Refusal::AlreadyMerged);
            }
            if source == target {
                let error = "Cannot merge an incident into itself";
                return Err(Refusal::Arguments(error.to_owned()));
            }
        }
        for source in sources {
            let open = self.incident(source)?.open();
            let into = MergedInto { incident: target.to_owned() };
            self.edit(source, |incident| incident.merged_into = Some(into));
            if open {
                self.mark_resolved(source);
                self.record(source, "resolve", json!({ "merged_into": target }));
                self.emit(source, "incident.resolved");
            }
        }
        self.edit(target, |_| {});
        Ok(())
    }
}
