//! A view: the memtables and one state of the base, put together so that every LSN from the base's
//! checkpoint to the active memtable's newest commit can be read from it.
//!
//! A view never changes; a checkpoint makes another. Newer parts hide older ones, and a tombstone
//! hides what lies below it.
//!
//! This module must not know which LSN anybody should read at, nor who holds a view.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::base::{BaseSnapshot, Error};
use super::memtable::{MemoryRow, Memtable, looking_up};
use super::merge::{Entry, MergedScan, Source};
use super::read::KeyRange;
use super::row::{Lsn, Row, Table};

/// The rows that a transaction has staged for one table; `None` where it deletes one.
pub(crate) type StagedRows = BTreeMap<Box<[u8]>, MemoryRow>;

/// What can be read, as a whole. See the module.
#[derive(Clone)]
pub(crate) struct View {
    /// The memtable that takes rows.
    pub(crate) active: Arc<Memtable>,
    /// The memtable a checkpoint is being made of.
    pub(crate) frozen: Option<Arc<Memtable>>,
    /// The state of the last checkpoint.
    pub(crate) base: Arc<BaseSnapshot>,
    /// How much had been written to the base's file when this state was opened.
    pub(crate) base_written_bytes: u64,
}

impl View {
    /// The row under `key` as of LSN `at`, or `None` where there is none.
    pub(crate) fn get(&self, table: Table, key: &[u8], at: Lsn) -> Result<Option<Row>, Error> {
        let known = looking_up(table, key, |lookup| {
            self.memtables().find_map(|memtable| memtable.get(lookup, at))
        });
        match known {
            Some(row) => Ok(row.map(Row::Memory)),
            None => Ok(self.base.get(table, key)?.map(Row::Base)),
        }
    }

    /// The rows of `table` with keys in `range`, as of LSN `at`. The scan owns what it reads.
    pub(crate) fn scan(&self, table: Table, range: &KeyRange, at: Lsn) -> MergedScan<'static> {
        MergedScan::new(self.sources(table, range, at))
    }

    /// The same with `staged` rows above it: what a transaction sees of its own table.
    pub(crate) fn scan_over<'a>(
        &self,
        staged: &'a StagedRows,
        table: Table,
        range: &KeyRange,
        at: Lsn,
    ) -> MergedScan<'a> {
        let staged = (!range.is_empty()).then(|| staged_source(staged, range));
        MergedScan::new(staged.into_iter().chain(self.sources(table, range, at)))
    }

    /// Newest first.
    fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        [&self.active].into_iter().chain(&self.frozen)
    }

    /// Newest first.
    fn sources<'a>(
        &self,
        table: Table,
        range: &KeyRange,
        at: Lsn,
    ) -> impl Iterator<Item = Source<'a>> {
        let memtables = self.memtables().map(move |memtable| -> Source<'a> {
            let rows = memtable.cursor(table, range.bounds(), at);
            Box::new(rows.map(|(key, row)| Ok((key, row.map(Row::Memory)))))
        });
        memtables.chain([self.base_source(table, range)])
    }

    fn base_source(&self, table: Table, range: &KeyRange) -> Source<'static> {
        match self.base.range(table, range.bounds()) {
            Ok(rows) => Box::new(rows.map(|row| {
                let (key, row) = row?;
                Ok((key, Some(Row::Base(row))))
            })),
            Err(error) => Box::new([Err(error)].into_iter()),
        }
    }
}

/// The staged rows in a range that is not empty: a map refuses one that is.
fn staged_source<'a>(staged: &'a StagedRows, range: &KeyRange) -> Source<'a> {
    let rows = staged.range::<[u8], _>(range.bounds());
    Box::new(rows.map(|(key, row)| -> Result<Entry, Error> {
        Ok((key.clone(), row.clone().map(Row::Memory)))
    }))
}

#[cfg(test)]
mod tests;
