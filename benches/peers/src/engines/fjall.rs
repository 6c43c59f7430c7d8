//! fjall: its transactions of a single writer, a keyspace for each kind of row.

use std::path::Path;

use fjall::{
    KeyspaceCreateOptions, PersistMode, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace,
    SingleWriterWriteTx,
};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use crate::Outcome;

pub const SETTINGS: &str = "SingleWriterTxDatabase, defaults; durable: commit with PersistMode::SyncData; written: its \
     default, bytes are with the system";

pub struct Fjall {
    database: SingleWriterTxDatabase,
    keyspaces: Vec<SingleWriterTxKeyspace>,
    persist: Option<PersistMode>,
}

pub struct Tx<'a> {
    tx: SingleWriterWriteTx<'a>,
    keyspaces: &'a [SingleWriterTxKeyspace],
}

impl Fjall {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let database = SingleWriterTxDatabase::builder(dir).open()?;
        let keyspaces = TABLES
            .iter()
            .map(|(_, name)| database.keyspace(name, KeyspaceCreateOptions::default))
            .collect::<fjall::Result<Vec<_>>>()?;
        let persist = purpose.durable.then_some(PersistMode::SyncData);
        Ok(Self { database, keyspaces, persist })
    }
}

impl Kv for Fjall {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let tx = self.database.write_tx().durability(self.persist);
        let mut tx = Tx { tx, keyspaces: &self.keyspaces };
        body(&mut tx)?;
        Ok(tx.tx.commit()?)
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        seen(self.keyspaces[table as usize].get(key)?.as_deref())
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        Ok(self.database.read_tx().len(&self.keyspaces[table as usize])? as u64)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

impl Rows for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        if let Some(found) = self.tx.get(&self.keyspaces[table as usize], key)? {
            row.extend(&*found);
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        self.tx.insert(&self.keyspaces[table as usize], key, row);
        Ok(())
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for row in self.tx.iter(&self.keyspaces[table as usize]) {
            let (key, value) = row.into_inner()?;
            seen(&key, &value);
        }
        Ok(())
    }
}
