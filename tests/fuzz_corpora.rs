//! What fuzzing collected, replayed: every input of every corpus and every past finding goes through
//! the function of its fuzz target again, with a limit on the time that one input takes.
//!
//! `fuzz/README.md` tells where they come from. New seeds are written by
//! `HIGHWATER_FUZZ_SEEDS=write cargo test --all-features --test fuzz_corpora seeds`.
#![cfg(all(feature = "simulation", feature = "cli"))]

// The program is a crate of its own that exports nothing, so its modules are compiled in; it uses more
// of them than is fuzzed.
#[allow(dead_code)]
#[path = "../src/bin/highwater/batches.rs"]
mod batches;
#[path = "fuzz_corpora/cli_inputs.rs"]
mod cli_inputs;
#[path = "fuzz_corpora/codecs.rs"]
mod codecs;
#[allow(dead_code)]
#[path = "../src/bin/highwater/columns.rs"]
mod columns;
#[allow(dead_code)]
#[path = "../src/bin/highwater/failure.rs"]
mod failure;
#[allow(dead_code)]
#[path = "../src/bin/highwater/input.rs"]
mod input;
#[allow(dead_code)]
#[path = "../src/bin/highwater/listing.rs"]
mod listing;
#[allow(dead_code)]
#[path = "../src/bin/highwater/print.rs"]
mod print;
#[allow(dead_code)]
#[path = "../src/bin/highwater/reference.rs"]
mod reference;
#[path = "fuzz_corpora/replay.rs"]
mod replay;
#[path = "fuzz_corpora/seeds.rs"]
mod seeds;
#[allow(dead_code)]
#[path = "../src/bin/highwater/summary.rs"]
mod summary;
#[allow(dead_code)]
#[path = "../src/bin/highwater/time.rs"]
mod time;
#[allow(dead_code)]
#[path = "../src/bin/highwater/trades.rs"]
mod trades;
