//! A store that is made whole from rows, beside where it is to stand: backups, and what is loaded.
//!
//! It is made in a directory with a name of its own, `.partial` behind the name it is to have. Once
//! everything in it is synced, one rename and one sync of the directory above make it a store: cut
//! anywhere before, there is none. It is as a close would have left it: everything is in the base, and
//! the journal holds its end.

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, PoisonError};

use crate::disk::{Disk, DiskLock, Within};

use super::base::{self, Base, Integrity, Meta, SegmentMark};
use super::journal::{DIRECTORY, write_closed};
use super::offline::Offline;
use super::options::{MAX_KEY_BYTES, MAX_ROW_BYTES};
use super::read::{KeyRange, Reader};
use super::row::{Lsn, Row, Table};
use super::{Engine, Error};

/// The file whose lock says that a store is being made here. It is gone before it is one.
const BEING_MADE: &str = "PARTIAL";

/// How much of the base is kept in memory while it is written.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// What a store says of itself, beside its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) store_id: [u8; 16],
    /// What it was created as.
    pub(crate) identity: Vec<u8>,
    /// Its last commit, and the time of that.
    pub(crate) last: Lsn,
    pub(crate) last_micros: i64,
    /// Above the number of every opening that any row may name.
    pub(crate) segment: u64,
}

/// A store in the making.
pub(crate) struct Draft {
    above: Arc<dyn Disk>,
    inside: Within,
    name: String,
    temporary: String,
    salt: u64,
    lock: Option<Box<dyn DiskLock>>,
    finished: bool,
}

impl Draft {
    /// Begins a store that is to have the name `name` on `above`, where there must be nothing yet. What
    /// an earlier try left is cleared away.
    pub(crate) fn begin(above: Arc<dyn Disk>, name: &str, salt: u64) -> Result<Self, Error> {
        above.make_root().map_err(Error::io("make", "the directory above the copy"))?;
        let is_taken = above.list("").map_err(Error::io("list", "the directory above the copy"))?;
        let inside = above.list(name).map_err(Error::io("list", "the copy"))?;
        if !inside.is_empty() || is_taken.iter().any(|other| other == name) {
            return Err(Error::io("make", "the copy")(io::ErrorKind::AlreadyExists.into()));
        }
        let temporary = format!("{name}.partial");
        let inside = Within::new(above.clone(), temporary.clone());
        inside.make_root().map_err(Error::io("make", "the copy"))?;
        let lock = inside.lock(BEING_MADE).map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock => Error::Locked { store: inside.label() },
            _ => Error::io("lock", BEING_MADE)(source),
        })?;
        let name = name.to_owned();
        let lock = Some(lock);
        let draft = Self { above, inside, name, temporary, salt, lock, finished: false };
        draft.clear().map_err(Error::io("clear away", "an earlier copy"))?;
        Ok(draft)
    }

    /// Where it is being made. Once it is filled it can be read there.
    pub(crate) fn disk(&self) -> &dyn Disk {
        &self.inside
    }

    /// Writes it: `rows` in the order of their tables and keys, each key once.
    pub(crate) fn fill<K: AsRef<[u8]>, R: AsRef<[u8]>, E: From<Error>>(
        &self,
        contents: &Contents,
        rows: impl Iterator<Item = Result<(Table, K, R), E>>,
    ) -> Result<(), E> {
        let mark = SegmentMark { number: contents.segment, salt: self.salt };
        let meta = Meta {
            store_id: contents.store_id,
            checkpoint: contents.last,
            previous_checkpoint: contents.last,
            segment: mark,
            previous_segment: mark,
            last_micros: contents.last_micros,
            identity: contents.identity.clone(),
        };
        let written = (mark.number, mark.salt);
        write_closed(&self.inside, meta.store_id, written, meta.checkpoint).map_err(Error::from)?;
        self.write_base(&meta, rows)?;
        self.inside.sync_dir("").map_err(Error::io("sync", "the copy"))?;
        Ok(())
    }

    fn write_base<K: AsRef<[u8]>, R: AsRef<[u8]>, E: From<Error>>(
        &self,
        meta: &Meta,
        rows: impl Iterator<Item = Result<(Table, K, R), E>>,
    ) -> Result<(), E> {
        let io = |action| Error::io(action, base::FILE_NAME);
        let file = self.inside.create(base::FILE_NAME).map_err(io("create"))?;
        Base::create(&*file, meta).map_err(Error::from)?;
        let base =
            Base::open(file.clone(), CACHE_BYTES, Integrity::Checked).map_err(Error::from)?;
        // The base takes rows, not errors: the first one ends the rows and is told afterwards.
        let failed = RefCell::new(None);
        let rows = rows.map_while(|row| match row {
            Ok((table, key, row)) => Some((table, key, Some(row))),
            Err(error) => {
                failed.replace(Some(error));
                None
            }
        });
        let applied = base.apply(meta, rows, &mut || ());
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        applied.map_err(Error::from)?;
        base.close().map_err(Error::from)?;
        file.sync().map_err(io("sync"))?;
        Ok(())
    }

    /// Gives it its name: from here on it is a store, durably.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let io = |action| Error::io(action, "the copy");
        self.inside.remove(BEING_MADE).map_err(io("finish"))?;
        self.inside.sync_dir("").map_err(io("sync"))?;
        let renamed = self.above.rename(&self.temporary, &self.name);
        renamed.map_err(io("rename"))?;
        self.finished = true;
        self.above.sync_dir("").map_err(Error::io("sync", "the directory above the copy"))
    }

    /// Removes all that is in it but the lock.
    fn clear(&self) -> io::Result<()> {
        for name in self.inside.list(DIRECTORY)? {
            self.inside.remove(&format!("{DIRECTORY}/{name}"))?;
        }
        for name in self.inside.list("")?.iter().filter(|name| *name != BEING_MADE) {
            self.inside.remove(name)?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    /// What did not come about is removed; what cannot be is cleared away by the next try.
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.clear();
            let _ = self.inside.remove(DIRECTORY);
            let _ = self.inside.remove(BEING_MADE);
            let _ = self.above.remove(&self.temporary);
        }
        drop(self.lock.take());
    }
}

/// A row with its table and key.
pub(crate) type StoredRow = (Table, Box<[u8]>, Row);

/// Every row of a state, by table and key.
pub(crate) fn all_rows(reader: &dyn Reader) -> impl Iterator<Item = Result<StoredRow, Error>> {
    (0..=u8::MAX).map(Table).flat_map(move |table| {
        let rows = reader.scan(table, KeyRange::all());
        rows.map(move |row| row.map(|(key, row)| (table, key, row)))
    })
}

/// Refuses a row that no commit could have written.
pub(crate) fn check_row(key: &[u8], row: &[u8]) -> Result<(), Error> {
    let lens = [("a key", key.len(), MAX_KEY_BYTES), ("a row", row.len(), MAX_ROW_BYTES)];
    for (what, len, limit) in lens {
        let len = len as u64;
        if len > limit {
            return Err(Error::TooLarge { what, len, limit });
        }
    }
    Ok(())
}

/// A number that marks a segment as itself.
pub(crate) fn draw_salt() -> Result<u64, Error> {
    getrandom::u64().map_err(|error| Error::io("draw", "random numbers")(io::Error::other(error)))
}

impl Engine {
    /// What the store says of itself as of the commit `last`, which is visible.
    pub(crate) fn contents(&self, last: Lsn) -> Result<Contents, Error> {
        self.refuse_nested()?;
        // The time of a later commit is as good: it only keeps times from falling.
        let last_micros = self.writer.lock().unwrap_or_else(PoisonError::into_inner).last_micros;
        Ok(Contents {
            store_id: self.store_id,
            identity: self.options.identity.clone(),
            last,
            last_micros,
            segment: self.journal.group.segment().0 + 1,
        })
    }
}

impl Offline {
    /// What the store says of itself.
    pub(crate) fn contents(&self) -> Contents {
        Contents {
            store_id: self.meta.store_id,
            identity: self.meta.identity.clone(),
            last: self.lsn(),
            last_micros: self.last_micros,
            segment: self.listing.highest() + 1,
        }
    }
}
