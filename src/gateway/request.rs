//! The way in, the same for both transactions: entity, envelope, signature, body, policy.

use super::failure::Failure;
use super::visit::Visit;
use super::{Arrival, Gateway};
use crate::metrics::PackagingLabels;
use crate::policy::{self, Access};
use crate::saml;
use crate::soap::{self, Message};
use crate::xds;
use crate::xml::{self, Bounds, Node};

impl Gateway {
    /// Believes and admits a request, or says why not; `note` tells audit of the body before anything refuses it.
    pub(super) fn admit<Body>(
        &self,
        arrival: &Arrival,
        visit: &mut Visit,
        note: impl FnOnce(Node<'_, '_>, &mut Visit),
        read: impl FnOnce(Node<'_, '_>) -> Result<Body, xds::Error>,
    ) -> Result<(Access, Body), Failure> {
        let message = Message::unpack(arrival.content_type.as_deref(), arrival.body.clone())?;
        let document = xml::parse(message.xml(), Bounds::REQUEST)?;
        visit.message_id = soap::message_id(&document);
        let request = soap::Request::read(&document)?;
        if request.action != visit.transaction.action() {
            return Err(soap::Error::ActionNotSupported(request.action).into());
        }
        note(request.body, visit);
        let verified =
            saml::verify(&document, &arrival.peer, &self.trust, &self.signatures, visit.at)?;
        visit.recognise(verified.principal());
        visit.notes.extend_from_slice(verified.notes());
        visit.partner = Some(verified.partner().to_owned());
        self.check_packaging(visit)?;
        let access = policy::admit(verified.principal(), &self.policy)?;
        Ok((access, read(request.body)?))
    }

    /// Counts the packaging, and holds a strict partner to ITI TF-2 V.8.
    fn check_packaging(&self, visit: &Visit) -> Result<(), Failure> {
        let partner = visit.partner_label();
        let right = visit.multipart == (visit.transaction == super::Transaction::Retrieve);
        let strict = self.settings.strict_packaging.contains(&partner);
        let packaging = if visit.multipart { "mtom" } else { "simple" };
        let transaction = visit.transaction.name();
        let labels = PackagingLabels { transaction, partner, packaging };
        self.metrics.packagings.get_or_create(&labels).inc();
        if strict && !right { Err(soap::Error::Packaging.into()) } else { Ok(()) }
    }
}
