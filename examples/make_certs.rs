//! Makes the tests' fixed PKI in `certs/`; `rm certs/ca.crt` first to renew it.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use glassgate::clock::{FixedClock, SystemRandom, Timestamp};
use glassgate::demo::pki::{self, Made};

/// Sixty years from 2020 on: no test rots, whatever a machine's clock says.
const LIFETIME: Duration = Duration::from_secs(60 * 365 * 24 * 60 * 60);
const START: Timestamp = Timestamp::from_micros(1_577_836_800_000_000);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
    let said = match pki::create(&directory, LIFETIME, &FixedClock(START), &SystemRandom)? {
        Made::Created => "made",
        Made::Reused => "already there, left as it is:",
    };
    writeln!(std::io::stdout(), "{said} {}", directory.display())?;
    Ok(())
}
