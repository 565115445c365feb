//! Security labels: how confidential, how sensitive, in which of a code system's many names; which of them codes lead
//! to (the labelling service), and what a partner may see of data that have them.

mod confidentiality;
mod content;
mod high_water;
mod labeller;
mod markup;
mod outbound;
mod rules;
mod sensitivity;
mod system;
mod valueset;
mod vocabulary;
mod walk;

#[cfg(test)]
mod tests;

pub use confidentiality::Confidentiality;
pub use content::{Broken, Evidence};
pub use high_water::HighWater;
pub use labeller::{Error, Labelled, Labeller, Settings, Stated};
pub use outbound::{Data, Kept, Outbound, Wanted};
pub use rules::{Found, TooManyLabels};
pub use sensitivity::{Sensitivity, covers, excludes};
pub use system::{canonical, is_readable};
pub use valueset::Fault;
pub use vocabulary::{is_duty, is_sensitivity};
