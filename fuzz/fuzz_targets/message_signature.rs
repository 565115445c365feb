#![no_main]
use libfuzzer_sys::fuzz_target;
fuzz_target!(|bytes: &[u8]| glassgate_fuzz::message_signature::check(bytes));
