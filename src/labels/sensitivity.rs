use super::system::{ACT_CODE, CONFIDENTIALITY, canonical};
use crate::ids::Coded;

/// Sensitivities of v3-ActCode that have nothing to do with those of another family, each with what it is part of,
/// what is part of it and what it is also called (ETH and SUD).
const FAMILIES: [&[&str]; 3] = [
    &["BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "MH", "OPIOIDUD", "PSY", "PSYTHPN", "SUD"],
    &["HIV", "SEX", "STD"],
    &["GDIS", "SCA", "SICKLE"],
];

/// Whether a rule about `general` speaks of what is labelled `label`: the same code of the same system.
#[must_use]
pub fn covers(general: &Coded, label: &Coded) -> bool {
    general.code == label.code && canonical(&general.system) == canonical(&label.system)
}

/// Whether a rule about `general` certainly does not speak of what is labelled `label`.
///
/// The one place where v3-ActCode's hierarchy and its aliases belong: a code that is in none of the families may
/// be kin to any.
#[must_use]
pub fn excludes(general: &Coded, label: &Coded) -> bool {
    match (canonical(&general.system), canonical(&label.system)) {
        (ACT_CODE, CONFIDENTIALITY) => true,
        (ACT_CODE, ACT_CODE) => match (family(&general.code), family(&label.code)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        },
        _ => false,
    }
}

fn family(code: &str) -> Option<usize> {
    FAMILIES.iter().position(|family| family.contains(&code))
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
    fn only_families_that_are_known_exclude_each_other() {
        let act = |code: &str| Coded::new(code, ACT_CODE);
        for (general, label, excluded) in [
            ("HIV", "PSY", true),
            ("OPIOIDUD", "GDIS", true),
            ("SUD", "ETH", false),
            ("SUD", "OPIOIDUD", false),
            ("HIV", "STD", false),
            ("HIV", "TBOO", false),
            ("VIP", "HIV", false),
        ] {
            assert_eq!(excludes(&act(general), &act(label)), excluded, "{general} {label}");
        }
        let normal = Coded::new("N", CONFIDENTIALITY);
        assert!(excludes(&act("HIV"), &normal));
        assert!(!excludes(&act("HIV"), &Coded::new("HIV", "urn:example")));
        assert!(!excludes(&Coded::new("HIV", "urn:example"), &normal));
    }
}
