//! What can be wrong with a journal, each named with its file and where in it.

use std::io;

use super::super::row::Lsn;

/// An error of the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused. It says nothing about what the file holds.
    #[error("could not {action} {file} at offset {offset}")]
    Io {
        /// What was tried: `read`, `write`, `sync`, ...
        action: &'static str,
        /// The file's name inside the store.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// Acknowledged data is damaged or missing.
    #[error(
        "{file} is damaged at offset {offset}: {problem} (commit {lsn} is needed and cannot be read)"
    )]
    Corrupt {
        /// The file's name inside the store.
        file: String,
        /// Where in the file, in bytes.
        offset: u64,
        /// The first commit that is needed and not there.
        lsn: Lsn,
        /// What is wrong.
        problem: Problem,
    },
    /// The file was written by a version of highwater that this one does not know.
    #[error("{file} has format version {found}; this program reads version {supported}")]
    Version {
        /// The file's name inside the store.
        file: String,
        /// The version that the file states.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
}

/// What is wrong with a damaged journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// No valid batch stands where a synced one was.
    #[error("a batch that was synced is damaged or gone")]
    Batch,
    /// The segment's header fails its checksum.
    #[error("the segment header is damaged")]
    SegmentHeader,
    /// The header names another number than the file's name.
    #[error("the segment header carries another number than the file's name")]
    SegmentNumber,
    /// The header names another store.
    #[error("the segment belongs to another store")]
    OtherStore,
    /// The header has another salt than the one this segment was announced with.
    #[error("the segment is not the one that was announced: its salt differs")]
    Salt,
    /// The file is shorter than its header says.
    #[error("the segment is shorter than its header says")]
    Short,
    /// A segment that the base or another segment names is not there.
    #[error("the segment is missing")]
    MissingSegment,
    /// There are batches and no base.
    #[error("the journal holds commits, but base.redb is missing")]
    MissingBase,
}

impl Error {
    pub(crate) fn io(
        action: &'static str,
        file: &str,
        offset: u64,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { action, file, offset, source }
    }

    pub(crate) fn corrupt(file: &str, offset: u64, lsn: Lsn, problem: Problem) -> Self {
        Self::Corrupt { file: file.to_owned(), offset, lsn, problem }
    }

    /// Whether the disk had no room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }
}

/// Whether an I/O error says that there is no room on the disk.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
