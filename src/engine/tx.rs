//! The transaction: what a closure reads and stages, and how it takes a part of that back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::memtable::MemoryRow;
use super::read::{KeyRange, Reader, Scan};
use super::row::{Lsn, Row, Table};
use super::view::{StagedRows, View};
use super::{Engine, Error};
use crate::events::Notices;

/// A transaction: reads the newest staged state and stages rows over it. Nothing happens until the
/// closure that holds it returns `Ok`.
pub(crate) struct Tx {
    pub(super) engine: Arc<Engine>,
    pub(super) view: Arc<View>,
    pub(super) staged: BTreeMap<Table, StagedRows>,
    pub(super) note: String,
    pub(super) micros: i64,
    pub(super) next_lsn: Lsn,
    pub(super) requires_sync: bool,
    /// What was staged under each key before it was staged anew, newest last, as long as there is a
    /// savepoint to go back to.
    pub(super) overwritten: Vec<Overwritten>,
    pub(super) savepoints: usize,
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
    overwritten: usize,
    notices: usize,
    note: String,
    requires_sync: bool,
}

impl Tx {
    /// Stages a row.
    pub(crate) fn put(&mut self, table: Table, key: &[u8], row: Vec<u8>) {
        self.stage(table, key, Some(row.into()));
    }

    /// Stages the deletion of a row.
    pub(crate) fn delete(&mut self, table: Table, key: &[u8]) {
        self.stage(table, key, None);
    }

    fn stage(&mut self, table: Table, key: &[u8], row: MemoryRow) {
        let before = self.staged.entry(table).or_default().insert(key.into(), row);
        if self.savepoints > 0 {
            self.overwritten.push(Overwritten { table, key: key.into(), before });
        }
    }

    /// Remembers what is staged, to go back to it or to keep what follows.
    pub(crate) fn savepoint(&mut self) -> Savepoint {
        self.savepoints += 1;
        Savepoint {
            overwritten: self.overwritten.len(),
            notices: self.notices.len(),
            note: self.note.clone(),
            requires_sync: self.requires_sync,
        }
    }

    /// Keeps what was staged since.
    pub(crate) fn keep(&mut self, savepoint: Savepoint) {
        drop(savepoint);
        self.savepoints -= 1;
        if self.savepoints == 0 {
            self.overwritten.clear();
        }
    }

    /// Takes back everything that was staged since.
    pub(crate) fn go_back(&mut self, savepoint: Savepoint) {
        for Overwritten { table, key, before } in
            self.overwritten.drain(savepoint.overwritten..).rev()
        {
            let Some(rows) = self.staged.get_mut(&table) else { continue };
            match before {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
            if rows.is_empty() {
                self.staged.remove(&table);
            }
        }
        self.notices.truncate(savepoint.notices);
        self.note.clone_from(&savepoint.note);
        self.requires_sync = savepoint.requires_sync;
        self.keep(savepoint);
    }

    /// How many bytes the staged rows take with their keys, or `None` where nothing is staged.
    pub(crate) fn staged_bytes(&self) -> Option<usize> {
        let rows = self.staged.values().flatten();
        let bytes = rows.map(|(key, row)| key.len() + row.as_ref().map_or(0, |row| row.len()));
        (!self.staged.is_empty()).then(|| bytes.sum())
    }

    /// Says what the commit is, for the reader of the log. The last word counts.
    pub(crate) fn note(&mut self, note: &str) {
        note.clone_into(&mut self.note);
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
        if let Some(row) = self.staged.get(&table).and_then(|rows| rows.get(key)) {
            return Ok(row.clone().map(Row::Memory));
        }
        let row = self.view.get(table, key, Lsn::MAX);
        row.map_err(|error| self.engine.read_failed(error))
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = match self.staged.get(&table) {
            Some(staged) => self.view.scan_over(staged, table, &range, Lsn::MAX),
            None => self.view.scan(table, &range, Lsn::MAX),
        };
        Box::new(rows.map(|row| row.map_err(|error| self.engine.read_failed(error))))
    }
}
