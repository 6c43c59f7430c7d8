//! Reading a store that is not open, without writing a byte: crashed and read-only ones included.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::disk::{Disk, DiskLock};

use super::Error;
use super::base::{self, Base, Meta};
use super::journal::{self, Findings, Listing, scan};
use super::memtable::{Memtable, Pins, USUAL_MEMTABLE_BYTES};
use super::open::LOCK;
use super::read::{KeyRange, Reader, Scan};
use super::recover::{Examination, examine, open_over_overlay, replay};
use super::row::{Lsn, Row, Table};
use super::view::View;

/// A store as it would be after its next opening, or as it was after an earlier commit.
pub(crate) struct Offline {
    pub(crate) listing: Listing,
    pub(crate) meta: Meta,
    pub(crate) findings: Findings,
    pub(crate) base_len: u64,
    /// When the commit was made that the state is as of.
    pub(crate) last_micros: i64,
    /// The commit that the state is as of.
    lsn: Lsn,
    view: View,
    /// The overlay's handle, which the view reads through.
    _base: Base,
    _lock: Option<Box<dyn DiskLock>>,
}

impl Offline {
    /// Reads the store on `disk`. While it is held, nobody opens the store for writing.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Self, Error> {
        Self::open_at(disk, Lsn::MAX)
    }

    /// The same, without the commits behind `at`. Those that the base has cannot be left out: see
    /// [`Offline::go_back`].
    pub(crate) fn open_at(disk: &dyn Disk, at: Lsn) -> Result<Self, Error> {
        let lock = lock_shared(disk)?;
        let found = match examine(disk)? {
            Examination::Absent(_) => {
                return Err(Error::Missing { store: disk.label() });
            }
            Examination::Store(found) => *found,
        };
        let memtable = Memtable::new(USUAL_MEMTABLE_BYTES);
        let checkpoint = found.meta.checkpoint;
        let mut last_micros = found.meta.last_micros;
        scan(disk, &found.listing, &found.anchor(), &mut |mut batch| {
            let up_to_at = at.saturating_add(1).saturating_sub(batch.header.first_lsn);
            let up_to_at = usize::try_from(up_to_at).unwrap_or(usize::MAX);
            batch.commits = &batch.commits[..batch.commits.len().min(up_to_at)];
            let times = batch.commits.iter().map(|commit| commit.header.time_micros);
            last_micros = times.fold(last_micros, i64::max);
            replay(&memtable, &batch, checkpoint);
            Ok::<(), journal::Error>(())
        })?;
        let base = Arc::new(found.base.snapshot()?);
        Ok(Self {
            view: View { active: Arc::new(memtable), frozen: None, base, base_written_bytes: 0 },
            listing: found.listing,
            lsn: found.findings.last.min(at).max(checkpoint),
            meta: found.meta,
            findings: found.findings,
            base_len: found.base_len,
            last_micros,
            _base: found.base,
            _lock: lock,
        })
    }

    /// The version of the files' format.
    pub(crate) fn format_version(&self) -> u32 {
        journal::VERSION
    }

    /// The number of rows of every table: the base's, and what the journal adds and takes away.
    pub(crate) fn table_rows(&self) -> Result<Vec<(Table, u64)>, Error> {
        let base = &self.view.base;
        let mut counts = BTreeMap::new();
        for table in base.tables() {
            counts.insert(table, base.len(table)?);
        }
        for (table, key, row) in self.view.active.newest_rows() {
            let was_there = base.get(table, key)?.is_some();
            let count = counts.entry(table).or_insert(0);
            match (was_there, row.is_some()) {
                (false, true) => *count += 1,
                (true, false) => *count -= 1,
                _ => {}
            }
        }
        Ok(counts.into_iter().collect())
    }

    /// Goes back from the base's state to the earlier one after the commit `lsn`: `rows` says of every
    /// row that was written since what it was then, and none where it was not there.
    pub(crate) fn go_back(
        &mut self,
        (lsn, micros): (Lsn, i64),
        rows: impl IntoIterator<Item = (Table, Box<[u8]>, Option<Arc<[u8]>>)>,
    ) {
        debug_assert!(lsn < self.meta.checkpoint && self.view.active.len() == 0);
        let nobody = Pins { visible: lsn, snapshots: &[] };
        for (table, key, row) in rows {
            self.view.active.insert(lsn, table, &key, row, &nobody);
        }
        (self.lsn, self.last_micros) = (lsn, micros);
    }

    /// The commit that the state is as of: the last one there is, unless an earlier one was asked for.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }
}

/// What the next opening of the store on `disk` would find, without the state that it would have.
pub(crate) fn verdict(disk: &dyn Disk) -> Result<Findings, Error> {
    let _lock = lock_shared(disk)?;
    match examine(disk)? {
        Examination::Absent(_) => Err(Error::Missing { store: disk.label() }),
        Examination::Store(found) => Ok(found.findings),
    }
}

/// The base of a store as of its last checkpoint, whatever the journal holds.
pub(crate) struct BaseAlone {
    pub(crate) meta: Meta,
    view: View,
    /// The overlay's handle, which the view reads through.
    _base: Base,
    _lock: Option<Box<dyn DiskLock>>,
}

impl BaseAlone {
    /// Reads the base on `disk`. While it is held, nobody opens the store for writing.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Self, Error> {
        let lock = lock_shared(disk)?;
        let names = disk.list("").map_err(Error::io("list", "the store"))?;
        if !names.iter().any(|name| name == base::FILE_NAME) {
            return Err(Error::Missing { store: disk.label() });
        }
        let (opened, _, _) = open_over_overlay(disk)?;
        let meta = opened.meta()?;
        let base = Arc::new(opened.snapshot()?);
        let active = Arc::new(Memtable::new(0));
        let view = View { active, frozen: None, base, base_written_bytes: 0 };
        Ok(Self { meta, view, _base: opened, _lock: lock })
    }
}

impl Reader for BaseAlone {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error> {
        Ok(self.view.get(table, key, Lsn::MAX)?)
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = self.view.scan(table, &range, Lsn::MAX);
        Box::new(rows.map(|row| row.map_err(Error::from)))
    }
}

/// A store that was copied without its lock file, or lies where nothing can be locked, is read as it
/// is; one that is open is not read.
pub(super) fn lock_shared(disk: &dyn Disk) -> Result<Option<Box<dyn DiskLock>>, Error> {
    match disk.lock_shared(LOCK) {
        Ok(lock) => Ok(Some(lock)),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            Err(Error::Locked { store: disk.label() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("lock", LOCK)(error)),
    }
}

impl Reader for Offline {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error> {
        Ok(self.view.get(table, key, Lsn::MAX)?)
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = self.view.scan(table, &range, Lsn::MAX);
        Box::new(rows.map(|row| row.map_err(Error::from)))
    }
}
