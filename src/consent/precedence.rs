use super::domain::Conflicts;
use super::read::Read;
use crate::clock::Timestamp;
use crate::fhir::Date;

/// What orders a consent among others.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its policy's place among the domain's authorities, after all of them where it is none of these.
    pub(super) rank: usize,
    identifiers: Vec<(String, String)>,
    /// When it was made.
    pub(super) made: Option<Date>,
}

impl Standing {
    pub(super) fn of(read: &Read, authorities: &[String]) -> Self {
        let known = |authority: &String| read.policies.contains(authority);
        Self {
            rank: authorities.iter().position(known).unwrap_or(authorities.len()),
            identifiers: read.identifiers.clone(),
            made: read.date,
        }
    }

    /// Whether it is one record's later version than `earlier`, for certain: an identifier in common, a later date.
    fn supersedes(&self, earlier: &Self, now: Timestamp) -> bool {
        let later = self
            .made
            .zip(earlier.made)
            .is_some_and(|(made, before)| before.after <= made.first && made.first <= now);
        later && self.identifiers.iter().any(|identifier| earlier.identifiers.contains(identifier))
    }
}

/// Which of the consents in force count; one that cannot be enforced (`None`) always does, and supersedes nothing.
pub(super) fn counting(
    standings: &[Option<&Standing>],
    conflicts: Conflicts,
    now: Timestamp,
) -> Vec<bool> {
    let superseded =
        |earlier: &Standing| standings.iter().flatten().any(|later| later.supersedes(earlier, now));
    let made = |standing: &Standing| standing.made.filter(|made| made.first <= now);
    let last = |rank: usize| {
        let peers = standings.iter().flatten().filter(|standing| standing.rank == rank);
        peers.filter_map(|standing| made(standing)).map(|made| made.first).max()
    };
    let counts = |standing: &Option<&Standing>| {
        let Some(standing) = standing else { return true };
        let outdated = || match (conflicts, made(standing)) {
            (Conflicts::DenyOverrides, _) | (_, None) => false,
            // one that may have been made as late counts too
            (Conflicts::MostRecent, Some(made)) => {
                last(standing.rank).is_some_and(|last| made.after <= last)
            }
        };
        !superseded(standing) && !outdated()
    };
    standings.iter().map(counts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(rank: usize, identifier: &str, made: &str) -> Standing {
        let identifiers = [identifier].into_iter().filter(|value| !value.is_empty());
        Standing {
            rank,
            identifiers: identifiers.map(|value| ("urn:x".into(), value.into())).collect(),
            made: Date::parse(made),
        }
    }

    fn count(conflicts: Conflicts, standings: &[Option<Standing>]) -> Vec<bool> {
        let standings: Vec<_> = standings.iter().map(Option::as_ref).collect();
        counting(&standings, conflicts, Timestamp::parse("2026-07-01T12:00:00Z").unwrap())
    }

    #[test]
    fn a_later_version_of_one_record_supersedes() {
        let pair = |one, other| count(Conflicts::DenyOverrides, &[Some(one), Some(other)]);
        let (old, new) = (standing(0, "7", "2024-05-01"), standing(0, "7", "2025"));
        assert_eq!(pair(old, new), [false, true]);
        for other in [
            // another record
            standing(0, "8", "2025"),
            standing(0, "", "2025"),
            // perhaps not later
            standing(0, "7", "2024"),
            standing(0, "7", "2024-05-01"),
            standing(0, "7", ""),
            // not yet made
            standing(0, "7", "2027"),
        ] {
            let said = format!("{other:?}");
            assert_eq!(pair(standing(0, "7", "2024-05-01"), other), [true, true], "{said}");
        }
        assert_eq!(pair(standing(0, "", "2024"), standing(0, "", "2025")), [true, true]);
        // what cannot be enforced supersedes nothing and is not superseded
        let alone = [Some(standing(0, "7", "2024")), None];
        assert_eq!(count(Conflicts::DenyOverrides, &alone), [true, true]);
    }

    #[test]
    fn the_most_recent_of_an_authority_counts_where_the_domain_says_so() {
        let all = [
            Some(standing(1, "", "2024")),
            Some(standing(1, "", "2025-03-01")),
            // perhaps later still
            Some(standing(1, "", "2025")),
            Some(standing(1, "", "")),
            Some(standing(1, "", "2027")),
            Some(standing(0, "", "2020")),
            None,
        ];
        let expected = [false, true, true, true, true, true, true];
        assert_eq!(count(Conflicts::MostRecent, &all), expected);
        assert_eq!(count(Conflicts::DenyOverrides, &all), [true; 7]);
    }
}
