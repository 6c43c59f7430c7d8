//! Looking at a store's files without opening it: nothing here ever writes but [`Repair`], told to.
//!
//! [`Report`] says what state a store is in and how its log ends, with the verdict that the next
//! opening would reach. [`verify()`] looks for everything that is wrong, and does not end at the first.

mod at;
mod diff;
mod guarded;
mod log;
mod outline;
mod repair;
mod rows;
mod verify;

use std::path::Path;

use crate::clock::Timestamp;
use crate::disk::{Disk, RealDisk};
use crate::engine::journal::{Ending, Findings};
use crate::engine::{Lsn, Offline, Table};
use crate::ledger;
use crate::operations;
use crate::price_status;
use crate::processed;
use crate::store::{Error, Identity, STORE};
use crate::tokens::{self, TOKENS};

pub use crate::codec::Value;
pub use at::{StateError, state_at, state_at_on};
pub use diff::{ChangedRow, DiffError, diff, diff_on};
pub use guarded::is_panic_an_answer;
pub use log::{
    BreakVerdict, Log, LogBase, LogBreak, LogCommit, LogEntries, LogEntry, LogFault, LogReversed,
    LogSegment, LogVerdict, RowChange, SegmentEnd, StoreVerdict,
};
pub use outline::{FileOutline, Outline};
pub use repair::Repair;
pub use rows::{DecodedRow, KnownAssets, decode_row};
pub use verify::{Flaw, Severity, Verification, verify, verify_on};

/// What lies in a store's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The version of the journal's and the base's format.
    pub format_version: u32,
    /// Tells this store from every other: 32 hex digits.
    pub store_id: String,
    /// What the store was created as: `paper` or `live`; `None` where a later release wrote it.
    pub mode: Option<String>,
    /// The asset that prices are in: chain, id and scale, as `fiat/USD:6`.
    pub reference: Option<String>,
    /// The last commit that the base holds.
    pub checkpoint_lsn: Lsn,
    /// The same of the checkpoint before.
    pub previous_checkpoint_lsn: Lsn,
    /// Everything up to here is known to have been synced.
    pub durable_lsn: Lsn,
    /// The last commit there is.
    pub last_lsn: Lsn,
    /// When that was, in microseconds since 1970 UTC; `None` in a store without commits.
    pub last_commit_at: Option<Timestamp>,
    /// How the log ends.
    pub ending: LogEnd,
    /// The segments that the log consists of, the oldest first.
    pub segments: Vec<Segment>,
    /// Segments that are kept for inspection only.
    pub kept_segments: u64,
    /// The length of the base's file in bytes.
    pub base_bytes: u64,
    /// The tables, with the number of rows in each.
    pub tables: Vec<TableRows>,
    /// Damage that does not matter, since the base has what stood there.
    pub stepped_over: Vec<Place>,
}

/// How a log ends that nothing acknowledged is missing from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LogEnd {
    /// The store was closed.
    Closed,
    /// The store was not closed, or is open, and nothing is behind its last commit.
    Unclosed,
    /// Behind the last commit are bytes that are not known to have been synced. The next opening
    /// leaves them out.
    TornTail {
        /// The file they are in.
        file: String,
        /// Where they begin.
        offset: u64,
        /// How many there are.
        bytes: u64,
    },
}

/// One segment of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Segment {
    /// Its number; the file is `journal/` and 20 digits and `.wal`.
    pub number: u64,
    /// Its length in bytes, prepared room included.
    pub file_bytes: u64,
    /// Its first commit.
    pub first_lsn: Option<Lsn>,
    /// Its last commit.
    pub last_lsn: Option<Lsn>,
    /// How many batches it holds.
    pub batches: u64,
    /// Whether a recovery wrote it: everything before it is in it or in the base.
    pub restart: bool,
}

/// A table and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TableRows {
    /// Its number in the files.
    pub number: u8,
    /// Its name; empty where this release does not know the table.
    pub name: &'static str,
    /// How many rows it has.
    pub rows: u64,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Place {
    /// The file, inside the store's directory.
    pub file: String,
    /// Where in it, in bytes.
    pub offset: u64,
}

impl Report {
    /// Looks at the store in the directory `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] where acknowledged data is damaged, [`Error::Missing`], [`Error::Locked`],
    /// [`Error::Version`], [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_on(&RealDisk::new(path.as_ref()))
    }

    /// Looks at the store on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Report::read`].
    pub fn read_on(disk: &dyn Disk) -> Result<Self, Error> {
        let offline = Offline::open(disk)?;
        let (meta, findings) = (&offline.meta, &offline.findings);
        let identity = Identity::decode(&meta.identity);
        Ok(Self {
            format_version: offline.format_version(),
            store_id: meta.store_id.iter().map(|byte| format!("{byte:02x}")).collect(),
            mode: identity.as_ref().map(|identity| identity.mode.to_string()),
            reference: identity.map(|identity| reference(&identity)),
            checkpoint_lsn: meta.checkpoint,
            previous_checkpoint_lsn: meta.previous_checkpoint,
            durable_lsn: findings.durable,
            last_lsn: findings.last,
            last_commit_at: (findings.last > 0)
                .then(|| Timestamp::from_micros(offline.last_micros)),
            ending: ending(&findings.ending),
            segments: segments(&offline),
            kept_segments: offline.listing.kept.len() as u64,
            base_bytes: offline.base_len,
            tables: tables(&offline)?,
            stepped_over: stepped_over(&offline.findings),
        })
    }

    /// Whether the log ends in bytes that were never acknowledged: normal after a power cut.
    pub fn has_torn_tail(&self) -> bool {
        matches!(self.ending, LogEnd::TornTail { .. })
    }
}

fn reference(Identity { reference, .. }: &Identity) -> String {
    format!("{}/{}:{}", reference.chain(), reference.id(), reference.scale())
}

fn ending(ending: &Ending) -> LogEnd {
    match ending {
        Ending::Closed => LogEnd::Closed,
        Ending::Unclosed => LogEnd::Unclosed,
        Ending::TornTail { file, offset, bytes } => {
            LogEnd::TornTail { file: file.clone(), offset: *offset, bytes: *bytes }
        }
    }
}

fn segments(offline: &Offline) -> Vec<Segment> {
    let found = offline.findings.segments.iter();
    found
        .map(|segment| Segment {
            number: segment.number,
            file_bytes: segment.file_len,
            first_lsn: segment.lsns.map(|(first, _)| first),
            last_lsn: segment.lsns.map(|(_, last)| last),
            batches: segment.batches,
            restart: segment.restart_lsn != 0,
        })
        .collect()
}

fn tables(offline: &Offline) -> Result<Vec<TableRows>, Error> {
    let counts = offline.table_rows()?;
    let rows = counts.into_iter().map(|(table, rows)| TableRows {
        number: table.0,
        name: table_name(table),
        rows,
    });
    Ok(rows.collect())
}

/// The tables that this release knows, by number, each with its name.
pub fn table_names() -> impl Iterator<Item = (u8, &'static str)> {
    let all = (0..=u8::MAX).map(|number| (number, table_name(Table(number))));
    all.filter(|(_, name)| !["", "another table"].contains(name))
}

fn table_name(table: Table) -> &'static str {
    match table {
        TOKENS => "tokens",
        Table(24..=31) => processed::table_name(table),
        Table(48..=57) => tokens::table_name(table),
        Table(58..=59) => price_status::table_name(table),
        Table(2..=19) => ledger::table_name(table),
        Table(32..=41) => operations::table_name(table),
        STORE => "store",
        _ => "",
    }
}

fn stepped_over(findings: &Findings) -> Vec<Place> {
    let places = findings.stepped_over.iter();
    places.map(|place| Place { file: place.file.clone(), offset: place.offset }).collect()
}
