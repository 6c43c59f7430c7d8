//! What the system says of the process and its files, and the places of a sorted list of latencies.

use std::fs;
use std::path::Path;

use crate::Outcome;

/// The lengths of all files of a directory, in bytes.
pub(crate) fn bytes_below(directory: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        // A segment can be retired between the two.
        bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
    }
    Ok(bytes)
}

/// The memory that the process has, where the system tells it.
pub(crate) fn vm_rss_kib() -> Outcome<u64> {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.map_or(Ok(0), str::parse)?)
}

/// Latencies in microseconds: the middle one, the 99th of a hundred, the longest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latencies {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl Latencies {
    pub(crate) fn of(mut micros: Vec<u64>) -> Self {
        micros.sort_unstable();
        let at = |hundredth: usize| micros.get(micros.len() * hundredth / 100).copied();
        Self {
            p50: at(50).unwrap_or(0),
            p99: at(99).unwrap_or(0),
            max: micros.last().copied().unwrap_or(0),
        }
    }
}
