//! What two assertions must agree on, and which of them says what.

use super::tests::{
    END, RELATIONSHIP, ask, ask_with, attribute, changed, code, identity, relationship, settings,
};
use crate::principal::Claims;
use crate::saml::fixture::{self, ASSERTION};
use crate::xml::ns;

const EHDSI: &str = "3bc18518-d305-46c2-a8d6-94bd59856e9e";
const NHIN: &str = "2.16.840.1.113883.3.18.7.1";
const RESOURCE: &str = "urn:oasis:names:tc:xacml:1.0:resource:resource-id";

fn purpose(code: &str, system: &str) -> String {
    let code =
        format!("<PurposeOfUse xmlns=\"{}\" code=\"{code}\" codeSystem=\"{system}\"/>", ns::HL7);
    attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", &code)
}

#[test]
fn both_speak_of_one_patient() {
    let patient = |number: &str| attribute(RESOURCE, &format!("{number}^^^&amp;2.999.1.3&amp;ISO"));
    let named = "P-1^^^&amp;2.999.1.3&amp;ISO";
    let none = changed(RELATIONSHIP, named, "Dr. John Doe");
    let resource = changed(&none, "<!--more-->", &patient("P-1"));
    let with = |text: &str| changed(ASSERTION, END, &format!("{text}{END}"));
    let more = |text: &str| changed(RELATIONSHIP, "<!--more-->", text);
    for (name, first, second, expected) in [
        ("both the same", with(&patient("P-1")), RELATIONSHIP.to_owned(), "believed"),
        (
            "identity of another",
            with(&patient("P-2")),
            RELATIONSHIP.to_owned(),
            "relationship-patient",
        ),
        (
            "identity of two",
            with(&format!("{}{}", patient("P-1"), patient("P-2"))),
            RELATIONSHIP.to_owned(),
            "relationship-patient",
        ),
        (
            "identity of nobody certain",
            with(&attribute(RESOURCE, "P-1")),
            RELATIONSHIP.to_owned(),
            "relationship-patient",
        ),
        (
            "identity unreadable",
            with(&attribute(RESOURCE, "P-1^^^x")),
            RELATIONSHIP.to_owned(),
            "relationship-patient",
        ),
        ("as resource-id, subject-id a name", ASSERTION.to_owned(), resource, "believed"),
        ("in both attributes", ASSERTION.to_owned(), more(&patient("P-1")), "believed"),
        ("two that differ", ASSERTION.to_owned(), more(&patient("P-2")), "relationship-no-patient"),
        (
            "one more that is unreadable",
            ASSERTION.to_owned(),
            more(&attribute(RESOURCE, "P-1^^^x")),
            "relationship-no-patient",
        ),
        (
            "one more without authority",
            ASSERTION.to_owned(),
            more(&attribute(RESOURCE, "P-1")),
            "relationship-no-patient",
        ),
        ("nobody", ASSERTION.to_owned(), none.clone(), "relationship-no-patient"),
        ("nobody, who is the identity's", with(&patient("P-1")), none, "relationship-no-patient"),
        (
            "a number alone",
            ASSERTION.to_owned(),
            changed(RELATIONSHIP, named, "P-1"),
            "relationship-no-patient",
        ),
        (
            "subject-id unreadable",
            ASSERTION.to_owned(),
            changed(&more(&patient("P-1")), named, "P-1^^^x"),
            "relationship-no-patient",
        ),
    ] {
        let security = format!("{}{}", identity(&first), relationship(&second));
        assert_eq!(code(&ask(&security)), expected, "{name}");
    }
}

#[test]
fn the_purpose_is_the_relationships_and_no_other() {
    let btg = || purpose("BTG", "2.16.840.1.113883.5.8");
    let ehdsi = |code| purpose(code, EHDSI);
    let outcome = |first: &str, second: &str| {
        let first = changed(ASSERTION, END, &format!("{first}{END}"));
        let second = changed(RELATIONSHIP, "<!--more-->", second);
        let outcome = ask(&format!("{}{}", identity(&first), relationship(&second)));
        let purposes = |claims: &Claims| {
            let coded = claims.purposes.coded.iter();
            coded.map(|code| format!("{}@{}", code.code, code.system)).collect::<Vec<_>>().join(" ")
        };
        match outcome {
            Ok(verified) => purposes(verified.principal().claims()),
            Err(untrusted) => untrusted.reason.code().to_owned(),
        }
    };
    let treatment = format!("TREATMENT@{EHDSI}");
    assert_eq!(outcome("", &ehdsi("TREATMENT")), treatment);
    assert_eq!(outcome(&ehdsi("TREATMENT"), ""), treatment);
    assert_eq!(outcome(&ehdsi("TREATMENT"), &ehdsi("TREATMENT")), treatment);
    assert_eq!(outcome(&purpose("TREATMENT", NHIN), &ehdsi("TREATMENT")), treatment);
    assert_eq!(outcome("", ""), "");
    // what nobody knows is policy's to refuse, where both say it
    assert_eq!(outcome(&ehdsi("X"), &ehdsi("X")), format!("X@{EHDSI}"));
    for (first, second) in [
        (ehdsi("TREATMENT"), ehdsi("EMERGENCY")),
        (ehdsi("TREATMENT"), btg()),
        (format!("{}{}", ehdsi("TREATMENT"), btg()), btg()),
        (btg(), format!("{}{}", ehdsi("TREATMENT"), btg())),
        (ehdsi("X"), ehdsi("TREATMENT")),
        (ehdsi("TREATMENT"), ehdsi("X")),
        (attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", "BTG"), ehdsi("TREATMENT")),
    ] {
        assert_eq!(outcome(&first, &second), "relationship-purpose", "{first} {second}");
    }
}

#[test]
fn an_assertion_of_another_kind_is_no_relationship() {
    let qualified = |text: &str| {
        let mut settings = settings();
        settings.partners[0].relationship.as_mut().unwrap().qualifier = Some("urn:x:trc".into());
        let message = fixture::message(&format!("{}{}", identity(ASSERTION), relationship(text)));
        code(&ask_with(&message, settings, None))
    };
    assert_eq!(qualified(RELATIONSHIP), "believed");
    assert_eq!(
        qualified(&changed(RELATIONSHIP, "urn:x:trc", "urn:x:nok")),
        "relationship-qualifier"
    );
    assert_eq!(
        qualified(&changed(RELATIONSHIP, " NameQualifier=\"urn:x:trc\"", "")),
        "relationship-qualifier"
    );
}
