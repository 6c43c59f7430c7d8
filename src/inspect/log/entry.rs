//! What a log consists of as a reader sees it: commits with their rows, breaks, and segments.

use std::fmt;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::engine::Lsn;
use crate::engine::journal::{self, CommitHeader};
use crate::inspect::table_name;

/// One thing found in a log, in the order in which it stands there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LogEntry {
    /// A commit, whole and checked.
    Commit(LogCommit),
    /// Bytes that should be a batch and are none, or commits that are not there.
    Break(LogBreak),
    /// The end of a segment, with the verdict on it.
    Segment(LogSegment),
}

/// A commit as it stands in the log.
#[derive(Clone)]
pub struct LogCommit {
    /// Its number.
    pub lsn: Lsn,
    /// When it was made.
    pub at: Timestamp,
    /// What it was, in a word.
    pub note: Box<str>,
    /// Whether its caller waited for the sync.
    pub synced: bool,
    /// Whether it finished something and could use the reserved room.
    pub finishing: bool,
    /// How many rows it writes.
    pub row_count: u32,
    /// The segment's file.
    pub file: Arc<str>,
    /// Where in the file its batch begins, in bytes.
    pub offset: u64,
    /// Set where it stands behind a break: an opening does not reach it.
    pub behind: Option<BreakVerdict>,
    body: Box<[u8]>,
}

/// One row that a commit puts or deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowChange<'c> {
    /// The table's number.
    pub table: u8,
    /// The row's key.
    pub key: &'c [u8],
    /// The row; `None` where it is deleted.
    pub row: Option<&'c [u8]>,
}

impl LogCommit {
    pub(super) fn new(
        lsn: Lsn,
        commit: &journal::CommitRef<'_>,
        (file, offset): (&Arc<str>, u64),
        behind: Option<BreakVerdict>,
    ) -> Self {
        let CommitHeader { time_micros, synced, finishing, note } = commit.header;
        Self {
            lsn,
            at: Timestamp::from_micros(time_micros),
            note: note.into(),
            synced,
            finishing,
            row_count: commit.row_count,
            file: file.clone(),
            offset,
            behind,
            body: commit.bytes.into(),
        }
    }

    /// How many bytes it takes in the log.
    pub fn bytes(&self) -> u64 {
        self.body.len() as u64
    }

    /// Its rows, in the order in which they were staged.
    pub fn rows(&self) -> impl Iterator<Item = RowChange<'_>> {
        let rows = journal::decode_commit(&self.body).map(|commit| commit.rows());
        rows.into_iter().flatten().map(|row| RowChange {
            table: row.table.0,
            key: row.key,
            row: row.row,
        })
    }
}

impl fmt::Debug for LogCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogCommit")
            .field("lsn", &self.lsn)
            .field("note", &self.note)
            .field("rows", &self.row_count)
            .finish_non_exhaustive()
    }
}

impl RowChange<'_> {
    /// The table's name; empty where this release does not know the table.
    pub fn table_name(&self) -> &'static str {
        table_name(crate::engine::Table(self.table))
    }
}

/// A place in the log where it does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogBreak {
    /// The segment's file.
    pub file: String,
    /// Where in the file, in bytes.
    pub offset: u64,
    /// How many bytes are damaged, or follow without being the log.
    pub bytes: u64,
    /// What is wrong.
    pub fault: LogFault,
    /// The checksum that stands there.
    pub stored: Option<u32>,
    /// The checksum that the bytes have.
    pub computed: Option<u32>,
    /// The first commit that cannot be read, where that is known.
    pub first_lost: Option<Lsn>,
    /// How many cannot be read, where that is known.
    pub lost: Option<u64>,
    /// What it means.
    pub verdict: BreakVerdict,
}

/// What is wrong at a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LogFault {
    /// The header of the segment fails its checksum.
    SegmentHeader,
    /// The file is shorter than its header says, or holds no whole header.
    Short,
    /// The header names another segment than the file's name, or another store.
    OtherSegment,
    /// The header of a batch fails its checksum.
    BatchHeader,
    /// The commits of a batch fail their checksum.
    Payload,
    /// The checksums of a batch are right, and what they cover is no commits.
    Content,
    /// Other bytes stand where a batch has to be.
    NoBatch,
    /// Nothing is damaged, and commits are missing all the same.
    Gap,
    /// A batch repeats commits that stand before it.
    Repeated,
    /// A segment that the one before names is not there.
    MissingSegment,
}

impl fmt::Display for LogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::SegmentHeader => "the segment's header fails its checksum",
            Self::Short => "the file is shorter than it was made",
            Self::OtherSegment => "the header is that of another segment or store",
            Self::BatchHeader => "a batch header fails its checksum",
            Self::Payload => "a batch's commits fail their checksum",
            Self::Content => "a batch with the right checksum holds no commits",
            Self::NoBatch => "other bytes stand where a batch has to be",
            Self::Gap => "commits are missing between two batches",
            Self::Repeated => "a batch repeats earlier commits",
            Self::MissingSegment => "the next segment is missing",
        })
    }
}

/// What a break means for what was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BreakVerdict {
    /// Nothing that follows was ever known to be synced: normal after a power cut. The next opening
    /// leaves it out.
    TornTail,
    /// Commits that were acknowledged as durable are damaged or missing.
    Damage,
    /// The bytes are damaged, and nothing needs them: the base or a later segment has what stood
    /// there.
    Covered,
}

/// One segment of the log, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LogSegment {
    /// Its file.
    pub file: String,
    /// Its number; `None` where neither header nor name says it.
    pub number: Option<u64>,
    /// The length of the file in bytes.
    pub file_bytes: u64,
    /// How many of them hold header and batches; behind them is room.
    pub used_bytes: u64,
    /// Whether a recovery wrote it: it begins with copies of commits of earlier segments.
    pub is_restart: bool,
    /// Whether it is kept for inspection only.
    pub is_kept: bool,
    /// Its first commit that counts.
    pub first_lsn: Option<Lsn>,
    /// Its last commit that counts.
    pub last_lsn: Option<Lsn>,
    /// How many commits count.
    pub commits: u64,
    /// Whole batches, marks and end included.
    pub batches: u64,
    /// Commits that do not count: a recovery copied them, or left them out.
    pub superseded: u64,
    /// Everything up to here was known to be synced when its last batch was written.
    pub durable_lsn: Lsn,
    /// How many breaks it has.
    pub breaks: u64,
    /// How it ends.
    pub end: SegmentEnd,
}

/// How a segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum SegmentEnd {
    /// The log goes on in the segment with this number.
    Continued {
        /// The number.
        number: u64,
    },
    /// The store was closed.
    Closed,
    /// Without an end: the process ended, or is still writing.
    Open,
    /// In a torn tail.
    TornTail {
        /// Where it begins.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// In a tail that a recovery left out; the log goes on in the recovery's segment.
    LeftOut {
        /// Where it begins.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// In damage.
    Damaged,
    /// Its header is damaged, and nothing says which batches are its own.
    Unreadable,
}
