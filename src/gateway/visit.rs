use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::BytesMut;
use tracing::error;

use crate::audit::{self, Announced, Event, Receipt, Room};
use crate::clock::{self, Timestamp};
use crate::ids::Coded;
use crate::policy::{Access, Answer, BreakGlass, NotHonoured};
use crate::principal::Principal;
use crate::saml::{Peer, Pending, Untrusted};
use crate::soap::{self, Multipart, Packaging};

use super::reply::{Reply, Unavailable};
use super::terms::Terms;
use super::{Gateway, Settings, Transaction};

/// What audit must know of one request, filled in as the request is understood.
pub(super) struct Visit {
    pub(super) transaction: Transaction,
    pub(super) at: Timestamp,
    /// What it is judged by, whatever a reload changes meanwhile.
    pub(super) terms: Arc<Terms>,
    /// The partner, once its certificate was recognised.
    pub(super) partner: Option<String>,
    /// wsa:MessageID, as far as it could be read.
    pub(super) message_id: Option<String>,
    /// The purposes as stated, once a signature covers them.
    pub(super) purposes: Vec<Coded>,
    /// What the decision is worth noting for.
    pub(super) notes: Vec<String>,
    /// Why a declaration of break-glass is not honoured, while no record tells of it.
    pub(super) refused: Option<NotHonoured>,
    /// Whether a warning of that belongs into the answer.
    pub(super) warned: bool,
    /// Whether break-glass was declared and is honoured.
    pub(super) break_glass: bool,
    /// Whether a trusted key signed a declaration of break-glass that is not believed for another reason.
    pub(super) vouched_break_glass: bool,
    /// Records that belong before the transaction's own.
    pub(super) alerts: Vec<Event>,
    /// ITI-38: the query, as far as it could be read.
    pub(super) query: audit::Query,
    /// ITI-39: the documents, as far as they could be read.
    pub(super) documents: Vec<audit::Document>,
    /// Whether the request came as MTOM, so that the answer does too.
    pub(super) multipart: bool,
    /// Boundary and content ids of an answer in MTOM.
    pub(super) mime: Multipart,
    /// What an answer has to wait for, beside its record.
    pub(super) pending: Vec<Pending>,
    /// Keeps a commit waiting for this request's record.
    announced: Option<Announced>,
    requestor: Option<audit::Requestor>,
    peer: audit::Peer,
    endpoint: audit::Endpoint,
}

impl Visit {
    /// Fails only where there is no randomness to be had.
    pub(super) fn begin(
        gateway: &Gateway,
        transaction: Transaction,
        peer: &Peer,
        content_type: Option<&str>,
    ) -> Result<Self, Unavailable> {
        let uuid = clock::uuid(&*gateway.random).map_err(|error| {
            error!(%error, "no boundary, so no answer");
            Unavailable::NotRecorded
        })?;
        let at = gateway.clock.now();
        let mut visit = Self::new(
            &gateway.settings,
            gateway.terms(),
            transaction,
            peer,
            content_type,
            Multipart::new(&uuid),
            at,
        );
        visit.announced = Some(gateway.journal.announce());
        Ok(visit)
    }

    /// A visit that nobody will answer, too.
    pub(super) fn new(
        settings: &Settings,
        terms: Arc<Terms>,
        transaction: Transaction,
        peer: &Peer,
        content_type: Option<&str>,
        mime: Multipart,
        at: Timestamp,
    ) -> Self {
        Self {
            transaction,
            at,
            partner: terms.trust.partner(&peer.fingerprint).map(|partner| partner.name.clone()),
            terms,
            message_id: None,
            purposes: Vec::new(),
            notes: Vec::new(),
            refused: None,
            warned: false,
            break_glass: false,
            vouched_break_glass: false,
            alerts: Vec::new(),
            query: audit::Query::default(),
            documents: Vec::new(),
            multipart: Packaging::announced(content_type) == Packaging::Mtom,
            requestor: None,
            peer: audit::Peer { id: peer.subject.clone(), address: peer.address },
            endpoint: settings.endpoint(transaction),
            mime,
            pending: Vec::new(),
            announced: None,
        }
    }

    /// Whether a trusted signature covers the user.
    pub(super) fn is_recognised(&self) -> bool {
        self.requestor.is_some()
    }

    /// A trusted signature covers the user.
    pub(super) fn recognise(&mut self, principal: &Principal) {
        let claims = principal.claims();
        self.purposes = claims.purposes.coded.clone();
        self.requestor = Some(audit::Requestor {
            user_id: claims.subject.clone(),
            user_name: principal.user_name(),
            roles: claims.roles.clone(),
            assertion_id: claims.assertion_id.clone(),
            relationship: claims.relationship.as_ref().map(|confirmed| audit::Relationship {
                assertion_id: confirmed.assertion_id.clone(),
                issuer: confirmed.issuer.clone(),
            }),
        });
    }

    /// What becomes of a declaration of break-glass.
    pub(super) fn declare(&mut self, access: &Access) {
        match access.break_glass() {
            BreakGlass::NotDeclared => {}
            BreakGlass::Honoured(_) => self.break_glass = true,
            BreakGlass::NotHonoured(why) => {
                (self.break_glass, self.refused) = (false, Some(*why));
                self.warned = access.answer() == Answer::Warning;
            }
        }
    }

    /// Who connected.
    pub(super) fn peer(&self) -> &audit::Peer {
        &self.peer
    }

    /// It will not record soon.
    pub(super) fn withdraw(&mut self) {
        self.announced = None;
    }

    /// What a record of many refusals says of the sender.
    pub(super) fn refusals(&self) -> audit::Refusals {
        let (peer, endpoint) = (self.peer.clone(), self.endpoint.clone());
        audit::Refusals { at: self.at, peer, endpoint, counts: BTreeMap::new() }
    }

    /// What its records may use: those of an honoured declaration all there is, as a life may depend on the answer.
    pub(super) fn room(&self) -> Room {
        if self.break_glass { Room::BreakGlass } else { Room::Ordinary }
    }

    /// What all of this request's records share.
    pub(super) fn transaction(&self) -> audit::Transaction {
        audit::Transaction {
            at: self.at,
            requestor: self.requestor.clone(),
            peer: self.peer.clone(),
            endpoint: self.endpoint.clone(),
            purposes: self.purposes.clone(),
            message_id: self.message_id.clone(),
            notes: self.notes.clone(),
        }
    }

    /// The record of an assertion that was not believed.
    pub(super) fn authentication_failure(
        &self,
        untrusted: &Untrusted,
    ) -> audit::AuthenticationFailure {
        audit::AuthenticationFailure {
            at: self.at,
            peer: self.peer.clone(),
            endpoint: self.endpoint.clone(),
            requestor: untrusted.verified_subject.as_ref().map(|user| audit::Requestor {
                user_id: user.subject.clone(),
                user_name: user.user_name.clone(),
                roles: Vec::new(),
                assertion_id: user.assertion_id.clone(),
                relationship: None,
            }),
            claimed: untrusted.claimed.as_ref().map(|claimed| audit::Claimed {
                issuer: claimed.issuer.clone(),
                subject: claimed.subject.clone(),
                assertion_id: claimed.id.clone(),
            }),
            reason: untrusted.reason.to_string(),
            message_id: self.message_id.clone(),
        }
    }

    /// The envelope of an answer in the transaction's own words; its body has some `room` bytes.
    pub(super) fn envelope(&self, room: usize, write_body: impl FnOnce(&mut String)) -> String {
        let action = self.transaction.response_action();
        soap::envelope(action, self.message_id.as_deref(), room, write_body)
    }

    /// That envelope as an answer.
    pub(super) fn answer(&self, receipt: Receipt, envelope: String) -> Reply {
        self.pack(receipt, 200, self.transaction.response_action(), envelope)
    }

    /// An envelope packed as the request was, faults too (ITI TF-2 V.8).
    pub(super) fn pack(
        &self,
        receipt: Receipt,
        status: u16,
        action: &str,
        envelope: String,
    ) -> Reply {
        if !self.multipart {
            let content_type = soap::SIMPLE_CONTENT_TYPE.to_owned();
            return Reply::whole(receipt, status, content_type, envelope.into());
        }
        let mut entity = BytesMut::from(self.mime.root(&envelope));
        entity.extend_from_slice(&self.mime.end());
        Reply::whole(receipt, status, self.mime.content_type(action), entity.freeze())
    }

    /// The sender as failures are counted: a partner, or whoever holds that certificate.
    pub(super) fn sender(&self) -> &str {
        self.partner.as_deref().unwrap_or(&self.peer.id)
    }

    /// The partner as metrics name it.
    pub(super) fn partner_label(&self) -> String {
        self.partner.clone().unwrap_or_else(|| "-".to_owned())
    }
}
