//! The examination that goes on: everything in a store's files that is not as it was written, not only
//! the first of it, and the state that can be read all the same.
//!
//! The verdict on the log is the one that the next opening reaches ([`scan`]); what is found beyond it
//! is held against that verdict. Nothing is written.
//!
//! This module must not know what the rows mean.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, DiskLock, Overlay};

use super::Error;
use super::base::{self, Base, BaseSnapshot, Damage, Integrity, Meta};
use super::journal::{
    self, Checked, Ending, Listing, Problem, check_segment, old_name, scan, wal_name,
};
use super::memtable::{Memtable, USUAL_MEMTABLE_BYTES, looking_up};
use super::merge::{MergedScan, Source};
use super::offline::lock_shared;
use super::read::{KeyRange, Reader, Scan};
use super::recover::{anchor, check_creation_cut_short, replay};
use super::row::{Lsn, Row, Table};

/// How much of a base's memory is spent on looking at it.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// What something wrong comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// Nothing is missing by it: the base has what stood there, or nobody needs it.
    Harmless,
    /// It was never acknowledged as synced; the next opening leaves it out.
    Torn,
    /// The machine did not give it out.
    Unreadable,
    /// It was acknowledged.
    Damage,
}

/// Something in the files that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) weight: Weight,
    pub(crate) file: String,
    pub(crate) offset: Option<u64>,
    /// The table, where it is one's.
    pub(crate) table: Option<Table>,
    pub(crate) row: Option<(Table, Box<[u8]>)>,
    pub(crate) problem: String,
}

/// What was found of a store.
pub(crate) struct Examined {
    pub(crate) faults: Vec<Fault>,
    /// What the store says it was created as, where that can be read.
    pub(crate) identity: Option<Vec<u8>>,
    /// The last commit that can be read.
    pub(crate) last: Lsn,
    /// How many rows of the base and whole batches of the log were read.
    pub(crate) base_rows: u64,
    pub(crate) batches: u64,
    pub(crate) state: Readable,
    _lock: Option<Box<dyn DiskLock>>,
}

/// The state that can be read of a damaged store: what is damaged in its base is as if it were not there.
pub(crate) struct Readable {
    memtable: Arc<Memtable>,
    base: Option<BaseSnapshot>,
    /// The overlay's handle, which the snapshot reads through.
    _base: Option<Base>,
}

/// Examines the store on `disk`. An error is one that keeps from examining anything: there is no store,
/// somebody has it open, or it is of another version.
pub(crate) fn verify(disk: &dyn Disk) -> Result<Examined, Error> {
    let lock = lock_shared(disk)?;
    let listing = Listing::read(disk)?;
    let mut faults = Faults::default();
    let (opened, base_rows) = examine_base(disk, &listing, &mut faults)?;
    let (base, snapshot) = opened.map_or((None, None), |(base, rows)| (Some(base), rows));
    let meta = snapshot.as_ref().map(|snapshot| snapshot.meta().clone());
    let memtable = Memtable::new(USUAL_MEMTABLE_BYTES);
    let log = examine_log(disk, &listing, meta.as_ref(), &memtable, &mut faults)?;
    let batches = examine_segments(disk, &listing, meta.as_ref(), &log, &mut faults)?;
    let memtable = Arc::new(memtable);
    Ok(Examined {
        faults: faults.all,
        identity: meta.map(|meta| meta.identity),
        last: log.last,
        base_rows,
        batches,
        state: Readable { memtable, base: snapshot, _base: base },
        _lock: lock,
    })
}

/// A base over an overlay, and its newest state where that can be had.
type OpenedBase = (Base, Option<BaseSnapshot>);

/// Looks at every page and every row of the base.
fn examine_base(
    disk: &dyn Disk,
    listing: &Listing,
    faults: &mut Faults,
) -> Result<(Option<OpenedBase>, u64), Error> {
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    if !names.iter().any(|name| name == base::FILE_NAME) {
        return match check_creation_cut_short(disk, listing) {
            Ok(()) => Err(Error::Missing { store: disk.label() }),
            Err(error) => faults.take(error).map(|()| (None, 0)),
        };
    }
    let checked = faults.tried(open_base(disk, Integrity::Check))?;
    let trusted = match &checked {
        // Where the check refused, what it refused may still be read row by row.
        None => {
            let trusted = faults.tried(open_base(disk, Integrity::Trust))?;
            faults.forget_repeated();
            trusted
        }
        Some(_) => open_base(disk, Integrity::Trust).ok(),
    };
    let newest = trusted.as_ref().and_then(|base| base.meta().ok());
    if let (Some(checked), Some(newest)) = (&checked, newest)
        && checked.meta().ok().is_some_and(|checked| checked != newest)
    {
        let problem = "the newest checkpoint is damaged; the one before it stands";
        faults.add(Weight::Harmless, base::FILE_NAME, None, problem);
    }
    let Some(base) = checked.or(trusted) else { return Ok((None, 0)) };
    let Some(snapshot) = faults.tried(base.snapshot().map_err(Error::from))? else {
        return Ok((Some((base, None)), 0));
    };
    let mut damaged = Vec::new();
    let rows = snapshot.verify(&mut |error| damaged.push(error));
    for error in damaged {
        faults.take(error.into())?;
    }
    let rows = faults.tried(rows.map_err(Error::from))?.unwrap_or(0);
    Ok((Some((base, Some(snapshot))), rows))
}

fn open_base(disk: &dyn Disk, integrity: Integrity) -> Result<Base, Error> {
    let io = |action| Error::io(action, base::FILE_NAME);
    let file = disk.open_read_only(base::FILE_NAME).map_err(io("open"))?;
    let overlay: Arc<dyn DiskFile> = Arc::new(Overlay::new(file).map_err(io("read"))?);
    Ok(Base::open(overlay, CACHE_BYTES, integrity)?)
}

/// The verdict on the log.
struct Log {
    last: Lsn,
    refused: bool,
    /// Where the torn tail begins.
    tail: Option<(String, u64)>,
}

fn examine_log(
    disk: &dyn Disk,
    listing: &Listing,
    meta: Option<&Meta>,
    memtable: &Memtable,
    faults: &mut Faults,
) -> Result<Log, Error> {
    let Some(meta) = meta else { return Ok(Log { last: 0, refused: true, tail: None }) };
    let mut last = meta.checkpoint;
    let scanned = scan(disk, listing, &anchor(meta), &mut |batch| {
        replay(memtable, &batch, meta.checkpoint);
        last = last.max(batch.header.next_lsn() - 1);
        Ok::<(), journal::Error>(())
    });
    let Some(findings) = faults.tried(scanned.map_err(Error::from))? else {
        return Ok(Log { last, refused: true, tail: None });
    };
    for place in &findings.stepped_over {
        let problem = "damaged, and the base has what stood there";
        faults.add(Weight::Harmless, &place.file, Some(place.offset), problem);
    }
    let tail = match findings.ending {
        Ending::TornTail { file, offset, bytes } => {
            let problem = format!("a torn tail of {bytes} bytes, not known to have been synced");
            faults.add(Weight::Torn, &file, Some(offset), problem);
            Some((file, offset))
        }
        Ending::Closed | Ending::Unclosed => None,
    };
    Ok(Log { last: findings.last, refused: false, tail })
}

/// Holds every segment, kept ones and leftovers included, against its checksums.
fn examine_segments(
    disk: &dyn Disk,
    listing: &Listing,
    meta: Option<&Meta>,
    log: &Log,
    faults: &mut Faults,
) -> Result<u64, Error> {
    let needed_from = meta.map_or(0, |meta| meta.segment.number);
    let live = listing.segments.iter().map(|number| (*number, wal_name(*number), true));
    let kept = listing.kept.iter().map(|number| (*number, old_name(*number), false));
    let (mut batches, mut named) = (0, Vec::new());
    for (number, name, is_live) in live.chain(kept) {
        let is_needed = is_live && number >= needed_from;
        let mut places = Vec::new();
        let checked = check_segment(disk, &name, number, &mut |offset, problem| {
            places.push((offset, problem));
        });
        let checked = match checked {
            Err(journal::Error::Version { .. }) if !is_needed => Checked::default(),
            checked => faults.tried(checked.map_err(Error::from))?.unwrap_or_default(),
        };
        batches += checked.batches;
        named.extend(checked.next.filter(|next| *next < needed_from));
        for (offset, problem) in places {
            let in_tail =
                log.tail.as_ref().is_some_and(|(file, from)| *file == name && offset >= *from);
            if in_tail || faults.knows(&name, offset) {
                continue;
            }
            match (is_needed && log.refused, problem) {
                (true, problem) => faults.add(Weight::Damage, &name, Some(offset), problem),
                (false, Problem::Batch) => {
                    let problem = "bytes that are no whole batch, and nothing needs them";
                    faults.add(Weight::Harmless, &name, Some(offset), problem);
                }
                (false, problem) => {
                    let problem = format!("{problem}, and nothing needs it");
                    faults.add(Weight::Harmless, &name, Some(offset), problem);
                }
            }
        }
    }
    // A missing one that is needed the verdict on the log has told.
    named.retain(|next| !listing.segments.contains(next) && !listing.kept.contains(next));
    for number in named {
        let problem =
            "the segment before it names it, and it is missing; the base has what it held";
        faults.add(Weight::Harmless, &wal_name(number), None, problem);
    }
    Ok(batches)
}

/// What was found so far.
#[derive(Default)]
struct Faults {
    all: Vec<Fault>,
    places: BTreeSet<(String, u64)>,
}

impl Faults {
    fn add(&mut self, weight: Weight, file: &str, offset: Option<u64>, problem: impl ToString) {
        if let Some(offset) = offset {
            self.places.insert((file.to_owned(), offset));
        }
        let (file, problem) = (file.to_owned(), problem.to_string());
        self.all.push(Fault { weight, file, offset, table: None, row: None, problem });
    }

    fn knows(&self, file: &str, offset: u64) -> bool {
        self.places.contains(&(file.to_owned(), offset))
    }

    /// What was asked for, or none with the error among the faults.
    fn tried<T>(&mut self, tried: Result<T, Error>) -> Result<Option<T>, Error> {
        match tried {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.take(error).map(|()| None),
        }
    }

    /// Takes an error for what it says of the files; one that says nothing of them ends the examination.
    fn take(&mut self, error: Error) -> Result<(), Error> {
        match error {
            Error::Journal(journal::Error::Corrupt { file, offset, problem, .. }) => {
                self.add(Weight::Damage, &file, Some(offset), problem);
            }
            Error::Journal(journal::Error::Io { action, file, offset, source }) => {
                let problem = format!("could not {action} it: {source}");
                self.add(Weight::Unreadable, &file, Some(offset), problem);
            }
            Error::Base(base::Error::Corrupt { damage }) => self.damaged_base(damage),
            Error::Base(base::Error::Io { source }) => {
                let problem = format!("could not read it: {source}");
                self.add(Weight::Unreadable, base::FILE_NAME, None, problem);
            }
            Error::Io { action, file, source } => {
                let problem = format!("could not {action} it: {source}");
                self.add(Weight::Unreadable, file, None, problem);
            }
            error => return Err(error),
        }
        Ok(())
    }

    fn damaged_base(&mut self, damage: Damage) {
        self.add(Weight::Damage, base::FILE_NAME, None, &damage);
        let Some(fault) = self.all.last_mut() else { return };
        match damage {
            Damage::Row { table, key } | Damage::Order { table, key } => {
                (fault.table, fault.row) = (Some(table), Some((table, key)));
            }
            Damage::Rows { table, .. } => fault.table = Some(table),
            Damage::Tree { table, .. } => fault.table = table,
            _ => {}
        }
    }

    /// Two openings of one base that say the same are one fault.
    fn forget_repeated(&mut self) {
        self.all.dedup();
    }
}

impl Reader for Readable {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error> {
        if let Some(row) = looking_up(table, key, |lookup| self.memtable.get(lookup, Lsn::MAX)) {
            return Ok(row.map(Row::Memory));
        }
        let Some(base) = &self.base else { return Ok(None) };
        Ok(base.get_tolerant(table, key)?.map(Row::Base))
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let memory = self.memtable.cursor(table, range.bounds(), Lsn::MAX);
        let memory: Source<'_> = Box::new(memory.map(|(key, row)| Ok((key, row.map(Row::Memory)))));
        let base = self.base.as_ref().map(|base| -> Source<'_> {
            let rows = base.range_tolerant(table, range.bounds());
            Box::new(rows.map(|row| {
                let (key, row) = row?;
                Ok((key, Some(Row::Base(row))))
            }))
        });
        let rows = MergedScan::new([memory].into_iter().chain(base));
        Box::new(rows.map(|row| row.map_err(Error::from)))
    }
}
