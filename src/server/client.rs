use std::sync::{Mutex, OnceLock, PoisonError};

use openssl::x509::X509;

use super::tls::{self, Acceptor};
use crate::clock::Timestamp;
use crate::saml::Peer;
use crate::saml::certificates::Standing;

/// The TLS client of a connection, believed for as long as its certificate, its chain and their revocation lists say.
pub(super) struct Client {
    pub(super) peer: Peer,
    certificate: X509,
    /// What it showed beside its certificate.
    shown: Vec<X509>,
    judged: Mutex<Judged>,
    lapsed: OnceLock<String>,
}

/// What was found of a client, and under which of the acceptor's settings.
struct Judged {
    generation: u64,
    standing: Standing,
}

impl Client {
    pub(super) fn new(
        peer: Peer,
        certificate: X509,
        shown: Vec<X509>,
        standing: Standing,
        generation: u64,
    ) -> Self {
        let judged = Mutex::new(Judged { generation, standing });
        Self { peer, certificate, shown, judged, lapsed: OnceLock::new() }
    }

    /// Whether it is still believed; judged anew once the settings are others than those it connected under.
    pub(super) fn holds(&self, acceptor: &Acceptor, now: Timestamp) -> bool {
        let held = self.judge(acceptor, now);
        held.map_err(|why| self.lapsed.get_or_init(|| why)).is_ok()
    }

    /// Why it was no longer believed, where somebody asked.
    pub(super) fn lapsed(&self) -> Option<&String> {
        self.lapsed.get()
    }

    fn judge(&self, acceptor: &Acceptor, now: Timestamp) -> Result<(), String> {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if judged.generation != acceptor.generation() {
            let (generation, acceptor) = acceptor.in_force();
            let clients = tls::clients(acceptor.context()).ok_or(tls::NO_CLIENTS)?;
            let standing = clients.authority.check(&self.certificate, &self.shown, now);
            let standing = standing.map_err(|unfit| unfit.to_string())?;
            *judged = Judged { generation, standing };
        }
        // a responder may have answered since
        judged.standing.unrevoked().map_err(|unfit| unfit.to_string())?;
        let (from, until) = (judged.standing.from(), judged.standing.until());
        if (from..=until).contains(&now) {
            return Ok(());
        }
        Err(format!("the connection's certificate, chain or revocation list ended at {until}"))
    }
}
