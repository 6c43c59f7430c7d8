//! The two drawings of the results: throughput by threads, and cost by size.

use std::path::Path;

use crate::Outcome;

pub fn draw(_results: &Path, _dir: &Path) -> Outcome<()> {
    Err("not yet".into())
}
