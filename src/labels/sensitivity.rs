use super::system::{ACT_CODE, CONFIDENTIALITY, canonical};
use crate::ids::Coded;

/// A sensitivity of v3-ActCode's InformationSensitivityPolicy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sensitivity(&'static Concept);

#[derive(Debug, PartialEq, Eq)]
struct Concept {
    code: &'static str,
    /// The next more general one.
    parent: Option<&'static str>,
    /// Another name of the same.
    alias: Option<&'static str>,
    /// The fields that it is of, a bit each.
    fields: u8,
}

const BEHAVIOUR: u8 = 1;
const SEXUALITY: u8 = 2;
const VIOLENCE: u8 = 4;
const GENETICS: u8 = 8;
const STANDING: u8 = 16;
const PERSON: u8 = 32;
const PROVIDER: u8 = 64;
/// May be of any field.
const ANY: u8 = u8::MAX;

/// Writes the concepts with their parent (v3-ActCode 11.0.0), alias and fields, in the order of their codes.
macro_rules! concepts {
    ($($code:ident $($parent:ident)? $(= $alias:ident)? : $fields:expr;)+) => {
        const CONCEPTS: &[Concept] = &[$(Concept {
            code: stringify!($code),
            parent: concepts!(@ $($parent)?),
            alias: concepts!(@ $($alias)?),
            fields: $fields,
        }),+];
    };
    (@) => { None };
    (@ $code:ident) => { Some(stringify!($code)) };
}

concepts! {
    ADOL: ANY;
    B: PROVIDER;
    BH SPI: BEHAVIOUR;
    CEL = VIP: STANDING;
    COGN BH: BEHAVIOUR;
    DEMO: PERSON;
    DIA: ANY;
    DOB: PERSON;
    DRGIS: ANY;
    DVD BH: BEHAVIOUR;
    EMOTDIS BH: BEHAVIOUR;
    EMP: STANDING;
    EMPL: STANDING | PROVIDER;
    ETH = SUD: BEHAVIOUR;
    ETHUD SUD: BEHAVIOUR;
    GDIS: GENETICS;
    GENDER: PERSON | SEXUALITY;
    HIV: SEXUALITY;
    IDS: PERSON;
    LIVARG: PERSON;
    LOCIS: PERSON | PROVIDER;
    MARST: PERSON;
    MH SPI: BEHAVIOUR;
    MST: SEXUALITY | VIOLENCE;
    OPIOIDUD SUD: BEHAVIOUR;
    PATLOC: PERSON | PROVIDER;
    PDS: ANY;
    PHY: ANY;
    PREGNANT: SEXUALITY;
    PRS: ANY;
    PSY SPI: BEHAVIOUR;
    PSYTHPN SPI: BEHAVIOUR;
    RACE: PERSON;
    REL: PERSON;
    SCA = SICKLE: GENETICS;
    SDV: SEXUALITY | VIOLENCE;
    SEX: SEXUALITY;
    SICKLE = SCA: GENETICS;
    SPI: ANY;
    SSP: PROVIDER;
    STD: SEXUALITY;
    SUD SPI = ETH: BEHAVIOUR;
    TBOO: ANY;
    VIO: VIOLENCE;
    VIP = CEL: STANDING;
}

/// Steps upwards that lead out of any tree of sensitivities: they are three deep.
const DEEP: usize = 8;

impl Sensitivity {
    /// Finds one by its code, case-sensitive.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        let at = CONCEPTS.binary_search_by(|concept| concept.code.cmp(code)).ok()?;
        CONCEPTS.get(at).map(Self)
    }

    /// Finds what a label says, where it is a sensitivity that we know.
    #[must_use]
    pub fn from_label(label: &Coded) -> Option<Self> {
        (canonical(&label.system) == ACT_CODE).then(|| Self::from_code(&label.code)).flatten()
    }

    /// Whether a rule about this speaks of `label`: the same, its alias, or below either.
    #[must_use]
    pub fn covers(self, label: Self) -> bool {
        let above = |concept: &Self| concept.0.parent.and_then(Self::from_code);
        let mut branch = std::iter::successors(Some(label), above).take(DEEP);
        branch.any(|at| at == self || at.0.alias == Some(self.0.code))
    }

    /// Whether a rule about this certainly does not speak of `label`: the two share no field.
    ///
    /// Siblings are not told apart: what is labelled MH may well be PSY.
    #[must_use]
    pub fn excludes(self, label: Self) -> bool {
        self.0.fields & label.0.fields == 0
    }
}

/// Whether a rule about `general` speaks of what is labelled `label`: the same code of the same system, its alias, or
/// one below.
#[must_use]
pub fn covers(general: &Coded, label: &Coded) -> bool {
    match (Sensitivity::from_label(general), Sensitivity::from_label(label)) {
        (Some(general), Some(label)) => general.covers(label),
        _ => general.code == label.code && canonical(&general.system) == canonical(&label.system),
    }
}

/// Whether a rule about `general` certainly does not speak of what is labelled `label`; a code that is unknown may be
/// kin to any.
#[must_use]
pub fn excludes(general: &Coded, label: &Coded) -> bool {
    match (canonical(&general.system), canonical(&label.system)) {
        (ACT_CODE, CONFIDENTIALITY) => true,
        (ACT_CODE, ACT_CODE) => {
            let known = Sensitivity::from_label(general).zip(Sensitivity::from_label(label));
            known.is_some_and(|(general, label)| general.excludes(label))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_known_by_every_name_of_its_system() {
        let uri = Coded::new("HIV", "http://terminology.hl7.org/CodeSystem/v3-ActCode");
        let oid = Coded::new("HIV", "urn:oid:2.16.840.1.113883.5.4");
        let old = Coded::new("HIV", "http://hl7.org/fhir/v3/ActCode");
        assert!(covers(&uri, &oid) && covers(&oid, &old));
        assert!(!covers(&uri, &Coded::new("PSY", "2.16.840.1.113883.5.4")));
        assert!(!covers(&uri, &Coded::new("HIV", "2.16.840.1.113883.5.25")));
    }

    #[test]
    fn the_table_is_in_order_and_whole() {
        assert!(CONCEPTS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for concept in CONCEPTS {
            let one = Sensitivity::from_code(concept.code).unwrap();
            assert!(one.covers(one) && !one.excludes(one));
            // what is above or beside shares a field, so that it is never taken for another matter
            for kin in [concept.parent, concept.alias].into_iter().flatten() {
                let kin = Sensitivity::from_code(kin).unwrap();
                assert!(kin.covers(one) && !kin.excludes(one), "{}", concept.code);
            }
            if let Some(alias) = concept.alias.and_then(Sensitivity::from_code) {
                assert_eq!(alias.0.alias, Some(concept.code));
            }
        }
    }

    #[test]
    fn what_is_below_is_covered_and_never_what_is_above() {
        let act = |code: &str| Coded::new(code, ACT_CODE);
        for (general, label, covered) in [
            ("SUD", "OPIOIDUD", true),
            ("OPIOIDUD", "SUD", false),
            ("SPI", "ETHUD", true),
            ("BH", "COGN", true),
            ("BH", "PSY", false),
            // siblings in the code system, one matter in IHE PCF
            ("ETH", "SUD", true),
            ("SUD", "ETH", true),
            ("ETH", "OPIOIDUD", true),
            ("SPI", "ETH", false),
            ("CEL", "VIP", true),
            ("SICKLE", "SCA", true),
            ("HIV", "STD", false),
            ("X", "X", true),
        ] {
            assert_eq!(covers(&act(general), &act(label)), covered, "{general} {label}");
        }
    }

    #[test]
    fn only_fields_that_are_known_exclude_each_other() {
        let act = |code: &str| Coded::new(code, ACT_CODE);
        for (general, label, excluded) in [
            ("HIV", "PSY", true),
            ("OPIOIDUD", "GDIS", true),
            ("SDV", "PSY", true),
            ("VIP", "HIV", true),
            ("SUD", "ETH", false),
            ("MH", "PSY", false),
            ("PSY", "SPI", false),
            ("HIV", "STD", false),
            ("SEX", "SDV", false),
            ("HIV", "TBOO", false),
            ("HIV", "ADOL", false),
            ("HIV", "NEWCODE", false),
        ] {
            assert_eq!(excludes(&act(general), &act(label)), excluded, "{general} {label}");
        }
        let normal = Coded::new("N", CONFIDENTIALITY);
        assert!(excludes(&act("HIV"), &normal));
        assert!(!excludes(&act("HIV"), &Coded::new("HIV", "urn:example")));
        assert!(!excludes(&Coded::new("HIV", "urn:example"), &normal));
    }
}
