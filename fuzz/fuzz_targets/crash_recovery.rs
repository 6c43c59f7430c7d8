//! A run of the whole store, steered; see `highwater::simulation::fuzzing::crash_recovery`.
#![no_main]

mod panics;

use highwater::simulation::fuzzing::crash_recovery;

libfuzzer_sys::fuzz_target!(init: panics::let_the_library_catch(), |bytes: &[u8]| crash_recovery(
    bytes
));
