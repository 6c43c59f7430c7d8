//! What the fuzz targets do with their bytes, one function each.
//!
//! A target gives the bytes it made up to a function here; the function panics where a promise is
//! broken, and does nothing else. `fuzz/` has the targets, `tests/fuzz_corpora.rs` replays what they
//! collected through the same functions.

mod bytes;
mod crash_recovery;
mod history_rows;
mod journal_scan;
mod numbers;
mod oracle;
mod row_codecs;
mod seeds;

pub use crash_recovery::crash_recovery;
pub use journal_scan::journal_scan;
pub use numbers::numbers;
pub use oracle::{micros, price_units};
pub use row_codecs::{CodecListed, codecs, row_codecs};
pub use seeds::{crash_recovery_seeds, journal_scan_seeds, row_codec_seeds};
