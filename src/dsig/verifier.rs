use super::gate::Gated;
use super::key::Key;
use super::reject::Reject;
use super::verify::check;

/// Verifies what passed the gate; beside ours stand the oracles of tests, and none of them makes a `Signed`.
pub trait Verifier {
    /// The canonical octets that one of these keys signed.
    fn octets(&self, gated: &Gated<'_, '_>, keys: &[Key]) -> Result<String, Reject>;
}

/// Our own, as [`verify`](super::verify) has it, without a cache.
#[derive(Debug, Clone, Copy)]
pub struct Ours;

impl Verifier for Ours {
    fn octets(&self, gated: &Gated<'_, '_>, keys: &[Key]) -> Result<String, Reject> {
        check(gated, &gated.fitting(keys)?).map(|(_, octets)| octets)
    }
}
