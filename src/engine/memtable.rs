//! The rows committed since the last checkpoint, in memory, by table, key and LSN.
//!
//! Three parts around a list of entries, one of each key, that only grows: a hash index finds one, an order sorts
//! them when somebody scans, and in each entry stand all versions of one row behind one small lock, so that
//! updating a hot row allocates nothing but the row. One writer at a time inserts, in rising LSNs;
//! any number of threads read beside it and never see half a version.
//!
//! A version lives from its own LSN up to the next version's. It is dropped by a later insert of
//! the same key once nobody can read at an LSN it lives at, so hot rows do not pile up. A key,
//! once inserted, stays until the memtable as a whole is dropped.
//!
//! This module must not know the base, the journal, or who takes snapshots.

mod cursor;
mod index;
mod key;
mod order;
mod slots;
mod versions;

use std::sync::Arc;

use super::row::{Lsn, Table};
use super::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use index::{Index, Link};
use key::FullKey;
pub(crate) use key::{Lookup, looking_up};
use order::Order;
use slots::Slots;
pub(crate) use versions::Pins;
use versions::{Chain, Version};

/// A row as the memtable holds it; `None` is a tombstone: the row was deleted.
pub(crate) type MemoryRow = Option<Arc<[u8]>>;

/// What a memtable may take in a store with the default budget: a measure for whoever does not know the store's.
pub(crate) const USUAL_MEMTABLE_BYTES: usize = 8 * 1024 * 1024;

/// What the allocator adds to each piece it hands out, on average: a header and rounding.
const ALLOCATION_BYTES: usize = 16;

/// What a key costs beside its slot: its number among those dealt out to its table, and in a run.
const ORDER_BYTES: usize = 2 * size_of::<u32>();

/// The rows committed since the last checkpoint.
#[derive(Debug)]
pub(crate) struct Memtable {
    entries: Slots<Entry>,
    index: Index,
    order: Order,
    bytes: AtomicUsize,
    sealed: AtomicU64,
}

/// All that is known of one key.
#[derive(Debug)]
struct Entry {
    key: FullKey,
    link: Link,
    chain: Chain,
}

impl Memtable {
    /// An empty memtable that takes rows, of about `limit_bytes` at most.
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            entries: Slots::new(),
            index: Index::for_bytes(limit_bytes),
            order: Order::new(),
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
                let mut versions = entry.chain.lock();
                let before = versions.heap_bytes();
                versions.push(version, keep);
                let after = versions.heap_bytes();
                drop(versions);
                self.count(before, after);
            }
            None => self.insert_key(lookup, version),
        });
    }

    fn insert_key(&self, Lookup { full_key, hash }: Lookup<'_>, version: Version) {
        let key = FullKey::new(full_key);
        let bytes = ORDER_BYTES + key.heap_bytes(ALLOCATION_BYTES) + version.heap_bytes();
        let (room, room_bytes) = self.index.room(self.entries.next());
        let slot_bytes =
            self.entries.push(Entry { key, link: room.link(hash), chain: Chain::new(version) });
        // From here on it is found.
        room.add(hash);
        self.count(0, bytes + slot_bytes + room_bytes);
    }

    fn find(&self, Lookup { full_key, hash }: Lookup<'_>) -> Option<&Entry> {
        self.index.find(&self.entries, full_key, hash)
    }

    /// One thread inserts at a time, so nothing comes between.
    fn count(&self, before: usize, after: usize) {
        let bytes = self.bytes.load(Ordering::Relaxed) + after - before;
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was known of a row at LSN `at`: `None` where the memtable says nothing, and
    /// `Some(None)` where the row was deleted.
    pub(crate) fn get(&self, lookup: Lookup<'_>, at: Lsn) -> Option<MemoryRow> {
        self.find(lookup)?.chain.lock().at(at).cloned()
    }

    /// Each key's newest version, in the order of (table, key), tombstones included. What a
    /// checkpoint writes; only of use once the memtable is sealed and everything in it is visible.
    pub(crate) fn newest_rows(&self) -> impl Iterator<Item = (Table, &[u8], MemoryRow)> {
        let order = self.order.whole(&self.entries).into_iter();
        let entries = order.filter_map(|number| self.entries.get(number));
        entries.map(|entry| {
            let row = entry.chain.lock().newest.row.clone();
            (entry.key.table(), entry.key.key(), row)
        })
    }

    /// About how many bytes of heap the keys and rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// How many bytes of heap it takes beside them, also where it is empty.
    pub(crate) fn fixed_bytes(&self) -> usize {
        self.index.fixed_bytes() + self.entries.fixed_bytes()
    }

    /// The number of keys, deleted ones included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
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

#[cfg(test)]
mod tests;
