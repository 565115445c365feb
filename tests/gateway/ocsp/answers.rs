//! What an answer is worth: who signed it, when, about what.

use std::sync::Arc;
use std::time::Duration;

use glassgate::clock::{Clock, SystemClock, Timestamp};
use glassgate::saml::certificates::ocsp::{Answer, Inquiries, Inquiry, News, Ocsp, Unanswered};
use glassgate::saml::certificates::{Authority, Settings, Standing, Unfit, Usage};

use openssl::asn1::{Asn1Object, Asn1OctetString};
use openssl::x509::X509Extension;

use super::responder::{By, Signing, Status, authority_key, certificate, generated, issue};

const HOUR: Duration = Duration::from_secs(3600);
const RIVERSIDE: &str = "partners/riverside/saml";

/// Signers whose responder is asked.
struct Asking {
    authority: Authority,
    inquiries: Inquiries,
}

impl Asking {
    fn new() -> Self {
        let inquiries = Inquiries::default();
        let responder = Some("http://ocsp.example".to_owned());
        let mut settings = Settings::new(Usage::Signing, vec![certificate("ca")]);
        settings.ocsp = Some(Ocsp { inquiries: inquiries.clone(), responder });
        Self { authority: Authority::new(settings).unwrap(), inquiries }
    }

    fn check(&self, name: &str, now: Timestamp) -> Result<Standing, Unfit> {
        self.authority.check(&certificate(name), &[], now)
    }

    /// A signer who was believed, and what is to be asked of him.
    fn of(&self, name: &str) -> (Standing, Arc<Inquiry>) {
        let now = SystemClock.now();
        let standing = self.check(name, now).unwrap();
        let due = self.inquiries.due(now, usize::MAX);
        let [inquiry] = due.as_slice() else { panic!("{due:?}") };
        (standing, Arc::clone(inquiry))
    }
}

fn judged(inquiry: &Inquiry, der: &[u8]) -> Result<bool, &'static str> {
    let answer = inquiry.judge(der, SystemClock.now());
    answer.map(|answer| answer.revoked).map_err(|why| why.code())
}

#[test]
fn only_the_issuer_or_whom_it_appointed_is_believed() {
    let signing = Signing::new();
    let (_standing, inquiry) = Asking::new().of(RIVERSIDE);
    let request = inquiry.request().unwrap();
    let revoked = Status::Revoked(RIVERSIDE);
    for (status, by, expected) in [
        (Status::Good, By::Authority, Ok(false)),
        (Status::Good, By::Delegate, Ok(false)),
        (revoked, By::Authority, Ok(true)),
        (revoked, By::Delegate, Ok(true)),
        (Status::Unknown, By::Authority, Err("unknown")),
        (revoked, By::Client, Err("unverified")),
        (revoked, By::Stranger, Err("unverified")),
        (revoked, By::Forged, Err("unverified")),
    ] {
        let der = signing.answer(&request, status, by, true);
        assert_eq!(judged(&inquiry, &der), expected, "{status:?} {by:?}");
        // whatever bit is wrong, nothing is learnt
        for at in (0..der.len()).step_by(37) {
            let mut broken = der.clone();
            broken[at] ^= 0x10;
            let learnt = judged(&inquiry, &broken);
            assert!(learnt.is_err() || learnt == expected, "{at} {status:?} {by:?}");
        }
    }
    // a delegate's time is looked at by the clock that is given
    let der = signing.answer(&request, revoked, By::Delegate, true);
    let before = inquiry.judge(&der, SystemClock.now().minus(HOUR * 48)).unwrap_err();
    assert_eq!(before.code(), "unverified");
}

#[test]
fn an_answer_is_about_one_certificate() {
    let signing = Signing::new();
    let asking = Asking::new();
    let (_standing, inquiry) = asking.of(RIVERSIDE);
    let (_other_standing, other) = asking.of("partners/hilltop/saml");
    let der = signing.answer(&other.request().unwrap(), Status::Good, By::Authority, true);
    assert_eq!(judged(&other, &der), Ok(false));
    assert_eq!(judged(&inquiry, &der), Err("other-certificate"));
    for nonsense in [b"".as_slice(), b"<html>", &[0x30; 70_000], b"\x30\x03\x0a\x01\x00"] {
        assert_eq!(judged(&inquiry, nonsense), Err("unreadable"));
    }
    // tryLater
    assert_eq!(judged(&inquiry, b"\x30\x03\x0a\x01\x03"), Err("refused"));
}

#[test]
fn an_answer_has_its_time() {
    let signing = Signing::new();
    let (_standing, inquiry) = Asking::new().of(RIVERSIDE);
    let request = inquiry.request().unwrap();
    let revoked = Status::Revoked(RIVERSIDE);
    let dated = signing.answer(&request, revoked, By::Authority, true);
    let undated = signing.answer(&request, revoked, By::Authority, false);
    let now = SystemClock.now();
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let code = |der: &[u8], now| inquiry.judge(der, now).err().map(|why| why.code());
    // an hour or nextUpdate, and five minutes for clocks, either way
    for (der, hours) in [(&dated, 24), (&undated, 1)] {
        assert_eq!(code(der, now.plus(HOUR * hours + minutes(4))), None, "{hours}");
        assert_eq!(code(der, now.plus(HOUR * hours + minutes(6))), Some("stale"), "{hours}");
        assert_eq!(code(der, now.minus(minutes(4))), None);
        assert_eq!(code(der, now.minus(minutes(6))), Some("stale"));
    }
    // an older answer cannot undo a newer one
    let answer = inquiry.judge(&dated, now).unwrap();
    let newer = Answer { as_of: answer.as_of.plus(minutes(1)), ..answer };
    assert_eq!(inquiry.hear(Ok(&newer), now), News::Revoked);
    let why = inquiry.judge(&dated, now).unwrap_err();
    assert!(matches!(why, Unanswered::Older { .. }), "{why}");
    // nor one that was judged before the newer one came, as where a reload had it asked twice
    let good = Answer { revoked: false, ..answer };
    assert_eq!(inquiry.hear(Ok(&good), now), News::None);
    assert!(inquiry.revoked());
}

#[test]
fn what_is_learnt_holds_at_once_and_until_the_responder_says_otherwise() {
    let asking = Asking::new();
    let (standing, inquiry) = asking.of(RIVERSIDE);
    let now = SystemClock.now();
    let said = |revoked, hours| Answer { revoked, as_of: now, until: now.plus(HOUR * hours) };
    assert!(standing.unrevoked().is_ok());
    let silence = Unanswered::Unreadable;
    assert_eq!(inquiry.hear(Err(&silence), now), News::Silent);
    assert_eq!(inquiry.hear(Err(&silence), now), News::None, "it is told once");
    assert!(standing.unrevoked().is_ok() && asking.check(RIVERSIDE, now).is_ok());

    assert_eq!(inquiry.hear(Ok(&said(true, 1)), now), News::Revoked);
    let told = "was revoked, as its OCSP responder says";
    // whoever was believed before is not, and neither is who comes now
    assert!(standing.unrevoked().unwrap_err().to_string().ends_with(told));
    assert!(asking.check(RIVERSIDE, now).unwrap_err().to_string().ends_with(told));
    // nobody says that it is good again because time passes or a responder is silent
    assert_eq!(inquiry.hear(Err(&silence), now.plus(HOUR * 99)), News::Silent);
    assert!(asking.check(RIVERSIDE, now.plus(HOUR * 99)).is_err());
    assert_eq!(inquiry.hear(Ok(&said(false, 1)), now), News::Restored);
    assert!(standing.unrevoked().is_ok() && asking.check(RIVERSIDE, now).is_ok());
}

#[test]
fn it_is_asked_again_before_an_answer_ends_and_ever_more_seldom_where_there_is_none() {
    let asking = Asking::new();
    let (standing, inquiry) = asking.of(RIVERSIDE);
    let now = SystemClock.now();
    let due = |seconds: u64| {
        !asking.inquiries.due(now.plus(Duration::from_secs(seconds)), usize::MAX).is_empty()
    };
    assert!(!due(0), "it is being asked");
    for (valid_s, next_s) in
        [(2 * 3600, 3600), (10, 60), (365 * 86_400, 12 * 3600), (24 * 3600, 12 * 3600)]
    {
        let until = now.plus(Duration::from_secs(valid_s));
        inquiry.hear(Ok(&Answer { revoked: false, as_of: now, until }), now);
        assert!(!due(next_s - 1) && due(next_s), "{valid_s}");
    }
    for next_s in [60, 120, 240, 480, 960, 1920, 3840, 3840] {
        inquiry.hear(Err(&Unanswered::Unknown), now);
        assert!(!due(next_s - 1) && due(next_s), "{next_s}");
    }
    asking.inquiries.renew(now);
    assert!(due(0));

    // nobody needs it any more
    drop((standing, inquiry));
    let far = 10 * 3600;
    assert!(!due(far) && asking.inquiries.count() == 0);
    // the certificate has ended, whoever holds it
    let (_standing, _inquiry) = asking.of(RIVERSIDE);
    assert!(!due(100 * 365 * 86_400) && asking.inquiries.count() == 0);
}

#[test]
fn a_responder_that_is_silent_keeps_no_other_waiting() {
    let asking = Asking::new();
    let now = SystemClock.now();
    let (_silent_standing, silent) = asking.of(RIVERSIDE);
    assert_eq!(silent.hear(Err(&Unanswered::Unreadable), now), News::Silent);
    let _fresh = asking.check("partners/hilltop/saml", now).unwrap();
    let later = now.plus(HOUR);
    let subjects = |most| {
        let due = asking.inquiries.due(later, most);
        due.iter().map(|one| one.subject().contains("riverside")).collect::<Vec<_>>()
    };
    // one place is free, then two: what is being asked is not asked again
    assert_eq!((subjects(1), subjects(2), subjects(2)), (vec![false], vec![true], vec![]));
}

#[test]
fn who_was_revoked_is_remembered_though_nobody_holds_him() {
    let asking = Asking::new();
    let (standing, inquiry) = asking.of(RIVERSIDE);
    let now = SystemClock.now();
    let until = now.plus(HOUR);
    inquiry.hear(Ok(&Answer { revoked: true, as_of: now, until }), now);
    drop((standing, inquiry));
    let later = now.plus(HOUR * 30);
    assert_eq!(asking.inquiries.due(later, usize::MAX).len(), 1);
    assert!(asking.check(RIVERSIDE, later).is_err());
    assert_eq!(asking.inquiries.due(later.plus(HOUR), usize::MAX).len(), 1);
    assert!(asking.check(RIVERSIDE, later.plus(HOUR)).is_err());
}

/// authorityInfoAccess with these addresses of responders.
fn responders(urls: &[&str]) -> X509Extension {
    let tlv = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).unwrap()][..], content].concat()
    };
    let id_ad_ocsp = b"\x06\x08\x2b\x06\x01\x05\x05\x07\x30\x01".as_slice();
    let one = |url: &&str| tlv(0x30, &[id_ad_ocsp, &tlv(0x86, url.as_bytes())].concat());
    let der = tlv(0x30, &urls.iter().flat_map(one).collect::<Vec<u8>>());
    let id = Asn1Object::from_str("1.3.6.1.5.5.7.1.1").unwrap();
    let der = Asn1OctetString::new_from_bytes(&der).unwrap();
    X509Extension::new_from_der(&id, false, &der).unwrap()
}

#[test]
fn a_certificate_names_its_responder_and_settings_another() {
    for (urls, configured, expected) in [
        (&["http://ocsp.example/a"][..], None, Some("http://ocsp.example/a")),
        (
            &["ldap://x/y", "file:///etc/passwd", "HTTPS://o.example"],
            None,
            Some("HTTPS://o.example"),
        ),
        (&["ldap://x/y", "http://", "http:///x", "http://a b"], None, None),
        (&[], None, None),
        (&["http://ocsp.example/a"], Some("http://own.example"), Some("http://own.example")),
    ] {
        let made = issue("signer", &generated(), &authority_key(), responders(urls));
        // not before its first second
        let now = SystemClock.now().plus(Duration::from_secs(1));
        let inquiries = Inquiries::default();
        let mut settings = Settings::new(Usage::Signing, vec![certificate("ca")]);
        let responder = configured.map(str::to_owned);
        settings.ocsp = Some(Ocsp { inquiries: inquiries.clone(), responder });
        let standing = Authority::new(settings).unwrap().check(&made, &[], now).unwrap();
        let due = inquiries.due(now, usize::MAX);
        assert_eq!(due.first().unwrap().responder(), expected, "{urls:?}");
        assert_eq!(standing.unasked().next().is_some(), expected.is_none(), "{urls:?}");
    }
}

#[test]
fn nobody_is_asked_about_a_certificate_that_anybody_could_show() {
    let asking = Asking::new();
    let now = SystemClock.now();
    for name in ["stranger/saml", "stranger/tls"] {
        assert!(asking.check(name, now).is_err());
    }
    // nor of one that somebody showed, before it is sure that it is his
    let chain = [certificate(RIVERSIDE), certificate("ca")];
    let standing = asking.authority.judge(&chain, now).unwrap();
    assert_eq!(asking.inquiries.count(), 0);
    asking.authority.ask(standing, &chain, now).unwrap();
    assert_eq!(asking.inquiries.count(), 1);
    asking.check(RIVERSIDE, now).unwrap();
    asking.check(RIVERSIDE, now).unwrap();
    assert_eq!(asking.inquiries.count(), 1);
}
