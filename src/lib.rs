//! Glassgate, a cross-community health information exchange gateway.
//!
//! A partner community asks over SOAP (IHE XCA: ITI-38 query, ITI-39 retrieve) with a signed SAML assertion. The rooms
//! in the order in which a request meets them; `docs/ARCHITECTURE.md` says which may import which:
//!
//! - [`server`] takes bytes over mutual TLS, [`soap`] takes the entity and the envelope apart;
//! - [`dsig`] and [`saml`] say who asks, on the octets that were signed;
//! - [`purpose`], [`principal`] and [`policy`] say whether he may ask for that reason;
//! - [`xds`] reads what he asks for, [`repository`] finds it, [`fhir`], [`labels`] and [`consent`] decide it;
//! - [`audit`] makes the record durable, [`gateway`] joins all of these;
//! - [`client`] asks others, [`ingest`] loads, [`config`] reads `glassgate.toml`, [`demo`] and [`cli`] are for people.

// tests may fail loudly, what runs for partners may not
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unwrap_used
    )
)]

pub mod audit;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod consent;
pub mod demo;
pub mod dsig;
pub mod fhir;
pub mod gateway;
pub mod ids;
pub mod ingest;
pub mod labels;
pub mod limits;
pub mod metrics;
pub mod policy;
pub mod principal;
pub mod purpose;
pub mod repository;
pub mod saml;
pub mod server;
pub mod soap;
pub mod xds;
pub mod xml;
