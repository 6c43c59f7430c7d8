//! LMDB, by heed: a named database for each kind of row.

use std::path::Path;
use std::ptr::NonNull;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RwTxn, WithTls};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use crate::{Outcome, syncs};

pub const SETTINGS: &str = "defaults (no WRITEMAP: pages are written with pwrite), a map of 16 GiB; durable: default \
     sync, an fdatasync and a meta page written with O_DSYNC; written: MDB_NOSYNC; pages of its map \
     that were touched count as its memory";

type Rowset = Database<'static, Bytes, Bytes>;

pub struct Lmdb {
    /// It stays until the store is closed: the tables borrow it.
    environment: NonNull<Env<WithTls>>,
    tables: Vec<Rowset>,
}

// SAFETY: the pointer is never written through and stays valid; the environment itself may be shared.
unsafe impl Sync for Lmdb {}

pub struct Tx<'a> {
    tx: RwTxn<'a>,
    tables: &'a [Rowset],
}

impl Lmdb {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let mut options = EnvOpenOptions::new();
        options.map_size(16 << 30).max_dbs(TABLES.len() as u32);
        if !purpose.durable {
            // SAFETY: power loss may damage the file, which is what is asked for.
            unsafe { options.flags(EnvFlags::NO_SYNC) };
        }
        // SAFETY: the files are this process's own.
        let opened = Box::new(unsafe { options.open(dir)? });
        let pointer = NonNull::from(Box::leak(opened));
        // SAFETY: it was leaked just now.
        let environment: &'static Env = unsafe { pointer.as_ref() };
        let opened = environment.create_databases_and_commit(
            environment.write_txn()?,
            |opener, tx| -> heed::Result<_> {
                let open = TABLES.map(|(_, name)| opener.create_database(tx, Some(name)));
                Ok(CommitOrAbort::<_, ()>::Commit(open))
            },
        )?;
        let opened = opened.commit().into_iter().flatten();
        let tables = opened.collect::<heed::Result<Vec<Rowset>>>()?;
        syncs::find_synced_files()?;
        Ok(Self { environment: pointer, tables })
    }

    fn environment(&self) -> &Env<WithTls> {
        // SAFETY: it is given back by `close` alone.
        unsafe { self.environment.as_ref() }
    }
}

impl Kv for Lmdb {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let mut tx = Tx { tx: self.environment().write_txn()?, tables: &self.tables };
        body(&mut tx)?;
        Ok(tx.tx.commit()?)
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        let tx = self.environment().read_txn()?;
        seen(self.tables[table as usize].get(&tx, key)?)
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        let tx = self.environment().read_txn()?;
        Ok(self.tables[table as usize].len(&tx)?)
    }

    fn close(self) -> Outcome<()> {
        self.environment().force_sync()?;
        // SAFETY: it was leaked at the opening, and nobody borrows it any more but tables that are not used again.
        drop(unsafe { Box::from_raw(self.environment.as_ptr()) });
        Ok(())
    }
}

impl Rows for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        if let Some(found) = self.tables[table as usize].get(&self.tx, key)? {
            row.extend(found);
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        Ok(self.tables[table as usize].put(&mut self.tx, key, row)?)
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for row in self.tables[table as usize].iter(&self.tx)? {
            let (key, value) = row?;
            seen(key, value);
        }
        Ok(())
    }
}
