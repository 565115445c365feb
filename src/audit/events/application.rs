//! The gateway started and stopped (DICOM PS3.15 A.5.3.1).

use crate::audit::code::{self, Code};
use crate::audit::{Action, Endpoint, Event, Outcome, Participant};
use crate::clock::Timestamp;

impl Event {
    /// The gateway started; `launcher` is the operating system's user, where known.
    #[must_use]
    pub fn application_start(at: Timestamp, gateway: &Endpoint, launcher: Option<&str>) -> Self {
        activity(at, code::APPLICATION_START, gateway, launcher)
    }

    /// The gateway stopped.
    #[must_use]
    pub fn application_stop(at: Timestamp, gateway: &Endpoint, launcher: Option<&str>) -> Self {
        activity(at, code::APPLICATION_STOP, gateway, launcher)
    }
}

fn activity(at: Timestamp, kind: Code, gateway: &Endpoint, launcher: Option<&str>) -> Event {
    let launcher = launcher.map(|name| Participant {
        user_id: name.to_owned(),
        user_name: None,
        requestor: true,
        gateway: false,
        network: None,
        role: Some(code::APPLICATION_LAUNCHER),
        roles: Vec::new(),
    });
    Event {
        at,
        id: code::APPLICATION_ACTIVITY,
        type_code: Some(kind),
        action: Action::Execute,
        outcome: Outcome::success(),
        purposes: Vec::new(),
        participants: [gateway.application()].into_iter().chain(launcher).collect(),
        objects: Vec::new(),
    }
}
