//! An ordered walk over a range of one memtable's keys at one LSN, from both ends.
//!
//! It owns its memtable and walks over the keys that were there when it began: rows that come in beside it have a
//! later LSN and are not wanted. The versions it wants must be pinned by whoever reads at its LSN.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use super::key::{FullBounds, FullKey, full_bounds};
use super::order::{self, Run};
use super::{Lsn, MemoryRow, Memtable, Table};

type KeyedRow = (Box<[u8]>, MemoryRow);

/// The rows, tombstones included, of a range of a memtable's keys at one LSN.
#[derive(Debug)]
pub(crate) struct MemtableCursor {
    memtable: Arc<Memtable>,
    at: Lsn,
    /// What is left of each run. None of them is empty, and no key is in two.
    rest: Vec<Rest>,
}

#[derive(Debug)]
struct Rest {
    run: Run,
    first: usize,
    end: usize,
}

impl Rest {
    fn last(&self) -> usize {
        self.end - 1
    }

    fn is_empty(&self) -> bool {
        self.first >= self.end
    }
}

impl Memtable {
    /// The rows of `table` with keys within `bounds`, as of LSN `at`.
    pub(crate) fn cursor(
        self: &Arc<Self>,
        table: Table,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        at: Lsn,
    ) -> MemtableCursor {
        let bounds = full_bounds(table, bounds);
        let runs = self.order.runs(table, &self.entries).into_iter();
        let rest = runs.map(|run| self.within(run, &bounds)).filter(|rest| !rest.is_empty());
        MemtableCursor { memtable: Arc::clone(self), at, rest: rest.collect() }
    }

    fn within(&self, run: Run, (start, end): &FullBounds) -> Rest {
        let place = |below: &dyn Fn(&[u8]) -> bool| order::lower_bound(&run, below, &self.entries);
        let first = match start.as_ref().map(FullKey::as_bytes) {
            Bound::Included(start) => place(&|key| key < start),
            Bound::Excluded(start) => place(&|key| key <= start),
            Bound::Unbounded => 0,
        };
        let end = match end.as_ref().map(FullKey::as_bytes) {
            Bound::Included(end) => place(&|key| key <= end),
            Bound::Excluded(end) => place(&|key| key < end),
            Bound::Unbounded => run.len(),
        };
        Rest { run, first, end }
    }
}

impl MemtableCursor {
    /// The run whose entry at `place` has the least key, or the greatest where `wanted` says so.
    fn pick(&self, place: fn(&Rest) -> usize, wanted: Ordering) -> Option<usize> {
        let key = |rest: &Rest| order::key(&self.memtable.entries, rest.run[place(rest)]);
        let mut picked = 0;
        for index in 1..self.rest.len() {
            if key(&self.rest[index]).cmp(key(&self.rest[picked])) == wanted {
                picked = index;
            }
        }
        (picked < self.rest.len()).then_some(picked)
    }

    fn leave_out_if_empty(&mut self, index: usize) {
        if self.rest[index].is_empty() {
            self.rest.swap_remove(index);
        }
    }

    /// The row of an entry, unless it came later.
    fn row(&self, number: u32) -> Option<KeyedRow> {
        let entry = self.memtable.entries.get(number)?;
        let row = entry.chain.lock().at(self.at).cloned()?;
        Some((entry.key.key().into(), row))
    }
}

impl Iterator for MemtableCursor {
    type Item = KeyedRow;

    fn next(&mut self) -> Option<KeyedRow> {
        loop {
            let index = self.pick(|rest| rest.first, Ordering::Less)?;
            let rest = &mut self.rest[index];
            let number = rest.run[rest.first];
            rest.first += 1;
            self.leave_out_if_empty(index);
            if let Some(row) = self.row(number) {
                return Some(row);
            }
        }
    }
}

impl DoubleEndedIterator for MemtableCursor {
    fn next_back(&mut self) -> Option<KeyedRow> {
        loop {
            let index = self.pick(Rest::last, Ordering::Greater)?;
            let rest = &mut self.rest[index];
            rest.end -= 1;
            let number = rest.run[rest.end];
            self.leave_out_if_empty(index);
            if let Some(row) = self.row(number) {
                return Some(row);
            }
        }
    }
}
