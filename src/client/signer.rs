use std::fmt;
use std::sync::Arc;

use super::ask::Ask;
use super::error::Error;
use crate::clock::{Clock, Random, uuid};
use crate::dsig::{self, SigningKey};
use crate::ids::Coded;
use crate::saml::issue::{self, Order};

/// An issuer's key: turns orders into signed assertions.
pub struct Signer {
    key: SigningKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Signer {
    /// Takes the issuer's private key and certificate in PEM.
    pub fn from_pem(
        key: &[u8],
        certificate: &[u8],
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, Error> {
        let key = SigningKey::from_pem(key, certificate)?;
        Ok(Self { key, clock, random })
    }

    /// The signed assertion as XML.
    pub fn sign(&self, order: &Order) -> Result<String, Error> {
        let unsigned = issue::assertion(order, self.random.as_ref(), self.clock.now())?;
        Ok(dsig::sign(&unsigned.xml, &unsigned.id, &self.key)?)
    }

    /// A request's beginning: a new assertion and a new message id.
    pub fn ask(&self, order: &Order) -> Result<Ask, Error> {
        let message_id = uuid(self.random.as_ref())?;
        Ok(Ask { assertion: self.sign(order)?, message_id, to: None })
    }
}

/// Shows the key's fingerprint alone.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.key).finish()
    }
}

/// A code as a flag gives it: `code`, in the default system, or `code^^system`.
#[must_use]
pub fn coded(flag: &str, default_system: &str) -> Coded {
    match flag.split_once("^^") {
        Some((code, system)) => Coded::new(code, system),
        None => Coded::new(flag, default_system),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{FixedClock, SystemRandom, Timestamp};
    use crate::soap::action;
    use crate::xml::{Bounds, parse};

    #[test]
    fn what_is_signed_passes_the_gate_and_verifies() {
        let pem = |name: &str| {
            let certs = concat!(env!("CARGO_MANIFEST_DIR"), "/certs/partners/riverside");
            std::fs::read(format!("{certs}/{name}")).unwrap()
        };
        let now = Timestamp::parse("2026-06-01T12:00:00Z").unwrap();
        for kind in ["saml", "saml-ec"] {
            let (key, certificate) = (pem(&format!("{kind}.key")), pem(&format!("{kind}.crt")));
            let clock = Arc::new(FixedClock(now));
            let signer =
                Signer::from_pem(&key, &certificate, clock, Arc::new(SystemRandom)).unwrap();
            let order = Order {
                issuer: "https://sts.riverside.example".to_owned(),
                subject: "dr.vogel".to_owned(),
                audience: "urn:oid:2.999.1".to_owned(),
                lifetime: Duration::from_secs(300),
                purposes: vec![coded("TREAT", "2.16.840.1.113883.5.8")],
                ..Order::default()
            };
            let ask = signer.ask(&order).unwrap();
            assert_ne!(ask.message_id, signer.ask(&order).unwrap().message_id);
            let envelope = ask.envelope(action::QUERY, "https://127.0.0.1/xca/query", "<q/>");
            let document = parse(&envelope, Bounds::REQUEST).unwrap();
            let gated = dsig::gate(&document, dsig::Algorithms::default()).unwrap();
            let keys = [dsig::Key::from_certificate_pem(&certificate).unwrap()];
            let signed = dsig::verify(&gated, &keys, &dsig::Cache::new(), 1, now).unwrap();
            assert!(signed.octets().contains("dr.vogel"));
        }
    }

    #[test]
    fn a_code_may_name_its_system() {
        assert_eq!(coded("TREAT", "1.2"), Coded::new("TREAT", "1.2"));
        assert_eq!(coded("T-TREAT^^3.4", "1.2"), Coded::new("T-TREAT", "3.4"));
    }
}
