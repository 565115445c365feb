use std::time::Duration;

use glassgate::client::Answer;
use glassgate::demo::world::{HILLTOP, Partner, RIVERSIDE};
use glassgate::ids::HomeCommunityId;
use glassgate::saml::issue::Order;
use glassgate::soap::Fault;
use glassgate::xds::QueryAnswer;

use super::{Draft, Letter, now, piece, riverside, signed};
use crate::world::{kinds, order, reason, run, shared};

const MINUTE: Duration = Duration::from_secs(60);

/// One way not to be believed.
pub(super) struct Case {
    pub(super) letter: Letter,
    /// Who sends it.
    pub(super) partner: Partner,
    /// How the true reason begins.
    pub(super) why: &'static str,
}

pub(super) fn case(security: String, why: &'static str) -> Case {
    Case { letter: Letter::new(security), partner: RIVERSIDE, why }
}

/// Everybody hears the same, audit the truth.
pub(super) async fn all_are_refused_alike(cases: Vec<Case>) {
    for Case { letter, partner, why } in cases {
        let answer = letter.send(&partner).await;
        assert_eq!(answer.status, 400, "{why}");
        assert_eq!(told(&letter, &answer), expected(), "{why}");
        let records = shared().records(&letter.ask).await;
        assert_eq!(kinds(&records), [("110122".to_owned(), "8".to_owned())], "{why}");
        let reason = reason(&records[0]);
        assert!(reason.starts_with(why), "{reason} is not {why}");
        let message_id = format!("message-id \"urn:uuid:{}\"", letter.ask.message_id);
        assert!(reason.contains(&message_id), "{reason}");
    }
}

/// Status, Content-Type and body, but for the id that the sender chose.
fn told(letter: &Letter, answer: &Answer<QueryAnswer>) -> (u16, String, String) {
    let relates = format!("<wsa:RelatesTo>urn:uuid:{}</wsa:RelatesTo>", letter.ask.message_id);
    assert!(answer.xml.contains(&relates), "{}", answer.xml);
    (answer.status, answer.content_type.clone(), answer.xml.replace(&relates, ""))
}

fn expected() -> (u16, String, String) {
    (400, "application/soap+xml; charset=UTF-8".to_owned(), Fault::security().envelope(None))
}

#[test]
fn signatures_that_do_not_cover_what_is_said() {
    run(async {
        let draft = Draft::new(&riverside());
        let good = draft.signed();
        let mismatch = "signature: the assertion is not what was signed";
        let not_a_key = "signature: the signature was not made by a key of the issuer";
        let unlisted = "the issuer is not listed for the partner";
        let several = "signature: the assertion holds several ds:Signature elements";
        let signature = piece(&good, "<ds:Signature ", "</ds:Signature>");
        let value = |text: &str| piece(text, "<ds:SignatureValue>", "</ds:SignatureValue>");
        let exchanged = good.replace(&value(&good), &value(&signed(&riverside())));
        let sha_1 = good.replace("2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1");
        assert_ne!(sha_1, good);
        let hilltop = Draft::new(&order(&HILLTOP, "TREAT")).signed_by("partners/hilltop/saml");
        all_are_refused_alike(vec![
            case(good.replace("code=\"TREAT\"", "code=\"ETREAT\""), mismatch),
            case(good.replace(">user-7<", ">user-8<"), mismatch),
            case(good.replace(" Version=", " X=\"\" Version="), mismatch),
            case(exchanged, not_a_key),
            case(draft.xml.clone(), "signature: the assertion is not signed"),
            case(good.replace(&signature, &signature.repeat(2)), several),
            case(sha_1, "signature: the signature algorithm is not allowed"),
            case(draft.signed_by("stranger/saml"), not_a_key),
            case(draft.signed_by("partners/hilltop/saml"), not_a_key),
            // the partner's TLS key is no issuer's
            case(draft.signed_by("partners/riverside/tls"), not_a_key),
            case(hilltop, unlisted),
            Case { partner: HILLTOP, ..case(good, unlisted) },
            case(String::new(), "signature: the message has no saml:Assertion"),
        ])
        .await;
    });
}

#[test]
fn times_that_do_not_hold() {
    run(async {
        let order = |not_before, lifetime| {
            signed(&Order { not_before: Some(not_before), lifetime, ..riverside() })
        };
        let (past, future) = (now().minus(2 * MINUTE), now().plus(2 * MINUTE));
        let draft = Draft::new(&riverside());
        let session = draft.piece("SessionNotOnOrAfter=\"", "\"");
        let bearer = draft.piece("<saml2:SubjectConfirmationData NotOnOrAfter=\"", "\"");
        let data = "<saml2:SubjectConfirmationData Not";
        let issued = draft.piece("IssueInstant=\"", "\"");
        let limit = piece(&draft.piece("<saml2:Conditions", ">"), " NotOnOrAfter=\"", "\"");
        let start = piece(&draft.piece("<saml2:Conditions", ">"), " NotBefore=\"", "\"");
        let conditions = format!("{start}{limit}");
        let same = format!("{start} NotOnOrAfter={}", start.split('=').nth(1).unwrap());
        let edited = |from: &str, to: &str| draft.edited(from, to).signed();
        let long_ago = format!("IssueInstant=\"{}\"", now().minus(242 * MINUTE));
        all_are_refused_alike(vec![
            case(order(now().minus(10 * MINUTE), 8 * MINUTE), "expired at"),
            case(order(future, MINUTE), "not valid before"),
            case(order(now(), 241 * MINUTE), "valid for 14460s, longer than 14400s"),
            case(edited(&conditions, &same), "NotOnOrAfter is not later than NotBefore"),
            // without an end it lives as long as was agreed, from IssueInstant on
            case(
                draft.edited(&conditions, &start).edited(&issued, &long_ago).signed(),
                "expired at",
            ),
            case(
                edited(&session, &format!("SessionNotOnOrAfter=\"{past}\"")),
                "the session ended at",
            ),
            case(
                edited(&bearer, &format!("{data}OnOrAfter=\"{past}\"")),
                "subject confirmation: expired at",
            ),
            case(
                edited(&bearer, &format!("{data}Before=\"{future}\"")),
                "subject confirmation: not valid before",
            ),
            case(edited(&issued, &format!("IssueInstant=\"{future}\"")), "issued at"),
            case(
                edited(&issued, "IssueInstant=\"soon\""),
                "malformed assertion: IssueInstant is no xs:dateTime",
            ),
        ])
        .await;
    });
}

#[test]
fn assertions_that_are_meant_for_others() {
    run(async {
        let audience = |text: &str| signed(&Order { audience: text.to_owned(), ..riverside() });
        let recipient = Order { recipient: Some("https://x".to_owned()), ..riverside() };
        let home = |text: &str| {
            let home_community = Some(HomeCommunityId::parse(text).unwrap());
            signed(&Order { home_community, ..riverside() })
        };
        let draft = Draft::new(&riverside());
        let restriction =
            draft.piece("<saml2:AudienceRestriction>", "</saml2:AudienceRestriction>");
        let second = format!("{restriction}{}", restriction.replace("urn:oid:2.999.1", "urn:x"));
        all_are_refused_alike(vec![
            case(audience("urn:oid:2.999.9"), "meant for another audience: urn:oid:2.999.9"),
            case(audience(""), "meant for another audience: "),
            case(draft.edited(&restriction, "").signed(), "no AudienceRestriction"),
            case(draft.edited(&restriction, &second).signed(), "meant for another audience: urn:x"),
            case(
                signed(&recipient),
                "subject confirmation: meant for another recipient: https://x",
            ),
            case(home(HILLTOP.home), "home community urn:oid:2.999.3 is not the partner's"),
            // our own community is not Riverside's either
            case(home("urn:oid:2.999.1"), "home community urn:oid:2.999.1 is not the partner's"),
        ])
        .await;
    });
}

#[test]
fn assertions_that_say_too_little_or_what_nobody_understands() {
    run(async {
        let draft = Draft::new(&riverside());
        let authn = draft.piece("<saml2:AuthnStatement", "</saml2:AuthnStatement>");
        let confirmation =
            draft.piece("<saml2:SubjectConfirmation ", "</saml2:SubjectConfirmation>");
        let end = "</saml2:Conditions>";
        let unknown = format!(
            "<saml2:Condition xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:type=\"x:Weather\" xmlns:x=\"urn:x\"/>{end}"
        );
        let name = "<saml2:NameID>user-7</saml2:NameID>";
        let vouched = "subject confirmation: method urn:oasis:names:tc:SAML:2.0:cm:sender-vouches";
        let edited = |from: &str, to: &str| draft.edited(from, to).signed();
        all_are_refused_alike(vec![
            case(edited(&authn, ""), "no AuthnStatement"),
            case(edited(end, &unknown), "unknown condition Condition"),
            case(edited("cm:bearer", "cm:sender-vouches"), vouched),
            case(edited(&confirmation, ""), "subject confirmation: none stated"),
            case(edited("Version=\"2.0\"", "Version=\"2.1\""), "version \"2.1\" is not 2.0"),
            case(edited(name, ""), "malformed assertion: no NameID"),
            case(edited(name, &name.repeat(2)), "malformed assertion: more than one NameID"),
            case(
                edited(name, "<saml2:EncryptedID/>"),
                "malformed assertion: EncryptedID cannot be read here",
            ),
        ])
        .await;
    });
}

#[test]
fn messages_that_could_be_read_in_two_ways() {
    run(async {
        let draft = Draft::new(&riverside());
        let (good, id) = (draft.signed(), &draft.id);
        let evil = Draft::new(&Order { subject: "mallory".to_owned(), ..riverside() }).xml;
        let several = "signature: the message has more saml:Assertion elements than agreed";
        let misplaced = "signature: a saml:Assertion is not a child of wsse:Security";
        let securities = "signature: the message has several wsse:Security elements";
        let ids = "signature: the assertion's ID occurs more than once";

        // the evil one carries the signature, which carries what was signed
        let signature = piece(&good, "<ds:Signature ", "</ds:Signature>");
        let object = format!("<ds:Object>{}</ds:Object></ds:Signature>", draft.xml);
        let signature = signature.replace("</ds:Signature>", &object);
        let wrapping = evil.replace("</saml2:Issuer>", &format!("</saml2:Issuer>{signature}"));

        let security = |inside: &str| {
            let wsse = glassgate::xml::ns::WSSE;
            format!("</wsse:Security><x:Security xmlns:x=\"{wsse}\">{inside}</x:Security>")
        };
        let end = "</wsse:Security>";
        let (query, body) = ("<rim:AdhocQuery ", format!("<env:Body Id=\"{id}\">"));
        let in_body = format!("{good}{query}");
        let letter = |text: &str| Letter::new(text.to_owned());
        let cases = vec![
            (letter(&good.repeat(2)), several),
            (letter(&format!("{good}{}", signed(&riverside()))), several),
            (letter(&format!("{evil}{good}")), several),
            (letter(&format!("{good}{evil}")), several),
            (letter(&wrapping), "signature: a saml:Assertion lies inside another one"),
            (letter(&format!("<x>{good}</x>")), misplaced),
            (letter(&format!("{evil}<x>{good}</x>")), misplaced),
            (letter("").edited(query, &in_body), misplaced),
            (letter(&evil).edited(query, &in_body), misplaced),
            (letter(&good).edited("<env:Body>", &body), ids),
            (letter("").edited(end, &security(&good)), securities),
            (letter(&good).edited(end, &security("")), securities),
            (letter(&good).edited(end, &security(&evil)), securities),
        ];
        let case = |(letter, why)| Case { letter, partner: RIVERSIDE, why };
        all_are_refused_alike(cases.into_iter().map(case).collect()).await;
    });
}

#[test]
fn an_unverified_name_is_quoted_as_such_and_stands_nowhere_else() {
    run(async {
        let claimed = Order { subject: format!("<{}\"", "x".repeat(500)), ..riverside() };
        let letter = Letter::new(Draft::new(&claimed).xml);
        assert_eq!(told(&letter, &letter.send(&RIVERSIDE).await), expected());
        let records = shared().records(&letter.ask).await;
        let quoted = format!("unverified: subject \"<{}\" issuer", "x".repeat(255));
        assert!(reason(&records[0]).contains(&quoted), "{}", records[0]);
        assert_eq!(records[0].matches("xxx").count(), quoted.matches("xxx").count());
        assert!(
            records[0].contains("UserID=\"O=riverside, CN=gateway.riverside.example\""),
            "{}",
            records[0]
        );
        // where a signature holds and a rule fails, the user is known
        let expired = Order { audience: "urn:x".to_owned(), ..riverside() };
        let letter = Letter::new(signed(&expired));
        letter.send(&RIVERSIDE).await;
        let records = shared().records(&letter.ask).await;
        assert!(records[0].contains("UserID=\"user-7\""), "{}", records[0]);
        assert!(!reason(&records[0]).contains("unverified"), "{}", records[0]);
    });
}

#[test]
fn a_document_type_is_malformed_before_it_is_anything() {
    run(async {
        let dtd = "<!DOCTYPE e [<!ENTITY u \"user-7\">]><env:Envelope ";
        let letter = Letter::new(signed(&riverside()).replace(">user-7<", ">&u;<"));
        let letter = letter.edited("<env:Envelope ", dtd);
        let answer = letter.send(&RIVERSIDE).await;
        assert_eq!(answer.status, 400);
        let fault = answer.outcome.fault().unwrap();
        assert_eq!((fault.code.as_str(), fault.subcode.as_deref()), ("Sender", None));
    });
}
