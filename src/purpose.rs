//! Purpose-of-use vocabularies and their map.
//!
//! Every purpose becomes a concept of HL7 v3-ActReason; what has no known counterpart is an error, never a guess.

use std::collections::BTreeSet;

use crate::ids::Coded;

/// The purposes as an assertion states them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Codes with their systems.
    pub coded: Vec<Coded>,
    /// Values without a system.
    pub plain: Vec<String>,
}

/// Why stated purposes cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing was stated.
    #[error("no purpose of use is stated")]
    None,
    /// The system is known, the code has no counterpart.
    #[error("purpose of use {code:?} is unknown in {system}")]
    UnknownCode {
        /// The code as received.
        code: String,
        /// Its system.
        system: String,
    },
    /// The system is not one that we know.
    #[error("purpose of use {code:?} comes from the unknown system {system:?}")]
    UnknownSystem {
        /// The code as received.
        code: String,
        /// Its system as received.
        system: String,
    },
    /// A value without a system that repeats no coded one.
    #[error("purpose of use {value:?} has no code system")]
    PlainUnknown {
        /// The value as received.
        value: String,
    },
}

/// Maps all stated purposes, or refuses them all; equal ones collapse.
pub fn resolve(stated: &Stated) -> Result<BTreeSet<Purpose>, Error> {
    let purposes: BTreeSet<_> = stated.coded.iter().map(concept).collect::<Result<_, _>>()?;
    let repeats = |value: &str, coded: &Coded| {
        value.eq_ignore_ascii_case(&coded.code)
            || coded.display.as_ref().is_some_and(|d| value.eq_ignore_ascii_case(d.trim()))
    };
    for value in stated.plain.iter().map(|value| value.trim()).filter(|value| !value.is_empty()) {
        if !stated.coded.iter().any(|coded| repeats(value, coded)) {
            return Err(Error::PlainUnknown { value: value.to_owned() });
        }
    }
    if purposes.is_empty() { Err(Error::None) } else { Ok(purposes) }
}

/// Maps one code; codes are case-sensitive.
pub fn concept(coded: &Coded) -> Result<Purpose, Error> {
    let (code, system) = (coded.code.as_str(), coded.system.as_str());
    // `Coded` is open, so the prefix may not have been taken off yet
    let bare = system.strip_prefix("urn:oid:").unwrap_or(system);
    let Some(vocabulary) = Vocabulary::of(bare) else {
        return Err(Error::UnknownSystem { code: code.to_owned(), system: system.to_owned() });
    };
    let unknown = || Error::UnknownCode { code: code.to_owned(), system: system.to_owned() };
    vocabulary.concept(code).ok_or_else(unknown)
}

/// The systems that partners draw purposes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    ActReason,
    Nhin,
    Tefca,
    Iso14265,
    Swiss,
    Ehdsi,
}

impl Vocabulary {
    /// Finds a vocabulary by its OID or any URI it goes by, its value sets' too (the wild writes either).
    fn of(system: &str) -> Option<Self> {
        Some(match system {
            "2.16.840.1.113883.5.8"
            | "2.16.840.1.113883.1.11.20448"
            | "2.16.840.1.113883.1.11.20449"
            | "http://terminology.hl7.org/CodeSystem/v3-ActReason"
            | "http://terminology.hl7.org/CodeSystem/v3-PurposeOfUse"
            | "http://terminology.hl7.org/ValueSet/v3-PurposeOfUse"
            | "http://terminology.hl7.org/ValueSet/v3-GeneralPurposeOfUse"
            | "http://hl7.org/fhir/ValueSet/v3-PurposeOfUse"
            | "http://hl7.org/fhir/v3/ActReason"
            | "http://hl7.org/fhir/v3/PurposeOfUse" => Self::ActReason,
            "2.16.840.1.113883.3.18.7.1" | "http://healthit.gov/nhin/purposeofuse" => Self::Nhin,
            "2.16.840.1.113883.3.7204.1.5.2.1" => Self::Tefca,
            "1.0.14265.1" => Self::Iso14265,
            "2.16.756.5.30.1.127.3.10.5" => Self::Swiss,
            "urn:oasis:names:tc:xspa:1.0" | "3bc18518-d305-46c2-a8d6-94bd59856e9e" => Self::Ehdsi,
            _ => return None,
        })
    }

    fn concept(self, code: &str) -> Option<Purpose> {
        match self {
            Self::ActReason => Purpose::from_code(code),
            Self::Nhin => nhin(code),
            Self::Tefca => tefca(code),
            Self::Iso14265 => iso_14265(code),
            // EMER: template 202 lets the patient limit it, so it is break-glass under a consent's ceiling;
            // as such it needs agreement and role, and without them counts as treatment. AUTO is for uploads.
            Self::Swiss => match code {
                "NORM" => Some(Purpose::TREAT),
                "EMER" => Some(Purpose::BTG),
                _ => None,
            },
            Self::Ehdsi => match code {
                "TREATMENT" => Some(Purpose::TREAT),
                "EMERGENCY" => Some(Purpose::ETREAT),
                _ => None,
            },
        }
    }
}

/// NHIN by FHIR's concept map inside `valueset-nhin-purposeofuse`.
///
/// PSYCHOTHERAPY, PRESENT, ABUSE, OVERSIGHT and WORKERSCOMP have no counterpart. EMERGENCY has none there either,
/// its definition is ETREAT's; break-glass it never is.
fn nhin(code: &str) -> Option<Purpose> {
    Some(match code {
        "TREATMENT" => Purpose::TREAT,
        "EMERGENCY" => Purpose::ETREAT,
        "PAYMENT" => Purpose::HPAYMT,
        "COVERAGE" => Purpose::COVERAGE,
        "OPERATIONS" => Purpose::HOPERAT,
        "SYSADMIN" => Purpose::HSYSADMIN,
        "FRAUD" => Purpose::FRAUD,
        "TRAINING" => Purpose::TRAIN,
        "LEGAL" | "JUDICIAL" | "LAW" => Purpose::HLEGAL,
        "MARKETING" => Purpose::HMARKT,
        "DIRECTORY" => Purpose::HDIRECT,
        "FAMILY" => Purpose::FAMRQT,
        "DISASTER" => Purpose::DISASTER,
        "PUBLICHEALTH" => Purpose::PUBHLTH,
        "THREAT" => Purpose::THREAT,
        "DECEASED" => Purpose::HDECD,
        "DONATION" => Purpose::DONAT,
        "RESEARCH" => Purpose::HRESCH,
        "GOVERNMENT" => Purpose::GOV,
        "REQUEST" => Purpose::PATRQT,
        _ => return None,
    })
}

/// TEFCA by the SOP Exchange Purposes, versions 1 to 5.1.
///
/// Care coordination and population work are health care operations there, so they stay outside treatment here.
fn tefca(code: &str) -> Option<Purpose> {
    Some(match code {
        "T-TREAT" | "T-TRTMNT" | "T-REQTREAT" => Purpose::TREAT,
        "T-PYMNT" | "T-PAY" => Purpose::HPAYMT,
        "T-HCO" | "T-HPO" | "T-HCO-POP" | "T-HCO-PERF" => Purpose::HOPERAT,
        "T-HCO-CC" | "T-COC" => Purpose::CAREMGT,
        "T-HCO-HED" | "T-HEDIS" | "T-QMR" => Purpose::PERFMSR,
        "T-HCO-QAI" => Purpose::HQUALIMP,
        "T-HCO-PTSAFETY" => Purpose::PATSFTY,
        "T-PH" | "T-PH-ECR" | "T-PH-ELR" | "T-ECR" | "T-ELR" => Purpose::PUBHLTH,
        "T-IAS" => Purpose::PATRQT,
        "T-GOVDTRM" | "T-GOVDTRM-SSD" | "T-GBD" => Purpose::ELIGDTRM,
        _ => return None,
    })
}

/// ISO/TS 14265 where a number's meaning is attested on the wire.
///
/// 2 covers both emergency room and override (v3-ActReason, BTG), so it is their parent. 13, the citizen himself,
/// is kept out of treatment although HL7 maps it to COC.
fn iso_14265(code: &str) -> Option<Purpose> {
    Some(match code {
        "1" => Purpose::TREAT,
        "2" => Purpose::ETREAT,
        "5" => Purpose::CAREMGT,
        "12" => Purpose::HLEGAL,
        "13" => Purpose::PATRQT,
        _ => return None,
    })
}

/// Writes the concepts with their one parent and display, in the order of their codes.
macro_rules! concepts {
    ($($code:ident $parent:ident $display:literal;)+) => {
        /// A concept of v3-ActReason's PurposeOfUse subtree (version 4.0.0 of 2024-02-28).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Purpose {
            $(#[doc = $display] $code,)+
        }

        impl Purpose {
            /// Every concept, by code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)+ }
            }

            /// What people call it.
            #[must_use]
            pub fn display(self) -> &'static str {
                match self { $(Self::$code => $display,)+ }
            }

            /// The next more general concept; the root is its own.
            fn parent(self) -> Self {
                match self { $(Self::$code => Self::$parent,)+ }
            }
        }
    };
}

impl Purpose {
    /// Finds a concept by its v3-ActReason code, case-sensitive.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let at = Self::ALL.binary_search_by(|purpose| purpose.code().cmp(code)).ok()?;
        Self::ALL.get(at).copied()
    }

    /// Whether this is `ancestor` or below it.
    #[must_use]
    pub fn is_a(self, ancestor: Self) -> bool {
        // the tree is five deep; the bound stands should a new release put a circle in
        std::iter::successors(Some(self), |purpose| Some(purpose.parent()))
            .take(8)
            .any(|purpose| purpose == ancestor)
    }
}

concepts! {
    BIORCH HRESCH "biomedical research";
    BTG ETREAT "break the glass";
    CAREMGT HOPERAT "care management";
    CLINTRCH HRESCH "clinical trial research";
    CLINTRCHNPC CLINTRCH "clinical trial research without patient care";
    CLINTRCHPC CLINTRCH "clinical trial research with patient care";
    CLINTRL TREAT "clinical trial";
    CLMATTCH HPAYMT "claim attachment";
    COC TREAT "coordination of care";
    COVAUTH HPAYMT "coverage authorization";
    COVERAGE HPAYMT "coverage under policy or program";
    DISASTER PUBHLTH "disaster";
    DONAT HOPERAT "donation";
    DSRCH HRESCH "disease specific healthcare research";
    ELIGDTRM COVERAGE "eligibility determination";
    ELIGVER COVERAGE "eligibility verification";
    ENROLLM COVERAGE "enrollment";
    ERTREAT ETREAT "emergency room treatment";
    ETREAT TREAT "emergency treatment";
    FAMRQT PATRQT "family requested";
    FRAUD HOPERAT "fraud";
    GOV HOPERAT "government";
    HACCRED HOPERAT "health accreditation";
    HCOMPL HOPERAT "health compliance";
    HDECD HOPERAT "decedent";
    HDIRECT HOPERAT "directory";
    HDM HOPERAT "healthcare delivery management";
    HLEGAL HOPERAT "legal";
    HMARKT PurposeOfUse "healthcare marketing";
    HOPERAT PurposeOfUse "healthcare operations";
    HOUTCOMS HOPERAT "health outcome measure";
    HPAYMT PurposeOfUse "healthcare payment";
    HPRGRP HOPERAT "health program reporting";
    HQUALIMP HOPERAT "health quality improvement";
    HRESCH PurposeOfUse "healthcare research";
    HSYSADMIN HOPERAT "health system administration";
    HTEST SYSDEV "test health data";
    LABELING HSYSADMIN "labeling";
    MEMADMIN HOPERAT "member administration";
    METAMGT HSYSADMIN "metadata management";
    MILCDM HOPERAT "military command";
    MILDCRG COVERAGE "military discharge";
    MLTRAINING HOPERAT "machine learning training";
    PATADMIN HOPERAT "patient administration";
    PATRQT PurposeOfUse "patient requested";
    PATSFTY HOPERAT "patient safety";
    PERFMSR HOPERAT "performance measure";
    PMTDS HPAYMT "decision support assisted payment decision";
    POARCH HRESCH "population origins or ancestry healthcare research";
    POPHLTH TREAT "population health";
    PRECLINTRCH CLINTRCH "preclinical trial research";
    PUBHLTH PurposeOfUse "public health";
    PWATRNY PATRQT "power of attorney";
    PurposeOfUse PurposeOfUse "purpose of use";
    RECORDMGT HOPERAT "records management";
    REMITADV HPAYMT "remittance advice";
    SUPNWK PATRQT "support network";
    SYSDEV HOPERAT "system development";
    THREAT PUBHLTH "threat";
    TRAIN HOPERAT "training";
    TRANSRCH HRESCH "translational healthcare research";
    TREAT PurposeOfUse "treatment";
    TREATDS TREAT "decision support assisted treatment decision";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(code: &str, system: &str) -> Result<Purpose, Error> {
        concept(&Coded::new(code, system))
    }

    #[test]
    fn the_tree_is_the_standards() {
        assert_eq!(Purpose::ALL.len(), 63);
        assert!(Purpose::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for (below, above) in [
            (Purpose::BTG, Purpose::ETREAT),
            (Purpose::ERTREAT, Purpose::ETREAT),
            (Purpose::ETREAT, Purpose::TREAT),
            (Purpose::COC, Purpose::TREAT),
            (Purpose::ELIGVER, Purpose::HPAYMT),
            (Purpose::HTEST, Purpose::HOPERAT),
        ] {
            assert!(below.is_a(above) && !above.is_a(below), "{below:?}");
        }
        for purpose in Purpose::ALL {
            assert!(purpose.is_a(*purpose) && purpose.is_a(Purpose::PurposeOfUse));
            assert_eq!(Purpose::from_code(purpose.code()), Some(*purpose));
        }
        assert!(!Purpose::CAREMGT.is_a(Purpose::TREAT));
    }

    #[test]
    fn the_wild_spells_a_purpose_in_many_systems() {
        for (code, system, purpose) in [
            ("TREAT", "2.16.840.1.113883.5.8", Purpose::TREAT),
            ("TREAT", "urn:oid:2.16.840.1.113883.1.11.20448", Purpose::TREAT),
            ("BTG", "http://terminology.hl7.org/CodeSystem/v3-ActReason", Purpose::BTG),
            ("ETREAT", "http://hl7.org/fhir/v3/ActReason", Purpose::ETREAT),
            ("TREATMENT", "2.16.840.1.113883.3.18.7.1", Purpose::TREAT),
            ("EMERGENCY", "2.16.840.1.113883.3.18.7.1", Purpose::ETREAT),
            ("T-TRTMNT", "2.16.840.1.113883.3.7204.1.5.2.1", Purpose::TREAT),
            ("T-COC", "2.16.840.1.113883.3.7204.1.5.2.1", Purpose::CAREMGT),
            ("1", "1.0.14265.1", Purpose::TREAT),
            ("13", "urn:oid:1.0.14265.1", Purpose::PATRQT),
            ("NORM", "2.16.756.5.30.1.127.3.10.5", Purpose::TREAT),
            ("EMER", "2.16.756.5.30.1.127.3.10.5", Purpose::BTG),
            ("EMERGENCY", "urn:oasis:names:tc:xspa:1.0", Purpose::ETREAT),
            ("TREATMENT", "3bc18518-d305-46c2-a8d6-94bd59856e9e", Purpose::TREAT),
        ] {
            assert_eq!(one(code, system), Ok(purpose), "{code} {system}");
        }
    }

    #[test]
    fn a_right_code_in_the_wrong_system_is_unknown() {
        for (code, system) in [
            ("treat", "2.16.840.1.113883.5.8"),
            ("TREATMENT", "2.16.840.1.113883.5.8"),
            ("TREAT", "2.16.840.1.113883.3.18.7.1"),
            ("PSYCHOTHERAPY", "2.16.840.1.113883.3.18.7.1"),
            ("T-GOVDTRM-ACP", "2.16.840.1.113883.3.7204.1.5.2.1"),
            ("AUTO", "2.16.756.5.30.1.127.3.10.5"),
            ("3", "1.0.14265.1"),
            // an act reason, but no purpose of use
            ("ACCREQNA", "2.16.840.1.113883.5.8"),
        ] {
            assert!(matches!(one(code, system), Err(Error::UnknownCode { .. })), "{code} {system}");
        }
        for system in ["", "2.16.840.1.113883.5.4", "urn:oid:urn:oid:2.16.840.1.113883.5.8"] {
            assert!(matches!(one("TREAT", system), Err(Error::UnknownSystem { .. })), "{system}");
        }
    }

    #[test]
    fn equal_purposes_collapse_and_repetition_is_harmless() {
        let treat = Coded::new("TREAT", "2.16.840.1.113883.5.8").with_display("Treatment");
        let nhin = Coded::new("TREATMENT", "2.16.840.1.113883.3.18.7.1");
        let plain = ["treat", " Treatment ", ""].map(String::from).to_vec();
        let stated = Stated { coded: vec![treat.clone(), nhin, treat.clone()], plain };
        assert_eq!(resolve(&stated), Ok(BTreeSet::from([Purpose::TREAT])));

        let stated = Stated { coded: vec![treat], plain: vec!["BTG".into()] };
        assert_eq!(resolve(&stated), Err(Error::PlainUnknown { value: "BTG".into() }));
        let stated = Stated { coded: vec![], plain: vec!["TREAT".into()] };
        assert!(matches!(resolve(&stated), Err(Error::PlainUnknown { .. })));
        assert_eq!(resolve(&Stated::default()), Err(Error::None));
    }

    proptest! {
        #[test]
        fn no_text_but_a_listed_code_is_a_purpose(code in "\\PC{0,12}", system in "[ -~]{0,40}") {
            if let Ok(purpose) = one(&code, &system) {
                prop_assert!(Vocabulary::of(&system).is_some() || system.starts_with("urn:oid:"));
                prop_assert!(Purpose::ALL.contains(&purpose));
            }
        }

        #[test]
        fn one_unknown_purpose_spoils_the_rest(code in "[a-z]{1,8}") {
            let known = Coded::new("TREAT", "2.16.840.1.113883.5.8");
            let coded = vec![known, Coded::new(&code, "2.16.840.1.113883.5.8")];
            let resolved = resolve(&Stated { coded, plain: vec![] });
            prop_assert!(resolved.is_err());
        }
    }
}
