//! LMDB, by heed: a named database for each kind of row.

use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RwTxn, WithTls};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use crate::{Outcome, syncs};

pub const SETTINGS: &str = "defaults (no WRITEMAP: pages are written with pwrite), a map of 16 GiB; durable: default \
     sync, an fdatasync and a meta page written with O_DSYNC; written: MDB_NOSYNC";

type Rowset = Database<'static, Bytes, Bytes>;

pub struct Lmdb {
    environment: &'static Env<WithTls>,
    tables: Vec<Rowset>,
}

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
        // SAFETY: the files are this process's own. The environment stays until the process ends.
        let environment: &'static Env = Box::leak(Box::new(unsafe { options.open(dir)? }));
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
        Ok(Self { environment, tables })
    }
}

impl Kv for Lmdb {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let mut tx = Tx { tx: self.environment.write_txn()?, tables: &self.tables };
        body(&mut tx)?;
        Ok(tx.tx.commit()?)
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        let tx = self.environment.read_txn()?;
        seen(self.tables[table as usize].get(&tx, key)?)
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        let tx = self.environment.read_txn()?;
        Ok(self.tables[table as usize].len(&tx)?)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.environment.force_sync()?)
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
