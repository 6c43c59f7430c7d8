//! Every codec of the crate; see `highwater::simulation::fuzzing::row_codecs`.
#![no_main]

use highwater::simulation::fuzzing::row_codecs;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| row_codecs(bytes));
