//! Purpose-of-use vocabularies and their map.

use crate::ids::Coded;

/// The purposes as an assertion states them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Codes with their systems.
    pub coded: Vec<Coded>,
    /// Values without a system.
    pub plain: Vec<String>,
}
