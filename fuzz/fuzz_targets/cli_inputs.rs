//! What the program reads; see `tests/fuzz_corpora/cli_inputs.rs`. The program exports nothing, so its
//! modules are compiled in, as for the replay of the corpus.
#![no_main]
#![allow(dead_code)]

#[path = "../../src/bin/highwater/batches.rs"]
mod batches;
#[path = "../../tests/fuzz_corpora/cli_inputs.rs"]
mod body;
#[path = "../../src/bin/highwater/columns.rs"]
mod columns;
#[path = "../../src/bin/highwater/failure.rs"]
mod failure;
#[path = "../../src/bin/highwater/input.rs"]
mod input;
#[path = "../../src/bin/highwater/listing.rs"]
mod listing;
#[path = "../../src/bin/highwater/print.rs"]
mod print;
#[path = "../../src/bin/highwater/reference.rs"]
mod reference;
#[path = "../../src/bin/highwater/summary.rs"]
mod summary;
#[path = "../../src/bin/highwater/time.rs"]
mod time;
#[path = "../../src/bin/highwater/trades.rs"]
mod trades;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::cli_inputs(bytes));
