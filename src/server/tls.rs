use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use lru::LruCache;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslContext, SslContextRef, SslMethod, SslVerifyMode, SslVersion};
use openssl::stack::Stack;
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use crate::clock::Timestamp;
use crate::saml::certificates::{self, Authority, Standing, Unfit, Usage};

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

/// Chains remembered for resumed sessions, which show none; whoever is forgotten must chain to a CA by itself.
const CHAINS: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// Why a client is not believed where an acceptor was made by others than [`acceptor_for`].
pub(super) const NO_CLIENTS: &str = "nothing says which clients are believed";

/// The TLS of new connections, replaced as a whole; clones share it.
#[derive(Clone)]
pub struct Acceptor(Arc<RwLock<(u64, SslAcceptor)>>);

impl Acceptor {
    /// Accepts with this until it is replaced.
    #[must_use]
    pub fn new(acceptor: SslAcceptor) -> Self {
        Self(Arc::new(RwLock::new((0, acceptor))))
    }

    /// Takes another's from now on; sessions of the former are not resumed, and the clients of open connections are
    /// judged by the new one before their next answer.
    pub fn replace(&self, other: &Self) {
        let (_, new) = other.in_force();
        let mut in_force = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *in_force = (in_force.0.wrapping_add(1), new);
    }

    /// Has responders asked of a client that may come, its certificate first; tells for whom nobody says where to ask.
    #[must_use]
    pub fn expect(&self, chain: &[X509], now: Timestamp) -> Vec<String> {
        let (_, acceptor) = self.in_force();
        let Some((clients, certificate)) = clients(acceptor.context()).zip(chain.first()) else {
            return Vec::new();
        };
        // one that does not chain now may show more when it comes, and is told then
        let Ok((_, standing)) = clients.authority.key(certificate, chain, now) else {
            return Vec::new();
        };
        let unasked = standing.unasked().map(str::to_owned).collect();
        let mut expected = clients.expected.lock().unwrap_or_else(PoisonError::into_inner);
        expected.push(standing);
        unasked
    }

    /// Why a client would not be believed that shows this chain, its certificate first; none where it would be.
    #[must_use]
    pub fn doubts(&self, chain: &[X509], now: Timestamp) -> Option<Unfit> {
        let (_, acceptor) = self.in_force();
        let (clients, certificate) = clients(acceptor.context()).zip(chain.first())?;
        clients.authority.key(certificate, chain, now).err()
    }

    /// What a new connection is accepted with, and how often that was replaced.
    pub(super) fn in_force(&self) -> (u64, SslAcceptor) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it was replaced.
    pub(super) fn generation(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What an acceptor's clients must meet beside OpenSSL's own checks.
pub(super) struct Clients {
    pub(super) authority: Authority,
    /// What a client showed beside its certificate, by its fingerprint.
    chains: Mutex<LruCache<[u8; 32], Vec<X509>>>,
    /// Of those that settings name: held, so that their responders are asked again and again.
    expected: Mutex<Vec<Standing>>,
}

impl Clients {
    fn new(authority: Authority) -> Self {
        let chains = Mutex::new(LruCache::new(CHAINS));
        Self { authority, chains, expected: Mutex::default() }
    }

    /// Remembers what a client showed, for the sessions that it resumes.
    pub(super) fn remember(&self, fingerprint: [u8; 32], shown: &[X509]) {
        if !shown.is_empty() {
            let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
            chains.put(fingerprint, shown.to_vec());
        }
    }

    /// What it showed when it showed something.
    pub(super) fn shown(&self, fingerprint: &[u8; 32]) -> Vec<X509> {
        let mut chains = self.chains.lock().unwrap_or_else(PoisonError::into_inner);
        chains.get(fingerprint).cloned().unwrap_or_default()
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
    builder.set_ex_data(clients_index()?, Clients::new(Authority::new(clients)?));
    Ok(builder.build())
}

/// What it was set up with.
pub(super) fn clients(context: &SslContextRef) -> Option<&Clients> {
    context.ex_data(clients_index().ok()?)
}

/// Where an acceptor keeps it: the callback of a handshake knows nothing but its context.
fn clients_index() -> Result<Index<SslContext, Clients>, ErrorStack> {
    static INDEX: OnceLock<Index<SslContext, Clients>> = OnceLock::new();
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
