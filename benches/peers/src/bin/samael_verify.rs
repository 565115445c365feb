//! CPU microseconds that samael, by libxmlsec1, needs to verify an assertion with a known certificate.

use std::fs::read_to_string;
use std::time::Duration;

use rustls_pki_types::CertificateDer as Pem;
use rustls_pki_types::pem::PemObject;
use samael::crypto::{
    AllowedSignatureAlgorithm, CertificateDer, Crypto, CryptoProvider as _, ReduceMode,
};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// `samael_verify ASSERTION CERTIFICATE`
fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [assertion, certificate] = &arguments[..] else { return Err("ASSERTION CERTIFICATE".into()) };
    let assertion = read_to_string(assertion)?;
    let certificates = [CertificateDer::from(Pem::from_pem_file(certificate)?.to_vec())];
    let mut batches = Vec::new();
    for _ in 0..20 {
        // the kernel books CPU time every few milliseconds, so one call tells nothing
        let before = on_cpu()?;
        for _ in 0..200 {
            Crypto::reduce_xml_to_signed_with_allowed_algorithms(
                &assertion,
                &certificates,
                ReduceMode::PreDigest,
                Some(&[AllowedSignatureAlgorithm::RsaSha256]),
            )?;
        }
        batches.push(on_cpu()?.saturating_sub(before) / 200);
    }
    batches.sort_unstable();
    println!("{:.1}", batches[batches.len() / 2].as_secs_f64() * 1e6);
    Ok(())
}

/// CPU time of this thread so far.
fn on_cpu() -> Result<Duration, Failed> {
    let text = read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split(' ').next().unwrap_or_default().parse()?))
}
