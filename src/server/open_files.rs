use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors for all that is no connection: store, journal, receivers, documents on their way.
const OTHERS: u64 = 256;

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

/// Whether so many connections may be open at once under this limit.
#[must_use]
pub fn suffices(open_files: u64, connections: usize) -> bool {
    u64::try_from(connections).is_ok_and(|n| n.saturating_add(OTHERS) <= open_files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_becomes_what_the_system_allows() {
        let limit = raise_open_files();
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
        assert!(suffices(4_352, 4_096) && !suffices(4_351, 4_096));
    }
}
