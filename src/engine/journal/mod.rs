//! The journal: an append-only log of commits in segments, written by group commit.
//!
//! It promises that a commit whose wait returned is durable as asked, and that what a scan reads
//! after a crash is a prefix of the commits in LSN order.
//!
//! This module must not know what the rows mean, that there is a base, or which of them a reader
//! sees: it takes bytes and gives out LSNs' fates.

mod append;
mod checksums;
mod closed;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod error;
mod format;
mod gather;
mod group;
mod park;
mod plan;
mod reader;
mod restart;
mod room;
mod salvage;
mod scan;
mod segment;
mod tasks;
mod window;

#[cfg(test)]
mod tests;

use std::sync::PoisonError;

use crate::clock::Timestamp;

use super::sync::atomic::{AtomicBool, Ordering};
use super::sync::{Mutex, MutexGuard};

pub(crate) use checksums::{Checked, check_segment};
pub(crate) use closed::write_closed;
pub(crate) use error::is_full;
pub use error::{Error, Problem};
pub(crate) use format::{
    CommitHeader, CommitRef, Next, SEGMENT_MAGIC, VERSION, decode_commit, encode_commit,
};
pub use group::Poison;
pub(crate) use group::{Aftermath, Failure, Goal, GroupCommit, largest_commit};
pub(crate) use reader::{Break, Fault, SegmentReader, Step};
pub(crate) use restart::{Measure, Restart};
pub(crate) use room::{Room, RoomOptions};
pub(crate) use salvage::{Salvage, salvage};
pub(crate) use scan::{
    Anchor, Batch, Ending, Findings, SteppedOver, belongs_to_a_store, scan, stated,
};
pub(crate) use segment::{DIRECTORY, Listing, Segment, old_name, wal_name};

/// Who may use which room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Stays out of the reserve, and waits for it to be refilled.
    Ordinary,
    /// Finishes something that is under way: may use the reserve.
    Finishing,
}

/// An open journal.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) group: GroupCommit,
    room: Mutex<Room>,
    reserve_used: AtomicBool,
}

impl Journal {
    /// Goes on in `segment`, behind commit `last`.
    pub(crate) fn new(room: Room, segment: Segment, last: super::row::Lsn) -> Self {
        Self {
            group: GroupCommit::new(segment, last),
            room: Mutex::new(room),
            reserve_used: AtomicBool::new(true),
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        // Every step of Room leaves it usable; a panic there loses at most a file's bookkeeping.
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans room for a commit of `commit_len` bytes, making room where none is ready. An error
    /// means that the commit has not happened and may be tried again.
    pub(crate) fn admit(&self, commit_len: u64, purpose: Purpose) -> Result<(), Error> {
        if purpose == Purpose::Ordinary {
            self.refill_reserve()?;
        }
        if self.group.admit(commit_len) {
            return Ok(());
        }
        let mut room = self.room();
        while !self.group.admit(commit_len) {
            let batch_len = append::batch_len(commit_len);
            let segment = match room.prepare(batch_len) {
                Err(error) if error.is_full() && purpose == Purpose::Finishing => {
                    self.reserve_used.store(true, Ordering::Release);
                    room.prepare_from_reserve(batch_len)?.ok_or(error)?
                }
                other => other?,
            };
            self.group.add_ready(segment);
        }
        Ok(())
    }

    /// Sets room aside for finishing writes where there is none.
    pub(crate) fn refill_reserve(&self) -> Result<(), Error> {
        if self.reserve_used.load(Ordering::Acquire) {
            self.room().refill_reserve()?;
            self.reserve_used.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Makes the next segment ready before anybody needs it.
    pub(crate) fn prepare_ahead(&self) -> Result<(), Error> {
        if self.group.ready_ahead() == 0 {
            let mut room = self.room();
            if self.group.ready_ahead() == 0 {
                let segment = room.prepare(0)?;
                self.group.add_ready(segment);
            }
        }
        Ok(())
    }

    /// Retires the segments below `number`.
    pub(crate) fn retire_below(&self, number: u64, now: Timestamp) -> Result<(), Error> {
        self.room().retire_below(number, now)
    }

    /// Bytes of all segments, and of the reserve that only finishing writes may use.
    pub(crate) fn disk_bytes(&self) -> (u64, u64) {
        let room = self.room();
        (room.disk_bytes(), room.reserve_bytes())
    }

    /// Gives spare room back to the disk before a close.
    pub(crate) fn release(&self) -> Result<(), Error> {
        self.room().release()
    }
}
