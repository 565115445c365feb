//! The gateway started and stopped (DICOM PS3.15 A.5.3.1).

use crate::audit::code::{self, Code};
use crate::audit::{Action, Endpoint, Event, Outcome};
use crate::clock::Timestamp;

impl Event {
    /// The gateway started.
    #[must_use]
    pub fn application_start(at: Timestamp, gateway: &Endpoint) -> Self {
        activity(at, code::APPLICATION_START, gateway)
    }

    /// The gateway stopped.
    #[must_use]
    pub fn application_stop(at: Timestamp, gateway: &Endpoint) -> Self {
        activity(at, code::APPLICATION_STOP, gateway)
    }
}

fn activity(at: Timestamp, kind: Code, gateway: &Endpoint) -> Event {
    Event {
        at,
        id: code::APPLICATION_ACTIVITY,
        type_code: Some(kind),
        action: Action::Execute,
        outcome: Outcome::success(),
        purposes: Vec::new(),
        participants: vec![gateway.application()],
        objects: Vec::new(),
    }
}
