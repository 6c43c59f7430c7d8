//! Reading one segment for people: every batch, every break with its checksums, and what follows it.
//!
//! [`scan`](super::scan) reaches the verdict of an opening and stops where that is reached; this goes
//! on behind every break, asks for no base, and can be read beside a process that appends. It reads
//! with the same window and the same codecs. Memory follows the largest batch that is whole, never
//! a length that a damaged header claims: a payload is checked in pieces before it is taken as one.
//!
//! This module must not know what a break means for the store.

use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

use super::super::row::Lsn;
use super::error::Error;
use super::format::{
    BATCH_HEADER_LEN, BatchHeader, BatchKind, CommitRef, Next, SEGMENT_HEADER_LEN, SegmentHeader,
    VERSION, batch_header_checksums, decode_commits, looks_like_batch, salt_of_whole_header,
    segment_header_checksums,
};
use super::window::Window;

/// Two checksums that should be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checksums {
    pub(crate) stored: u32,
    pub(crate) computed: u32,
}

/// What is wrong at a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A batch header of this segment whose checksum is not that of its bytes.
    Header(Checksums),
    /// A payload that is not what the batch's whole header says.
    Payload(Checksums),
    /// A payload with the right checksum that holds no commits, or no end.
    Content,
    /// Bytes that are no header of this segment.
    NoBatch,
    /// Nothing is damaged, but the next batch begins with a later commit.
    Gap,
    /// A whole batch with commits that stood there before.
    Repeated,
}

/// A place where no batch goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Break {
    pub(crate) offset: u64,
    /// Up to the next whole header, or to the end of the last trace of a batch.
    pub(crate) bytes: u64,
    pub(crate) fault: Fault,
    /// The first commit that is not there; 0 where nothing before says which it would be.
    pub(crate) first: Lsn,
    /// The first commit behind it; `None` where no header says it.
    pub(crate) behind: Option<Lsn>,
    /// Whether there is no whole header behind it in the segment.
    pub(crate) is_tail: bool,
    /// Whether what is there speaks of a commit that is needed: then an opening finds a torn tail.
    pub(crate) is_torn: bool,
}

/// What stands next in a segment.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// A whole batch of commits, or a mark without any.
    Commits { offset: u64, header: BatchHeader, commits: Vec<CommitRef<'a>> },
    /// A whole end batch.
    End { header: BatchHeader, next: Next },
    /// Something else.
    Break(Break),
    /// Nothing more: what follows is room.
    Room,
    /// The file became another segment while it was read.
    Recycled,
}

/// What `look` found, with nothing borrowed.
enum Look {
    Batch(u64, BatchHeader),
    Break(Break),
    Room,
}

/// A segment that is being read.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    name: String,
    window: Window,
    file: Arc<dyn DiskFile>,
    /// `None` where the header is damaged.
    header: Option<SegmentHeader>,
    header_bytes: Vec<u8>,
    file_len: u64,
    salt: Option<u64>,
    offset: u64,
    /// The commit that comes next; 0 where that is not known.
    next: Lsn,
    /// The first commit that is needed; 0 where that is not known.
    needed: Lsn,
}

impl SegmentReader {
    /// Opens the segment in file `name`. Where its header is damaged, it is read with `salt`, or with
    /// the one that its first batch carries.
    pub(crate) fn open(disk: &dyn Disk, name: &str, salt: Option<u64>) -> Result<Self, Error> {
        let file = disk.open_read_only(name).map_err(Error::io("open", name, 0))?;
        let file_len = file.len().map_err(Error::io("measure", name, 0))?;
        let mut window = Window::new(name.to_owned(), file.clone(), file_len);
        let header_bytes = window.bytes(0, SEGMENT_HEADER_LEN.min(file_len))?.map(<[u8]>::to_vec);
        let header_bytes = header_bytes.unwrap_or_default();
        let header = SegmentHeader::decode(&header_bytes);
        if let Some(header) = header.filter(|header| header.version != VERSION) {
            let (file, found) = (name.to_owned(), header.version);
            return Err(Error::Version { file, found, supported: VERSION });
        }
        let salt = match &header {
            Some(header) => {
                window.cut(header.file_len);
                Some(header.salt)
            }
            None => match salt {
                Some(salt) => Some(salt),
                None => window
                    .bytes(SEGMENT_HEADER_LEN, BATCH_HEADER_LEN)?
                    .and_then(salt_of_whole_header),
            },
        };
        let name = name.to_owned();
        let offset = SEGMENT_HEADER_LEN;
        Ok(Self {
            name,
            window,
            file,
            header,
            header_bytes,
            file_len,
            salt,
            offset,
            next: 0,
            needed: 0,
        })
    }

    /// What the segment says of itself; `None` where that is damaged.
    pub(crate) fn header(&self) -> Option<&SegmentHeader> {
        self.header.as_ref()
    }

    /// The checksums of the header; `None` where the file is too short to have one.
    pub(crate) fn header_checksums(&self) -> Option<Checksums> {
        let (stored, computed) = segment_header_checksums(&self.header_bytes)?;
        Some(Checksums { stored, computed })
    }

    /// The length of the file, which can be other than the header says.
    pub(crate) fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Whether its batches can be told from what the file held before.
    pub(crate) fn is_readable(&self) -> bool {
        self.salt.is_some()
    }

    /// Where the next step looks.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The commit that comes next, or 0.
    pub(crate) fn next_lsn(&self) -> Lsn {
        self.next
    }

    /// Says which commit comes next.
    pub(crate) fn goes_on_with(&mut self, next: Lsn) {
        self.next = next;
    }

    /// Says which commit is the first that is needed.
    pub(crate) fn needs(&mut self, needed: Lsn) {
        self.needed = needed;
    }

    /// Looks again at what came last as if it had not been read yet; for whoever waits for more.
    pub(crate) fn refresh(&mut self) {
        self.window.forget();
    }

    /// Goes to `offset`, where something was read before.
    pub(crate) fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// What stands next.
    pub(crate) fn step(&mut self) -> Result<Step<'_>, Error> {
        let (offset, header) = match self.look()? {
            Look::Room => return Ok(Step::Room),
            Look::Break(found) => {
                if self.is_recycled()? {
                    return Ok(Step::Recycled);
                }
                if let Some(behind) = found.behind {
                    self.next = behind;
                }
                self.offset = found.offset + found.bytes;
                return Ok(Step::Break(found));
            }
            Look::Batch(offset, header) => (offset, header),
        };
        self.offset = offset + header.batch_len();
        self.next = header.next_lsn();
        let payload =
            self.window.bytes(offset + BATCH_HEADER_LEN, u64::from(header.payload_len))?;
        let payload = payload.unwrap_or_default();
        let content = Break {
            offset,
            bytes: header.batch_len(),
            fault: Fault::Content,
            first: header.first_lsn,
            behind: Some(header.next_lsn()),
            is_tail: false,
            is_torn: true,
        };
        Ok(match header.kind {
            BatchKind::End => match Next::decode(payload) {
                Some(next) => Step::End { header, next },
                None => Step::Break(content),
            },
            BatchKind::Commits => match decode_commits(payload, header.commits) {
                Some(commits) => Step::Commits { offset, header, commits },
                None => Step::Break(content),
            },
        })
    }

    /// D as this segment says it from where the reader is on, from headers alone, and the LSN of its
    /// first whole header, if there is any.
    pub(crate) fn vouched(&mut self) -> Result<(Lsn, Option<Lsn>), Error> {
        let restart = self.header.map_or(0, |header| header.restart_lsn.saturating_sub(1));
        let (mut durable, mut first) = (restart, None);
        let Some(salt) = self.salt else { return Ok((durable, first)) };
        while let Some((at, header)) = self.window.next_header(self.offset, salt)? {
            durable = durable.max(header.durable_lsn);
            first.get_or_insert(header.first_lsn);
            self.offset = at + header.batch_len();
        }
        Ok((durable, first))
    }

    /// The first commit in the segment, from headers alone.
    pub(crate) fn first_lsn(&mut self) -> Result<Option<Lsn>, Error> {
        let Some(salt) = self.salt else { return Ok(None) };
        let mut offset = SEGMENT_HEADER_LEN;
        while let Some((at, header)) = self.window.next_header(offset, salt)? {
            if header.commits > 0 {
                return Ok(Some(header.first_lsn));
            }
            offset = at + header.batch_len();
        }
        Ok(None)
    }

    fn look(&mut self) -> Result<Look, Error> {
        let Some(salt) = self.salt else { return Ok(Look::Room) };
        let offset = self.offset;
        let mut header = self.window.header(offset, salt)?;
        if header.is_none() {
            let behind = self.window.next_header(offset, salt)?;
            // Whoever appends writes in order: if there is something behind, this is whole by now.
            self.window.forget();
            header = self.window.header(offset, salt)?;
            if header.is_none() {
                return self.break_at(offset, salt, behind);
            }
        }
        match header {
            None => Ok(Look::Room),
            Some(header) => self.whole_batch(offset, header),
        }
    }

    /// A batch whose header is whole: it goes on, or it is a break by itself.
    fn whole_batch(&mut self, offset: u64, header: BatchHeader) -> Result<Look, Error> {
        let (first, behind) = (header.first_lsn, Some(header.next_lsn()));
        let mut computed = self.payload_crc(offset, &header)?;
        if computed != Some(header.payload_crc) {
            self.window.forget();
            computed = self.payload_crc(offset, &header)?;
        }
        let bytes = header.batch_len();
        if computed != Some(header.payload_crc) {
            let (stored, computed) = (header.payload_crc, computed.unwrap_or_default());
            let fault = Fault::Payload(Checksums { stored, computed });
            let is_tail = self.window.next_header(offset + bytes, header.salt)?.is_none();
            let needed = self.needed.max(first);
            let is_torn = !is_tail || self.window.reaches(offset, header.salt, needed)?;
            let found = Break { offset, bytes, fault, first, behind, is_tail, is_torn };
            return Ok(Look::Break(found));
        }
        if self.next != 0 && header.first_lsn < self.next {
            // What stood there before counts; what comes next is what came next already.
            let behind = Some(self.next.max(header.next_lsn()));
            let (fault, is_tail) = (Fault::Repeated, false);
            return Ok(Look::Break(Break {
                offset,
                bytes,
                fault,
                first,
                behind,
                is_tail,
                is_torn: true,
            }));
        }
        if self.next != 0 && header.first_lsn > self.next {
            let (first, behind) = (self.next, Some(header.first_lsn));
            let (fault, bytes, is_tail) = (Fault::Gap, 0, false);
            return Ok(Look::Break(Break {
                offset,
                bytes,
                fault,
                first,
                behind,
                is_tail,
                is_torn: true,
            }));
        }
        Ok(Look::Batch(offset, header))
    }

    fn payload_crc(&mut self, offset: u64, header: &BatchHeader) -> Result<Option<u32>, Error> {
        self.window.crc(offset + BATCH_HEADER_LEN, u64::from(header.payload_len))
    }

    /// What is no batch at `offset`: damage up to the next whole header, the traces of batches at the
    /// end, or room.
    fn break_at(
        &mut self,
        offset: u64,
        salt: u64,
        behind: Option<(u64, BatchHeader)>,
    ) -> Result<Look, Error> {
        let bytes = match behind {
            Some((at, _)) => at - offset,
            None => self.window.traces_end(offset, salt, self.next)? - offset,
        };
        if bytes == 0 {
            return Ok(Look::Room);
        }
        let next = self.next;
        let fault = match self.window.bytes(offset, BATCH_HEADER_LEN)? {
            Some(header) if looks_like_batch(header, salt, next) => {
                let (stored, computed) = batch_header_checksums(header).unwrap_or_default();
                match stored == computed {
                    true => Fault::NoBatch,
                    false => Fault::Header(Checksums { stored, computed }),
                }
            }
            _ => Fault::NoBatch,
        };
        let behind = behind.map(|(_, header)| header.first_lsn);
        let (first, is_tail) = (next, behind.is_none());
        let needed = self.needed.max(next);
        let is_torn = is_tail && self.window.reaches(offset, salt, needed)?;
        Ok(Look::Break(Break { offset, bytes, fault, first, behind, is_tail, is_torn }))
    }

    /// Whether the file holds another segment than it did when it was opened.
    fn is_recycled(&mut self) -> Result<bool, Error> {
        let mut now = vec![0; self.header_bytes.len()];
        let read = self.file.read_at(0, &mut now);
        read.map_err(Error::io("read", &self.name, 0))?;
        Ok(now != self.header_bytes)
    }
}
