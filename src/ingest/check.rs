use std::path::PathBuf;

use super::parcel::{Kind, Parcel};
use super::report::{Caution, Place, Refused, Warning};
use super::survey::{Survey, Unit};
use super::{Error, Spoiled, consent};

/// What consents in files are worth, before they are loaded.
#[derive(Debug, Default)]
pub struct Checked {
    /// Each consent that was found: where it stands, its name, and what is not understood of it.
    pub consents: Vec<(Place, String, Vec<Caution>)>,
    /// What cannot be read at all.
    pub refused: Vec<Refused>,
}

impl Checked {
    /// Whether everything was read, and every consent can be enforced.
    #[must_use]
    pub fn is_enforceable(&self) -> bool {
        let denies = |caution: &Caution| matches!(caution, Caution::Unenforceable(_));
        self.refused.is_empty() && !self.consents.iter().any(|(.., all)| all.iter().any(denies))
    }

    /// What is not understood, as a load tells it.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> + '_ {
        self.consents.iter().flat_map(|(at, resource, cautions)| {
            cautions.iter().map(|reason| Warning {
                at: at.clone(),
                resource: resource.clone(),
                reason: reason.clone(),
            })
        })
    }
}

/// Reads the same files as [`load`](super::load), and says of each consent whether it can be enforced; stores nothing.
#[must_use]
pub fn check_consents(paths: &[PathBuf]) -> Checked {
    let (survey, report) = Survey::of(paths);
    let mut checked = Checked { refused: report.refused, ..Checked::default() };
    for unit in survey.units() {
        if let Err(spoiled) = check(&survey, *unit, &mut checked) {
            checked.refused.push(spoiled.at(survey.place(*unit)));
        }
    }
    let mut twins = consent::Twins::default();
    for (at, resource, cautions) in &mut checked.consents {
        let twin = twins.among(vec![(at.clone(), resource.clone())]);
        cautions.extend(twin.into_iter().map(|warning| warning.reason));
    }
    checked
}

fn check(survey: &Survey, unit: Unit, checked: &mut Checked) -> Result<(), Spoiled> {
    let parcel = Parcel::open(survey.read(unit)?)?;
    for item in parcel.items.iter().filter(|item| item.kind == Kind::Consent) {
        let at = survey.place(unit).entry(item.entry);
        // whose it is, the store tells; that it is somebody's, can be seen here
        if consent::patient_of(&item.value).is_none() {
            let (entry, resource, reason) = (item.entry, item.name(), Error::NoPatient);
            return Err(Spoiled { entry, resource, reason });
        }
        checked.consents.push((at, item.name(), consent::cautions(&item.value.to_string())));
    }
    Ok(())
}
