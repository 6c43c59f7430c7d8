//! The rows that a transaction has staged, by table and key, until they are committed or given up.
//!
//! Only what a transaction asks for is in here: whether a row may be, and what it replaces, is for others to say.

use super::memtable::MemoryRow;
use super::row::{RowRef, Table};
use super::view::StagedRows;

/// The rows staged in each table, in the order of the tables. No table in it is empty; they are few.
#[derive(Debug, Default)]
pub(super) struct StagedTables(Vec<(Table, StagedRows)>);

impl StagedTables {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is staged in `table`, if anything.
    pub(super) fn table(&self, table: Table) -> Option<&StagedRows> {
        self.0.iter().find(|(other, _)| *other == table).map(|(_, rows)| rows)
    }

    /// Stages `row`. Answers what was staged under the key before.
    pub(super) fn insert(
        &mut self,
        table: Table,
        key: Box<[u8]>,
        row: MemoryRow,
    ) -> Option<MemoryRow> {
        let place = self.0.partition_point(|(other, _)| *other < table);
        if self.0.get(place).is_none_or(|(other, _)| *other != table) {
            self.0.insert(place, (table, StagedRows::new()));
        }
        self.0[place].1.insert(key, row)
    }

    /// Forgets what is staged under a key.
    pub(super) fn remove(&mut self, table: Table, key: &[u8]) {
        let Some(place) = self.0.iter().position(|(other, _)| *other == table) else { return };
        let rows = &mut self.0[place].1;
        rows.remove(key);
        if rows.is_empty() {
            self.0.remove(place);
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Every row by table and key.
    pub(super) fn rows(&self) -> impl Iterator<Item = RowRef<'_>> {
        self.0.iter().flat_map(|(table, rows)| {
            rows.iter().map(|(key, row)| RowRef { table: *table, key, row: row.as_deref() })
        })
    }

    /// As [`StagedTables::rows`], given away.
    pub(super) fn into_rows(self) -> impl Iterator<Item = (Table, Box<[u8]>, MemoryRow)> {
        let tables = self.0.into_iter();
        tables.flat_map(|(table, rows)| rows.into_iter().map(move |(key, row)| (table, key, row)))
    }
}
