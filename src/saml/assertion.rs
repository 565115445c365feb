use crate::clock::Timestamp;
use crate::dsig::Key;
use crate::principal::Claims;
use crate::xml::{self, Node, ns};

use super::attributes::{self, Naming};
use super::conditions::Conditions;
use super::confirmation::Confirmation;
use super::element::{Malformed, only, stated, time};

/// An assertion as it reads (SAML core 2.3.3); it is no evidence of anything.
#[derive(Debug, Clone)]
pub struct Assertion {
    pub(super) version: String,
    pub(super) issued: Timestamp,
    pub(super) conditions: Conditions,
    pub(super) confirmations: Vec<Confirmation>,
    /// The end of the session of each AuthnStatement.
    pub(super) sessions: Vec<Option<Timestamp>>,
    /// Every homeCommunityId as written.
    pub(super) homes: Vec<String>,
    /// What kind of assertion its issuer says that it is (eHDSI).
    pub(super) qualifier: Option<String>,
    /// The IDs of the assertions that its Advice names.
    pub(super) references: Vec<String>,
    pub(super) claims: Claims,
}

impl Assertion {
    /// Reads a `saml:Assertion`; no rule is checked but that everything readable occurs as often as it may.
    pub fn read(node: Node<'_, '_>) -> Result<Self, Malformed> {
        Self::read_naming(node, Naming::User)
    }

    /// The same, where subject-id names that one.
    pub(super) fn read_naming(node: Node<'_, '_>, naming: Naming) -> Result<Self, Malformed> {
        if !node.has_tag_name((ns::SAML, "Assertion")) {
            return Err(Malformed::NotAssertion);
        }
        let issuer = only(node, "Issuer")?;
        let qualifier = issuer.and_then(|issuer| stated(issuer, "NameQualifier"));
        let issuer = issuer
            .map(|issuer| xml::text(issuer).into_owned())
            .filter(|issuer| !issuer.is_empty())
            .ok_or(Malformed::Missing("Issuer"))?;
        let subject = only(node, "Subject")?.ok_or(Malformed::Missing("Subject"))?;
        let mut claims = Claims {
            assertion_id: stated(node, "ID").ok_or(Malformed::Missing("ID"))?.to_owned(),
            issuer,
            ..Claims::default()
        };
        name_subject(subject, &mut claims)?;
        let mut sessions = Vec::new();
        for statement in xml::children(node, ns::SAML, "AuthnStatement") {
            sessions.push(time(statement, "SessionNotOnOrAfter")?);
            claims.authn_context = claims.authn_context.or_else(|| authn_context(statement));
        }
        let homes = attributes::read(node, naming, &mut claims)?;
        Ok(Self {
            version: stated(node, "Version").unwrap_or_default().to_owned(),
            issued: time(node, "IssueInstant")?.ok_or(Malformed::Missing("IssueInstant"))?,
            conditions: match only(node, "Conditions")? {
                Some(conditions) => Conditions::read(conditions)?,
                None => Conditions::default(),
            },
            confirmations: Confirmation::read_all(subject)?,
            sessions,
            homes,
            qualifier: qualifier.map(str::to_owned),
            references: xml::children(node, ns::SAML, "Advice")
                .flat_map(|advice| xml::children(advice, ns::SAML, "AssertionIDRef"))
                .map(|reference| xml::text(reference).into_owned())
                .collect(),
            claims,
        })
    }

    /// The keys by which holder-of-key confirmations know the sender.
    pub(super) fn holder_keys(&self) -> impl Iterator<Item = &Key> {
        self.confirmations.iter().flat_map(Confirmation::holder_keys)
    }

    /// What the assertion claims; the partner is not known yet.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }
}

fn name_subject(subject: Node<'_, '_>, claims: &mut Claims) -> Result<(), Malformed> {
    for hidden in ["EncryptedID", "BaseID"] {
        if xml::child(subject, ns::SAML, hidden).is_some() {
            return Err(Malformed::Unreadable(hidden));
        }
    }
    let name = only(subject, "NameID")?.ok_or(Malformed::Missing("NameID"))?;
    claims.subject = xml::text(name).into_owned();
    if claims.subject.is_empty() {
        return Err(Malformed::Missing("NameID"));
    }
    claims.alias = stated(name, "SPProvidedID").map(str::to_owned);
    Ok(())
}

fn authn_context(statement: Node<'_, '_>) -> Option<String> {
    let context = xml::child(statement, ns::SAML, "AuthnContext")?;
    ["AuthnContextClassRef", "AuthnContextDeclRef"]
        .into_iter()
        .filter_map(|name| xml::child(context, ns::SAML, name))
        .map(|reference| xml::text(reference).into_owned())
        .find(|reference| !reference.is_empty())
}
