use super::system::{CONFIDENTIALITY, canonical};
use crate::ids::Coded;

/// How confidential, in the order of v3-Confidentiality: U < L < M < N < R < V (HL7 DS4P).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidentiality {
    /// U
    Unrestricted,
    /// L
    Low,
    /// M
    Moderate,
    /// N
    Normal,
    /// R
    Restricted,
    /// V
    VeryRestricted,
}

impl Confidentiality {
    /// The highest confidentiality among some labels, `None` where no label speaks of it.
    #[must_use]
    pub fn of(labels: &[Coded]) -> Option<Self> {
        labels.iter().filter_map(Self::from_label).max()
    }

    /// What one label says; a code of the system outside the order (a retired one: S, T, HIV ...) counts as V.
    #[must_use]
    pub fn from_label(label: &Coded) -> Option<Self> {
        if canonical(&label.system) != CONFIDENTIALITY {
            return None;
        }
        Some(Self::from_code(&label.code).unwrap_or(Self::VeryRestricted))
    }

    /// Reads U, L, M, N, R or V.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "U" => Self::Unrestricted,
            "L" => Self::Low,
            "M" => Self::Moderate,
            "N" => Self::Normal,
            "R" => Self::Restricted,
            "V" => Self::VeryRestricted,
            _ => return None,
        })
    }

    /// The next lower one, `None` below U.
    #[must_use]
    pub fn next_lower(self) -> Option<Self> {
        Some(match self {
            Self::Unrestricted => return None,
            Self::Low => Self::Unrestricted,
            Self::Moderate => Self::Low,
            Self::Normal => Self::Moderate,
            Self::Restricted => Self::Normal,
            Self::VeryRestricted => Self::Restricted,
        })
    }

    /// The code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unrestricted => "U",
            Self::Low => "L",
            Self::Moderate => "M",
            Self::Normal => "N",
            Self::Restricted => "R",
            Self::VeryRestricted => "V",
        }
    }

    /// The code as a label.
    #[must_use]
    pub fn label(self) -> Coded {
        let display = match self {
            Self::Unrestricted => "unrestricted",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::Normal => "normal",
            Self::Restricted => "restricted",
            Self::VeryRestricted => "very restricted",
        };
        Coded::new(self.code(), SYSTEM).with_display(display)
    }
}

const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

    #[test]
    fn the_order_is_the_standards() {
        let order: Vec<_> =
            "ULMNRV".chars().filter_map(|c| Confidentiality::from_code(&c.to_string())).collect();
        assert_eq!(order.len(), 6);
        assert!(order.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(order.iter().all(|c| Confidentiality::from_code(c.code()) == Some(*c)));
        assert!(order.windows(2).all(|pair| pair[1].next_lower() == Some(pair[0])));
        assert_eq!(order[0].next_lower(), None);
    }

    #[test]
    fn the_highest_of_several_counts() {
        let of = |labels: &[(&str, &str)]| {
            let labels: Vec<_> = labels.iter().map(|(c, s)| Coded::new(c, s)).collect();
            Confidentiality::of(&labels)
        };
        let restricted = Some(Confidentiality::Restricted);
        assert_eq!(of(&[("N", URI), ("R", "urn:oid:2.16.840.1.113883.5.25")]), restricted);
        assert_eq!(of(&[("R", "http://hl7.org/fhir/v3/Confidentiality"), ("N", URI)]), restricted);
        assert_eq!(of(&[("HIV", "2.16.840.1.113883.5.4")]), None);
        assert_eq!(of(&[("R", "")]), None);
        assert_eq!(of(&[("n", URI)]), Some(Confidentiality::VeryRestricted));
    }
}
