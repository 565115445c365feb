//! The demo world, its gateway and receiver, and a scenario played through a real client.

mod documents;
mod error;
mod files;
mod judge;
mod papers;
mod people;
pub mod pki;
pub mod receiver;
mod report;
mod scenario;
mod settings;
mod sheets;
mod stage;
mod steps;
pub mod world;

pub use error::Error;
pub use report::{Report, Sight};
pub use scenario::play;
pub use settings::Layout;
pub use stage::Stage;
