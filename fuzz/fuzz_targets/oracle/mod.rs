//! libxmlsec1 behind the xmlsec crate: the second opinion on signatures.

use glassgate::dsig::{Algorithms, Gated, gate};
use glassgate::xml::{Bounds, parse};
use glassgate_fuzz::resign::resigned;
use glassgate_fuzz::riverside::Kind;
use libxml::parser::{Parser, ParserOptions};
use xmlsec::{XmlSecDocumentExt as _, XmlSecKey, XmlSecKeyFormat, XmlSecSignatureContext};

/// Whether libxmlsec1 believes the assertion alone, under that one key.
///
/// Only what passed our gate comes here: one `#ID` reference and no transform that could open a file or a socket.
pub(crate) fn believes(gated: &Gated<'_, '_>, kind: Kind) -> bool {
    // strictly, by default libxml2 mends what it can
    let strict = ParserOptions { recover: false, no_net: true, ..ParserOptions::default() };
    let Ok(document) = Parser::default().parse_string_with_options(gated.alone(), strict) else {
        return false;
    };
    document.specify_idattr("/*/*", "ID", None).expect("the gate found an ID");
    // without a password: the crate would hand libxmlsec1 a pointer to freed memory
    let key = XmlSecKey::from_memory(kind.certificate(), XmlSecKeyFormat::CertPem, None)
        .expect("a certificate");
    let mut context = XmlSecSignatureContext::new();
    context.insert_key(key);
    context.verify_document(&document).unwrap_or(false)
}

/// Panics where the oracle does not tell good from tampered: one that believes all would find nothing.
pub(crate) fn control() {
    let good = resigned(include_str!("../../corpus/signature/ec")).expect("a message to sign");
    let tampered = good.replace("dr.lake", "dr.pond");
    for (message, expected) in [(good, true), (tampered, false)] {
        let document = parse(&message, Bounds::REQUEST).expect("a document");
        let gated = gate(&document, Algorithms::default()).expect("a signed assertion");
        assert_eq!(believes(&gated, Kind::Ec), expected);
        assert!(!believes(&gated, Kind::Rsa));
    }
}
