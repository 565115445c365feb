//! Glassgate.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]
pub mod clock;
pub mod fhir;
pub mod ids;
pub mod limits;
pub mod principal;
pub mod purpose;
pub mod xml;
