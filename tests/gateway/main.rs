//! The running gateway, asked over the network: every path asserts status, body and audit record.

mod iti38;
mod world;
