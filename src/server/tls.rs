use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslContext, SslContextRef, SslMethod, SslVerifyMode, SslVersion};
use openssl::stack::Stack;
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::saml::certificates::{self, Authority, Usage};

/// A certificate with its chain and key.
pub struct Identity {
    /// The certificate first, then its issuers.
    pub chain: Vec<X509>,
    /// The private key.
    pub key: PKey<Private>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// The TLS of new connections, replaced as a whole; clones share it.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<SslAcceptor>>);

impl Acceptor {
    /// Accepts with this until it is replaced.
    #[must_use]
    pub fn new(acceptor: SslAcceptor) -> Self {
        Self(Arc::new(RwLock::new(acceptor)))
    }

    /// What a new connection is accepted with.
    #[must_use]
    pub fn now(&self) -> SslAcceptor {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes another's from now on; sessions of the former are not resumed, and open connections stay.
    pub fn replace(&self, other: &Self) {
        let new = other.now();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No certificate was given.
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    /// No CA was given, so no client could ever connect.
    #[error("the client CA file holds no certificate")]
    NoClientCa,
    /// OpenSSL refuses, for example when key and certificate are no pair.
    #[error("TLS set-up failed: {0}")]
    OpenSsl(#[from] ErrorStack),
}

/// TLS 1.2 and 1.3 with a required client certificate from these CAs and no others.
pub fn acceptor(identity: &Identity, client_cas: &[X509]) -> Result<SslAcceptor, TlsError> {
    acceptor_for(identity, certificates::Settings::new(Usage::TlsClient, client_cas.to_vec()))
}

/// The same where clients must meet all of these settings, revocation too; [`super::Server`] asks it of each.
///
/// The suites are Mozilla's intermediate list, which holds the four that ATNA names (ITI TF-2 3.19.6.2.3).
pub fn acceptor_for(
    identity: &Identity,
    clients: certificates::Settings,
) -> Result<SslAcceptor, TlsError> {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    let (leaf, issuers) = identity.chain.split_first().ok_or(TlsError::NoCertificate)?;
    builder.set_certificate(leaf)?;
    for issuer in issuers {
        builder.add_extra_chain_cert(issuer.clone())?;
    }
    builder.set_private_key(&identity.key)?;
    builder.check_private_key()?;

    if clients.roots.is_empty() {
        return Err(TlsError::NoClientCa);
    }
    // a store of our own: the defaults of OpenSSL and its environment add nothing
    let mut store = X509StoreBuilder::new()?;
    let mut names = Stack::new()?;
    for ca in &clients.roots {
        store.add_cert(ca.clone())?;
        names.push(ca.subject_name().to_owned()?)?;
    }
    builder.set_verify_cert_store(store.build())?;
    builder.set_client_ca_list(names);
    builder.set_verify(verify_mode());
    // without a context OpenSSL refuses to resume sessions of verified clients
    builder.set_session_id_context(b"glassgate")?;
    builder.set_ex_data(authority_index()?, Authority::new(clients)?);
    Ok(builder.build())
}

/// What an acceptor's clients must meet beside OpenSSL's own checks.
pub(super) fn authority(context: &SslContextRef) -> Option<&Authority> {
    context.ex_data(authority_index().ok()?)
}

/// Where an acceptor keeps its authority: the callback of a handshake knows nothing but its context.
fn authority_index() -> Result<Index<SslContext, Authority>, ErrorStack> {
    static INDEX: OnceLock<Index<SslContext, Authority>> = OnceLock::new();
    match INDEX.get() {
        Some(index) => Ok(*index),
        None => {
            let index = SslContext::new_ex_index()?;
            Ok(*INDEX.get_or_init(|| index))
        }
    }
}

/// Whoever connects shows a certificate that is believed.
pub(super) fn verify_mode() -> SslVerifyMode {
    SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT
}
