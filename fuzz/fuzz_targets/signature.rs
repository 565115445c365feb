#![no_main]
mod oracle;
use libfuzzer_sys::fuzz_target;
fuzz_target!(init: oracle::control(), |bytes: &[u8]| {
    glassgate_fuzz::signature::check(bytes, oracle::believes)
});
