//! Messages with a signed assertion, against another verifier.

use std::borrow::Cow;

use glassgate::clock::Timestamp;
use glassgate::dsig::{Algorithms, Cache, Gated, Ours, Verifier, gate, verify};
use glassgate::xml::{Bounds, parse};

use super::namespace::{odd_namespace, odd_prefix_list};
use super::resign::resigned;
use super::riverside::{Kind, keys};

/// Whatever ours believes `theirs` believes too, as the message is and signed anew; ours may refuse more.
///
/// Whether octets are the same need not be asked: both hold them to the same SHA-256.
pub fn check(bytes: &[u8], theirs: impl Fn(&Gated<'_, '_>, Kind) -> bool) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let message = whole(text);
    let Some(passed) = believed(&message, &theirs) else { return };
    if let Some(message) = resigned(&message) {
        let again = believed(&message, &theirs);
        assert!(again == Some(true), "{passed} before; refused after signing: {message}");
    }
}

/// The message; a text that is none is a PrefixList, and from its second line on what stands in an attribute's value.
///
/// A fuzzer changes such a text to another that is well-formed far more often than a whole message.
fn whole(text: &str) -> Cow<'_, str> {
    if text.contains("Envelope") {
        return Cow::Borrowed(text);
    }
    let (prefixes, content) = text.split_once('\n').unwrap_or(("", text));
    let message = include_str!("message.xml").replace("@prefixes@", prefixes);
    Cow::Owned(message.replace("@content@", content))
}

/// Whether ours believes it; none where the gate is shut.
fn believed(message: &str, theirs: &impl Fn(&Gated<'_, '_>, Kind) -> bool) -> Option<bool> {
    let document = parse(message, Bounds::REQUEST).ok()?;
    let gated = gate(&document, Algorithms::default()).ok()?;
    let found = Kind::BOTH.into_iter().find_map(|kind| {
        let octets = Ours.octets(&gated, std::slice::from_ref(kind.key())).ok()?;
        Some((kind, octets))
    });
    let Some((kind, octets)) = found else { return Some(false) };
    let apart = odd_namespace(&document) || odd_prefix_list(&document);
    assert!(apart || theirs(&gated, kind), "only ours believes {message}");
    let (cache, now) = (Cache::new(), Timestamp::from_micros(0));
    for _ in 0..2 {
        let signed = verify(&gated, keys(), &cache, 1, now).expect("ours believes it");
        assert_eq!(signed.octets(), octets);
        assert_eq!(signed.key_fingerprint(), kind.key().fingerprint());
    }
    assert_eq!(cache.hits(), 1);
    Some(true)
}
