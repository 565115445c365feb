/// The OID of a code system that FHIR names by URI (FHIR R4 "Code Systems", HL7 Terminology).
#[must_use]
pub fn oid_of(uri: &str) -> Option<&'static str> {
    OIDS.iter().find(|(known, _)| *known == uri).map(|(_, oid)| *oid)
}

const OIDS: [(&str, &str); 32] = [
    ("http://loinc.org", "2.16.840.1.113883.6.1"),
    ("http://snomed.info/sct", "2.16.840.1.113883.6.96"),
    ("http://hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90"),
    ("http://hl7.org/fhir/sid/icd-9-cm", "2.16.840.1.113883.6.103"),
    ("http://id.who.int/icd/release/11/mms", "2.16.840.1.113883.6.347"),
    ("http://hl7.org/fhir/sid/icpc-2", "2.16.840.1.113883.6.139"),
    ("http://www.cms.gov/Medicare/Coding/ICD10", "2.16.840.1.113883.6.4"),
    ("http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "2.16.840.1.113883.6.285"),
    ("http://www.ama-assn.org/go/cpt", "2.16.840.1.113883.6.12"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88"),
    ("http://hl7.org/fhir/sid/ndc", "2.16.840.1.113883.6.69"),
    ("http://hl7.org/fhir/sid/cvx", "2.16.840.1.113883.12.292"),
    ("http://fdasis.nlm.nih.gov", "2.16.840.1.113883.4.9"),
    ("http://unitsofmeasure.org", "2.16.840.1.113883.6.8"),
    ("http://www.whocc.no/atc", "2.16.840.1.113883.6.73"),
    ("http://nucc.org/provider-taxonomy", "2.16.840.1.113883.6.101"),
    ("http://dicom.nema.org/resources/ontology/DCM", "1.2.840.10008.2.16.4"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActClass", "2.16.840.1.113883.5.6"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "2.16.840.1.113883.5.4"),
    ("http://hl7.org/fhir/v3/ActCode", "2.16.840.1.113883.5.4"),
    ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "2.16.840.1.113883.5.8"),
    ("http://hl7.org/fhir/v3/ActReason", "2.16.840.1.113883.5.8"),
    ("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "2.16.840.1.113883.5.25"),
    ("http://hl7.org/fhir/v3/Confidentiality", "2.16.840.1.113883.5.25"),
    ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "2.16.840.1.113883.5.1063"),
    ("http://hl7.org/fhir/v3/ObservationValue", "2.16.840.1.113883.5.1063"),
    ("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "2.16.840.1.113883.5.111"),
    ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "2.16.840.1.113883.5.90"),
    ("http://terminology.hl7.org/NamingSystem/IHE-FormatCode", "1.3.6.1.4.1.19376.1.2.3"),
    ("http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", "1.3.6.1.4.1.19376.1.2.3"),
    ("http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem", "1.3.6.1.4.1.19376.1.2.3"),
];
