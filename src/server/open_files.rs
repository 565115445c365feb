use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits;

/// Descriptors for all that is no partner's connection: handshakes under way take no slot, and 256 are for the rest.
///
/// That is at most three for each reader of the store, a dozen for its writer and the journal, one for a receiver, the
/// management listener and who asks there, and large documents on their way. A retrieve opens all of its large ones at
/// once, up to `RETRIEVE_DOCUMENTS`: for that many in each connection no number would do, and where none is left a
/// document is unavailable.
const OTHERS: usize = limits::HANDSHAKES + 256;

/// Raises the limit of open files as far as the system allows, and gives it: many systems start programs with 1,024.
#[must_use]
pub fn raise_open_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    let allowed = if setrlimit(Resource::Nofile, limit).is_ok() { limit.maximum } else { before };
    // without a number there is no limit
    allowed.unwrap_or(u64::MAX)
}

/// Whether so many connections may be open at once under this limit, and all else that is usual beside them.
#[must_use]
pub fn suffices(open_files: u64, connections: usize) -> bool {
    u64::try_from(connections.saturating_add(OTHERS)).is_ok_and(|needed| needed <= open_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_what_the_system_allows() {
        let limit = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
        assert!(suffices(4_608, 4_096) && !suffices(4_607, 4_096));
    }
}
