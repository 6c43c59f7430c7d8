//! The memtable's keys in their order, sorted when somebody asks for it and not before.
//!
//! A writer only appends. Whoever scans first sorts what has come in since the last scan and keeps it as a run;
//! runs are merged so that each is several times as long as the next, so there are few of them, and a key is
//! moved a few times for every size of run. A checkpoint, which wants all of them, sorts once what nobody has scanned.

use std::sync::{Arc, PoisonError};

use super::Entry;
use super::slots::Slots;
use crate::engine::sync::Mutex;

/// How many times longer than the next one each run is, at least.
const FACTOR: usize = 8;

/// Numbers of entries in the order of their keys.
pub(super) type Run = Arc<[u32]>;

/// See the module.
#[derive(Debug)]
pub(super) struct Order(Mutex<Sorted>);

#[derive(Debug, Default)]
struct Sorted {
    /// Of the first so many entries.
    entries: usize,
    /// Longest first; no entry is in two of them.
    runs: Vec<Run>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Sorted::default()))
    }

    /// All entries that there are, in a few runs.
    pub(super) fn runs(&self, entries: &Slots<Entry>) -> Vec<Run> {
        let mut sorted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sorted.catch_up(entries);
        sorted.runs.clone()
    }

    /// All entries that there are, in one run.
    pub(super) fn whole(&self, entries: &Slots<Entry>) -> Run {
        let mut sorted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sorted.catch_up(entries);
        let whole = std::mem::take(&mut sorted.runs)
            .into_iter()
            .rev()
            .reduce(|short, long| merged(entries, &long, &short))
            .unwrap_or_default();
        sorted.runs = vec![whole.clone()];
        whole
    }
}

impl Sorted {
    /// Nothing in here can panic half-way: what was asked for under a lock that is poisoned is sorted anew.
    fn catch_up(&mut self, entries: &Slots<Entry>) {
        let len = entries.len();
        if len == self.entries {
            return;
        }
        let mut fresh: Vec<u32> = (self.entries as u32..len as u32).collect();
        fresh.sort_unstable_by_key(|&number| key(entries, number));
        let mut fresh = Run::from(fresh);
        while let Some(long) = self.runs.pop_if(|run| run.len() < FACTOR * fresh.len()) {
            fresh = merged(entries, &long, &fresh);
        }
        self.runs.push(fresh);
        self.entries = len;
    }
}

/// Both in one. The longer one is copied in pieces, for it may be much longer.
fn merged(entries: &Slots<Entry>, one: &[u32], other: &[u32]) -> Run {
    let (mut long, short) = if one.len() < other.len() { (other, one) } else { (one, other) };
    let mut merged = Vec::with_capacity(long.len() + short.len());
    for &number in short {
        let next = key(entries, number);
        let (below, above) = long.split_at(lower_bound(long, |key| key < next, entries));
        merged.extend_from_slice(below);
        merged.push(number);
        long = above;
    }
    merged.extend_from_slice(long);
    merged.into()
}

/// How many entries at the start of a run have keys that are `below`.
pub(super) fn lower_bound(
    run: &[u32],
    mut below: impl FnMut(&[u8]) -> bool,
    entries: &Slots<Entry>,
) -> usize {
    run.partition_point(|&number| below(key(entries, number)))
}

/// The full key of an entry of a run.
pub(super) fn key(entries: &Slots<Entry>, number: u32) -> &[u8] {
    entries.get(number).map_or(&[], |entry| entry.key.as_bytes())
}
