//! Signed messages of every shape that the profile allows.

use glassgate::dsig::Key;
use glassgate::xml::ns;
use proptest::prelude::*;

use super::bodies::resign::resigned;
use super::bodies::riverside::Kind;

/// A key of another partner.
pub(super) fn stranger(kind: Kind) -> Key {
    Key::from_certificate_pem(match kind {
        Kind::Rsa => include_bytes!("../../certs/partners/hilltop/saml.crt"),
        Kind::Ec => include_bytes!("../../certs/partners/hilltop/saml-ec.crt"),
    })
    .unwrap()
}

/// What a message is to look like.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) kind: Kind,
    /// Declared on the Envelope.
    pub(super) inherited: &'static str,
    /// Declared on the assertion itself.
    pub(super) declared: String,
    /// The PrefixList for the assertion and the one for SignedInfo; none where absent.
    pub(super) prefix_lists: [Option<String>; 2],
    /// What stands in the attribute value.
    pub(super) content: String,
    /// White space between the parts of the signature.
    pub(super) space: &'static str,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            kind: Kind::Rsa,
            inherited: "",
            declared: String::new(),
            prefix_lists: [None, None],
            content: "<p:e xmlns='urn:d' q:k='1'>a<!-- c -->b</p:e>".to_owned(),
            space: "",
        }
    }
}

/// Binds what the content uses, where the Envelope does not.
const OWN: &str = " xmlns:q='urn:q' xmlns:p='urn:p'";

impl Order {
    /// The assertion with that for a signature.
    pub(super) fn assertion(&self, signature: &str) -> String {
        let own = if self.inherited.is_empty() { OWN } else { "" };
        format!(
            "<saml:Assertion xmlns:saml=\"{}\"{own}{} ID=\"_a1\" Version=\"2.0\"><saml:Issuer>\
             https://sts.example</saml:Issuer>{signature}<saml:Subject><saml:NameID>dr.lake\
             </saml:NameID></saml:Subject><saml:AttributeStatement><saml:Attribute Name=\"a\">\
             <saml:AttributeValue>{}</saml:AttributeValue></saml:Attribute>\
             </saml:AttributeStatement></saml:Assertion>",
            ns::SAML,
            self.declared,
            self.content
        )
    }
}

/// A SOAP message around that.
pub(super) fn envelope(order: &Order, security: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{}\"{}><s:Header><wsse:Security xmlns:wsse=\"{}\">{security}\
         </wsse:Security></s:Header><s:Body/></s:Envelope>",
        ns::SOAP,
        order.inherited,
        ns::WSSE
    )
}

/// The message, signed in its place, so that a PrefixList finds what the Envelope declares.
pub(super) fn signed(order: &Order) -> String {
    let [for_assertion, for_signed_info] = order.prefix_lists.clone().map(|list| {
        list.map_or(String::new(), |list| {
            format!("<x:InclusiveNamespaces xmlns:x=\"{}\" PrefixList=\"{list}\"/>", ns::EXC_C14N)
        })
    });
    let (dsig, c14n, space) = (ns::DSIG, ns::EXC_C14N, order.space);
    let signature = format!(
        "{space}<ds:Signature xmlns:ds=\"{dsig}\">{space}<ds:SignedInfo>{space}<ds:CanonicalizationMethod \
         Algorithm=\"{c14n}\">{for_signed_info}</ds:CanonicalizationMethod><ds:SignatureMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{}-sha256\"/><ds:Reference URI=\"#_a1\">\
         <ds:Transforms><ds:Transform Algorithm=\"{dsig}enveloped-signature\"/>{space}<ds:Transform \
         Algorithm=\"{c14n}\">{for_assertion}</ds:Transform></ds:Transforms>{space}<ds:DigestMethod \
         Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/><ds:DigestValue>digest\
         </ds:DigestValue></ds:Reference></ds:SignedInfo>{space}<ds:SignatureValue>value\
         </ds:SignatureValue></ds:Signature>",
        if order.kind == Kind::Rsa { "rsa" } else { "ecdsa" }
    );
    resigned(&envelope(order, &order.assertion(&signature))).unwrap()
}

pub(super) fn any_order() -> impl Strategy<Value = Order> {
    let of = |choices: &'static [&'static str]| prop::sample::select(choices);
    let prefix_list = || {
        let list =
            prop_oneof![Just(""), Just("p"), Just("#default"), Just("q  none #default p xs")];
        prop::option::of(list.prop_map(str::to_owned))
    };
    (
        prop::sample::select(&Kind::BOTH[..]),
        of(&[
            "",
            " xmlns:q='urn:q' xmlns:p='urn:p'",
            " xmlns:q='urn:q' xmlns:p='urn:p' xmlns='urn:d' xmlns:xs='urn:x:s'",
        ]),
        of(&["", " xmlns='urn:d'", " xmlns=''", " xmlns:xs='urn:other'"]),
        [prefix_list(), prefix_list()],
        any_content(),
        of(&["", "\n  ", "\r\n\t"]),
    )
        .prop_map(|(kind, inherited, declared, prefix_lists, content, space)| Order {
            kind,
            inherited,
            declared: declared.to_owned(),
            prefix_lists,
            content,
            space,
        })
}

/// Elements with prefixes rebound and default namespaces undeclared, and every kind of node.
fn any_content() -> impl Strategy<Value = String> {
    let of = |choices: &'static [&'static str]| prop::sample::select(choices);
    let declarations = (
        of(&["", "", " xmlns='urn:d'", " xmlns=''", " xmlns='urn:p'"]),
        of(&["", "", " xmlns:p='urn:p'", " xmlns:p='urn:x&#x3A;y'"]),
        of(&["", " xmlns:q='urn:q'", " xmlns:q='urn:y'"]),
    );
    let attributes = (
        of(&["", " k='1'", " k = \"a&#13;&#9; \t\r\n'&gt;&#x20;\"", " Id='_b'"]),
        of(&["", " p:k='2'", " p:a=''", " xml:lang='en'", " xml:base='urn:b'"]),
        of(&["", " q:k='&lt;é&#x1F600;'", " xml:space='preserve'", " xml:y='i'"]),
    );
    let leaf = prop_oneof![
        "[ -;=?-~]{0,6}".prop_map(|text| text.replace('&', "&amp;")),
        of(&[
            "<!-- c -->",
            "<?pi  x y ?>",
            "<?pi?>",
            "<![CDATA[<&]]>",
            "<![CDATA[]]>",
            "&#13;\r\n",
            "x\ry",
            "&gt;ü\u{85}\u{2028}",
            "]]&gt;"
        ])
        .prop_map(str::to_owned),
    ];
    let tree = leaf.prop_recursive(5, 32, 4, move |inner| {
        let name = prop::sample::select(&["e", "p:e", "q:f"][..]);
        let inside = prop::collection::vec(inner, 0..4);
        (name, declarations.clone(), attributes.clone(), inside).prop_map(
            |(name, (a, b, c), (d, e, f), inside)| {
                format!("<{name}{c}{d}{a}{f}{b}{e}>{}</{name}>", inside.concat())
            },
        )
    });
    prop::collection::vec(tree, 0..4).prop_map(|trees| trees.concat())
}
