//! The base: all rows as of the last checkpoint, in one redb database.
//!
//! It is written by checkpoints alone, each of them one transaction with its own description
//! ([`Meta`]) inside. Every transaction is two-phase and carries redb's allocator state: without
//! both, a failed sync followed by a power cut can take the whole file. Every row carries a CRC of
//! its own, and every call into redb is guarded against its panics.
//!
//! The first failure of the disk ends a handle for good, reads included; the engine then closes
//! it and opens another. Two handles on one file must never live together.
//!
//! This module must not know the journal, the memtables, or what the rows mean.

mod backend;
mod error;
mod meta;
mod row;
mod snapshot;

use std::sync::Arc;

use redb::{Builder, Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

pub(crate) use error::{Damage, Error};
pub(crate) use meta::{Meta, SegmentMark};
pub(crate) use row::BaseRow;
pub(crate) use snapshot::BaseSnapshot;

use self::backend::{FileBackend, MemoryBackend};
use self::error::guarded;
use super::row::Table;
use crate::disk::DiskFile;

/// The name of the base's file within a store.
pub(crate) const FILE_NAME: &str = "base.redb";

type RowTable<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const META_KEY: &str = "meta";

/// How many rows are written or verified between two calls of the caller's own.
const PACE_ROWS: u64 = 256;

/// Whether opening reads the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integrity {
    /// Every page is checked against redb's checksums: a damaged file does not open.
    Check,
    /// The file is opened as it stands. A damaged row is found when it is read, but a damaged
    /// branch can hide rows until [`BaseSnapshot::verify`] has run.
    Trust,
}

/// An open base. See the module.
pub(crate) struct Base {
    /// There until the base is closed or dropped.
    database: Option<Database>,
}

impl Base {
    /// Makes of an empty file a whole base that holds `meta` and no rows. The caller syncs the
    /// file before it counts on it.
    ///
    /// It is made in memory and written out at the end, because redb would sync a new file half a
    /// dozen times, of which not one is needed before the file has its name.
    pub(crate) fn create(file: &dyn DiskFile, meta: &Meta) -> Result<(), Error> {
        let memory = MemoryBackend::default();
        guarded(|| {
            let database = Builder::new().create_with_backend(memory.clone())?;
            let no_rows: [(Table, &[u8], Option<&[u8]>); 0] = [];
            commit(&database, meta, no_rows, &mut || ())?;
            Ok(database.close()?)
        })?;
        memory.write_out(file)?;
        Ok(())
    }

    /// Opens the base in `file`. `cache_bytes` is what redb may keep of it in memory.
    ///
    /// A base that was not closed is brought in order, which writes to the file.
    pub(crate) fn open(
        file: Arc<dyn DiskFile>,
        cache_bytes: usize,
        integrity: Integrity,
    ) -> Result<Self, Error> {
        // redb would make a new database of an empty file.
        if file.is_empty()? {
            return Err(Error::corrupt(Damage::Meta));
        }
        let backend = FileBackend(file);
        let database = guarded(|| {
            Ok(Builder::new()
                .set_cache_size(cache_bytes)
                .set_check_integrity_on_open(integrity == Integrity::Check)
                .create_with_backend(backend)?)
        })?;
        let base = Self { database: Some(database) };
        base.meta()?;
        Ok(base)
    }

    /// What the base says about its newest state.
    pub(crate) fn meta(&self) -> Result<Meta, Error> {
        let database = self.database()?;
        guarded(|| snapshot::read_meta(&database.begin_read()?))
    }

    /// The newest state, to read from.
    pub(crate) fn snapshot(&self) -> Result<BaseSnapshot, Error> {
        let database = self.database()?;
        guarded(|| BaseSnapshot::of(&database.begin_read()?))
    }

    /// Writes a checkpoint: `rows`, in the order of their tables and keys, and `meta`, as one
    /// durable transaction. `None` deletes the row. `pause` is called every 256 rows, for the
    /// caller to let others have the disk.
    ///
    /// After an error it may have happened or not; the handle has to be closed, the file opened
    /// again and [`Base::meta`] asked. A panic of `rows` or `pause` counts as one of redb's.
    pub(crate) fn apply<K: AsRef<[u8]>, R: AsRef<[u8]>>(
        &self,
        meta: &Meta,
        rows: impl IntoIterator<Item = (Table, K, Option<R>)>,
        pause: &mut dyn FnMut(),
    ) -> Result<(), Error> {
        let database = self.database()?;
        guarded(|| commit(database, meta, rows, pause))
    }

    /// Closes the base so that it opens fast the next time. Snapshots that are still held answer
    /// [`Error::Closed`] from now on wherever they have to read from the file. After an error the
    /// file is as safe as before: opening it again takes longer.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        match self.database.take() {
            Some(database) => guarded(|| Ok(database.close()?)),
            None => Ok(()),
        }
    }

    fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or(Error::Closed)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        if let Some(database) = self.database.take() {
            // Whoever wants to know what went wrong calls `close`.
            let _ = guarded(|| Ok(drop(database)));
        }
    }
}

fn commit<K: AsRef<[u8]>, R: AsRef<[u8]>>(
    database: &Database,
    meta: &Meta,
    rows: impl IntoIterator<Item = (Table, K, Option<R>)>,
    pause: &mut dyn FnMut(),
) -> Result<(), Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    transaction.set_quick_repair(true);
    write_rows(&transaction, rows, pause)?;
    transaction.open_table(META)?.insert(META_KEY, meta.encode().as_slice())?;
    Ok(transaction.commit()?)
}

fn write_rows<K: AsRef<[u8]>, R: AsRef<[u8]>>(
    transaction: &WriteTransaction,
    rows: impl IntoIterator<Item = (Table, K, Option<R>)>,
    pause: &mut dyn FnMut(),
) -> Result<(), Error> {
    let mut rows = rows.into_iter().peekable();
    let mut stored = Vec::new();
    let mut written = 0;
    while let Some(&(table, ..)) = rows.peek() {
        let name = row::table_name(table);
        let mut open = transaction.open_table(RowTable::new(&name))?;
        while let Some((_, key, row)) = rows.next_if(|(next, ..)| *next == table) {
            let key = key.as_ref();
            match row {
                Some(row) => {
                    row::encode(table, key, row.as_ref(), &mut stored);
                    open.insert(key, stored.as_slice())?;
                }
                None => {
                    open.remove(key)?;
                }
            }
            written += 1;
            if written % PACE_ROWS == 0 {
                pause();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing;
