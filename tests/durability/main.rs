//! Whatever happens to the gateway, its disk, its receiver or its clients: no record of an answered request is lost, and
//! no document. `make soak` runs the same for longer and writes `docs/reliability.md`.

mod chance;
mod crowd;
mod disk;
mod evidence;
mod full;
mod house;
mod kill;
mod many;
#[path = "../../benches/table/marks.rs"]
mod marks;
#[path = "../mutual/mod.rs"]
mod mutual;
mod outage;
mod parcel;
mod questions;
mod soak;
