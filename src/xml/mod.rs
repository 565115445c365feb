//! Bounded reading of XML (namespaces, no DTD) and escaping for writing.

mod escape;
mod read;
mod strict;

pub mod ns;

pub use escape::{escape_attribute, escape_text};
pub use read::{
    Bounds, Document, Error, Node, attribute, child, children, only_child, parse, text,
};
