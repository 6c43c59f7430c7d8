//! RocksDB where money is moved: its pessimistic transactions, which lock what they are going to change.

use std::path::Path;

use rocksdb::{
    ColumnFamily, IteratorMode, Transaction, TransactionDB, TransactionDBOptions,
    TransactionOptions, WriteOptions,
};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use super::rocksdb::{families, options};
use crate::Outcome;

pub struct Rocksdb {
    database: TransactionDB,
    durable: bool,
}

pub struct Tx<'a> {
    database: &'a TransactionDB,
    tx: Transaction<'a, TransactionDB>,
}

impl Rocksdb {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let mine = TransactionDBOptions::default();
        let database = TransactionDB::open_cf_descriptors(&options(), &mine, dir, families())?;
        Ok(Self { database, durable: purpose.durable })
    }

    fn try_write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let (mut writing, mut locking) = (WriteOptions::default(), TransactionOptions::default());
        writing.set_sync(self.durable);
        // Two transfers between the same accounts, the other way round, wait for each other.
        locking.set_deadlock_detect(true);
        let tx = self.database.transaction_opt(&writing, &locking);
        let mut tx = Tx { database: &self.database, tx };
        body(&mut tx)?;
        Ok(tx.tx.commit()?)
    }
}

fn family(database: &TransactionDB, table: Table) -> Outcome<&ColumnFamily> {
    Ok(database.cf_handle(TABLES[table as usize].1).ok_or("no column family")?)
}

fn is_conflict(error: &(dyn std::error::Error + 'static)) -> bool {
    use rocksdb::ErrorKind::{Busy, TimedOut, TryAgain};
    let kind = error.downcast_ref::<rocksdb::Error>().map(rocksdb::Error::kind);
    kind.is_some_and(|kind| matches!(kind, Busy | TimedOut | TryAgain))
}

impl Kv for Rocksdb {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        loop {
            match self.try_write(body) {
                Err(error) if is_conflict(&*error) => {}
                done => return done,
            }
        }
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        seen(self.database.get_pinned_cf(family(&self.database, table)?, key)?.as_deref())
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        let rows = self.database.iterator_cf(family(&self.database, table)?, IteratorMode::Start);
        Ok(rows.count() as u64)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.database.flush_wal(true)?)
    }
}

impl Rows for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        let family = family(self.database, table)?;
        if let Some(found) = self.tx.get_pinned_for_update_cf(family, key, true)? {
            row.extend(&*found);
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        Ok(self.tx.put_cf(family(self.database, table)?, key, row)?)
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for row in self.tx.iterator_cf(family(self.database, table)?, IteratorMode::Start) {
            let (key, value) = row?;
            seen(&key, &value);
        }
        Ok(())
    }
}
