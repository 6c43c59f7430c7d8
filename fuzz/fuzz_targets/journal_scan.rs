//! A store's files in any state; see `highwater::simulation::fuzzing::journal_scan`.
#![no_main]

mod panics;

use highwater::simulation::fuzzing::journal_scan;

libfuzzer_sys::fuzz_target!(init: panics::let_the_library_catch(), |bytes: &[u8]| journal_scan(bytes));
