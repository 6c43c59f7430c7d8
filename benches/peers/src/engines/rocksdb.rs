//! RocksDB: a column family for each kind of row, and a merge operator, so that an upsert reads nothing.

use std::collections::HashMap;
use std::path::Path;

use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, IteratorMode, MergeOperands, Options, WriteBatch,
    WriteOptions,
};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use crate::Outcome;
use crate::record;

pub const SETTINGS: &str = "defaults; upserts by an associative merge operator, so nothing is read; durable: \
     WriteOptions::set_sync(true); written: WAL without sync; transfers: TransactionDB, get_for_update";

pub struct Rocksdb {
    database: DB,
    durable: bool,
}

/// A table and a key in it.
type Place = (Table, Box<[u8]>);

pub struct Tx<'a> {
    database: &'a DB,
    batch: WriteBatch,
    /// What this batch wrote, for it to be read again.
    own: HashMap<Place, Box<[u8]>>,
}

pub fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options
}

pub fn families() -> Vec<ColumnFamilyDescriptor> {
    let family = |(_, name): &(Table, &str)| {
        let mut options = Options::default();
        options.set_merge_operator_associative("join", joined);
        ColumnFamilyDescriptor::new(*name, options)
    };
    TABLES.iter().map(family).collect()
}

fn joined(_: &[u8], row: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut row = row.unwrap_or_default().to_vec();
    operands.iter().try_for_each(|other| record::join(&mut row, other)).ok()?;
    Some(row)
}

impl Rocksdb {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let database = DB::open_cf_descriptors(&options(), dir, families())?;
        Ok(Self { database, durable: purpose.durable })
    }

    fn family(&self, table: Table) -> Outcome<&ColumnFamily> {
        family(&self.database, table)
    }
}

fn family(database: &DB, table: Table) -> Outcome<&ColumnFamily> {
    Ok(database.cf_handle(TABLES[table as usize].1).ok_or("no column family")?)
}

impl Kv for Rocksdb {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let (database, batch) = (&self.database, WriteBatch::default());
        let mut tx = Tx { database, batch, own: HashMap::new() };
        body(&mut tx)?;
        let mut options = WriteOptions::default();
        options.set_sync(self.durable);
        Ok(self.database.write_opt(tx.batch, &options)?)
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        seen(self.database.get_pinned_cf(self.family(table)?, key)?.as_deref())
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        let rows = self.database.iterator_cf(self.family(table)?, IteratorMode::Start);
        Ok(rows.count() as u64)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.database.flush_wal(true)?)
    }
}

impl Rows for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        if let Some(own) = self.own.get(&(table, key.into())) {
            row.extend(own);
        } else if let Some(found) =
            self.database.get_pinned_cf(family(self.database, table)?, key)?
        {
            row.extend(&*found);
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        self.own.insert((table, key.into()), row.into());
        self.batch.put_cf(family(self.database, table)?, key, row);
        Ok(())
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for row in self.database.iterator_cf(family(self.database, table)?, IteratorMode::Start) {
            let (key, value) = row?;
            seen(&key, &value);
        }
        Ok(())
    }

    fn join(&mut self, key: &[u8], other: &[u8], _: &mut Vec<u8>) -> Outcome<()> {
        self.batch.merge_cf(family(self.database, Table::Tokens)?, key, other);
        Ok(())
    }
}
