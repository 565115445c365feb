//! IHE PCF's own examples, from `fixtures/foreign/pcf`: sixteen by the residual of their tokens, five by their words.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::super::dossier::Dossier;
use super::super::item::Item;
use super::super::logic::Effect;
use super::super::plan::{Plan, Verdict};
use super::super::request::{Request, View};
use super::*;

/// The examples whose notes hold no token of their own.
const BY_OUTCOME: [&str; 5] = [
    "ex-consent-advanced-normal-break-glass-restricted",
    "ex-consent-advanced-normal-focused-restricted",
    "ex-consent-basic-ink",
    "ex-consent-basic-reject",
    "ex-consent-expired-treat",
];
const DATA: [&str; 3] = ["securityLabel", "dataPeriod", "data"];
const TPO: [Purpose; 3] = [Purpose::TREAT, Purpose::HPAYMT, Purpose::HOPERAT];
const PRACTITIONER: &str = "urn:hl7ii:2.16.840.1.113883.4.6:1";

fn file(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign/pcf");
    serde_json::from_str(&fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn example(id: &str) -> Value {
    file(&format!("{id}.json"))
}

/// Whom the examples' references mean.
fn pcf_domain() -> Domain {
    let party = |reference: &str, provider: &str, organization: &str| Party {
        reference: reference.into(),
        providers: [provider].into_iter().filter(|p| !p.is_empty()).map(Into::into).collect(),
        organizations: [organization]
            .into_iter()
            .filter(|o| !o.is_empty())
            .map(Into::into)
            .collect(),
        roles: vec![],
    };
    let parties = vec![
        party("Practitioner/ex-practitioner", PRACTITIONER, ""),
        party("Group/ex-privilegedUsers", PRACTITIONER, ""),
        party("Organization/ex-org-researcher", "", "2.999.7"),
    ];
    Domain { implicit: Implicit::Deny, parties, ..Domain::default() }
}

/// Who asks for what, and when.
struct Asking<'a> {
    purposes: &'a [Purpose],
    stated: Vec<Coded>,
    provider: &'a str,
    organization: &'a str,
    now: &'a str,
}

const NOBODY: &str = "urn:hl7ii:2.16.840.1.113883.4.6:2";

fn asking<'a>(purposes: &'a [Purpose], provider: &'a str) -> Asking<'a> {
    let (organization, now) = ("2.999.2", "2022-07-01T12:00:00Z");
    Asking { purposes, stated: vec![], provider, organization, now }
}

/// What a consent comes to, where it is in force.
fn weighed(consent: &Value, asking: &Asking<'_>) -> Option<Plan> {
    let domain = pcf_domain();
    let claims = Claims {
        provider_ids: vec![asking.provider.into()],
        organization_ids: vec![asking.organization.into()],
        ..Claims::default()
    };
    let purposes: BTreeSet<_> = asking.purposes.iter().copied().collect();
    let request = Request {
        purposes: &purposes,
        stated: &asking.stated,
        claims: &claims,
        home: None,
        parties: &domain.parties,
        now: Timestamp::parse(asking.now).unwrap(),
    };
    let stored = [Stored { id: "c".into(), version: "1".into(), json: consent.to_string() }];
    let dossier = Dossier::open(&["Patient/ex-patient".to_owned()], &stored, &domain);
    let weighed = dossier.weighed(&request, &domain);
    let plan = weighed.first()?.plan.as_ref().unwrap();
    Some(Plan::new(std::sync::Arc::clone(&plan.tree), &request))
}

/// The residual as PCF writes it; `None` where no token is issued at all.
fn residual(consent: &Value, plan: &Plan, view: View) -> Option<Vec<Value>> {
    let entry = |kind: &str, provision: &Value| {
        let mut entry = json!({"type": kind});
        for element in DATA.into_iter().filter(|element| !provision[*element].is_null()) {
            entry[element] = provision[element].clone();
        }
        entry
    };
    let mut list = Vec::new();
    let is_open = |item: &Facts| matches!(plan.decide(view, &Item::new(item)), Verdict::Permit(_));
    let root = &consent["provision"];
    match plan.tree.base {
        Effect::Permit if plan.tree.root.restricts_data() => {
            list.extend([entry("forbid", &Value::Null), entry("permit", root)]);
        }
        Effect::Permit => {}
        Effect::Deny => list.push(entry("forbid", &Value::Null)),
    }
    for clause in &plan.residual(view).clauses {
        let rule = &plan.tree.rules[clause.rule];
        let nested: usize = rule.path.rsplit(['[', ']']).nth(1).unwrap().parse().unwrap();
        let kind = if rule.effect == Effect::Permit { "permit" } else { "forbid" };
        list.push(entry(kind, &root["provision"][nested]));
    }
    // a permit for everything leaves nothing to enforce
    if list.last() == Some(&json!({"type": "permit"})) {
        list.clear();
    }
    let nothing_left = list == [json!({"type": "forbid"})];
    let closed = plan.tree.base == Effect::Permit && !items().iter().any(is_open);
    (!nothing_left && !closed).then_some(list)
}

/// A token's residual with local references, and `deny` for the one place where the notes write so.
fn published(token: &Value) -> Vec<Value> {
    let text = token["extensions"]["ihe_pcf"]["residual"].to_string();
    let text = text.replace("http://example.org/fhir/", "").replace("\"deny\"", "\"forbid\"");
    serde_json::from_str::<Option<Vec<Value>>>(&text).unwrap().unwrap_or_default()
}

/// Items that differ in all that the examples speak of.
fn items() -> Vec<Facts> {
    let day = |text: &str| crate::fhir::Date::parse(text).unwrap().first;
    let mut items = Vec::new();
    for labels in [vec!["N"], vec!["R"], vec!["R", "PSY"], vec!["R", "SDV"], vec!["R", "HIV"]] {
        for (reference, author, encounter, from, to) in [
            (
                "Observation/ex-alcoholUse",
                "Practitioner/ex-practitioner",
                "Encounter/ex-encounter",
                "2022-05-01",
                "2022-05-02",
            ),
            (
                "Observation/ex-weight",
                "Practitioner/other",
                "Encounter/other",
                "2021-05-01",
                "2021-05-02",
            ),
            (
                "Observation/other",
                "Practitioner/ex-practitioner",
                "Encounter/other",
                "2023-05-01",
                "2023-05-02",
            ),
            (
                "Observation/other",
                "Practitioner/other",
                "Encounter/ex-encounter",
                "2022-12-31",
                "2023-01-01",
            ),
        ] {
            let system = |code: &str| if code.len() == 1 { CONFIDENTIALITY } else { ACT_CODE };
            items.push(Facts {
                resource_type: "Observation".into(),
                reference: reference.into(),
                identifiers: vec![],
                labels: labels.iter().map(|code| Coded::new(code, system(code))).collect(),
                authors: vec![author.into()],
                related: vec![encounter.into()],
                date: Some(Span::new(day(from), day(to))),
                ..item("")
            });
        }
    }
    items
}

/// PCF's own enforcement, which knows neither levels nor the unknown: "permit overrides an explicit residual forbid;
/// if no forbid applies, data is allowed".
fn enforce(residual: &[Value], facts: &Facts) -> bool {
    let applies = |entry: &&Value| {
        let label = |wanted: &Value| facts.labels.iter().any(|l| wanted["code"] == l.code.as_str());
        let during = |period: &Value| {
            let date = |element: &str| crate::fhir::Date::parse(period[element].as_str().unwrap());
            let (start, end) = (date("start").unwrap(), date("end").unwrap());
            let span = facts.date.unwrap();
            span.first >= start.first.micros() && span.after <= end.after.micros()
        };
        let data = |data: &Value| {
            let reference = data["reference"]["reference"].as_str().unwrap();
            let name = reference.trim_start_matches("http://example.org/fhir/");
            match data["meaning"].as_str().unwrap() {
                "instance" => facts.reference == name,
                "authoredby" => facts.authors.iter().any(|author| author == name),
                "related" => facts.related.iter().any(|related| related == name),
                other => panic!("{other}"),
            }
        };
        entry["securityLabel"].as_array().is_none_or(|labels| labels.iter().any(label))
            && (entry["dataPeriod"].is_null() || during(&entry["dataPeriod"]))
            && entry["data"].as_array().is_none_or(|all| all.iter().any(data))
    };
    let any =
        |kind: &str| residual.iter().filter(|entry| entry["type"] == kind).any(|e| applies(&e));
    any("permit") || !any("forbid")
}

fn released(plan: &Plan, view: View) -> Vec<bool> {
    let permit = |facts: &Facts| matches!(plan.decide(view, &Item::new(facts)), Verdict::Permit(_));
    items().iter().map(permit).collect()
}

/// Who the notes' token is for.
fn asked_by_the_notes(id: &str) -> (Asking<'static>, View) {
    match id {
        "ex-consent-intermediate-purpose" => {
            let foobar = Coded::new("FooBar", "http://example.org/policies/purposeOfUse");
            let asking = asking(&[], NOBODY);
            (Asking { stated: vec![foobar], organization: "2.999.7", ..asking }, View::Treatment)
        }
        "ex-dissent-intermediate-break-glass" => {
            (asking(&[Purpose::TREAT], PRACTITIONER), View::BreakGlass)
        }
        _ => (asking(&TPO, PRACTITIONER), View::Treatment),
    }
}

#[test]
fn sixteen_examples_leave_the_residual_of_their_tokens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/foreign/pcf");
    let names =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let ids: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".token.json")?.to_owned())).collect();
    assert_eq!(ids.len(), 16);
    for id in &ids {
        assert!(!BY_OUTCOME.contains(&id.as_str()));
        let (consent, token) = (example(id), file(&format!("{id}.token.json")));
        let (asking, view) = asked_by_the_notes(id);
        let plan = weighed(&consent, &asking).unwrap();
        let expected = published(&token);
        assert_eq!(residual(&consent, &plan, view), Some(expected.clone()), "{id}");
        // and what the token lets through is what we release
        let enforced: Vec<bool> = items().iter().map(|facts| enforce(&expected, facts)).collect();
        assert_eq!(released(&plan, view), enforced, "{id}");
        // the purposes of the token are those that the consent permits
        let purposes = &token["extensions"]["ihe_iua"]["purpose_of_use"];
        let own = &consent["provision"]["purpose"];
        assert!(own.is_null() || own == purposes, "{id}");
    }
}

#[test]
fn no_token_is_issued_beyond_what_the_examples_permit() {
    let research = [Purpose::HRESCH];
    for (id, asking, view) in [
        ("ex-consent-basic-treat", asking(&research, PRACTITIONER), View::Treatment),
        // not of the research organisation
        (
            "ex-consent-intermediate-purpose",
            Asking {
                organization: "2.999.2",
                ..asked_by_the_notes("ex-consent-intermediate-purpose").0
            },
            View::Treatment,
        ),
        // of it, but for another purpose
        (
            "ex-consent-intermediate-purpose",
            Asking { organization: "2.999.7", ..asking(&research, NOBODY) },
            View::Treatment,
        ),
        // without a declaration, and by whom it is not granted
        ("ex-dissent-intermediate-break-glass", asking(&TPO, PRACTITIONER), View::Treatment),
        ("ex-dissent-intermediate-break-glass", asking(&TPO, NOBODY), View::BreakGlass),
    ] {
        let consent = example(id);
        let plan = weighed(&consent, &asking).unwrap();
        assert_eq!(residual(&consent, &plan, view), None, "{id}");
        assert!(!released(&plan, view).contains(&true), "{id}");
    }
}

#[test]
fn five_examples_do_what_their_notes_say() {
    let by = |id: &str, provider: &'static str| {
        let consent = example(id);
        let plan = weighed(&consent, &asking(&TPO, provider)).unwrap();
        (residual(&consent, &plan, View::Treatment), released(&plan, View::Treatment))
    };
    // "exactly the same as Basic Consent to sharing for Treatment"
    let basic = by("ex-consent-basic-treat", NOBODY);
    assert_eq!(by("ex-consent-basic-ink", NOBODY), basic);
    // "responds with an error response"
    let (rejected, released_of_it) = by("ex-consent-basic-reject", NOBODY);
    assert!(rejected.is_none() && !released_of_it.contains(&true));
    // "prior to expiration … the same as Basic Consent …; after expiration … an error response"
    assert_eq!(by("ex-consent-expired-treat", NOBODY), basic);
    let after = Asking { now: "2023-01-01T00:00:00Z", ..asking(&TPO, NOBODY) };
    assert!(weighed(&example("ex-consent-expired-treat"), &after).is_none());
    // "for most users … no different than consent to allow NORMAL data access. For the given Practitioner … NORMAL
    // and RESTRICTED"
    let focused = "ex-consent-advanced-normal-focused-restricted";
    assert_eq!(by(focused, NOBODY), by("ex-consent-advanced-normal", NOBODY));
    let both = by("ex-consent-advanced-normal-restricted", NOBODY).1;
    assert_eq!(by(focused, PRACTITIONER).1, both);
    // "for most users … NORMAL data access. For the break-glass authored users that have declared break-glass …
    // NORMAL and RESTRICTED"
    let glass = "ex-consent-advanced-normal-break-glass-restricted";
    assert_eq!(by(glass, NOBODY), by("ex-consent-advanced-normal", NOBODY));
    assert_eq!(by(glass, PRACTITIONER), by("ex-consent-advanced-normal", NOBODY));
    let plan = weighed(&example(glass), &asking(&[Purpose::TREAT], PRACTITIONER)).unwrap();
    let normal = released(&plan, View::Treatment);
    let overridden = released(&plan, View::BreakGlass);
    let either: Vec<bool> =
        normal.iter().zip(&overridden).map(|(one, other)| *one || *other).collect();
    assert_eq!(either, both);
}

#[test]
fn two_further_examples_are_read_without_doubt() {
    for id in ["ex-consent-basic-treat-infant", "ex-consent-basic-research"] {
        assert_eq!(check(&example(id).to_string()), Ok(vec![]), "{id}");
    }
    let research =
        weighed(&example("ex-consent-basic-research"), &asking(&[Purpose::CLINTRCH], NOBODY));
    assert!(!released(&research.unwrap(), View::Treatment).contains(&false));
}
