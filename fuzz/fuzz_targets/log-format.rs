//! `log-format` of tests/fuzz, by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::one("log-format", data));
