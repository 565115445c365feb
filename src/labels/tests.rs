//! What documents are labelled with, by their codes and their source.

use serde_json::{Value, json};

use super::*;
use crate::ids::Coded;

const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const LOINC: &str = "http://loinc.org";

fn labeller() -> Labeller {
    Labeller::compile(&Settings::default()).unwrap()
}

fn stated(codes: &[&str]) -> Stated {
    let system = |code: &str| if code.len() == 1 { CONFIDENTIALITY } else { ACT };
    let labels = codes.iter().map(|code| Coded::new(code, system(code))).collect();
    Stated { labels, unreadable: false }
}

fn codes(labels: &[Coded]) -> Vec<&str> {
    labels.iter().map(|label| label.code.as_str()).collect()
}

fn labels_of(stated_codes: &[&str], mime_type: &str, content: &str) -> Labelled {
    let mut evidence = Evidence::default();
    labeller().content(&mut evidence, mime_type, content.as_bytes());
    labeller().label(&stated(stated_codes), &evidence)
}

fn cda(body: &str) -> String {
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\" xmlns:sdtc=\"urn:hl7-org:sdtc\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/><component><structuredBody><component><section>\
         <code code=\"11450-4\" codeSystem=\"2.16.840.1.113883.6.1\"/>{body}</section></component></structuredBody></component></ClinicalDocument>"
    )
}

fn entry(value: &str) -> String {
    cda(&format!("<entry><observation classCode=\"OBS\">{value}</observation></entry>"))
}

#[test]
fn codes_of_sections_and_entries_of_cda_lead_to_labels() {
    for (value, expected) in [
        (
            r#"<value xsi:type="CD" code="80203-3" codeSystem="2.16.840.1.113883.6.1"/>"#,
            vec!["R", "HIV"],
        ),
        (r#"<code code="B20" codeSystem="2.16.840.1.113883.6.90"/>"#, vec!["R", "HIV"]),
        (
            r#"<value nullFlavor="OTH"><translation code="F10.20" codeSystem="2.16.840.1.113883.6.90"/></value>"#,
            vec!["R", "SUD", "ETHUD"],
        ),
        (r#"<value code="38341003" codeSystem="2.16.840.1.113883.6.96"/>"#, vec!["N"]),
        // an entry's own confidentiality, and a DS4P security observation
        (r#"<confidentialityCode code="V" codeSystem="2.16.840.1.113883.5.25"/>"#, vec!["V"]),
        (r#"<confidentialityCode code="R"/>"#, vec!["R"]),
        (r#"<value code="DELAU" codeSystem="2.16.840.1.113883.5.4"/>"#, vec!["N", "DELAU"]),
        (r#"<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>"#, vec!["N"]),
        // an entity does not hide a code
        (r#"<value code="8020&#51;-3" codeSystem="2.16.840.1.113883.6.1"/>"#, vec!["R", "HIV"]),
    ] {
        let labelled = labels_of(&[], "text/xml", &entry(value));
        assert_eq!(codes(&labelled.labels), expected, "{value}");
        assert!(!labelled.unreadable);
    }
    let section = cda(r#"<confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/>"#);
    assert_eq!(codes(&labels_of(&["N"], "text/xml", &section).labels), ["R"]);
}

#[test]
fn codes_of_fhir_lead_to_labels_wherever_they_stand() {
    let hiv = json!({"system": LOINC, "code": "80203-3"});
    for resource in [
        json!({"resourceType": "Observation", "code": {"coding": [hiv]}}),
        json!({"resourceType": "Observation", "component": [{"valueCodeableConcept": {"coding": [hiv]}}]}),
        json!({"resourceType": "MedicationRequest", "contained": [{"resourceType": "Medication", "code": {"coding": [hiv]}}]}),
        json!({"resourceType": "Observation", "extension": [{"valueCoding": hiv}]}),
        json!({"resourceType": "Bundle", "type": "document", "entry": [
            {"resource": {"resourceType": "Composition"}},
            {"resource": {"resourceType": "Condition", "code": {"coding": [hiv]}}}]}),
    ] {
        let labelled = labels_of(&[], "application/fhir+json", &resource.to_string());
        assert_eq!(codes(&labelled.labels), ["R", "HIV"], "{resource}");
    }
    let xml = r#"<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Condition><code><coding>
        <system value="http://loinc.org"/><version value="x"/><code value="80203-3"/></coding></code></Condition></resource></entry></Bundle>"#;
    assert_eq!(codes(&labels_of(&[], "application/fhir+xml", xml).labels), ["R", "HIV"]);
    let xml = r#"<Bundle xmlns="http://hl7.org/fhir"><entry><resource><Composition><confidentiality value="V"/></Composition></resource></entry></Bundle>"#;
    assert_eq!(codes(&labels_of(&["N"], "application/fhir+xml", xml).labels), ["V"]);
    let inside = json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition",
        "confidentiality": "R", "meta": {"security": [{"system": ACT, "code": "PSY"}]}}}]});
    assert_eq!(
        codes(&labels_of(&["N"], "application/json", &inside.to_string()).labels),
        ["R", "PSY"]
    );
}

#[test]
fn nothing_stated_is_lowered_and_the_higher_of_two_counts() {
    for (said, expected) in [
        (&["V", "HIV"][..], vec!["V", "HIV"]),
        (&["N"], vec!["R", "HIV"]),
        // the source knew of it, and said how confidential it is
        (&["N", "HIV"], vec!["N", "HIV"]),
        (&["HIV"], vec!["R", "HIV"]),
        (&["U", "V", "N"], vec!["V", "HIV"]),
        (&["PSY", "N"], vec!["R", "PSY", "HIV"]),
    ] {
        let hiv = entry(r#"<value code="80203-3" codeSystem="2.16.840.1.113883.6.1"/>"#);
        let hiv = hiv
            .replace("<confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>", "");
        let labelled = labels_of(said, "text/xml", &hiv);
        assert_eq!(codes(&labelled.labels), expected, "{said:?}");
        assert_eq!(labelled.was_doubled, said.len() == 3);
    }
    // what nobody can read may be anything
    let unread = Stated { labels: vec![Coded::new("k", "2.999")], unreadable: false };
    assert_eq!(codes(&labeller().label(&unread, &Evidence::default()).labels), ["R", "k"]);
    let text = Stated { labels: vec![], unreadable: true };
    assert_eq!(codes(&labeller().label(&text, &Evidence::default()).labels), ["R"]);
    // administrative sensitivities do not restrict
    assert_eq!(
        codes(
            &labels_of(&["DEMO"], "text/xml", &entry("<code code='1' codeSystem='2.999'/>")).labels
        ),
        ["N", "DEMO"]
    );
}

#[test]
fn what_a_part_says_raises_the_whole_and_never_speaks_for_it() {
    let security = |codes: &[&str]| {
        let coding = |code: &&str| json!({"system": if code.len() == 1 { CONFIDENTIALITY } else { ACT }, "code": code});
        json!({"resourceType": "Encounter", "meta": {"security": codes.iter().map(coding).collect::<Vec<_>>()}})
    };
    for (said, member, expected) in [
        (&["HIV"][..], &["N"][..], &["R", "HIV"][..]),
        (&[], &["N"], &[]),
        (&[], &["R"], &["R"]),
        (&["N"], &["HIV"], &["R", "HIV"]),
        (&["N"], &["N", "HIV"], &["R", "HIV"]),
        (&["N", "HIV"], &["HIV"], &["N", "HIV"]),
        (&["N"], &["V"], &["V"]),
        (&["R"], &["N"], &["R"]),
        (&["N"], &["DEMO"], &["N", "DEMO"]),
        (&["N"], &["DELAU"], &["N", "DELAU"]),
    ] {
        let mut evidence = Evidence::default();
        labeller().resource(&mut evidence, &security(member));
        let labelled = labeller().label(&stated(said), &evidence);
        assert_eq!(codes(&labelled.labels), expected, "{said:?} {member:?}");
        assert!(!labelled.was_doubled);
    }
    // a section's N does not speak for a document that says HIV and no more
    let section = cda("<confidentialityCode code=\"N\"/>").replacen(
        "<confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>",
        "",
        1,
    );
    assert_eq!(codes(&labels_of(&["HIV"], "text/xml", &section).labels), ["R", "HIV"]);
    // what a document says of itself does
    for (mime_type, content) in [
        ("text/xml", cda("")),
        ("application/fhir+json", security(&["N"]).to_string()),
        (
            "application/fhir+json",
            json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Composition", "confidentiality": "N"}}]}).to_string(),
        ),
        (
            "application/fhir+xml",
            format!("<Encounter xmlns=\"http://hl7.org/fhir\"><meta><security><system value=\"{CONFIDENTIALITY}\"/><code value=\"N\"/></security></meta></Encounter>"),
        ),
        (
            "application/fhir+xml",
            "<Bundle xmlns=\"http://hl7.org/fhir\"><entry><resource><Composition><confidentiality value=\"N\"/></Composition></resource></entry></Bundle>".to_owned(),
        ),
    ] {
        let labelled = labels_of(&["HIV"], mime_type, &content);
        assert_eq!(codes(&labelled.labels), ["N", "HIV"], "{content}");
    }
    // and a later Composition does not
    let second = "<Bundle xmlns=\"http://hl7.org/fhir\"><entry/><entry><resource><Composition><confidentiality value=\"N\"/></Composition></resource></entry></Bundle>";
    assert_eq!(codes(&labels_of(&["HIV"], "application/fhir+xml", second).labels), ["R", "HIV"]);
}

#[test]
fn what_is_not_coded_stays_unknown() {
    let narrative = cda("<text>He has AIDS.</text>")
        .replace("<confidentialityCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.25\"/>", "");
    for (mime_type, content) in [
        ("text/plain", "a note"),
        ("text/plain", ""),
        ("application/rtf", "{\\rtf1}"),
        ("application/pdf", "%PDF-1.4"),
        ("text/html", "<!DOCTYPE html><p>"),
        ("text/xml", "<a>"),
        ("text/xml", narrative.as_str()),
        ("application/json", "{\"temperature\": 39}"),
        (
            "application/fhir+json",
            "{\"resourceType\": \"Patient\", \"maritalStatus\": {\"coding\": [{\"system\": \"s\", \"code\": \"M\"}]}}",
        ),
    ] {
        let labelled = labels_of(&[], mime_type, content);
        assert_eq!((labelled.labels.len(), labelled.unreadable), (0, false), "{content}");
        assert_eq!(codes(&labels_of(&["N"], mime_type, content).labels), ["N"]);
    }
    let settings = Settings { uncoded_is_normal: true, ..Settings::default() };
    let lenient = Labeller::compile(&settings).unwrap();
    assert_eq!(codes(&lenient.label(&stated(&[]), &Evidence::default()).labels), ["N"]);
}

#[test]
fn coded_content_that_breaks_off_may_say_anything() {
    let whole = entry(r#"<value code="80203-3" codeSystem="2.16.840.1.113883.6.1"/>"#);
    let cut = whole.trim_end_matches("</ClinicalDocument>");
    let deep = cda(&"<a>".repeat(200));
    let doctype = whole.replacen("<component>", "<!DOCTYPE a><component>", 1);
    let declared = format!("<!DOCTYPE ClinicalDocument [<!ENTITY c \"80203-3\">]>{whole}");
    for content in [cut, deep.as_str(), doctype.as_str(), declared.as_str()] {
        let labelled = labels_of(&["N"], "text/xml", content);
        assert!(labelled.unreadable, "{content}");
    }
    // what was found before the end counts
    assert_eq!(codes(&labels_of(&[], "text/xml", cut).labels), ["R", "HIV"]);
    assert!(labels_of(&[], "application/fhir+json", "{\"resourceType\":").unreadable);
    let long = format!(
        "{{\"resourceType\": \"Bundle\", \"x\": \"{}\"}}",
        "x".repeat(crate::limits::LABELLED_BYTES)
    );
    let mut evidence = Evidence::default();
    labeller().content(&mut evidence, "application/fhir+json", long.as_bytes());
    assert!(matches!(evidence.broken(), Some(Broken::TooLong { .. })));
}

#[test]
fn what_says_that_it_is_coded_and_is_in_no_encoding_that_is_read_may_say_anything() {
    let text = entry(r#"<value code="80203-3" codeSystem="2.16.840.1.113883.6.1"/>"#);
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let with_mark = format!("\u{feff}{text}");
    let json = "\u{feff}{\"resourceType\": \"Observation\"}";
    let unreadable = |mime_type: &str, bytes: &[u8]| {
        let mut evidence = Evidence::default();
        labeller().content(&mut evidence, mime_type, bytes);
        labeller().label(&stated(&["N"]), &evidence).unreadable
    };
    for (mime_type, bytes) in [
        ("text/xml", little(&with_mark)),
        ("text/xml", big(&with_mark)),
        ("application/hl7-sdwrapper+xml", little(&text)),
        ("Text/XML; charset=utf-16", big(&text)),
        ("text/plain", little(&text)),
        ("application/fhir+json", little(json)),
        ("application/fhir+json", big(json)),
        ("text/xml", b"<?xml version=\"1.0\"?>".to_vec()),
        ("text/xml", b"<!-- never closed".to_vec()),
        ("text/xml", b"a note".to_vec()),
    ] {
        assert!(unreadable(mime_type, &bytes), "{mime_type} {:?}", bytes.get(..4));
    }
    let docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (mime_type, bytes) in
        [(docx, &b"PK\x03\x04"[..]), ("text/xml", b""), ("text/html", b"<!-- never closed")]
    {
        assert!(!unreadable(mime_type, bytes), "{mime_type}");
    }
}

#[test]
fn labels_that_reveal_hiding_are_kept_and_not_shown() {
    let labelled =
        labels_of(&["N", "MASK", "DELAU", "NODSCLCD", "REDACT", "HIV"], "text/plain", "");
    assert_eq!(codes(&labelled.labels), ["N", "MASK", "DELAU", "NODSCLCD", "REDACT", "HIV"]);
    assert_eq!(codes(&labelled.shown), ["N", "DELAU", "HIV"]);
}

#[test]
fn other_rules_have_another_version() {
    let version = |settings: &Settings| Labeller::compile(settings).unwrap().version().to_owned();
    let base = Settings::default();
    let mut versions = vec![version(&base)];
    assert_eq!(version(&Settings::default()), versions[0]);
    let exclude = vec![Coded::new("80203-3", LOINC)];
    let mut hidden = base.hidden.clone();
    hidden.insert("HIV".to_owned());
    for other in [
        Settings { built_in: false, ..base.clone() },
        Settings { exclude: exclude.clone(), ..base.clone() },
        Settings { hidden: hidden.clone(), ..base.clone() },
        Settings { normal: hidden, ..base.clone() },
        Settings { uncoded_is_normal: true, ..base.clone() },
        Settings { unloaded_are_ignored: true, ..base.clone() },
    ] {
        versions.push(version(&other));
    }
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 7);
    let broken = Settings { value_sets: vec![("own.json".into(), b"{}".to_vec())], ..base };
    let error = Labeller::compile(&broken).unwrap_err().to_string();
    assert!(error.starts_with("own.json: `` is no ValueSet"), "{error}");
}

#[test]
fn the_built_in_sets_find_what_they_name() {
    let labeller = labeller();
    for (system, code, expected) in [
        ("http://hl7.org/fhir/sid/icd-10-cm", "F11.20", vec!["OPIOIDUD", "SUD"]),
        ("http://hl7.org/fhir/sid/icd-10", "F32.1", vec!["PSY"]),
        ("http://hl7.org/fhir/sid/icd-10", "X61", vec!["PSY"]),
        ("http://hl7.org/fhir/sid/icd-10", "A52.0", vec!["STD"]),
        ("http://loinc.org", "44249-1", vec!["BH"]),
        ("http://hl7.org/fhir/sid/icd-10", "I10", vec![]),
    ] {
        let mut evidence = Evidence::default();
        labeller.resource(&mut evidence, &json!({"x": {"system": system, "code": code}}));
        let labelled = labeller.label(&Stated::default(), &evidence);
        let mut found = codes(&labelled.labels);
        found.retain(|code| *code != "R");
        found.sort_unstable();
        assert_eq!(found, expected, "{code}");
    }
    let label = |n: u32| -> Value { json!({"system": LOINC, "code": n.to_string()}) };
    let mut evidence = Evidence::default();
    labeller.resource(&mut evidence, &Value::Array((0..1000).map(label).collect()));
    assert_eq!(evidence, Evidence::default());
}

fn outbound(understood: Option<&[&str]>, strip: bool) -> Outbound {
    let understood = understood.map(|codes| codes.iter().map(ToString::to_string).collect());
    Outbound { understood, strip }
}

#[test]
fn what_a_partner_does_not_understand_stays() {
    let check = |partner: &Outbound, codes: &[&str]| {
        let labels = stated(codes).labels;
        let data = Data { labels: &labels, readable: true, is_ours: true };
        partner.check(&data, Wanted::default())
    };
    let (all, some, none) =
        (outbound(None, false), outbound(Some(&["HIV"]), false), outbound(Some(&[]), false));
    assert_eq!(check(&all, &["R", "HIV", "DELAU"]), Ok(()));
    assert_eq!(check(&some, &["R", "HIV"]), Ok(()));
    assert_eq!(check(&some, &["R", "HIV", "DELAU"]), Err(Kept::NotUnderstood("DELAU".into())));
    assert_eq!(check(&none, &["V"]), Ok(()));
    assert_eq!(check(&none, &["N", "PSY"]), Err(Kept::NotUnderstood("PSY".into())));
    let unread = Data { labels: &[], readable: false, is_ours: true };
    assert!(all.check(&unread, Wanted::default()).is_ok());
    assert!(some.check(&unread, Wanted::default()).is_err());
    // whom nothing but the confidentiality is told cannot be obliged
    let stripped = outbound(None, true);
    assert_eq!(check(&stripped, &["R", "HIV"]), Ok(()));
    assert_eq!(check(&stripped, &["R", "DELAU"]), Err(Kept::NotCarried("DELAU".into())));
}

#[test]
fn a_ceiling_lowers_and_test_data_stay_among_themselves() {
    let partner = outbound(None, false);
    let check = |codes: &[&str], readable, ceiling, test| {
        let labels = stated(codes).labels;
        let data = Data { labels: &labels, readable, is_ours: true };
        partner.check(&data, Wanted { ceiling, test })
    };
    let (normal, very) = (Some(Confidentiality::Normal), Some(Confidentiality::VeryRestricted));
    assert_eq!(check(&["N"], true, normal, false), Ok(()));
    for (codes, readable) in [(&["R"][..], true), (&["HIV"], true), (&[], true), (&["N"], false)] {
        assert_eq!(check(codes, readable, normal, false), Err(Kept::AboveCeiling), "{codes:?}");
        assert_eq!(check(codes, readable, very, false), Ok(()));
    }
    assert_eq!(check(&["N", "HTEST"], true, None, false), Err(Kept::Test));
    assert_eq!(check(&["N", "HTEST"], true, None, true), Ok(()));
    assert_eq!(check(&["N"], true, None, true), Err(Kept::Production));
}

#[test]
fn what_may_not_be_used_again_goes_to_no_third_community() {
    let labels = stated(&["N", "NOREUSE"]).labels;
    let check = |is_ours| {
        let data = Data { labels: &labels, readable: true, is_ours };
        outbound(None, false).check(&data, Wanted::default())
    };
    assert_eq!((check(true), check(false)), (Ok(()), Err(Kept::NoReuse)));
}

#[test]
fn the_high_water_mark_is_that_of_what_was_added() {
    let mut mark = HighWater::default();
    assert_eq!(mark.mark(), None);
    mark.add(Some(Confidentiality::Normal));
    assert_eq!(mark.mark(), Some(Confidentiality::Normal));
    mark.add(None);
    assert_eq!(mark.mark(), Some(Confidentiality::Restricted));
    mark.add(Some(Confidentiality::Low));
    assert_eq!(mark.mark(), Some(Confidentiality::Restricted));
}

proptest::proptest! {
    #[test]
    fn no_content_makes_it_panic_and_more_codes_never_label_less(
        body in "(<[/a-c]{0,3}( code='[A-Z0-9.]{0,5}')?( codeSystem='[0-9.]{0,9}')?/?>|[&;#x<>\\[\\]-]){0,20}",
        said in proptest::collection::vec("[UNRV]|HIV|MASK", 0..3),
    ) {
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        let before = labels_of(&said, "text/xml", &cda(""));
        let after = labels_of(&said, "text/xml", &cda(&body));
        proptest::prop_assert!(Confidentiality::of(&after.labels) >= Confidentiality::of(&before.labels));
        proptest::prop_assert!(before.labels.iter().skip(1).all(|label| after.labels.iter().any(|l| l.same_as(label))));
    }
}
