//! Assertions: what is believed, of whom and for how long.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use glassgate::clock::Timestamp;
use glassgate::dsig::{Cache, canonicalize, sign};
use glassgate::ids::{Coded, HomeCommunityId};
use glassgate::policy::{self, Agreement, BreakGlass, Etreat, Terms, admit};
use glassgate::principal::Claims;
use glassgate::purpose::Purpose;
use glassgate::saml::{
    Assertion, Issuer, Keys, Means, Partner, Peer, Settings, Trust, Verified, verify,
};
use glassgate::xml::{self, Bounds, ns, parse};

use super::riverside::Kind;

const NOW: &str = "2026-11-22T12:01:00Z";
const HOUR: Duration = Duration::from_secs(3600);

/// Unsigned nothing is believed; signed, it says what its octets say, for its time and from its partner alone.
pub fn check(bytes: &[u8]) {
    let Ok(assertion) = std::str::from_utf8(bytes) else { return };
    let Ok(document) = parse(assertion, Bounds::REQUEST) else { return };
    let now = Timestamp::parse(NOW).unwrap();
    let cache = Cache::new();
    let _ = Assertion::read(document.root());
    let unsigned = message(assertion.trim_start_matches('\u{feff}'));
    assert!(believed(&unsigned, 7, &cache, now).is_none(), "nobody signed {unsigned}");

    let id = xml::attribute(document.root(), "ID").unwrap_or_default();
    let Ok(signed) = sign(assertion, id, &Kind::Ec.signing_key()) else { return };
    let message = message(&signed);
    let Some(verified) = believed(&message, 7, &cache, now) else { return };
    let claims = verified.principal().claims();
    let octets = canonicalize(document.root(), &[], None);
    let octets = parse(&octets, Bounds::REQUEST).expect("it is believed");
    told_alike(claims, Assertion::read(octets.root()).expect("it is believed").claims());
    assert_eq!(
        (claims.partner.as_str(), claims.issuer.as_str()),
        ("riverside", "https://sts.riverside.example")
    );
    assert!(believed(&message, 9, &cache, now).is_none(), "a stranger brings {message}");
    for moment in [now.plus(5 * HOUR), now.minus(5 * HOUR)] {
        assert!(
            believed(&message, 7, &cache, moment).is_none(),
            "{moment} is no time for {message}"
        );
    }
    let again = believed(&message, 7, &cache, now).expect("it was believed before");
    told_alike(again.principal().claims(), claims);
    admitted(&verified);
    tampered(&message, &cache, now, claims);
}

/// A SOAP message whose security header holds that.
fn message(security: &str) -> String {
    // a declaration of its own would not be well-formed within another document
    let security = security
        .find("?>")
        .filter(|_| security.starts_with("<?xml "))
        .map_or(security, |end| &security[end + 2..]);
    format!(
        "<e:Envelope xmlns:e=\"{}\"><e:Header><w:Security xmlns:w=\"{}\">{security}</w:Security>\
         </e:Header><e:Body/></e:Envelope>",
        ns::SOAP,
        ns::WSSE
    )
}

fn believed(message: &str, client: u8, cache: &Cache, now: Timestamp) -> Option<Verified> {
    let document = parse(message, Bounds::REQUEST).ok()?;
    let peer = Peer {
        fingerprint: [client; 32],
        key_fingerprint: [0; 32],
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        subject: "CN=client".into(),
    };
    let settings = Settings {
        issuers: vec![Issuer {
            name: "https://sts.riverside.example".into(),
            keys: Keys::Pinned(vec![Kind::Ec.key().clone()]),
        }],
        partners: vec![Partner {
            audiences: vec!["urn:oid:2.999.1".into()],
            recipients: Some(vec!["https://127.0.0.1:8443/xca/query".into()]),
            clock_skew: Duration::from_secs(60),
            communities: HomeCommunityId::parse("2.999.2").into_iter().collect(),
            tls_fingerprints: vec![[7; 32]],
            issuers: vec!["https://sts.riverside.example".into()],
            longest_lifetime: 4 * HOUR,
            require_authn_statement: false,
            ..Partner::named("riverside")
        }],
        generation: 1,
    };
    let trust = Trust::new(settings);
    let means = Means { trust: &trust, signatures: cache, replay: None, now };
    match verify(&document, &peer, &means, &mut ()) {
        Ok(verified) => Some(verified),
        Err(untrusted) => {
            assert!(!untrusted.reason.code().is_empty());
            None
        }
    }
}

/// All that a decision or a record is made of.
fn told_alike(one: &Claims, other: &Claims) {
    let told = |claims: &Claims| {
        let Claims {
            assertion_id,
            purposes,
            roles,
            patients,
            home_community,
            organization_ids,
            ..
        } = claims.clone();
        let uncertain = (claims.unassigned_patients, claims.unreadable_patients);
        (
            claims.user_name(),
            assertion_id,
            purposes,
            roles,
            patients,
            home_community,
            organization_ids,
            uncertain,
        )
    };
    assert_eq!(told(one), told(other));
}

/// Break-glass is honoured for its role alone, and is never an ordinary purpose.
fn admitted(verified: &Verified) {
    let physician = Coded::new("309343006", "2.16.840.1.113883.6.96");
    let agreement = Agreement {
        partner: "riverside".into(),
        purposes: vec![Purpose::PurposeOfUse, Purpose::BTG],
        code_systems: Vec::new(),
        break_glass: Terms { roles: vec![physician.clone()], ..Terms::default() },
        etreat: Etreat::BreakGlass,
    };
    let principal = verified.principal();
    let Ok(access) = admit(principal, &policy::Settings { agreements: vec![agreement] }) else {
        return;
    };
    let purposes = access.treatment_purposes();
    assert!(!purposes.is_empty() && !purposes.contains(&Purpose::BTG));
    assert!(!principal.claims().purposes.coded.is_empty());
    if matches!(access.break_glass(), BreakGlass::Honoured(_)) {
        assert!(principal.claims().roles.iter().any(|role| role.code == physician.code));
        assert!(purposes.iter().all(|purpose| purpose.is_a(Purpose::TREAT)));
    }
}

/// Changed by a byte anywhere within it, the message says the same or is not believed.
fn tampered(message: &str, cache: &Cache, now: Timestamp, claims: &Claims) {
    let (start, end) = (message.find("Security").unwrap(), message.rfind("</").unwrap());
    // some places, others in every message
    for at in (start + claims.subject.len() % 97..end).step_by(97) {
        let mut bytes = message.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        if let Some(verified) = believed(&changed, 7, cache, now) {
            told_alike(verified.principal().claims(), claims);
        }
    }
}
