use crate::clock::Timestamp;
use crate::xml::{self, Node, ns};

use super::untrusted::quote;

/// Why octets are no assertion that can be read; carries names of the standard, no personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not within the bounds of a document.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is something else.
    #[error("the document element is no saml:Assertion")]
    NotAssertion,
    /// A required element or attribute is absent or blank.
    #[error("no {0}")]
    Missing(&'static str),
    /// An element that may occur once occurs again.
    #[error("more than one {0}")]
    Several(&'static str),
    /// An element that hides what must be known.
    #[error("{0} cannot be read here")]
    Unreadable(&'static str),
    /// A time that is no `xs:dateTime`.
    #[error("{attribute} is no xs:dateTime: {found}")]
    Time {
        /// The attribute that holds it.
        attribute: &'static str,
        /// What it says, cut.
        found: String,
    },
    /// More KeyInfos than anyone needs; each holds keys that are parsed.
    #[error("more than {limit} keys of subject confirmations")]
    TooManyKeys {
        /// The ceiling.
        limit: usize,
    },
    /// More attribute values than anyone needs.
    #[error("more than {limit} attribute values")]
    TooManyValues {
        /// The ceiling.
        limit: usize,
    },
}

/// The SAML child of that name, which may occur once.
pub(super) fn only<'d, 'i: 'd>(
    parent: Node<'d, 'i>,
    name: &'static str,
) -> Result<Option<Node<'d, 'i>>, Malformed> {
    let mut found = xml::children(parent, ns::SAML, name);
    let first = found.next();
    if found.next().is_some() { Err(Malformed::Several(name)) } else { Ok(first) }
}

/// The time in an attribute, where there is one.
pub(super) fn time(
    node: Node<'_, '_>,
    attribute: &'static str,
) -> Result<Option<Timestamp>, Malformed> {
    let Some(text) = xml::attribute(node, attribute) else { return Ok(None) };
    match Timestamp::parse(text) {
        Some(time) => Ok(Some(time)),
        None => Err(Malformed::Time { attribute, found: quote(text) }),
    }
}

/// An attribute that says something, trimmed.
pub(super) fn stated<'d>(node: Node<'d, '_>, attribute: &str) -> Option<&'d str> {
    xml::attribute(node, attribute).map(str::trim).filter(|text| !text.is_empty())
}
