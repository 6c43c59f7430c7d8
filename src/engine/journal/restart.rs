//! The restart segment: what an opening writes before it trusts anything.
//!
//! After a failed sync the page cache can show bytes that the disk never got, so nothing that was
//! read back is trusted and nothing is appended behind a cut. Every recovered commit above the
//! previous checkpoint is written anew into one segment; its rename and the sync of the directory
//! are the moment at which the recovery takes effect.

use super::super::row::Lsn;
use super::append::batch_len;
use super::error::Error;
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, CommitRef, END_LEN, SEGMENT_HEADER_LEN, align,
};
use super::room::Room;
use super::scan::Batch;
use super::segment::{Announcement, Segment, Spare};

/// How much is written at once; see why preallocation writes no more.
const BUFFER_BYTES: usize = 64 * 1024;

/// How much a restart segment will take: found out in a first pass over the log.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    bytes: u64,
}

impl Measure {
    /// Counts a batch in, as far as it lies above `above`.
    pub(crate) fn add(&mut self, batch: &Batch<'_>, above: Lsn) {
        let len: usize = above_of(batch, above).1.iter().map(|commit| commit.bytes.len()).sum();
        if len > 0 {
            self.bytes += batch_len(len as u64);
        }
    }
}

/// A restart segment that is being written, under a temporary name.
#[derive(Debug)]
pub(crate) struct Restart {
    spare: Spare,
    what: Announcement,
    above: Lsn,
    offset: u64,
    /// Whole batches that are to be written at `offset`, many small ones at once.
    buffer: Vec<u8>,
}

impl Restart {
    /// Takes room for what was measured, and for `more` bytes of ordinary batches behind it. The
    /// commits above `above` and below `restart_lsn` are to be added.
    pub(crate) fn begin(
        room: &mut Room,
        measure: Measure,
        more: u64,
        above: Lsn,
        restart_lsn: Lsn,
    ) -> Result<Self, Error> {
        let filled = SEGMENT_HEADER_LEN + measure.bytes;
        let len = (filled + END_LEN + more).next_multiple_of(64 * 1024);
        let spare = room.preallocate(filled, len)?;
        let what = room.next_announcement(restart_lsn);
        Ok(Self { spare, what, above, offset: SEGMENT_HEADER_LEN, buffer: Vec::new() })
    }

    /// Writes the commits of one batch that lie above the previous checkpoint.
    pub(crate) fn add(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let (first_lsn, commits) = above_of(batch, self.above);
        if commits.is_empty() {
            return Ok(());
        }
        let start = self.buffer.len();
        self.buffer.resize(start + BATCH_HEADER_LEN as usize, 0);
        for commit in commits {
            self.buffer.extend_from_slice(commit.bytes);
        }
        self.buffer.resize(align(self.buffer.len() as u64) as usize, 0);
        let (header, payload) = self.buffer[start..].split_at_mut(BATCH_HEADER_LEN as usize);
        let written = BatchHeader {
            payload_len: payload.len() as u32,
            first_lsn,
            durable_lsn: first_lsn - 1,
            salt: self.what.salt,
            commits: commits.len() as u32,
            payload_crc: crc32fast::hash(payload),
            kind: BatchKind::Commits,
        };
        header.copy_from_slice(&written.encode());
        if self.buffer.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.spare.write_at(self.offset, &self.buffer)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Syncs the segment and gives it its name: from here on the recovery counts.
    pub(crate) fn finish(mut self, room: &mut Room) -> Result<Segment, Error> {
        self.flush()?;
        let segment = room.announce(self.spare, self.what)?;
        Ok(Segment { offset: self.offset, ..segment })
    }

    /// Gives the room back: the recovery did not come about.
    pub(crate) fn abandon(self, room: &Room) {
        // What cannot be removed now is cleared away by the next opening.
        let _ = room.remove(self.spare);
    }
}

/// The commits of a batch that lie above an LSN, and the LSN of the first of them.
fn above_of<'a>(batch: &Batch<'a>, above: Lsn) -> (Lsn, &'a [CommitRef<'a>]) {
    let first = batch.header.first_lsn;
    let skip = (above + 1).saturating_sub(first).min(batch.commits.len() as u64);
    (first + skip, &batch.commits[skip as usize..])
}
