//! The base: all rows as of the last checkpoint, in one redb database.
//!
//! It is written by checkpoints alone, each of them one transaction with its own description
//! ([`Meta`]) inside. Every transaction is two-phase and carries redb's allocator state: without
//! both, a failed sync followed by a power cut can take the whole file. Every row carries a CRC of
//! its own, and every call into redb is guarded against its panics.
//!
//! Guarding is enough while redb reads. Where it writes to a damaged file it may panic while it
//! cleans up after a panic, which ends the process; so only a checked base is written to.
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
mod tolerant;

use std::iter;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Builder, Database, Durability, ReadableDatabase, TableDefinition, WriteTransaction};

pub(crate) use error::is_guarded;
pub use error::{Damage, Error};
#[cfg(feature = "simulation")]
pub(crate) use meta::recode as recode_meta;
pub(crate) use meta::{Meta, SegmentMark, VERSION};
pub(crate) use row::BaseRow;
pub(crate) use snapshot::BaseSnapshot;

use self::backend::{FileBackend, MemoryBackend};
use self::error::guarded;
use super::row::Table;
use crate::disk::{DiskFile, Overlay};

/// The name of the base's file within a store.
pub(crate) const FILE_NAME: &str = "base.redb";

type RowTable<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
const META_KEY: &str = "meta";

/// What redb may keep in memory while the whole file goes by once.
const CHECK_CACHE_BYTES: usize = 1 << 20;

/// How many rows are written between two calls of the caller's own.
const PACE_ROWS: u64 = 256;

/// Whether opening reads the whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Integrity {
    /// Every page is checked against redb's checksums: a damaged file does not open.
    Check,
    /// The file is opened as it stands, because it was just checked, over an overlay for instance.
    Checked,
    /// The file is opened as it stands. A damaged row is found when it is read; damage elsewhere
    /// can hide rows until [`Base::check`] has passed, which comes before the first write.
    Trust,
}

/// An open base. See the module.
pub(crate) struct Base {
    /// There until the base is closed or dropped.
    database: Option<Database>,
    file: Arc<dyn DiskFile>,
    /// Whether every page was found to be as redb wrote it.
    checked: AtomicBool,
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
            let no_rows = iter::empty::<(Table, [u8; 0], Option<[u8; 0]>)>();
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
        let backend = FileBackend::new(Arc::clone(&file))?;
        let database = guarded(|| {
            Ok(Builder::new()
                .set_cache_size(cache_bytes)
                .set_check_integrity_on_open(integrity == Integrity::Check)
                .create_with_backend(backend)?)
        })?;
        let base = Self {
            database: Some(database),
            file,
            checked: AtomicBool::new(integrity != Integrity::Trust),
        };
        base.meta()?;
        Ok(base)
    }

    /// Reads the whole file and checks every page, unless that was done before. Where it was not,
    /// [`Base::apply`] does it first, and a large base takes its time; so whoever has a quiet
    /// moment before the first checkpoint calls this. Reads go on beside it, writes must not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.is_checked() {
            return Ok(());
        }
        let overlay = Arc::new(Overlay::new(Arc::clone(&self.file))?);
        let checked = Self::open(overlay, CHECK_CACHE_BYTES, Integrity::Check)?;
        // A check may get by with the checkpoint before; this handle reads the newest.
        if checked.meta()? != self.meta()? {
            return Err(Error::corrupt(Damage::Meta));
        }
        self.checked.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether every page was checked, now or by whoever opened the base.
    pub(crate) fn is_checked(&self) -> bool {
        self.checked.load(Ordering::Acquire)
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
        self.check()?;
        let database = self.database()?;
        guarded(|| commit(database, meta, rows, pause))
    }

    /// Closes the base in good order, with a last small transaction if it was checked. Snapshots
    /// that are still held answer [`Error::Closed`] from now on wherever they have to read from the
    /// file. After an error the file is as safe as before: opening it again takes longer.
    ///
    /// Dropping a base writes nothing and leaves the file as a killed process would.
    pub(crate) fn close(mut self) -> Result<(), Error> {
        match self.database.take() {
            Some(database) if self.is_checked() => guarded(|| Ok(database.close()?)),
            database => {
                database.into_iter().for_each(abandon);
                Ok(())
            }
        }
    }

    fn database(&self) -> Result<&Database, Error> {
        self.database.as_ref().ok_or(Error::Closed)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        self.database.take().into_iter().for_each(abandon);
    }
}

/// Lets go of a database without redb's last transaction, which it leaves out while a panic
/// unwinds; so one does, unseen.
fn abandon(database: Database) {
    if cfg!(panic = "unwind") {
        let unwound = panic::catch_unwind(AssertUnwindSafe(|| {
            let _database = database;
            panic::resume_unwind(Box::new(()));
        }));
        debug_assert!(unwound.is_err());
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
#[cfg(test)]
mod tests;
