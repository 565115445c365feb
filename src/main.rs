//! The thin binary.

use std::process::ExitCode;

use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // in pages of 2 MiB each stream and thread takes megabytes, and is no faster
    let _allowed = rustix::thread::disable_transparent_huge_pages(true);
    glassgate::cli::run()
}
