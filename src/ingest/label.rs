//! What a document's labels are worked out from: what its source says, its codes, its bytes, and what belongs to it.

use std::collections::BTreeSet;
use std::io::Read;

use serde_json::Value;

use super::{Caution, Error};
use crate::consent::PatientKey;
use crate::fhir::{Coding, DocumentReference};
use crate::ids::Oid;
use crate::labels::{Evidence, Labelled, Labeller, Stated, is_duty, is_readable};
use crate::repository::embedded::Batch;

/// The system of HTEST.
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Resources that are looked at for one document: an encounter of a long stay has hundreds.
const MEMBERS: usize = 10_000;

/// What is referred to without belonging together by it: all of a patient's resources would.
const NEUTRAL: [&str; 16] = [
    "Binary",
    "CareTeam",
    "Consent",
    "Coverage",
    "Device",
    "DocumentReference",
    "Endpoint",
    "Group",
    "HealthcareService",
    "List",
    "Location",
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
];

/// What a document came with, from `securityLabel` and `meta.security`.
pub(super) fn stated(reference: &DocumentReference) -> Stated {
    let labels = &reference.security_label;
    let of_concept = labels.iter().flat_map(|concept| {
        let text = concept.text.as_deref().unwrap_or_default();
        concept.coded().map(move |label| match label.display {
            Some(_) => label,
            None => label.with_display(text),
        })
    });
    let of_meta = reference.meta.security.iter().filter_map(Coding::coded);
    // text alone, or a display without a code, may say anything
    let mut codings = labels.iter().flat_map(|l| &l.coding).chain(&reference.meta.security);
    let all_codes =
        labels.iter().all(|label| !label.coding.is_empty()) && codings.all(|c| c.coded().is_some());
    Stated { labels: of_concept.chain(of_meta).collect(), unreadable: !all_codes }
}

/// What of a document's labels counts against release, or was not expected.
pub(super) fn cautions(stated: &Stated, evidence: &Evidence, labelled: &Labelled) -> Vec<Caution> {
    let mut cautions = Vec::new();
    if stated.unreadable || !stated.labels.iter().all(is_readable) {
        cautions.push(Caution::Label);
    }
    if labelled.was_doubled {
        cautions.push(Caution::SeveralConfidentialities);
    }
    cautions.extend(evidence.broken().cloned().map(Caution::Content));
    if evidence.is_partial() {
        cautions.push(Caution::Encounter);
    }
    let duty = stated.labels.iter().find(|label| is_duty(label));
    cautions.extend(duty.map(|label| Caution::Duty(label.code.clone())));
    cautions
}

/// The community that a document arose in: `meta.source` and its custodian's identifier, as far as they are OIDs; nothing
/// where they are two.
pub(super) fn origin(document: &Value) -> Option<String> {
    let places = ["/meta/source", "/custodian/identifier/value"];
    let stated = places.iter().filter_map(|place| document.pointer(place)?.as_str());
    let mut oids = stated.filter_map(|text| Oid::parse(text).ok());
    let first = oids.next()?;
    oids.all(|other| other == first).then(|| first.as_str().to_owned())
}

/// Whether a patient's own labels say HTEST, of whatever system: all that is his is for tests.
pub(super) fn is_for_tests(batch: &Batch<'_>, patient: PatientKey) -> Result<bool, Error> {
    let Some(resource) = batch.patient_resource(patient)? else { return Ok(false) };
    let resource: Value = serde_json::from_str(&resource).map_err(Error::Json)?;
    let labels = resource.pointer("/meta/security").and_then(Value::as_array);
    let is_mark = |label: &Value| label.get("code").and_then(Value::as_str) == Some("HTEST");
    Ok(labels.into_iter().flatten().any(is_mark))
}

/// The clinical resources that a resource refers to, such as `Encounter/e1`.
pub(super) fn links(resource: &Value) -> Vec<String> {
    let (mut links, mut open) = (BTreeSet::new(), vec![resource]);
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let reference = members.get("reference").and_then(Value::as_str);
                links.extend(reference.and_then(clinical).map(str::to_owned));
                open.extend(members.values());
            }
            _ => {}
        }
    }
    links.into_iter().collect()
}

/// `Type/id` of a reference to a clinical resource, without a version; of an address the end, since what is loaded of the
/// patient under that name can but raise.
fn clinical(reference: &str) -> Option<&str> {
    let whole = reference.split_once("/_history/").map_or(reference, |(whole, _)| whole);
    let reference = match whole.contains("://") {
        true => {
            let (head, id) = whole.rsplit_once('/')?;
            let kind = head.rsplit('/').next()?;
            let length = kind.len().checked_add(id.len())?.checked_add(1)?;
            whole.get(whole.len().checked_sub(length)?..)?
        }
        false => reference,
    };
    let (kind, rest) = reference.split_once('/')?;
    let id = rest.split('/').next().filter(|id| !id.is_empty())?;
    let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric());
    let whole = kind.len().checked_add(1)?.checked_add(id.len())?;
    reference.get(..whole).filter(|_| is_type && !NEUTRAL.contains(&kind))
}

/// The codes of a resource that is kept for them alone; one entered in error has none.
pub(super) fn codes_of(resource: &Value) -> Value {
    let (mut codes, mut open) = (BTreeSet::new(), vec![resource]);
    let places = ["/status", "/verificationStatus/coding/0/code"];
    let mut statuses = places.iter().filter_map(|place| resource.pointer(place)?.as_str());
    if statuses.any(|status| status == "entered-in-error") {
        open.clear();
    }
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(members) => {
                let text = |name| members.get(name).and_then(Value::as_str);
                codes.extend(text("system").zip(text("code")));
                open.extend(members.values());
            }
            _ => {}
        }
    }
    let coding = |(system, code)| serde_json::json!({"system": system, "code": code});
    Value::Array(codes.into_iter().map(coding).collect())
}

/// Reads what belongs to a document in one state of the store.
pub(super) struct Labelling<'l> {
    pub(super) batch: &'l Batch<'l>,
    pub(super) labeller: &'l Labeller,
}

impl Labelling<'_> {
    /// All that a document's codes lead to; `links` are the encounters and others that it names.
    pub(super) fn evidence(
        &self,
        patient: PatientKey,
        document: &Value,
        links: &[String],
        mime_type: &str,
        bytes: impl Read,
    ) -> Result<Evidence, Error> {
        let mut evidence = Evidence::default();
        self.labeller.resource(&mut evidence, document);
        self.labeller.content(&mut evidence, mime_type, bytes);
        if is_for_tests(self.batch, patient)? {
            let mark = serde_json::json!({"system": ACT_REASON, "code": "HTEST"});
            self.labeller.resource(&mut evidence, &mark);
        }
        for member in self.members(patient, links)? {
            self.labeller.resource(&mut evidence, &member);
        }
        if !self.knows_encounters(patient, document)? {
            self.labeller.unloaded(&mut evidence);
        }
        Ok(evidence)
    }

    /// Whether each encounter that a document names is loaded, or contained in it.
    fn knows_encounters(&self, patient: PatientKey, document: &Value) -> Result<bool, Error> {
        let array = |place: &str| document.pointer(place).and_then(Value::as_array);
        let contained = |id: &str| {
            let id_of = |resource: &Value| resource.get("id").and_then(Value::as_str) == Some(id);
            array("/contained").is_some_and(|all| all.iter().any(id_of))
        };
        for encounter in array("/context/encounter").into_iter().flatten() {
            let reference = encounter.get("reference").and_then(Value::as_str).unwrap_or_default();
            let is_known = match (reference.strip_prefix('#'), clinical(reference)) {
                (Some(id), _) => contained(id),
                (None, Some(name)) => self.batch.member(patient, name)?.is_some(),
                (None, None) => false,
            };
            if !is_known {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the links lead to, what that refers to, and what is part of an encounter among it.
    fn members(&self, patient: PatientKey, links: &[String]) -> Result<Vec<Value>, Error> {
        let mut open: Vec<String> = links.to_vec();
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        while let Some(reference) = open.pop() {
            if !seen.insert(reference.clone()) {
                continue;
            }
            if seen.len() > MEMBERS {
                return Err(Error::TooManyMembers { limit: MEMBERS });
            }
            if let Some(codes) = self.batch.member(patient, &reference)? {
                found.extend(serde_json::from_str::<Value>(&codes).ok());
                open.extend(self.batch.links_from(&reference)?);
            }
            if reference.starts_with("Encounter/") || reference.starts_with("EpisodeOfCare/") {
                let parts = self.batch.links_to(&reference)?;
                open.extend(parts.into_iter().filter(|part| clinical(part).is_some()));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stated_of(value: Value) -> Stated {
        stated(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn labels_come_from_both_places() {
        let stated = stated_of(json!({
            "meta": {"security": [{"system": "s", "code": "R"}]},
            "securityLabel": [{"coding": [{"system": "s", "code": "N"}, {"system": "s", "code": "PSY"}]}]
        }));
        let labels: Vec<_> = stated.labels.iter().map(|label| label.code.as_str()).collect();
        assert_eq!(labels, ["N", "PSY", "R"]);
        assert!(!stated.unreadable);
    }

    #[test]
    fn a_label_that_is_no_code_is_not_forgotten() {
        let normal = json!({"coding": [{"system": "s", "code": "N"}]});
        for other in
            [json!({"text": "Restricted"}), json!({"coding": [{"display": "R"}]}), json!({})]
        {
            let stated = stated_of(json!({"securityLabel": [normal, other]}));
            assert_eq!((stated.labels.len(), stated.unreadable), (1, true), "{other}");
        }
        let display = json!({"security": [{"system": "s", "display": "restricted"}]});
        assert!(stated_of(json!({"meta": display, "securityLabel": [normal]})).unreadable);
    }

    #[test]
    fn only_clinical_resources_link() {
        let resource = json!({"subject": {"reference": "Patient/p"}, "encounter": {"reference": "Encounter/e/_history/2"},
            "hasMember": [{"reference": "Observation/o"}, {"reference": "#x"}, {"reference": "https://x/fhir/Observation/y/_history/3"}, {"reference": "https://x/Patient/z"}, {"reference": "https://x"},
                {"reference": "Observation/"}, {"identifier": {"value": "7"}}]});
        assert_eq!(links(&resource), ["Encounter/e", "Observation/o", "Observation/y"]);
    }

    #[test]
    fn the_origin_is_an_oid() {
        assert_eq!(
            origin(&json!({"meta": {"source": "urn:oid:2.999.2"}})).as_deref(),
            Some("2.999.2")
        );
        let custodian = json!({"meta": {"source": "#x"}, "custodian": {"identifier": {"value": "urn:oid:2.999.1"}}});
        assert_eq!(origin(&custodian).as_deref(), Some("2.999.1"));
        assert_eq!(origin(&json!({"meta": {"source": "https://ehr.example"}})), None);
        let both = |custodian: &str| {
            let custodian = json!({"identifier": {"value": custodian}});
            origin(&json!({"meta": {"source": "urn:oid:2.999.1"}, "custodian": custodian}))
        };
        assert_eq!(both("2.999.1").as_deref(), Some("2.999.1"));
        assert_eq!(both("urn:oid:2.999.2"), None, "another's custodian");
    }

    #[test]
    fn what_was_entered_in_error_has_no_codes() {
        let coding = json!([{"system": "s", "code": "c"}, {"system": "s", "code": "c"}]);
        let condition = json!({"code": {"coding": coding}});
        assert_eq!(codes_of(&condition).as_array().unwrap().len(), 1);
        let wrong = json!({"status": "entered-in-error", "code": {"coding": coding}});
        assert_eq!(codes_of(&wrong), json!([]));
        let refuted = json!({"verificationStatus": {"coding": [{"system": "s", "code": "entered-in-error"}]}});
        assert_eq!(codes_of(&refuted), json!([]));
    }
}
