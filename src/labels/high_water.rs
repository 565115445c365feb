use super::Confidentiality;
use crate::ids::Coded;

/// The highest confidentiality among what is released (FHIR R4 security labels, Bundle; HL7 DS4P).
///
/// It is filled with what a permit released and with nothing else, so that it tells of nothing withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HighWater(Option<Confidentiality>);

impl HighWater {
    /// Takes in one released item's labels; one without a confidentiality counts as restricted.
    pub fn add(&mut self, labels: &[Coded]) {
        let confidentiality = Confidentiality::of(labels).unwrap_or(Confidentiality::Restricted);
        self.0 = self.0.max(Some(confidentiality));
    }

    /// The mark; none where nothing was released.
    #[must_use]
    pub fn mark(self) -> Option<Confidentiality> {
        self.0
    }
}
