//! The rows committed since the last checkpoint, in memory, by table, key and LSN.
//!
//! An ordered map from keys to chains: all versions of one row behind one small lock, so that
//! updating a hot row allocates nothing but the row. One writer at a time inserts, in rising LSNs;
//! any number of threads read beside it and never see half a version.
//!
//! A version lives from its own LSN up to the next version's. It is dropped by a later insert of
//! the same key once nobody can read at an LSN it lives at, so hot rows do not pile up. A key,
//! once inserted, stays until the memtable as a whole is dropped.
//!
//! This module must not know the base, the journal, or who takes snapshots.

mod cursor;

use std::ops::Bound;
use std::sync::{Arc, PoisonError};

use crossbeam_skiplist::SkipMap;
use crossbeam_skiplist::map::Entry;

use super::row::{Lsn, Table};
use super::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};

/// A row as the memtable holds it; `None` is a tombstone: the row was deleted.
pub(crate) type MemoryRow = Option<Arc<[u8]>>;

/// Keys up to this length are looked up without allocating.
const SHORT_KEY_BYTES: usize = 160;

/// What the allocator adds to each piece it hands out, on average: a header and rounding.
const ALLOCATION_BYTES: usize = 16;

/// What a key costs beside its own bytes and its rows: the map's node with its chain, its boxed
/// key, its counter and on average two links, and the key's allocation.
const ENTRY_BYTES: usize = size_of::<Chain>()
    + size_of::<Box<[u8]>>()
    + size_of::<usize>()
    + 2 * size_of::<usize>()
    + 2 * ALLOCATION_BYTES;

/// What a row costs beside its own bytes: the two counters of its `Arc`, and its allocation.
const ROW_BYTES: usize = 2 * size_of::<usize>() + ALLOCATION_BYTES;

/// The LSNs somebody may read at: the visible one and all that come after it, and those of the
/// registered snapshots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pins<'a> {
    /// What a snapshot taken now would read at.
    pub(crate) visible: Lsn,
    /// What the snapshots that are still held read at, in rising order.
    pub(crate) snapshots: &'a [Lsn],
}

impl Pins<'_> {
    /// Whether somebody may read at an LSN from `first` up to, but without, `next`.
    fn any_between(&self, first: Lsn, next: Lsn) -> bool {
        next > self.visible
            || self
                .snapshots
                .get(self.snapshots.partition_point(|&lsn| lsn < first))
                .is_some_and(|&lsn| lsn < next)
    }
}

/// The rows committed since the last checkpoint.
#[derive(Debug)]
pub(crate) struct Memtable {
    chains: SkipMap<Box<[u8]>, Chain>,
    bytes: AtomicUsize,
    sealed: AtomicU64,
}

impl Memtable {
    /// An empty memtable that takes rows.
    pub(crate) fn new() -> Self {
        Self {
            chains: SkipMap::new(),
            bytes: AtomicUsize::new(0),
            sealed: AtomicU64::new(Lsn::MAX),
        }
    }

    /// Adds the version `lsn` of a row and drops the versions of it that no reader in `keep` can
    /// see any more. Only one thread inserts at a time, and never below an LSN the row has.
    pub(crate) fn insert(
        &self,
        lsn: Lsn,
        table: Table,
        key: &[u8],
        row: MemoryRow,
        keep: &Pins<'_>,
    ) {
        let version = Version { lsn, row };
        with_full_key(table, key, |full_key| match self.chains.get(full_key) {
            Some(entry) => {
                let mut versions = entry.value().lock();
                let before = versions.heap_bytes();
                versions.push(version, keep);
                let after = versions.heap_bytes();
                drop(versions);
                // One thread inserts at a time, so the sum cannot run below zero in between.
                self.bytes.fetch_add(after, Ordering::Relaxed);
                self.bytes.fetch_sub(before, Ordering::Relaxed);
            }
            None => {
                let versions = Versions::new(version);
                let bytes = ENTRY_BYTES + full_key.len() + versions.heap_bytes();
                self.chains.insert(full_key.into(), Chain(Mutex::new(versions)));
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
        });
    }

    /// What was known of a row at LSN `at`: `None` where the memtable says nothing, and
    /// `Some(None)` where the row was deleted.
    pub(crate) fn get(&self, table: Table, key: &[u8], at: Lsn) -> Option<MemoryRow> {
        with_full_key(table, key, |full_key| {
            self.chains.get(full_key)?.value().lock().at(at).cloned()
        })
    }

    /// Each key's newest version, in the order of (table, key), tombstones included. What a
    /// checkpoint writes; only of use once the memtable is sealed and everything in it is visible.
    pub(crate) fn newest_rows(&self) -> impl Iterator<Item = (Table, NewestKey<'_>, MemoryRow)> {
        self.chains.iter().map(|entry| {
            let row = entry.value().lock().newest.row.clone();
            (Table(entry.key()[0]), NewestKey(entry), row)
        })
    }

    /// About how many bytes of heap the keys and rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The number of keys, deleted ones included.
    pub(crate) fn len(&self) -> usize {
        self.chains.len()
    }

    /// Notes that `lsn` is the last commit in this memtable: the next ones go into another.
    pub(crate) fn seal(&self, lsn: Lsn) {
        self.sealed.store(lsn, Ordering::Release);
    }

    /// The last LSN this memtable holds, or `Lsn::MAX` while it takes rows. Somebody who reads at
    /// a later LSN needs a newer view.
    pub(crate) fn sealed_at(&self) -> Lsn {
        self.sealed.load(Ordering::Acquire)
    }
}

/// A key of [`Memtable::newest_rows`], without its table.
pub(crate) struct NewestKey<'a>(Entry<'a, Box<[u8]>, Chain>);

impl AsRef<[u8]> for NewestKey<'_> {
    fn as_ref(&self) -> &[u8] {
        key_of(self.0.key())
    }
}

/// The versions of one row behind a lock that is held for a comparison or a few, and never while
/// waiting for anything.
#[derive(Debug)]
struct Chain(Mutex<Versions>);

impl Chain {
    fn lock(&self) -> MutexGuard<'_, Versions> {
        // Nothing that runs under the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At least one version of a row. The newest stands alone, because most rows have no other.
#[derive(Debug)]
struct Versions {
    newest: Version,
    /// The versions before the newest, oldest first.
    older: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    lsn: Lsn,
    row: MemoryRow,
}

impl Versions {
    fn new(newest: Version) -> Self {
        Self { newest, older: Vec::new() }
    }

    /// The row as of LSN `at`.
    fn at(&self, at: Lsn) -> Option<&MemoryRow> {
        if self.newest.lsn <= at {
            return Some(&self.newest.row);
        }
        let known = self.older.partition_point(|version| version.lsn <= at);
        Some(&self.older[..known].last()?.row)
    }

    fn push(&mut self, version: Version, keep: &Pins<'_>) {
        debug_assert!(version.lsn >= self.newest.lsn, "LSNs come in rising order");
        self.prune(keep);
        let next = version.lsn;
        let before = std::mem::replace(&mut self.newest, version);
        if keep.any_between(before.lsn, next) {
            if self.older.capacity() == 0 {
                // A row updated by one thread has one version behind the newest and no more.
                self.older.reserve_exact(1);
            }
            self.older.push(before);
        }
    }

    /// Drops the older versions that nobody can read.
    fn prune(&mut self, keep: &Pins<'_>) {
        let mut index = 0;
        let mut kept = 0;
        while index < self.older.len() {
            let next = self.older.get(index + 1).unwrap_or(&self.newest).lsn;
            if keep.any_between(self.older[index].lsn, next) {
                self.older.swap(kept, index);
                kept += 1;
            }
            index += 1;
        }
        self.older.truncate(kept);
    }

    fn heap_bytes(&self) -> usize {
        let older = match self.older.capacity() {
            0 => 0,
            capacity => capacity * size_of::<Version>() + ALLOCATION_BYTES,
        };
        let rows = self.older.iter().chain([&self.newest]);
        older + rows.map(Version::heap_bytes).sum::<usize>()
    }
}

impl Version {
    fn heap_bytes(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len() + ROW_BYTES)
    }
}

/// The key a row has in the map: its table's number, then its own key.
fn with_full_key<T>(table: Table, key: &[u8], with: impl FnOnce(&[u8]) -> T) -> T {
    let mut short = [0; 1 + SHORT_KEY_BYTES];
    match short.get_mut(..=key.len()) {
        Some(full_key) => {
            full_key[0] = table.0;
            full_key[1..].copy_from_slice(key);
            with(full_key)
        }
        None => with(&full_key(table, key)),
    }
}

fn full_key(table: Table, key: &[u8]) -> Box<[u8]> {
    let mut full_key = Vec::with_capacity(1 + key.len());
    full_key.push(table.0);
    full_key.extend_from_slice(key);
    full_key.into()
}

/// A row's own key within its full key, which has the table's number at least.
fn key_of(full_key: &[u8]) -> &[u8] {
    &full_key[1..]
}

/// Both ends of a range of full keys.
type FullBounds = (Bound<Box<[u8]>>, Bound<Box<[u8]>>);

/// The bounds in the map of a range of a table's keys.
fn full_bounds(table: Table, (start, end): (Bound<&[u8]>, Bound<&[u8]>)) -> FullBounds {
    let start = match start {
        Bound::Unbounded => Bound::Included(full_key(table, &[])),
        bound => bound.map(|key| full_key(table, key)),
    };
    let end = match (end, table.0.checked_add(1)) {
        (Bound::Unbounded, Some(next)) => Bound::Excluded([next].into()),
        (Bound::Unbounded, None) => Bound::Unbounded,
        (bound, _) => bound.map(|key| full_key(table, key)),
    };
    (start, end)
}

#[cfg(test)]
mod tests;
