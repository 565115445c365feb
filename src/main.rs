//! The thin binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    glassgate::cli::run()
}
