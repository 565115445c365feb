use std::fmt;

use super::c14n::canonicalize;
use super::cache::{Cache, Evidence};
use super::gate::Gated;
use super::key::Key;
use super::reject::Reject;
use crate::clock::Timestamp;

/// The canonical octets of an assertion that a trusted key signed; only [`verify`] makes one.
pub struct Signed {
    octets: String,
    key: [u8; 32],
}

impl Signed {
    /// Exactly what was digested: a whole XML element, to be parsed and believed.
    #[must_use]
    pub fn octets(&self) -> &str {
        &self.octets
    }

    /// The fingerprint of the key that signed.
    #[must_use]
    pub fn key_fingerprint(&self) -> &[u8; 32] {
        &self.key
    }
}

/// Shows no claim.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("octets", &self.octets.len()).finish_non_exhaustive()
    }
}

/// Verifies with exactly these keys, those of the claimed issuer; KeyInfo is not even read.
///
/// `generation` changes with every change of trust store or partner settings, which makes old cache entries void.
pub fn verify(
    gated: &Gated<'_, '_>,
    keys: &[Key],
    cache: &Cache,
    generation: u64,
    now: Timestamp,
) -> Result<Signed, Reject> {
    let mut candidates = gated.fitting(keys)?;
    // before the cache is asked: what it remembers outlives no certificate
    candidates.retain(|key| key.holds(now));
    if candidates.is_empty() {
        return Err(Reject::KeyEnded);
    }
    let evidence = Evidence::of(gated.assertion, generation);
    if let Some(key) = candidates.iter().find(|key| cache.holds(&evidence.by(key), now)) {
        return Ok(Signed { octets: gated.canonical_assertion(), key: *key.fingerprint() });
    }

    let (key, octets) = check(gated, &candidates)?;
    cache.remember(evidence.by(key), now);
    Ok(Signed { octets, key: *key.fingerprint() })
}

/// Which of these keys signed, and the octets that it signed.
pub(super) fn check<'k>(
    gated: &Gated<'_, '_>,
    candidates: &[&'k Key],
) -> Result<(&'k Key, String), Reject> {
    let head = &gated.head;
    // the signature first: nobody makes us digest what no trusted key vouches for
    let signed_info = canonicalize(head.node, &head.prefixes, None);
    let key = candidates
        .iter()
        .find(|key| key.made(&gated.signature_value, signed_info.as_bytes(), head.method))
        .ok_or(Reject::SignatureMismatch)?;
    let octets = gated.canonical_assertion();
    let reference = &gated.reference;
    if reference.hash.of(octets.as_bytes()) != reference.digest_value {
        return Err(Reject::DigestMismatch);
    }
    Ok((key, octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dsig::fixture::{assertion, check, ec, envelope, rsa};
    use crate::dsig::{Algorithms, gate, sign};
    use crate::limits;
    use crate::xml::{Bounds, parse};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn verify_at(
        message: &str,
        keys: &[Key],
        cache: &Cache,
        generation: u64,
        now: Timestamp,
    ) -> Result<String, Reject> {
        let document = parse(message, Bounds::REQUEST).unwrap();
        let signed =
            verify(&gate(&document, Algorithms::default())?, keys, cache, generation, now)?;
        Ok(signed.octets().to_owned())
    }

    #[test]
    fn what_is_signed_is_verified() {
        for key in [rsa(), ec()] {
            let signed = sign(&assertion("_a"), "_a", key).unwrap();
            let octets = check(&envelope(&signed, "")).unwrap();
            // the assertion without its signature, in canonical form
            let unsigned = assertion("_a");
            let document = parse(&unsigned, Bounds::REQUEST).unwrap();
            assert_eq!(octets, canonicalize(document.root(), &[], None));
        }
    }

    #[test]
    fn only_the_configured_keys_count() {
        let message = envelope(&sign(&assertion("_a"), "_a", rsa()).unwrap(), "");
        let document = parse(&message, Bounds::REQUEST).unwrap();
        let gated = gate(&document, Algorithms::default()).unwrap();
        let try_keys = |keys: &[Key]| verify(&gated, keys, &Cache::new(), 1, NOW).map(|_| ());
        let stranger = crate::dsig::fixture::stranger();
        assert_eq!(try_keys(&[]), Err(Reject::NoKey));
        assert_eq!(try_keys(&[ec().key().clone()]), Err(Reject::KeyUnfit));
        assert_eq!(try_keys(&[stranger.key().clone()]), Err(Reject::SignatureMismatch));
        let all = [ec().key().clone(), stranger.key().clone(), rsa().key().clone()];
        let signed = verify(&gated, &all, &Cache::new(), 1, NOW).unwrap();
        assert_eq!(signed.key_fingerprint(), rsa().key().fingerprint());
        assert_eq!(gated.claimed_issuer(), "https://sts.example");
        assert_eq!(gated.claimed_subject(), "dr.lake");
        assert_eq!(gated.claimed_id(), "_a");
        assert!(!format!("{gated:?}{signed:?}").contains("lake"));
    }

    #[test]
    fn a_hit_gives_the_same_octets_and_dies_with_time_key_and_generation() {
        let message = envelope(&sign(&assertion("_a"), "_a", ec()).unwrap(), "");
        let keys = [rsa().key().clone(), ec().key().clone()];
        let cache = Cache::new();
        let first = verify_at(&message, &keys, &cache, 1, NOW).unwrap();
        assert_eq!(cache.hits(), 0);
        let moved = envelope(&sign(&assertion("_a"), "_a", ec()).unwrap(), "");
        assert_ne!(moved, message, "another signature over the same octets");
        assert_eq!(verify_at(&moved, &keys, &cache, 1, NOW).unwrap(), first);
        assert_eq!(cache.hits(), 0);
        assert_eq!(verify_at(&message, &keys, &cache, 1, NOW).unwrap(), first);
        assert_eq!(cache.hits(), 1);
        verify_at(&message, &keys, &cache, 2, NOW).unwrap();
        let late = NOW.plus(limits::SIGNATURE_CACHE_TIME * 2);
        verify_at(&message, &keys, &cache, 1, late).unwrap();
        assert_eq!(cache.hits(), 1);
        let stranger = [crate::dsig::fixture::stranger_ec().key().clone()];
        assert_eq!(verify_at(&message, &stranger, &cache, 1, late), Err(Reject::SignatureMismatch));
        assert_eq!(cache.hits(), 1);
    }

    #[test]
    fn a_refusal_is_not_remembered_and_inherited_namespaces_are_looked_at() {
        let signed = sign(&assertion("_a"), "_a", ec()).unwrap();
        // the signer's own declaration moves to the Envelope, where it may be changed
        let bare = signed.replacen(" xmlns:h=\"urn:hl7-org:v3\"", "", 1);
        assert_ne!(bare, signed);
        let with = |uri: &str| {
            let declared = format!("<soap:Envelope xmlns:h=\"{uri}\"");
            envelope(&bare, "").replacen("<soap:Envelope", &declared, 1)
        };
        let (keys, cache) = ([ec().key().clone()], Cache::new());
        assert!(verify_at(&with("urn:hl7-org:v3"), &keys, &cache, 1, NOW).is_ok());
        for _ in 0..2 {
            assert_eq!(
                verify_at(&with("urn:other"), &keys, &cache, 1, NOW),
                Err(Reject::DigestMismatch)
            );
        }
        assert_eq!(cache.hits(), 0);
    }

    #[test]
    fn a_changed_signature_is_found_before_a_changed_assertion() {
        let signed = sign(&assertion("_a"), "_a", rsa()).unwrap();
        let changed = signed.replacen("dr.lake", "dr.pond", 1);
        assert_eq!(check(&envelope(&changed, "")), Err(Reject::DigestMismatch));
        let (head, tail) = changed.split_once("<ds:DigestValue>").unwrap();
        let flipped = if tail.starts_with('A') { "B" } else { "A" };
        let both = format!("{head}<ds:DigestValue>{flipped}{}", &tail[1..]);
        assert_eq!(check(&envelope(&both, "")), Err(Reject::SignatureMismatch));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_changed_byte_changes_what_is_believed(
            elliptic in any::<bool>(), at in any::<prop::sample::Index>(), byte in 1_u8..0x80,
            warm in any::<bool>(),
        ) {
            let key = if elliptic { ec() } else { rsa() };
            let message = crate::dsig::fixture::signed_message(elliptic);
            let keys = [key.key().clone()];
            let cache = Cache::new();
            if warm {
                verify_at(message, &keys, &cache, 1, NOW).unwrap();
            }
            let start = message.find("<saml:Assertion").unwrap();
            let end = message.find("</saml:Assertion>").unwrap();
            let mut bytes = message.as_bytes().to_vec();
            bytes[start + at.index(end - start)] = byte;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            let Ok(document) = parse(&changed, Bounds::REQUEST) else { return Ok(()) };
            let believed = gate(&document, Algorithms::default()).and_then(|g| verify(&g, &keys, &cache, 1, NOW));
            if let Ok(signed) = believed {
                let original = check(message).unwrap();
                prop_assert_eq!(signed.octets(), original);
            }
        }
    }
}
