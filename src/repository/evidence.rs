//! Real grants and permits for tests.

use super::{Candidate, Criteria, Repository, Snapshot, Subject};
use crate::clock::Timestamp;
use crate::consent::{Domain, Grant, Implicit, Permit, grant};
use crate::ids::{Coded, PatientId};
use crate::policy::{Access, Agreement, Etreat, Settings, admit};
use crate::principal::{Claims, Principal};
use crate::purpose::{Purpose, Stated};

/// Access of a partner that asks for treatment.
pub(crate) fn access() -> Access {
    let agreement = Agreement {
        partner: "riverside".into(),
        purposes: vec![Purpose::TREAT],
        code_systems: Vec::new(),
        break_glass_roles: vec![],
        etreat: Etreat::Treatment,
    };
    let coded = vec![Coded::new("TREAT", "2.16.840.1.113883.5.8")];
    let claims = Claims {
        partner: "riverside".into(),
        purposes: Stated { coded, plain: vec![] },
        ..Claims::default()
    };
    admit(&Principal::assertion(claims), &Settings { agreements: vec![agreement] }).unwrap()
}

/// The patient with this number of authority 2.999.1.3.
pub(crate) fn subject(store: &dyn Repository, number: &str) -> Option<Subject> {
    let id = PatientId::parse(&format!("{number}^^^&2.999.1.3&ISO")).unwrap();
    store.snapshot().unwrap().patient(&access(), &id).unwrap()
}

/// What his consents grant, where without one treatment is permitted.
pub(crate) fn grant_for(store: &dyn Repository, subject: &Subject) -> Grant {
    grant_in(&*store.snapshot().unwrap(), subject)
}

/// The same in one state of the store.
pub(crate) fn grant_in(state: &dyn Snapshot, subject: &Subject) -> Grant {
    let domain = Domain { implicit: Implicit::PermitTreatment, ..Domain::default() };
    let consents = state.consents(&access(), subject.key).unwrap();
    let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
    grant(&access(), subject.key, &subject.references, &consents, &domain, now)
}

/// All his documents.
pub(crate) fn all(store: &dyn Repository, subject: &Subject) -> Vec<Candidate> {
    let state = store.snapshot().unwrap();
    state.find(&grant_in(&*state, subject), &any()).unwrap()
}

/// Whatever there is.
pub(crate) fn any() -> Criteria {
    Criteria::All { statuses: vec![], created_from: None, created_to: None }
}

/// The permit for one of his documents.
pub(crate) fn permit(store: &dyn Repository, subject: &Subject, candidate: &Candidate) -> Permit {
    grant_for(store, subject).decide(&candidate.facts).outcome().unwrap()
}
