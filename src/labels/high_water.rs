use super::Confidentiality;

/// The highest confidentiality among what is released (FHIR R4 security labels, Bundle; HL7 DS4P).
///
/// It is filled with what a permit released and with nothing else, so that it tells of nothing withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HighWater(Option<Confidentiality>);

impl HighWater {
    /// Takes in what one released item's labels say; where they say nothing it counts as restricted.
    pub fn add(&mut self, confidentiality: Option<Confidentiality>) {
        self.0 = self.0.max(confidentiality.or(Some(Confidentiality::Restricted)));
    }

    /// The mark; none where nothing was released.
    #[must_use]
    pub fn mark(self) -> Option<Confidentiality> {
        self.0
    }
}
