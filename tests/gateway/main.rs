//! The running gateway, asked over the network: every path asserts status, body and audit record.

mod asked;
mod barred;
mod clients;
mod edited;
mod ehdsi;
mod errors;
mod explained;
mod find;
mod get;
mod glass;
mod http;
mod iti38;
mod iti39;
mod labels;
mod loaded;
#[path = "../mutual/mod.rs"]
mod mutual;
mod noise;
mod ocsp;
mod packaging;
mod partners;
mod purposes;
mod record;
mod resource_id;
mod session;
mod shelf;
mod slow;
mod strain;
mod terms;
mod tls;
mod trust;
mod unseen;
mod wire;
mod world;
