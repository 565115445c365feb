//! The way in, the same for both transactions: entity, envelope, signature, body, policy.

use super::failure::Failure;
use super::failures::Failures;
use super::rehearsal::Finding;
use super::visit::Visit;
use super::{Arrival, Gateway, Transaction};
use crate::dsig;
use crate::metrics::{PackagingLabels, PartnerLabels};
use crate::policy::{self, Access, Answer, BreakGlass};
use crate::principal::Claims;
use crate::saml::{self, Check, Means, Reason, Which, Witness, attributes};
use crate::soap::{self, Message};
use crate::xml::{self, Bounds, Document, Node, ns};

/// The step whose refusals quote what the message says; those of the body name its parameters, never their values.
const PURPOSE: &str = "purpose of use";
/// Assertions of a message at most: a user's, and that of a treatment relationship.
const ASSERTIONS: usize = 2;

/// What a request is admitted with; in a rehearsal nothing is remembered or counted, and each step is told.
pub(super) struct Admission<'a> {
    pub(super) signatures: &'a dsig::Cache,
    /// Where it is remembered and counted.
    pub(super) earnest: Option<&'a Gateway>,
    /// Where too many requests of the sender failed: only who says that he breaks the glass is looked at.
    pub(super) crowded: Option<&'a Failures>,
    /// Whether this one is.
    pub(super) let_through: bool,
    pub(super) trace: Option<&'a mut Vec<Finding>>,
}

impl Gateway {
    /// Believes and admits a request, or says why not; `note` tells audit of the body before anything refuses it.
    pub(super) fn admit<Body>(
        &self,
        arrival: &Arrival,
        visit: &mut Visit,
        note: impl FnOnce(Node<'_, '_>, &mut Visit),
        read: impl FnOnce(Node<'_, '_>) -> Result<Body, Failure>,
    ) -> Result<(Access, Body), Failure> {
        let mut admission = Admission {
            signatures: &self.signatures,
            earnest: Some(self),
            crowded: self.crowded(visit).then_some(&self.failures),
            let_through: false,
            trace: None,
        };
        let admitted = admission.admit(arrival, visit, note, read);
        if admission.crowded.is_some() && !admission.let_through {
            // also what could not be read at all
            return Err(Failure::Busy);
        }
        admitted
    }
}

impl Admission<'_> {
    pub(super) fn admit<Body>(
        &mut self,
        arrival: &Arrival,
        visit: &mut Visit,
        note: impl FnOnce(Node<'_, '_>, &mut Visit),
        read: impl FnOnce(Node<'_, '_>) -> Result<Body, Failure>,
    ) -> Result<(Access, Body), Failure> {
        let message = Message::unpack(arrival.content_type.as_deref(), arrival.body.clone());
        let message = self.step("HTTP entity", message.map_err(Failure::from))?;
        let document = xml::parse(message.xml(), Bounds::REQUEST);
        let document = self.step("XML", document.map_err(Failure::from))?;
        visit.message_id = soap::message_id(&document);
        let request = soap::Request::read(&document);
        let request = self.step("SOAP envelope", request.map_err(Failure::from))?;
        self.step("action", right_action(&request.action, visit.transaction))?;
        note(request.body, visit);
        if let Some(failures) = self.crowded {
            let (partner, policy) = (visit.partner.as_deref(), &visit.terms.policy);
            let look = || failures.take_look(visit.sender(), &visit.terms, visit.at);
            if !claims_break_glass(&document, partner, policy) || !look() {
                return Err(Failure::Busy);
            }
            self.let_through = true;
        }
        let means = Means {
            trust: &visit.terms.trust,
            signatures: self.signatures,
            replay: self.earnest.map(|gateway| &gateway.replay),
            now: visit.at,
        };
        let witness = &mut Told(self.trace.as_deref_mut());
        let verified = saml::verify(&document, &arrival.peer, &means, witness);
        // whom a trusted key vouches for, though a later rule does not hold
        let known = |untrusted: &saml::Untrusted| untrusted.verified_subject.is_some();
        let (partner, policy) = (visit.partner.as_deref(), &visit.terms.policy);
        visit.vouched_break_glass =
            verified.as_ref().is_err_and(known) && claims_break_glass(&document, partner, policy);
        let mut verified = verified?;
        visit.recognise(verified.principal());
        visit.notes.extend_from_slice(verified.notes());
        visit.partner = Some(verified.partner().to_owned());
        visit.pending = verified.pending();
        self.count(visit, verified.repeated_id());
        self.step("packaging", right_packaging(visit))?;
        let access = policy::admit(verified.principal(), &visit.terms.policy);
        let access = self.step(PURPOSE, access.map_err(Failure::from))?;
        visit.declare(&access);
        let access = match self.earnest {
            Some(gateway) => gateway.watch_rate(access, visit),
            None => access,
        };
        visit.declare(&access);
        // who was looked at is answered and recorded, honoured or not
        if let (Some(failures), BreakGlass::Honoured(_)) = (self.crowded, access.break_glass()) {
            failures.give_back(visit.sender(), &visit.terms);
        }
        let refused = visit.refused.is_some() && access.answer() == Answer::Failure;
        self.step("break-glass", if refused { Err(Failure::NotHonoured) } else { Ok(()) })?;
        let body = self.step("body", read(request.body))?;
        Ok((access, body))
    }

    /// Tells what came of a step, where somebody listens.
    fn step<T>(&mut self, title: &'static str, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Some(trace) = self.trace.as_deref_mut() {
            let refused = outcome.as_ref().err().map(|failure| (failure.label(), failure.reason()));
            let names_values = title == PURPOSE;
            let title = title.into();
            trace.push(Finding { title, refused, trust: false, names_values });
        }
        outcome
    }

    fn count(&self, visit: &Visit, repeated_id: bool) {
        let Some(metrics) = self.earnest.map(|gateway| &gateway.metrics) else { return };
        let partner = visit.partner_label();
        if repeated_id {
            let labels = PartnerLabels { partner: partner.clone() };
            metrics.repeated_ids.get_or_create(&labels).inc();
        }
        let packaging = if visit.multipart { "mtom" } else { "simple" };
        let transaction = visit.transaction.name();
        let labels = PackagingLabels { transaction, partner, packaging };
        metrics.packagings.get_or_create(&labels).inc();
    }
}

/// Passes each check of trust on to the trace.
struct Told<'a>(Option<&'a mut Vec<Finding>>);

impl Witness for Told<'_> {
    fn saw(&mut self, which: Which, check: Check, outcome: Result<(), &Reason>) {
        if let Some(trace) = self.0.as_deref_mut() {
            let refused = outcome.err().map(|reason| (reason.code(), reason.to_string()));
            let names_values = check == Check::HomeCommunity;
            let title = format!("{}{}", which.heading(), check.title()).into();
            trace.push(Finding { title, refused, trust: true, names_values });
        }
    }

    fn wants_all(&self) -> bool {
        self.0.is_some()
    }
}

fn right_action(action: &str, transaction: Transaction) -> Result<(), Failure> {
    if action == transaction.action() {
        return Ok(());
    }
    Err(soap::Error::ActionNotSupported(action.to_owned()).into())
}

/// Holds a strict partner to ITI TF-2 V.8.
fn right_packaging(visit: &Visit) -> Result<(), Failure> {
    let right = visit.multipart == (visit.transaction == Transaction::Retrieve);
    let partner = visit.partner.as_deref().unwrap_or_default();
    let strict = visit.terms.manners(partner).strict_packaging;
    if strict && !right { Err(soap::Error::Packaging.into()) } else { Ok(()) }
}

/// Whether the message of a partner says that it breaks the glass; nothing is verified yet, and nothing follows but a
/// look at it.
fn claims_break_glass(
    document: &Document<'_>,
    partner: Option<&str>,
    settings: &policy::Settings,
) -> bool {
    // whoever is no partner will not be believed
    let Some(partner) = partner else { return false };
    let is_assertion = |node: &Node<'_, '_>| node.has_tag_name((ns::SAML, "Assertion"));
    // of a pair, either may state the purpose
    let mut assertions = document.root().descendants().filter(is_assertion).take(ASSERTIONS);
    assertions.any(|found| {
        attributes::claimed_purposes(found).is_ok_and(|purposes| {
            let claims = Claims { purposes, ..Claims::default() };
            policy::declares(&claims, partner, settings)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Agreement, Etreat, Terms};
    use crate::purpose::Purpose;

    #[test]
    fn a_claim_is_read_by_its_purposes_alone_and_of_partners_alone() {
        let agreement = Agreement {
            partner: "riverside".to_owned(),
            purposes: vec![Purpose::TREAT, Purpose::BTG],
            code_systems: Vec::new(),
            break_glass: Terms::default(),
            etreat: Etreat::Treatment,
        };
        let settings = policy::Settings { agreements: vec![agreement] };
        let claims = |purpose: &str, partner| {
            // no Issuer, no Subject, no ID: nothing that is not asked for is looked for
            let text = format!(
                "<e xmlns='{}'><Assertion><AttributeStatement><Attribute \
                 Name='urn:oasis:names:tc:xspa:1.0:subject:purposeofuse'><AttributeValue><PurposeOfUse \
                 xmlns='urn:hl7-org:v3' code='{purpose}' codeSystem='2.16.840.1.113883.5.8'/>\
                 </AttributeValue></Attribute></AttributeStatement></Assertion></e>",
                ns::SAML
            );
            let document = xml::parse(&text, Bounds::REQUEST).unwrap();
            claims_break_glass(&document, partner, &settings)
        };
        assert!(claims("BTG", Some("riverside")));
        assert!(!claims("TREAT", Some("riverside")));
        assert!(!claims("BTG", Some("stranger")));
        assert!(!claims("BTG", None));
    }
}
