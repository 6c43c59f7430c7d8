//! The transaction: what a closure reads and stages, and how it takes a part of that back.

use std::borrow::Cow;
use std::sync::Arc;

use super::memtable::MemoryRow;
use super::read::{KeyRange, Reader, Scan};
use super::row::{Lsn, Row, Table};
use super::staged::StagedTables;
use super::view::View;
use super::{Engine, Error};
use crate::events::Notices;

/// A transaction: reads the newest staged state and stages rows over it. Nothing happens until the
/// closure that holds it returns `Ok`.
pub(crate) struct Tx {
    pub(super) engine: Arc<Engine>,
    pub(super) view: Arc<View>,
    pub(super) staged: StagedTables,
    pub(super) note: Cow<'static, str>,
    pub(super) micros: i64,
    pub(super) next_lsn: Lsn,
    pub(super) requires_sync: bool,
    /// What was staged under each key before it was staged anew, newest last, as long as there is a
    /// savepoint to go back to behind which anything was staged.
    pub(super) overwritten: Vec<Overwritten>,
    /// How many of those there are.
    pub(super) savepoints: usize,
    /// Where rows are encoded before they are staged.
    pub(super) encoded: Vec<u8>,
    /// What the operator is told once this is committed.
    pub(super) notices: Notices,
}

/// A key that was staged, and what was staged under it before, if anything.
pub(super) struct Overwritten {
    table: Table,
    key: Box<[u8]>,
    before: Option<MemoryRow>,
}

/// A state of a transaction that it can go back to. Those of one transaction are given up in the
/// reverse order of their making.
#[must_use = "a savepoint is kept or gone back to"]
pub(crate) struct Savepoint {
    /// How much was overwritten by then; `None` where nothing was staged: to go back is to forget all.
    overwritten: Option<usize>,
    notices: usize,
    note: Cow<'static, str>,
    requires_sync: bool,
}

impl Tx {
    /// Stages a row.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], row: Vec<u8>) {
        self.stage(table, key, Some(row.into()));
    }

    /// Stages the row that `encode` appends to an empty vector, which is there to be used again.
    pub(crate) fn put_with(&mut self, table: Table, key: &[u8], encode: impl FnOnce(&mut Vec<u8>)) {
        self.encoded.clear();
        encode(&mut self.encoded);
        let row = Arc::from(&self.encoded[..]);
        self.stage(table, key, Some(row));
    }

    /// Stages the deletion of a row.
    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.stage(table, key, None);
    }

    fn stage(&mut self, table: Table, key: &[u8], row: MemoryRow) {
        let before = self.staged.insert(table, key.into(), row);
        if self.savepoints > 0 {
            self.overwritten.push(Overwritten { table, key: key.into(), before });
        }
    }

    /// Remembers what is staged, to go back to it or to keep what follows.
    pub(crate) fn savepoint(&mut self) -> Savepoint {
        let overwritten = (!self.staged.is_empty()).then_some(self.overwritten.len());
        self.savepoints += usize::from(overwritten.is_some());
        Savepoint {
            overwritten,
            notices: self.notices.len(),
            note: self.note.clone(),
            requires_sync: self.requires_sync,
        }
    }

    /// Keeps what was staged since.
    pub(crate) fn keep(&mut self, savepoint: Savepoint) {
        self.savepoints -= usize::from(savepoint.overwritten.is_some());
        if self.savepoints == 0 {
            self.overwritten.clear();
        }
    }

    /// Takes back everything that was staged since.
    pub(crate) fn go_back(&mut self, mut savepoint: Savepoint) {
        match savepoint.overwritten {
            Some(overwritten) => self.restore(overwritten),
            None => self.staged.clear(),
        }
        self.notices.truncate(savepoint.notices);
        self.note = std::mem::take(&mut savepoint.note);
        self.requires_sync = savepoint.requires_sync;
        self.keep(savepoint);
    }

    fn restore(&mut self, overwritten: usize) {
        for Overwritten { table, key, before } in self.overwritten.drain(overwritten..).rev() {
            match before {
                Some(row) => drop(self.staged.insert(table, key, row)),
                None => self.staged.remove(table, &key),
            }
        }
    }

    /// How many bytes the staged rows take with their keys, or `None` where nothing is staged.
    pub(crate) fn staged_bytes(&self) -> Option<usize> {
        let rows = self.staged.rows();
        let bytes = rows.map(|staged| staged.key.len() + staged.row.map_or(0, <[u8]>::len));
        (!self.staged.is_empty()).then(|| bytes.sum())
    }

    /// Says what the commit is, for the reader of the log. The last word counts.
    pub(crate) fn note(&mut self, note: impl Into<Cow<'static, str>>) {
        self.note = note.into();
    }

    /// An event of which the operator is told once this is committed and the writer's lock is given
    /// back; never, where nothing is committed.
    pub(crate) fn tell_after(&mut self, event: impl FnOnce() + Send + 'static) {
        self.notices.later(event);
    }

    /// The time that this commit will carry, in microseconds since 1970 UTC: the clock's, or that of
    /// the commit before where the clock has gone back since. Times that are stored are this one, so
    /// that histories read forward.
    pub(crate) fn micros(&self) -> i64 {
        self.micros
    }

    /// Makes the call wait until the commit survives power loss, whatever durability it asked for.
    /// Where nothing was written, it waits for what it read.
    pub(crate) fn require_sync(&mut self) {
        self.requires_sync = true;
    }

    /// The LSN that this commit will have if it writes anything.
    pub(crate) fn lsn(&self) -> Lsn {
        self.next_lsn
    }
}

impl Reader for Tx {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error> {
        if let Some(row) = self.staged.table(table).and_then(|rows| rows.get(key)) {
            return Ok(row.clone().map(Row::Memory));
        }
        let row = self.view.get(table, key, Lsn::MAX);
        row.map_err(|error| self.engine.read_failed(error))
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = match self.staged.table(table) {
            Some(staged) => self.view.scan_over(staged, table, &range, Lsn::MAX),
            None => self.view.scan(table, &range, Lsn::MAX),
        };
        Box::new(rows.map(|row| row.map_err(|error| self.engine.read_failed(error))))
    }
}

#[cfg(all(test, not(shuttle)))]
#[path = "tx_tests.rs"]
mod tests;
