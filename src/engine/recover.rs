//! Recovery: what a store holds is found out without touching a file, and only then made to count.
//!
//! [`examine`] reads: the base over an in-memory overlay, because opening an unclean redb writes to
//! it, and the journal by its scan. Everything that reads a store goes through it, offline tools
//! and openings alike; the verdict is the same for all.

use std::sync::Arc;

use crate::disk::{Disk, Overlay};

use super::Error;
use super::base::{self, Base, Integrity, Meta};
use super::journal::{self, Anchor, Batch, Ending, Findings, Listing, Measure, Problem, scan};
use super::memtable::{Memtable, Pins};
use super::options::CHECKED_BASE_BYTES;
use super::row::Lsn;

/// How much of a base's memory is spent on looking at it.
const EXAMINE_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// What lies in a store's directory.
pub(crate) enum Examination {
    /// Nothing, or the beginnings of a store whose creation was cut short.
    Absent(Listing),
    /// A store.
    Store(Box<Found>),
}

/// A store that was found sound enough to open.
pub(crate) struct Found {
    pub(crate) listing: Listing,
    /// The base over an overlay: what is written to it goes nowhere.
    pub(crate) base: Base,
    pub(crate) base_len: u64,
    pub(crate) integrity: Integrity,
    pub(crate) meta: Meta,
    pub(crate) findings: Findings,
    /// What a restart segment would have to hold.
    pub(crate) measure: Measure,
    /// The time of the last commit.
    pub(crate) last_micros: i64,
}

impl Found {
    /// Whether the store was closed whole: everything is in the base, and the log says so.
    pub(crate) fn is_clean(&self) -> bool {
        self.findings.ending == Ending::Closed && self.findings.last == self.meta.checkpoint
    }

    pub(crate) fn anchor(&self) -> Anchor {
        anchor(&self.meta)
    }
}

/// What a base that says this of itself says of the journal.
pub(crate) fn anchor(meta: &Meta) -> Anchor {
    Anchor {
        store_id: meta.store_id,
        checkpoint: meta.checkpoint,
        segment: (meta.segment.number, meta.segment.salt),
        oldest_segment: meta.previous_segment.number,
    }
}

/// Looks at a store without writing a byte.
pub(crate) fn examine(disk: &dyn Disk) -> Result<Examination, Error> {
    let listing = Listing::read(disk)?;
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    if !names.iter().any(|name| name == base::FILE_NAME) {
        check_creation_cut_short(disk, &listing)?;
        return Ok(Examination::Absent(listing));
    }
    let (base, base_len, integrity) = open_over_overlay(disk)?;
    let meta = base.meta()?;
    let mut measure = Measure::default();
    let mut last_micros = meta.last_micros;
    let findings = scan(disk, &listing, &anchor(&meta), &mut |batch| {
        measure.add(&batch, meta.previous_checkpoint);
        for commit in batch.commits {
            last_micros = last_micros.max(commit.header.time_micros);
        }
        Ok::<(), journal::Error>(())
    })?;
    let found = Found { listing, base, base_len, integrity, meta, findings, measure, last_micros };
    Ok(Examination::Store(Box::new(found)))
}

/// The base on `disk` over an overlay, its length, and how closely it was looked at.
pub(super) fn open_over_overlay(disk: &dyn Disk) -> Result<(Base, u64, Integrity), Error> {
    let io = |action| Error::io(action, base::FILE_NAME);
    let file = disk.open_read_only(base::FILE_NAME).map_err(io("open"))?;
    let len = file.len().map_err(io("measure"))?;
    let integrity = if len <= CHECKED_BASE_BYTES { Integrity::Check } else { Integrity::Trust };
    let overlay = Arc::new(Overlay::new(file).map_err(io("read"))?);
    let base = Base::open(overlay, EXAMINE_CACHE_BYTES, integrity)?;
    Ok((base, len, integrity))
}

/// Without a base there may be segments that nothing was written to: a creation is cut short right
/// after making one, and what an earlier try had removed may have come back. Anything more is a store
/// whose base is gone.
pub(super) fn check_creation_cut_short(disk: &dyn Disk, listing: &Listing) -> Result<(), Error> {
    let mut used = listing.kept.first().map(|number| journal::old_name(*number));
    for number in &listing.segments {
        if used.is_none() && journal::belongs_to_a_store(disk, *number)? {
            used = Some(journal::wal_name(*number));
        }
    }
    match used {
        Some(file) => Err(missing_base(&file).into()),
        None => Ok(()),
    }
}

/// Puts the rows of every commit above the base's checkpoint into a memtable.
pub(crate) fn replay(memtable: &Memtable, batch: &Batch<'_>, above: Lsn) {
    let commits = (batch.header.first_lsn..).zip(batch.commits);
    for (lsn, commit) in commits.filter(|(lsn, _)| *lsn > above) {
        // Nobody reads yet: only the newest version of each row matters.
        let pins = Pins { visible: lsn, snapshots: &[] };
        for row in commit.rows() {
            memtable.insert(lsn, row.table, row.key, row.row.map(Arc::from), &pins);
        }
    }
}

/// What is wrong with a journal whose base is missing.
fn missing_base(file: &str) -> journal::Error {
    journal::Error::corrupt(file, 0, 1, Problem::MissingBase)
}
