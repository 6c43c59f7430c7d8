//! The leader's hand: writes batches to the active segment and syncs them, one after the other.
//!
//! There is one appender, and it is used by whoever leads, so at most one sync of the journal is in
//! flight, and nothing is written while it is. An error here is final for the store.

use super::super::row::Lsn;
use super::error::Error;
use super::format::{ALIGNMENT, BATCH_HEADER_LEN, BatchHeader, BatchKind, END_LEN, Next, align};
use super::segment::Segment;

/// The largest buffer that is kept between two batches.
const KEPT_BUFFER_BYTES: usize = 1024 * 1024;

/// Encoded commits that wait to be written, with room for a batch header in front.
#[derive(Debug)]
pub(crate) struct Group {
    bytes: Vec<u8>,
    /// Where each commit ends in `bytes`.
    ends: Vec<usize>,
    first_lsn: Lsn,
    /// Whether somebody waits for a sync of one of them.
    pub(crate) wants_sync: bool,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            bytes: vec![0; BATCH_HEADER_LEN as usize],
            ends: Vec::new(),
            first_lsn: 0,
            wants_sync: false,
        }
    }
}

impl Group {
    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many commits are in it.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Appends a commit; its LSN must follow the last one's.
    pub(crate) fn push(&mut self, lsn: Lsn, commit: &[u8], wants_sync: bool) {
        if self.ends.is_empty() {
            self.first_lsn = lsn;
        }
        debug_assert_eq!(self.first_lsn + self.ends.len() as Lsn, lsn);
        self.bytes.extend_from_slice(commit);
        self.ends.push(self.bytes.len());
        self.wants_sync |= wants_sync;
    }

    /// Empties the group; a buffer that one large batch made is not kept for ever.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(BATCH_HEADER_LEN as usize);
        self.bytes.shrink_to(KEPT_BUFFER_BYTES);
        self.ends.clear();
        self.wants_sync = false;
    }

    /// Heap bytes that the group holds on to.
    pub(crate) fn capacity_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<usize>()
    }

    /// What each commit takes as a batch of its own: the measure that room is planned by.
    pub(crate) fn batch_lens(&self) -> impl Iterator<Item = u64> + '_ {
        let starts = std::iter::once(BATCH_HEADER_LEN as usize).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| batch_len((end - start) as u64))
    }

    /// How many commits from the `from`-th on fit into `room` as one batch.
    fn fitting(&self, from: usize, room: u64) -> usize {
        let start = self.start_of(from);
        self.ends[from..].partition_point(|end| batch_len((end - start) as u64) <= room)
    }

    fn start_of(&self, commit: usize) -> usize {
        if commit == 0 { BATCH_HEADER_LEN as usize } else { self.ends[commit - 1] }
    }
}

/// The length of a batch that carries commits of `len` bytes together.
pub(crate) const fn batch_len(commits_len: u64) -> u64 {
    align(BATCH_HEADER_LEN + commits_len)
}

/// Where the ready segments come from when the active one is full.
pub(crate) trait ReadySegments {
    /// The next segment, made ready beforehand; planning sees to it that there is one.
    fn take(&self) -> Option<Segment>;
}

/// The active segment and what is known to be durable.
#[derive(Debug)]
pub(crate) struct Appender {
    segment: Segment,
    /// The last commit that was written.
    written: Lsn,
    /// The last commit that is known to be synced.
    synced: Lsn,
    /// The highest `durable_lsn` that a synced batch header states.
    told: Lsn,
    /// The `durable_lsn` of the last batch header that was written.
    stated: Lsn,
    appended_bytes: u64,
    batches: u64,
    scratch: Vec<u8>,
}

/// How far the appender has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    pub(crate) written: Lsn,
    pub(crate) synced: Lsn,
    pub(crate) told: Lsn,
    pub(crate) segment: (u64, u64),
    /// Bytes left in the active segment.
    pub(crate) room: u64,
    /// Bytes of all batches written since the opening.
    pub(crate) appended_bytes: u64,
    /// How many of them had commits in them.
    pub(crate) batches: u64,
}

impl Appender {
    /// Appends to `segment`; everything up to `last` is durable.
    pub(crate) fn new(segment: Segment, last: Lsn) -> Self {
        Self {
            segment,
            written: last,
            synced: last,
            told: 0,
            stated: 0,
            appended_bytes: 0,
            batches: 0,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            written: self.written,
            synced: self.synced,
            told: self.told,
            segment: (self.segment.number, self.segment.salt),
            room: self.segment.room(),
            appended_bytes: self.appended_bytes,
            batches: self.batches,
        }
    }

    /// Writes a whole group: as one batch, or as several where it crosses into the next segment.
    pub(crate) fn write(
        &mut self,
        group: &mut Group,
        ready: &dyn ReadySegments,
    ) -> Result<(), Error> {
        let mut from = 0;
        while from < group.ends.len() {
            let count = group.fitting(from, self.segment.room());
            if count == 0 {
                self.rotate(ready)?;
                continue;
            }
            if from == 0 && count == group.ends.len() {
                self.write_in_place(group)?;
            } else {
                self.write_part(group, from, count)?;
            }
            from += count;
        }
        Ok(())
    }

    /// The common case: the group's own buffer becomes the batch.
    fn write_in_place(&mut self, group: &mut Group) -> Result<(), Error> {
        let count = group.ends.len();
        let padded = align(group.bytes.len() as u64) as usize;
        group.bytes.resize(padded, 0);
        let header = self.header(BatchKind::Commits, count as u32, &group.bytes);
        group.bytes[..BATCH_HEADER_LEN as usize].copy_from_slice(&header.encode());
        self.put(&group.bytes, count as u64)
    }

    fn write_part(&mut self, group: &Group, from: usize, count: usize) -> Result<(), Error> {
        let commits = &group.bytes[group.start_of(from)..group.ends[from + count - 1]];
        self.write_batch(BatchKind::Commits, count as u32, commits)
    }

    fn write_batch(&mut self, kind: BatchKind, count: u32, payload: &[u8]) -> Result<(), Error> {
        let mut batch = std::mem::take(&mut self.scratch);
        batch.clear();
        batch.resize(BATCH_HEADER_LEN as usize, 0);
        batch.extend_from_slice(payload);
        batch.resize(align(batch.len() as u64) as usize, 0);
        let header = self.header(kind, count, &batch);
        batch[..BATCH_HEADER_LEN as usize].copy_from_slice(&header.encode());
        let result = self.put(&batch, u64::from(count));
        self.scratch = batch;
        result
    }

    fn header(&mut self, kind: BatchKind, commits: u32, batch: &[u8]) -> BatchHeader {
        let payload = &batch[BATCH_HEADER_LEN as usize..];
        self.stated = self.synced;
        BatchHeader {
            payload_len: payload.len() as u32,
            first_lsn: self.written + 1,
            durable_lsn: self.synced,
            salt: self.segment.salt,
            commits,
            payload_crc: crc32fast::hash(payload),
            kind,
        }
    }

    fn put(&mut self, batch: &[u8], commits: u64) -> Result<(), Error> {
        let len = batch.len() as u64;
        let Segment { name, file, offset, len: segment_len, .. } = &mut self.segment;
        debug_assert!(len.is_multiple_of(ALIGNMENT) && *offset + len <= *segment_len);
        file.write_at(*offset, batch).map_err(Error::io("write", name, *offset))?;
        *offset += len;
        self.appended_bytes += len;
        self.written += commits;
        self.batches += u64::from(commits > 0);
        Ok(())
    }

    /// Makes everything that was written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let Segment { name, file, offset, .. } = &self.segment;
        file.sync().map_err(Error::io("sync", name, *offset))?;
        self.told = self.stated;
        self.synced = self.written;
        Ok(())
    }

    /// Writes and syncs an empty batch that tells what is durable, so that nothing acknowledged
    /// looks like a torn tail. The caller has seen that there is room for it.
    pub(crate) fn mark(&mut self) -> Result<(), Error> {
        self.write_batch(BatchKind::Commits, 0, &[])?;
        self.sync()
    }

    /// Leaves the active segment for the next one. It is whole on the disk before the first batch of
    /// the next is written, so only the last segment can ever have a torn tail.
    fn rotate(&mut self, ready: &dyn ReadySegments) -> Result<(), Error> {
        let next = ready.take().ok_or_else(|| {
            let problem = std::io::Error::other("no segment is ready");
            Error::io("rotate", &self.segment.name, self.segment.offset)(problem)
        })?;
        self.end(Next::Segment { number: next.number, salt: next.salt })?;
        self.segment = next;
        Ok(())
    }

    /// Writes the end batch behind everything and syncs. Room for it is always kept.
    pub(crate) fn end(&mut self, next: Next) -> Result<(), Error> {
        const _: () = assert!(END_LEN == batch_len(super::format::END_PAYLOAD_LEN));
        self.write_batch(BatchKind::End, 0, &next.encode())?;
        self.sync()
    }
}
