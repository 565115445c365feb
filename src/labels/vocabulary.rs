use super::system::{ACT_CODE, ACT_REASON, CONFIDENTIALITY, canonical};
use crate::ids::Coded;

/// Labels that tell by themselves that something is hidden (FHIR R4 security labels; HL7 DS4P).
pub(super) const PRIVACY_REVEALING: [&str; 7] =
    ["MASK", "MASKED", "NODSCLCD", "NODSCLCDS", "NOVIP", "REDACT", "REDACTED"];

/// Sensitivities that leave a document at N: of the person's administrative data (HL7 v3-ActCode).
pub(super) const NORMAL_SENSITIVITIES: [&str; 7] =
    ["DEMO", "DOB", "GENDER", "LIVARG", "MARST", "RACE", "REL"];

/// The children of v3-ActCode's ObligationPolicy and RefrainPolicy: what a recipient must or must not do.
const DUTIES: [&str; 50] = [
    "ANONY",
    "AOD",
    "AUDIT",
    "AUDTR",
    "CPLYCC",
    "CPLYCD",
    "CPLYCUI",
    "CPLYJPP",
    "CPLYJSP",
    "CPLYOPP",
    "CPLYOSP",
    "CPLYPOL",
    "CUIMark",
    "DECLASSIFYLABEL",
    "DEID",
    "DELAU",
    "DOWNGRDLABEL",
    "DRIVLABEL",
    "ENCRYPT",
    "ENCRYPTR",
    "ENCRYPTT",
    "ENCRYPTU",
    "HUAPRV",
    "LABEL",
    "MASK",
    "MINEC",
    "NOAUTH",
    "NOCOLLECT",
    "NODSCLCD",
    "NODSCLCDS",
    "NOINTEGRATE",
    "NOLIST",
    "NOMOU",
    "NOORGPOL",
    "NOPAT",
    "NOPERSISTP",
    "NORDSCLCD",
    "NORDSCLCDS",
    "NORDSCLW",
    "NORDSLCD",
    "NORELINK",
    "NOREUSE",
    "NOVIP",
    "ORCON",
    "PERSISTLABEL",
    "PRIVMARK",
    "PROCESSINLINELABEL",
    "PSEUD",
    "REDACT",
    "UPGRDLABEL",
];

/// The children of v3-ActCode's information sensitivity policies, and the privacy laws that travel with them.
const SENSITIVITIES: [&str; 47] = [
    "42CFRPart2",
    "ADOL",
    "B",
    "BH",
    "CEL",
    "COGN",
    "DEMO",
    "DIA",
    "DOB",
    "DRGIS",
    "DVD",
    "EMOTDIS",
    "EMP",
    "EMPL",
    "ETH",
    "ETHUD",
    "GDIS",
    "GENDER",
    "HIV",
    "IDS",
    "LIVARG",
    "LOCIS",
    "MARST",
    "MH",
    "MST",
    "OPIOIDUD",
    "PATLOC",
    "PDS",
    "PHY",
    "PREGNANT",
    "PRS",
    "PSY",
    "PSYTHPN",
    "RACE",
    "REL",
    "SCA",
    "SDV",
    "SEX",
    "SICKLE",
    "SPI",
    "SSP",
    "STD",
    "SUD",
    "TBOO",
    "Title38Section7332",
    "VIO",
    "VIP",
];

/// Whether a coding that stands among others is a security label by its own, its system by its canonical name.
pub(super) fn is_label(system: &str, code: &str) -> bool {
    match system {
        CONFIDENTIALITY => true,
        ACT_CODE => DUTIES.contains(&code) || SENSITIVITIES.contains(&code),
        ACT_REASON => code == "HTEST",
        _ => false,
    }
}

/// Whether a label obliges the recipient to something, or forbids it, whichever system it names.
#[must_use]
pub fn is_duty(label: &Coded) -> bool {
    DUTIES.contains(&label.code.as_str())
}

/// Whether a label says how sensitive something is (v3-ActCode).
#[must_use]
pub fn is_sensitivity(label: &Coded) -> bool {
    canonical(&label.system) == ACT_CODE && SENSITIVITIES.contains(&label.code.as_str())
}

/// Whether a label is of v3-Confidentiality.
pub(super) fn is_confidentiality(label: &Coded) -> bool {
    canonical(&label.system) == CONFIDENTIALITY
}
