use std::collections::BTreeSet;
use std::fmt;

use super::Confidentiality;
use super::vocabulary::{is_confidentiality, is_duty};
use crate::ids::Coded;

/// What a partner can do with labels (FHIR R4 security labels: a Mutual Trust Framework).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// The label codes that it recognises and enforces besides confidentiality; `None` means all.
    pub understood: Option<BTreeSet<String>>,
    /// Whether its entries show nothing but the confidentiality.
    pub strip: bool,
}

/// What a request says of the labels that it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The highest confidentiality wanted.
    pub ceiling: Option<Confidentiality>,
    /// Whether test data are wanted (HTEST), and no others.
    pub test: bool,
}

/// What of an item its labels' rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Data<'d> {
    /// Its labels.
    pub labels: &'d [Coded],
    /// Whether each of them can be told.
    pub readable: bool,
    /// Whether it surely arose in our own community.
    pub is_ours: bool,
}

/// Why labels keep an item from a partner, whatever consent and break-glass say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// The partner would not know what to do with a label.
    NotUnderstood(String),
    /// The partner would not be told of a duty.
    NotCarried(String),
    /// It came from another community, which forbids to give it away again.
    NoReuse,
    /// Test data among production data.
    Test,
    /// Production data among test data.
    Production,
    /// More confidential than the request wants.
    AboveCeiling,
}

impl Kept {
    /// A stable name for explanations.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUnderstood(_) => "label-not-understood",
            Self::NotCarried(_) => "label-not-carried",
            Self::NoReuse => "no-reuse",
            Self::Test => "test-data",
            Self::Production => "production-data",
            Self::AboveCeiling => "confidentiality-ceiling",
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUnderstood(code) => write!(f, "the partner does not understand label {code}"),
            Self::NotCarried(code) => {
                write!(f, "label {code} would be stripped, so the partner would not obey it")
            }
            Self::NoReuse => f.write_str("NOREUSE, and it may be another community's"),
            Self::Test => f.write_str("test data, and the purpose is not HTEST"),
            Self::Production => f.write_str("the purpose is HTEST, and these are no test data"),
            Self::AboveCeiling => f.write_str("above the confidentiality that the request wants"),
        }
    }
}

impl Outbound {
    /// Whether an item may go to this partner as far as its labels are concerned.
    ///
    /// Nothing here permits: consent is asked besides. What cannot be told counts against release.
    pub fn check(&self, data: &Data<'_>, wanted: Wanted) -> Result<(), Kept> {
        match (data.labels.iter().any(|label| label.code == "HTEST"), wanted.test) {
            (true, false) => return Err(Kept::Test),
            (false, true) => return Err(Kept::Production),
            _ => {}
        }
        if let Some(ceiling) = wanted.ceiling.filter(|c| *c < Confidentiality::VeryRestricted)
            && self.above(data, ceiling)
        {
            return Err(Kept::AboveCeiling);
        }
        for label in data.labels {
            if label.code == "NOREUSE" && !data.is_ours {
                return Err(Kept::NoReuse);
            }
            if self.strip && is_duty(label) {
                return Err(Kept::NotCarried(label.code.clone()));
            }
            let lacks = |known: &BTreeSet<String>| !known.contains(&label.code);
            if self.understood.as_ref().is_some_and(lacks) && !is_confidentiality(label) {
                return Err(Kept::NotUnderstood(label.code.clone()));
            }
        }
        if self.understood.is_some() && !data.readable {
            return Err(Kept::NotUnderstood("that is no known code".to_owned()));
        }
        Ok(())
    }

    /// Without a confidentiality, or beside a label that may say anything, nobody knows how high it is.
    fn above(&self, data: &Data<'_>, ceiling: Confidentiality) -> bool {
        !data.readable || Confidentiality::of(data.labels).is_none_or(|found| found > ceiling)
    }
}
