use super::gate::Gated;
use super::reject::Reject;
use super::shape::base64;
use crate::xml::{children, ns, only_child};

impl Gated<'_, '_> {
    /// The certificates (DER) of KeyInfo: a claim, worth nothing before they chain to a configured root.
    pub fn offered_certificates(&self) -> Result<Vec<Vec<u8>>, Reject> {
        let Some(key_info) = only_child(self.signature, ns::DSIG, "KeyInfo") else {
            return Ok(Vec::new());
        };
        children(key_info, ns::DSIG, "X509Data")
            .flat_map(|data| children(data, ns::DSIG, "X509Certificate"))
            .map(|certificate| base64(certificate, "X509Certificate"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsig::fixture::{assertion, envelope, rsa};
    use crate::dsig::{Algorithms, gate, sign};
    use crate::xml::{Bounds, parse};

    fn offered(edit: impl Fn(String) -> String) -> Result<Vec<Vec<u8>>, Reject> {
        let message = envelope(&edit(sign(&assertion("_a"), "_a", rsa()).unwrap()), "");
        let document = parse(&message, Bounds::REQUEST).unwrap();
        gate(&document, Algorithms::default()).unwrap().offered_certificates()
    }

    #[test]
    fn what_key_info_holds_is_offered_and_what_is_not_base64_refuses() {
        let one = offered(|signed| signed).unwrap();
        assert_eq!(one.len(), 1);
        assert!(openssl::x509::X509::from_der(&one[0]).is_ok());
        let broken =
            |signed: String| signed.replace("<ds:X509Certificate>", "<ds:X509Certificate>!");
        assert_eq!(offered(broken), Err(Reject::Base64 { element: "X509Certificate" }));
        let elsewhere = |signed: String| signed.replace("ds:X509Data", "ds:KeyValue");
        assert_eq!(offered(elsewhere), Ok(Vec::new()));
    }
}
