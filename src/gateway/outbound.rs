//! What a partner may get of data with labels, and see of the labels.

use super::Gateway;
use super::terms::Terms;
use crate::consent::Facts;
use crate::ids::HomeCommunityId;
use crate::labels::{Confidentiality, Data, Kept, Outbound, Wanted};
use crate::policy::Access;
use crate::purpose::Purpose;
use crate::repository::Released;

/// A partner's rules about labels, for one request.
pub(super) struct Rules<'g> {
    partner: &'g Outbound,
    wanted: Wanted,
    home: &'g HomeCommunityId,
}

/// Of a partner that is in no list.
static STRICTEST: Outbound =
    Outbound { understood: Some(std::collections::BTreeSet::new()), strip: true };

impl Gateway {
    /// The rules that hold for an access.
    pub(super) fn outbound<'g>(&'g self, terms: &'g Terms, access: &Access) -> Rules<'g> {
        Rules::of(terms, &self.settings.home, access)
    }
}

impl<'g> Rules<'g> {
    pub(super) fn of(terms: &'g Terms, home: &'g HomeCommunityId, access: &Access) -> Self {
        let claims = access.principal().claims();
        let ceilings = claims.confidentiality_ceilings.iter();
        // what nobody knows may be meant to be low
        let level = |code: &String| {
            Confidentiality::from_code(code.trim()).unwrap_or(Confidentiality::Unrestricted)
        };
        Self {
            partner: terms.outbound.get(&claims.partner).unwrap_or(&STRICTEST),
            wanted: Wanted {
                ceiling: ceilings.map(level).min(),
                test: access.treatment_purposes().contains(&Purpose::HTEST),
            },
            home,
        }
    }

    /// Whether an item may go, as far as its labels are concerned; break-glass does not lift this.
    pub(super) fn check(&self, facts: &Facts) -> Result<(), Kept> {
        let data = Data {
            labels: &facts.labels,
            // most rules do not ask
            readable: !self.reads() || facts.labels_are_readable(),
            is_ours: facts.origin.as_deref() == Some(self.home.oid().as_str()),
        };
        self.partner.check(&data, self.wanted)
    }

    /// Whether a rule depends on labels being readable.
    fn reads(&self) -> bool {
        self.partner.understood.is_some() || self.wanted.ceiling.is_some()
    }

    /// Whether the partner is shown nothing of an entry's labels but the confidentiality.
    pub(super) fn strips(&self, entry: &Released) -> bool {
        // today's rules may hide what was shown when it was rendered
        self.partner.strip || entry.is_unclassified
    }
}
