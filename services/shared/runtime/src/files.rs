//! Room for open files: each connection is one, and the usual limit of 1024 was set for other times.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most that macOS gives to whoever may have all.
const ENOUGH: u64 = 10_240;

/// Raises the limit of open files to the most that this process may have.
pub(crate) fn raise() {
    let now = getrlimit(Resource::Nofile);
    let wanted = |current| Rlimit { current, maximum: now.maximum };
    let enough = Some(now.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH)));
    let raised = setrlimit(Resource::Nofile, wanted(now.maximum))
        .or_else(|_| setrlimit(Resource::Nofile, wanted(enough)));
    if let Err(error) = raised {
        tracing::warn!(%error, from = now.current, "the limit of open files cannot be raised");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn afterwards_there_is_room_for_what_may_be_had() {
        raise();
        let now = getrlimit(Resource::Nofile);
        let enough = now.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
        assert!(now.current.is_none_or(|current| current >= enough), "{now:?}");
    }
}
