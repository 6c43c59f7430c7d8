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
mod fingerprints;
mod key;

use std::sync::{Arc, PoisonError};

use crossbeam_skiplist::SkipMap;
use crossbeam_skiplist::map::Entry;

use super::row::{Lsn, Table};
use super::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard};
use fingerprints::Fingerprints;
use key::FullKey;
pub(crate) use key::{Lookup, looking_up};

/// A row as the memtable holds it; `None` is a tombstone: the row was deleted.
pub(crate) type MemoryRow = Option<Arc<[u8]>>;

/// What a memtable may take in a store with the default budget: a measure for whoever does not know the store's.
pub(crate) const USUAL_MEMTABLE_BYTES: usize = 8 * 1024 * 1024;

/// What the allocator adds to each piece it hands out, on average: a header and rounding.
const ALLOCATION_BYTES: usize = 16;

/// What a key costs beside its rows, and its own bytes where they have no room in it: the map's node
/// with its chain, its key, its counter and on average two links.
const ENTRY_BYTES: usize = size_of::<Chain>()
    + size_of::<FullKey>()
    + size_of::<usize>()
    + 2 * size_of::<usize>()
    + ALLOCATION_BYTES;

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
    chains: SkipMap<FullKey, Chain>,
    /// Those of all keys of the map: what they deny need not be searched for.
    fingerprints: Fingerprints,
    bytes: AtomicUsize,
    sealed: AtomicU64,
}

impl Memtable {
    /// An empty memtable that takes rows, of about `limit_bytes` at most.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            chains: SkipMap::new(),
            fingerprints: Fingerprints::for_bytes(limit_bytes),
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
        looking_up(table, key, |lookup| match self.find(lookup) {
            Some(entry) => {
                let mut versions = entry.value().lock();
                let before = versions.heap_bytes();
                versions.push(version, keep);
                let after = versions.heap_bytes();
                drop(versions);
                self.count(before, after);
            }
            None => {
                let key = FullKey::new(lookup.full_key);
                let versions = Versions::new(version);
                let bytes = ENTRY_BYTES + key.heap_bytes(ALLOCATION_BYTES) + versions.heap_bytes();
                self.fingerprints.add(lookup.fingerprint);
                self.chains.insert(key, Chain(Mutex::new(versions)));
                self.count(0, bytes);
            }
        });
    }

    fn find(&self, lookup: Lookup<'_>) -> Option<Entry<'_, FullKey, Chain>> {
        let may_have = self.fingerprints.may_have(lookup.fingerprint);
        may_have.then(|| self.chains.get(lookup.full_key)).flatten()
    }

    /// One thread inserts at a time, so nothing comes between.
    fn count(&self, before: usize, after: usize) {
        let bytes = self.bytes.load(Ordering::Relaxed) + after - before;
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was known of a row at LSN `at`: `None` where the memtable says nothing, and
    /// `Some(None)` where the row was deleted.
    pub(crate) fn get(&self, lookup: Lookup<'_>, at: Lsn) -> Option<MemoryRow> {
        self.find(lookup)?.value().lock().at(at).cloned()
    }

    /// Each key's newest version, in the order of (table, key), tombstones included. What a
    /// checkpoint writes; only of use once the memtable is sealed and everything in it is visible.
    pub(crate) fn newest_rows(&self) -> impl Iterator<Item = (Table, NewestKey<'_>, MemoryRow)> {
        self.chains.iter().map(|entry| {
            let row = entry.value().lock().newest.row.clone();
            (entry.key().table(), NewestKey(entry), row)
        })
    }

    /// About how many bytes of heap the keys and rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many bytes of heap it takes beside them, also where it is empty.
    pub(crate) fn fixed_bytes(&self) -> usize {
        self.fingerprints.bytes()
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
pub(crate) struct NewestKey<'a>(Entry<'a, FullKey, Chain>);

impl AsRef<[u8]> for NewestKey<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.key().key()
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
    /// The versions before the newest, oldest first; most rows have none, and then this is one word.
    #[expect(clippy::box_collection, reason = "it stands in every key of the memtable")]
    older: Option<Box<Vec<Version>>>,
}

#[derive(Debug)]
struct Version {
    lsn: Lsn,
    row: MemoryRow,
}

impl Versions {
    fn new(newest: Version) -> Self {
        Self { newest, older: None }
    }

    /// The row as of LSN `at`.
    fn at(&self, at: Lsn) -> Option<&MemoryRow> {
        if self.newest.lsn <= at {
            return Some(&self.newest.row);
        }
        let older = self.older.as_deref()?;
        let known = older.partition_point(|version| version.lsn <= at);
        Some(&older[..known].last()?.row)
    }

    fn push(&mut self, version: Version, keep: &Pins<'_>) {
        debug_assert!(version.lsn >= self.newest.lsn, "LSNs come in rising order");
        self.prune(keep);
        let next = version.lsn;
        let before = std::mem::replace(&mut self.newest, version);
        if keep.any_between(before.lsn, next) {
            // A row updated by one thread has one version behind the newest and no more.
            self.older.get_or_insert_with(|| Box::new(Vec::with_capacity(1))).push(before);
        }
    }

    /// Drops the older versions that nobody can read.
    fn prune(&mut self, keep: &Pins<'_>) {
        let Some(older) = &mut self.older else { return };
        let mut index = 0;
        let mut kept = 0;
        while index < older.len() {
            let next = older.get(index + 1).unwrap_or(&self.newest).lsn;
            if keep.any_between(older[index].lsn, next) {
                older.swap(kept, index);
                kept += 1;
            }
            index += 1;
        }
        older.truncate(kept);
    }

    fn heap_bytes(&self) -> usize {
        let Some(older) = &self.older else { return self.newest.heap_bytes() };
        let room = size_of::<Vec<Version>>() + older.capacity() * size_of::<Version>();
        let rows = older.iter().chain([&self.newest]);
        room + 2 * ALLOCATION_BYTES + rows.map(Version::heap_bytes).sum::<usize>()
    }
}

impl Version {
    fn heap_bytes(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len() + ROW_BYTES)
    }
}

#[cfg(test)]
mod tests;
