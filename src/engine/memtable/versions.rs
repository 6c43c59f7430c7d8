//! The versions of one row, and which of them somebody may still read.

use std::sync::PoisonError;

use super::{ALLOCATION_BYTES, Lsn, MemoryRow};
use crate::engine::sync::{Mutex, MutexGuard};

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

/// The versions of one row behind a lock that is held for a comparison or a few, and never while
/// waiting for anything.
#[derive(Debug)]
pub(super) struct Chain(Mutex<Versions>);

impl Chain {
    pub(super) fn new(newest: Version) -> Self {
        Self(Mutex::new(Versions { newest, older: None }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Versions> {
        // Nothing that runs under the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At least one version of a row. The newest stands alone, because most rows have no other.
#[derive(Debug)]
pub(super) struct Versions {
    pub(super) newest: Version,
    /// The versions before the newest, oldest first; most rows have none, and then this is one word.
    #[expect(clippy::box_collection, reason = "it stands in every key of the memtable")]
    pub(super) older: Option<Box<Vec<Version>>>,
}

#[derive(Debug)]
pub(super) struct Version {
    pub(super) lsn: Lsn,
    pub(super) row: MemoryRow,
}

impl Versions {
    /// The row as of LSN `at`.
    pub(super) fn at(&self, at: Lsn) -> Option<&MemoryRow> {
        if self.newest.lsn <= at {
            return Some(&self.newest.row);
        }
        let older = self.older.as_deref()?;
        let known = older.partition_point(|version| version.lsn <= at);
        Some(&older[..known].last()?.row)
    }

    pub(super) fn push(&mut self, version: Version, keep: &Pins<'_>) {
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

    pub(super) fn heap_bytes(&self) -> usize {
        let Some(older) = &self.older else { return self.newest.heap_bytes() };
        let room = size_of::<Vec<Version>>() + older.capacity() * size_of::<Version>();
        let rows = older.iter().chain([&self.newest]);
        room + 2 * ALLOCATION_BYTES + rows.map(Version::heap_bytes).sum::<usize>()
    }
}

impl Version {
    pub(super) fn heap_bytes(&self) -> usize {
        self.row.as_ref().map_or(0, |row| row.len() + ROW_BYTES)
    }
}
