use super::system::canonical;
use crate::ids::Coded;

/// Whether a rule about `general` speaks of what is labelled `label`: the same code of the same system.
///
/// The one place where v3-ActCode's hierarchy and its aliases (ETH and SUD) belong.
#[must_use]
pub fn covers(general: &Coded, label: &Coded) -> bool {
    general.code == label.code && canonical(&general.system) == canonical(&label.system)
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
}
