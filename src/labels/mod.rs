//! Security labels: how confidential, how sensitive, in which of a code system's many names.

mod confidentiality;
mod sensitivity;
mod system;

pub use confidentiality::Confidentiality;
pub use sensitivity::{Sensitivity, covers, excludes};
pub use system::{canonical, is_readable};
