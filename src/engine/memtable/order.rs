//! The memtable's keys in their order, sorted when somebody asks for it and not before.
//!
//! A writer only appends. Whoever scans a table first sorts what has come into it since its last scan and keeps it as a
//! run; runs are merged so that each is several times as long as the next, so there are few of them, and a key is
//! moved a few times for every size of run. A checkpoint, which wants all of them, sorts once what nobody has scanned.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::slots::Slots;
use super::{Entry, Table};
use crate::engine::sync::{Mutex, MutexGuard};

/// How many times longer than the next one each run is, at least.
const FACTOR: usize = 8;

/// Numbers of entries in the order of their keys.
pub(super) type Run = Arc<[u32]>;

/// See the module.
#[derive(Debug)]
pub(super) struct Order(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// The first so many entries are in their tables.
    entries: usize,
    tables: BTreeMap<Table, Sorted>,
}

#[derive(Debug, Default)]
struct Sorted {
    /// What is in no run yet.
    fresh: Vec<u32>,
    /// Longest first; no entry is in two of them.
    runs: Vec<Run>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Tables::default()))
    }

    /// All entries of `table` that there are, in a few runs.
    pub(super) fn runs(&self, table: Table, entries: &Slots<Entry>) -> Vec<Run> {
        let mut tables = self.dealt(entries);
        let Some(sorted) = tables.tables.get_mut(&table) else { return Vec::new() };
        sorted.catch_up(entries);
        sorted.runs.clone()
    }

    /// All entries that there are, by table and key.
    pub(super) fn whole(&self, entries: &Slots<Entry>) -> Vec<u32> {
        let mut tables = self.dealt(entries);
        let mut whole = Vec::with_capacity(tables.entries);
        for sorted in tables.tables.values_mut() {
            sorted.catch_up(entries);
            let runs = sorted.runs.iter().rev().cloned();
            let merged = runs.reduce(|short, long| merged(entries, &long, &short));
            whole.extend_from_slice(&merged.unwrap_or_default());
        }
        whole
    }

    /// What has come in since is dealt out to its tables.
    fn dealt(&self, entries: &Slots<Entry>) -> MutexGuard<'_, Tables> {
        // Nothing in here can panic half-way.
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let len = entries.len();
        for number in tables.entries as u32..len as u32 {
            if let Some(entry) = entries.get(number) {
                tables.tables.entry(entry.key.table()).or_default().fresh.push(number);
            }
        }
        tables.entries = len;
        tables
    }
}

impl Sorted {
    fn catch_up(&mut self, entries: &Slots<Entry>) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_unstable_by_key(|&number| key(entries, number));
        let mut fresh = Run::from(fresh);
        while let Some(long) = self.runs.pop_if(|run| run.len() < FACTOR * fresh.len()) {
            fresh = merged(entries, &long, &fresh);
        }
        self.runs.push(fresh);
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
