//! Organisation policy: what each partner agreed to, and who may break glass.

mod access;
mod admit;
mod agreement;
mod rate;
mod terms;

pub use access::{Access, BreakGlass, Declared, NotHonoured};
pub use admit::{Refusal, admit, declares};
pub use agreement::{Agreement, Etreat, Settings};
pub use rate::{Declaration, Limits, Over, Rates, Whose};
pub use terms::{Answer, Rationale, Telling, Terms};
