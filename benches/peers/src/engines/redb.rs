//! redb: a table for each kind of row, opened once per transaction.

use std::path::Path;

use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};

use super::Purpose;
use super::kv::{Kv, Rows, TABLES, Table};
use crate::Outcome;

pub const SETTINGS: &str = "defaults (cache up to 1 GiB); durable: Durability::Immediate; written: Durability::None, \
     which does not even survive the death of the process";

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub struct Redb {
    database: Database,
    durability: Durability,
}

pub struct Tx<'a> {
    tx: &'a WriteTransaction,
    open: [Option<redb::Table<'a, &'static [u8], &'static [u8]>>; TABLES.len()],
}

fn definition(table: Table) -> Bytes {
    Bytes::new(TABLES[table as usize].1)
}

impl Redb {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let database = Database::create(dir.join("tokens.redb"))?;
        let durability = if purpose.durable { Durability::Immediate } else { Durability::None };
        let tx = database.begin_write()?;
        let fresh = tx.list_tables()?.next().is_none();
        if fresh {
            TABLES.iter().try_for_each(|(table, _)| tx.open_table(definition(*table)).map(drop))?;
            tx.commit()?;
        } else {
            tx.abort()?;
        }
        Ok(Self { database, durability })
    }
}

impl Kv for Redb {
    type Tx<'a> = Tx<'a>;

    fn write(&self, body: &mut dyn FnMut(&mut Tx<'_>) -> Outcome<()>) -> Outcome<()> {
        let mut tx = self.database.begin_write()?;
        tx.set_durability(self.durability)?;
        body(&mut Tx { tx: &tx, open: Default::default() })?;
        Ok(tx.commit()?)
    }

    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T> {
        let table = self.database.begin_read()?.open_table(definition(table))?;
        let row = table.get(key)?;
        seen(row.as_ref().map(|row| row.value()))
    }

    fn count(&self, table: Table) -> Outcome<u64> {
        Ok(self.database.begin_read()?.open_table(definition(table))?.len()?)
    }

    fn close(self) -> Outcome<()> {
        Ok(self.database.close()?)
    }
}

impl<'a> Tx<'a> {
    fn table(
        &mut self,
        table: Table,
    ) -> Outcome<&mut redb::Table<'a, &'static [u8], &'static [u8]>> {
        let open = &mut self.open[table as usize];
        if open.is_none() {
            *open = Some(self.tx.open_table(definition(table))?);
        }
        open.as_mut().ok_or_else(|| "no table".into())
    }
}

impl Rows for Tx<'_> {
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        row.clear();
        if let Some(found) = self.table(table)?.get(key)? {
            row.extend(found.value());
        }
        Ok(())
    }

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()> {
        self.table(table)?.insert(key, row)?;
        Ok(())
    }

    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for row in self.table(table)?.iter()? {
            let (key, value) = row?;
            seen(key.value(), value.value());
        }
        Ok(())
    }
}
