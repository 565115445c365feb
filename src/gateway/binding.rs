//! The assertion's resource-id against the patient whose documents are asked for (ITI TF-2 3.40.4.1.2.1).

use super::terms::ResourceId;
use crate::ids::PatientId;
use crate::principal::Claims;

/// Why nothing of a patient, or of anybody, is released.
pub(super) const UNREADABLE: &str =
    "the assertion's resource-id is unreadable, perhaps another patient's";
pub(super) const ANOTHER: &str = "the assertion's resource-id is another patient's";
pub(super) const REQUIRED: &str = "the assertion names no patient that can be compared, and the partner's resource_id requires it";
/// What is passed over.
const IGNORED: &str = "the assertion's resource-id is unreadable and ignored";
const UNASSIGNED: &str = "the assertion's resource-id has no authority and binds nothing";
const FOREIGN: &str = "the assertion's resource-id is of an authority that the patient has no identifier of, and binds nothing";

/// What an assertion's resource-ids say of one patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    /// Whether the patient's documents may be looked at.
    pub(super) holds: bool,
    /// What audit must know.
    pub(super) note: Option<&'static str>,
}

/// What audit must know of the assertion whoever the patient is; an error where no patient may be looked at.
pub(super) fn readable(
    claims: &Claims,
    manner: ResourceId,
) -> Result<Option<&'static str>, &'static str> {
    match (claims.unreadable_patients, manner) {
        (0, _) if claims.unassigned_patients > 0 => Ok(Some(UNASSIGNED)),
        (0, _) => Ok(None),
        (_, ResourceId::Ignore) => Ok(Some(IGNORED)),
        (_, ResourceId::Require | ResourceId::Compare) => Err(UNREADABLE),
    }
}

/// Compares what is comparable: what carries an authority that the patient has an identifier of.
pub(super) fn bind(claims: &Claims, identifiers: &[PatientId], manner: ResourceId) -> Binding {
    let stated = &claims.patients;
    let mut comparable = stated
        .iter()
        .filter(|one| identifiers.iter().any(|id| id.authority() == one.authority()))
        .peekable();
    if comparable.peek().is_some() {
        let holds = comparable.any(|one| identifiers.contains(one));
        return Binding { holds, note: (!holds).then_some(ANOTHER) };
    }
    if manner == ResourceId::Require {
        return Binding { holds: false, note: Some(REQUIRED) };
    }
    Binding { holds: true, note: (!stated.is_empty()).then_some(FOREIGN) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(stated: &[&str]) -> Claims {
        let patients = stated.iter().map(|cx| PatientId::parse(cx).unwrap()).collect();
        Claims { patients, ..Claims::default() }
    }

    #[test]
    fn what_differs_never_passes_and_what_cannot_be_compared_is_the_partners() {
        use ResourceId::{Compare, Ignore, Require};
        let patient = ["P-1^^^&2.999.1.3&ISO", "77^^^&2.999.9&ISO"];
        let identifiers = patient.map(|cx| PatientId::parse(cx).unwrap());
        let (same, other) = ("P-1^^^&2.999.1.3&ISO", "P-2^^^&2.999.1.3&ISO");
        let (second, foreign) = ("77^^^&2.999.9&ISO", "P-1^^^&2.999.8&ISO");
        for (stated, manner, holds, note) in [
            (&[same][..], Require, true, None),
            (&[second], Require, true, None),
            (&[other, same], Compare, true, None),
            (&[foreign, same], Require, true, None),
            (&[other], Require, false, Some(ANOTHER)),
            (&[other], Compare, false, Some(ANOTHER)),
            (&[other], Ignore, false, Some(ANOTHER)),
            (&[foreign, other], Ignore, false, Some(ANOTHER)),
            (&[foreign], Require, false, Some(REQUIRED)),
            (&[foreign], Compare, true, Some(FOREIGN)),
            (&[foreign], Ignore, true, Some(FOREIGN)),
            (&[], Require, false, Some(REQUIRED)),
            (&[], Compare, true, None),
            (&[], Ignore, true, None),
        ] {
            let found = bind(&claims(stated), &identifiers, manner);
            assert_eq!(found, Binding { holds, note }, "{stated:?} {manner:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_may_be_anybody() {
        let unreadable = Claims { unreadable_patients: 1, ..Claims::default() };
        assert_eq!(readable(&unreadable, ResourceId::Require), Err(UNREADABLE));
        assert_eq!(readable(&unreadable, ResourceId::Compare), Err(UNREADABLE));
        assert_eq!(readable(&unreadable, ResourceId::Ignore), Ok(Some(IGNORED)));
        let unassigned = Claims { unassigned_patients: 1, ..Claims::default() };
        assert_eq!(readable(&unassigned, ResourceId::Compare), Ok(Some(UNASSIGNED)));
        assert_eq!(readable(&Claims::default(), ResourceId::Require), Ok(None));
    }
}
