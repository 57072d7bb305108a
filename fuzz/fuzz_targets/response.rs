#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keepalive_testkit::fuzz::response(bytes));
