//! Each algorithm of the profile, signed by OpenSSL's own signer, and what is close to one of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};

use super::fixture::{assertion, ec_key, envelope, rsa_key};
use super::{Algorithms, Cache, Key, canonicalize, gate, verify};
use crate::clock::Timestamp;
use crate::xml::{Bounds, ns, parse};

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const MORE_2007: &str = "http://www.w3.org/2007/05/xmldsig-more#";
const SHA1_TOO: Algorithms = Algorithms { danger_allow_sha1: true };

/// How an assertion is signed.
struct Signing<'k> {
    key: &'k PKey<Private>,
    /// The SignatureMethod, whole.
    method: String,
    hash: MessageDigest,
    pss: Option<Pss>,
    digest: (&'static str, MessageDigest),
}

#[derive(Clone, Copy)]
struct Pss {
    mask: MessageDigest,
    salt: i32,
}

impl Pss {
    fn of(hash: MessageDigest) -> Self {
        Self { mask: hash, salt: i32::try_from(hash.size()).unwrap() }
    }
}

impl<'k> Signing<'k> {
    fn new(key: &'k PKey<Private>, uri: &str, hash: MessageDigest) -> Self {
        let method = format!("<ds:SignatureMethod Algorithm=\"{uri}\"/>");
        let digest = ("http://www.w3.org/2001/04/xmlenc#sha256", MessageDigest::sha256());
        Self { key, method, hash, pss: None, digest }
    }

    fn pss(key: &'k PKey<Private>, parameters: &str, hash: MessageDigest, pss: Pss) -> Self {
        let method = format!(
            "<ds:SignatureMethod Algorithm=\"{MORE_2007}rsa-pss\"><p:RSAPSSParams xmlns:p=\"{MORE_2007}\">\
             {parameters}</p:RSAPSSParams></ds:SignatureMethod>"
        );
        Self { method, pss: Some(pss), ..Self::new(key, "", hash) }
    }

    fn value(&self, octets: &[u8]) -> Vec<u8> {
        let mut signer = Signer::new(self.hash, self.key).unwrap();
        if let Some(pss) = self.pss {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(pss.salt)).unwrap();
            signer.set_rsa_mgf1_md(pss.mask).unwrap();
        }
        let value = signer.sign_oneshot_to_vec(octets).unwrap();
        if self.key.id() != Id::EC {
            return value;
        }
        let length = i32::try_from(self.key.bits().div_ceil(8)).unwrap();
        let pair = EcdsaSig::from_der(&value).unwrap();
        [pair.r(), pair.s()].map(|part| part.to_vec_padded(length).unwrap()).concat()
    }

    fn message(&self) -> String {
        let unsigned = assertion("_a");
        let document = parse(&unsigned, Bounds::REQUEST).unwrap();
        let octets = canonicalize(document.root(), &[], None);
        let (digest_uri, digest) = self.digest;
        let digest = STANDARD.encode(hash(digest, octets.as_bytes()).unwrap());
        let opened = format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>\
             {method}<ds:Reference URI=\"#_a\"><ds:Transforms><ds:Transform Algorithm=\"{DSIG}enveloped-signature\"/>\
             <ds:Transform Algorithm=\"{c14n}\"/></ds:Transforms><ds:DigestMethod Algorithm=\"{digest_uri}\"/>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
            c14n = ns::EXC_C14N,
            method = self.method,
        );
        let closed = format!("{opened}</ds:Signature>");
        let signature = parse(&closed, Bounds::REQUEST).unwrap();
        let signed_info = signature.root().first_element_child().unwrap();
        let value = self.value(canonicalize(signed_info, &[], None).as_bytes());
        let value = STANDARD.encode(value);
        let signature =
            format!("{opened}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>");
        let signed = unsigned.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1);
        envelope(&signed, "")
    }

    /// The code of the refusal, or "verified".
    fn outcome(&self, algorithms: Algorithms) -> &'static str {
        let public = PKey::public_key_from_der(&self.key.public_key_to_der().unwrap()).unwrap();
        let keys = [Key::from_public(public).unwrap()];
        let message = self.message();
        let document = parse(&message, Bounds::REQUEST).unwrap();
        let now = Timestamp::from_micros(0);
        let verified = gate(&document, algorithms)
            .and_then(|gated| verify(&gated, &keys, &Cache::new(), 1, now));
        verified.map_or_else(|reject| reject.code(), |_| "verified")
    }
}

#[test]
fn every_algorithm_of_the_profile_verifies() {
    let rsa = rsa_key(2048);
    let curves = [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1].map(ec_key);
    for (bits, hash) in [
        (256, MessageDigest::sha256()),
        (384, MessageDigest::sha384()),
        (512, MessageDigest::sha512()),
    ] {
        let pkcs1 = Signing::new(&rsa, &format!("{MORE}rsa-sha{bits}"), hash);
        assert_eq!(pkcs1.outcome(Algorithms::default()), "verified", "rsa {bits}");
        let uri = format!("{MORE_2007}sha{bits}-rsa-MGF1");
        let pss = Signing { pss: Some(Pss::of(hash)), ..Signing::new(&rsa, &uri, hash) };
        assert_eq!(pss.outcome(Algorithms::default()), "verified", "pss {bits}");
        for key in &curves {
            let ecdsa = Signing::new(key, &format!("{MORE}ecdsa-sha{bits}"), hash);
            assert_eq!(ecdsa.outcome(Algorithms::default()), "verified", "{} {bits}", key.bits());
        }
    }
}

#[test]
fn pss_has_one_meaning() {
    let rsa = rsa_key(2048);
    let sha256 = "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>";
    let sha512 = "<ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\"/>";
    let mask = |digest: &str| {
        format!(
            "<p:MaskGenerationFunction Algorithm=\"{MORE_2007}MGF1\">{digest}</p:MaskGenerationFunction>"
        )
    };
    let (salt, trailer) = ("<p:SaltLength>32</p:SaltLength>", "<p:TrailerField>1</p:TrailerField>");
    let usual = MessageDigest::sha256();
    for (parameters, hash, pss, outcome) in [
        (String::new(), usual, Pss::of(usual), "verified"),
        (format!("{sha256}{}{salt}{trailer}", mask(sha256)), usual, Pss::of(usual), "verified"),
        (format!("{sha256}{salt}"), usual, Pss::of(usual), "verified"),
        (mask(""), usual, Pss::of(usual), "verified"),
        (
            format!("{sha512}{}<p:SaltLength>64</p:SaltLength>", mask(sha512)),
            MessageDigest::sha512(),
            Pss::of(MessageDigest::sha512()),
            "verified",
        ),
        // the values say one thing, the signature is another
        (sha256.to_owned(), usual, Pss { salt: 20, ..Pss::of(usual) }, "signature-mismatch"),
        (
            sha256.to_owned(),
            usual,
            Pss { mask: MessageDigest::sha1(), ..Pss::of(usual) },
            "signature-mismatch",
        ),
        // what is said is not the profile, whatever the signature is
        (format!("{sha512}{}", mask(sha256)), usual, Pss::of(usual), "signature-algorithm"),
        (sha512.to_owned(), usual, Pss::of(usual), "signature-algorithm"),
        ("<p:SaltLength>20</p:SaltLength>".into(), usual, Pss::of(usual), "signature-algorithm"),
        ("<p:SaltLength>-1</p:SaltLength>".into(), usual, Pss::of(usual), "unexpected-content"),
        ("<p:TrailerField>2</p:TrailerField>".into(), usual, Pss::of(usual), "signature-algorithm"),
        (format!("{salt}{sha256}"), usual, Pss::of(usual), "unexpected-content"),
        (mask("").replace("MGF1", "MGF2"), usual, Pss::of(usual), "signature-algorithm"),
        (mask(&sha256.repeat(2)), usual, Pss::of(usual), "unexpected-content"),
        (
            format!("<ds:DigestMethod Algorithm=\"{DSIG}sha1\"/>"),
            usual,
            Pss::of(usual),
            "signature-algorithm",
        ),
    ] {
        let signing = Signing::pss(&rsa, &parameters, hash, pss);
        assert_eq!(signing.outcome(SHA1_TOO), outcome, "{parameters}");
    }
    let bare = Signing {
        pss: Some(Pss::of(usual)),
        ..Signing::new(&rsa, &format!("{MORE_2007}rsa-pss"), usual)
    };
    assert_eq!(bare.outcome(Algorithms::default()), "verified");
    // neither padding passes for the other
    let named = Signing::new(&rsa, &format!("{MORE_2007}sha256-rsa-MGF1"), usual);
    assert_eq!(named.outcome(Algorithms::default()), "signature-mismatch");
    let pkcs1 = Signing {
        pss: Some(Pss::of(usual)),
        ..Signing::new(&rsa, &format!("{MORE}rsa-sha256"), usual)
    };
    assert_eq!(pkcs1.outcome(Algorithms::default()), "signature-mismatch");
}

#[test]
fn a_key_for_pss_alone_makes_nothing_else() {
    let mut context = PkeyCtx::new_id(Id::RSA_PSS).unwrap();
    context.keygen_init().unwrap();
    context.set_rsa_keygen_bits(2048).unwrap();
    let key = context.keygen().unwrap();
    let usual = MessageDigest::sha256();
    let uri = format!("{MORE_2007}sha256-rsa-MGF1");
    let pss = Signing { pss: Some(Pss::of(usual)), ..Signing::new(&key, &uri, usual) };
    assert_eq!(pss.outcome(Algorithms::default()), "verified");
    let named =
        Signing { method: format!("<ds:SignatureMethod Algorithm=\"{MORE}rsa-sha256\"/>"), ..pss };
    assert_eq!(named.outcome(Algorithms::default()), "key-unfit");
}

#[test]
fn sha1_is_a_danger_that_must_be_allowed() {
    let (rsa, elliptic) = (rsa_key(2048), ec_key(Nid::X9_62_PRIME256V1));
    let sha1 = MessageDigest::sha1();
    let digest = ("http://www.w3.org/2000/09/xmldsig#sha1", sha1);
    for (signing, refusal) in [
        (Signing::new(&rsa, &format!("{DSIG}rsa-sha1"), sha1), "signature-algorithm"),
        (Signing::new(&elliptic, &format!("{MORE}ecdsa-sha1"), sha1), "signature-algorithm"),
        (
            Signing {
                digest,
                ..Signing::new(&rsa, &format!("{MORE}rsa-sha256"), MessageDigest::sha256())
            },
            "digest-algorithm",
        ),
    ] {
        assert_eq!(signing.outcome(Algorithms::default()), refusal);
        assert_eq!(signing.outcome(SHA1_TOO), "verified");
    }
    // nothing else becomes possible by it
    for uri in
        [format!("{DSIG}hmac-sha1"), format!("{DSIG}dsa-sha1"), format!("{MORE_2007}sha1-rsa-MGF1")]
    {
        assert_eq!(Signing::new(&rsa, &uri, sha1).outcome(SHA1_TOO), "signature-algorithm");
    }
}
