//! The memtable's keys in their order, sorted when somebody asks for it and not before.
//!
//! Whoever inserts only appends. Whoever scans a table sorts what has come into it since its last scan and keeps it as
//! a run; runs are merged so that each is several times as long as the next, so there are few of them, and a key is
//! moved a few times for every size of run. A checkpoint, which wants all of them, sorts on its own and keeps nothing:
//! nobody waits for it.
//!
//! Two locks, in this order: a table's own, held while it is sorted, so that others sort other tables beside it; and
//! the one on what was dealt out to the tables, held for a step along the list of entries.

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
pub(super) struct Order(Mutex<Dealt>);

#[derive(Debug, Default)]
struct Dealt {
    /// The first so many entries are in their tables.
    entries: usize,
    tables: BTreeMap<Table, Dealing>,
}

#[derive(Debug, Default)]
struct Dealing {
    /// The table's entries as they came in.
    numbers: Vec<u32>,
    sorted: Arc<Mutex<Sorted>>,
}

#[derive(Clone, Debug, Default)]
struct Sorted {
    /// How many of the numbers, as they came in, are in the runs.
    numbers: usize,
    /// Longest first; no entry is in two of them.
    runs: Vec<Run>,
}

impl Order {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Dealt::default()))
    }

    /// All entries of `table` that there are, in a few runs.
    pub(super) fn runs(&self, table: Table, entries: &Slots<Entry>) -> Vec<Run> {
        let Some(sorted) = self.dealt(entries).tables.get(&table).map(|it| it.sorted.clone())
        else {
            return Vec::new();
        };
        let mut sorted = sorted.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = self.fresh(table, &sorted);
        if !fresh.is_empty() {
            *sorted = sorted.with(fresh, entries);
        }
        sorted.runs.clone()
    }

    /// All entries that there are, by table and key.
    pub(super) fn whole(&self, entries: &Slots<Entry>) -> Vec<u32> {
        let tables: Vec<_> = {
            let dealt = self.dealt(entries);
            dealt.tables.iter().map(|(table, it)| (*table, it.sorted.clone())).collect()
        };
        let mut whole = Vec::with_capacity(entries.len());
        for (table, sorted) in tables {
            let sorted = sorted.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let fresh = self.fresh(table, &sorted);
            let runs = sorted.with(fresh, entries).runs.into_iter().rev();
            let merged = runs.reduce(|short, long| merged(entries, &long, &short));
            whole.extend_from_slice(&merged.unwrap_or_default());
        }
        // What is missing here would be missing in the base.
        assert_eq!(whole.len(), entries.len(), "entries that are in no table's order");
        whole
    }

    /// What has come into a table since it was sorted so far.
    fn fresh(&self, table: Table, sorted: &Sorted) -> Vec<u32> {
        let dealt = self.lock();
        let numbers = dealt.tables.get(&table).and_then(|it| it.numbers.get(sorted.numbers..));
        numbers.unwrap_or_default().to_vec()
    }

    /// What has come in since is dealt out to its tables.
    fn dealt(&self, entries: &Slots<Entry>) -> MutexGuard<'_, Dealt> {
        let mut dealt = self.lock();
        while dealt.entries < entries.len()
            && let Some(entry) = entries.get(dealt.entries as u32)
        {
            let number = dealt.entries as u32;
            dealt.tables.entry(entry.key.table()).or_default().numbers.push(number);
            dealt.entries += 1;
        }
        dealt
    }

    fn lock(&self) -> MutexGuard<'_, Dealt> {
        // Each step leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sorted {
    /// This and what is `fresh`.
    fn with(&self, mut fresh: Vec<u32>, entries: &Slots<Entry>) -> Self {
        let mut runs = self.runs.clone();
        let numbers = self.numbers + fresh.len();
        fresh.sort_unstable_by_key(|&number| key(entries, number));
        let mut fresh = Run::from(fresh);
        while let Some(long) = runs.pop_if(|run| run.len() < FACTOR * fresh.len()) {
            fresh = merged(entries, &long, &fresh);
        }
        if !fresh.is_empty() {
            runs.push(fresh);
        }
        Self { numbers, runs }
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
