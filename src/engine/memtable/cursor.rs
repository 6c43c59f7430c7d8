//! An ordered walk over a range of one memtable's keys at one LSN, from both ends.
//!
//! It owns its memtable and holds no borrow of the map between two steps: it pulls a chunk of rows
//! from one end, remembers the last key, and seeks again for the next chunk. What was pulled is cut
//! off the range at once, so the two ends meet exactly once. Rows that come in beside it have a
//! later LSN and are passed over; the versions it wants must be pinned by whoever reads at its LSN.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use super::key::{FullBounds, FullKey, full_bounds};
use super::{Lsn, MemoryRow, Memtable, Table};

/// The first chunk is small, because many scans look for one row; each further one is twice the
/// last, up to the greatest.
const FIRST_CHUNK_ROWS: usize = 4;
const GREATEST_CHUNK_ROWS: usize = 64;

type KeyedRow = (Box<[u8]>, MemoryRow);

/// The rows, tombstones included, of a range of a memtable's keys at one LSN.
#[derive(Debug)]
pub(crate) struct MemtableCursor {
    memtable: Arc<Memtable>,
    at: Lsn,
    /// The full keys not pulled yet; `None` once there are no more.
    rest: Option<FullBounds>,
    /// Pulled from the front, in key order.
    front: VecDeque<KeyedRow>,
    /// Pulled from the back, in key order.
    back: VecDeque<KeyedRow>,
    chunk_rows: usize,
}

impl Memtable {
    /// The rows of `table` with keys within `bounds`, as of LSN `at`.
    pub(crate) fn cursor(
        self: &Arc<Self>,
        table: Table,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        at: Lsn,
    ) -> MemtableCursor {
        MemtableCursor {
            memtable: Arc::clone(self),
            at,
            rest: Some(full_bounds(table, bounds)),
            front: VecDeque::new(),
            back: VecDeque::new(),
            chunk_rows: FIRST_CHUNK_ROWS,
        }
    }
}

impl MemtableCursor {
    fn pull_front(&mut self) {
        let Some((start, end)) = self.rest.take() else {
            return;
        };
        let bounds = (as_slice(&start), as_slice(&end));
        let rows = self.memtable.chains.range::<[u8], _>(bounds);
        let front = &mut self.front;
        let (chunk_rows, at) = (self.chunk_rows, self.at);
        let last = pull(rows, chunk_rows, at, |row| front.push_back(row));
        self.rest = last.map(|last| (Bound::Excluded(last), end));
        self.grow_chunk();
    }

    fn pull_back(&mut self) {
        let Some((start, end)) = self.rest.take() else {
            return;
        };
        let bounds = (as_slice(&start), as_slice(&end));
        let rows = self.memtable.chains.range::<[u8], _>(bounds).rev();
        let back = &mut self.back;
        let (chunk_rows, at) = (self.chunk_rows, self.at);
        let last = pull(rows, chunk_rows, at, |row| back.push_front(row));
        self.rest = last.map(|last| (start, Bound::Excluded(last)));
        self.grow_chunk();
    }

    fn grow_chunk(&mut self) {
        self.chunk_rows = GREATEST_CHUNK_ROWS.min(2 * self.chunk_rows);
    }
}

impl Iterator for MemtableCursor {
    type Item = KeyedRow;

    fn next(&mut self) -> Option<KeyedRow> {
        if self.front.is_empty() {
            self.pull_front();
        }
        self.front.pop_front().or_else(|| self.back.pop_front())
    }
}

impl DoubleEndedIterator for MemtableCursor {
    fn next_back(&mut self) -> Option<KeyedRow> {
        if self.back.is_empty() {
            self.pull_back();
        }
        self.back.pop_back().or_else(|| self.front.pop_back())
    }
}

/// Hands on up to `chunk_rows` rows as of `at`, and answers the full key of the last one if there
/// may be more.
fn pull<'a>(
    entries: impl Iterator<Item = super::Entry<'a, FullKey, super::Chain>>,
    chunk_rows: usize,
    at: Lsn,
    mut hand_on: impl FnMut(KeyedRow),
) -> Option<FullKey> {
    let mut pulled = 0;
    for entry in entries {
        let Some(row) = entry.value().lock().at(at).cloned() else {
            continue;
        };
        hand_on((entry.key().key().into(), row));
        pulled += 1;
        if pulled == chunk_rows {
            return Some(entry.key().clone());
        }
    }
    None
}

fn as_slice(bound: &Bound<FullKey>) -> Bound<&[u8]> {
    bound.as_ref().map(FullKey::as_bytes)
}
