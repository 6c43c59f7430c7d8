//! A read-only look at one segment file through a moving buffer.
//!
//! Nothing is allocated beyond the file's length, and a failed read is the machine's fault: it is
//! told as an I/O error and never mistaken for the end of the log.

use std::sync::Arc;

use crate::disk::DiskFile;

use super::super::row::Lsn;
use super::error::Error;
use super::format::{
    ALIGNMENT, BATCH_HEADER_LEN, BATCH_MAGIC, BatchHeader, last_of_trace, looks_like_batch,
};

const WINDOW_BYTES: u64 = 256 * 1024;

/// The bytes of one segment up to `end`.
#[derive(Debug)]
pub(crate) struct Window {
    name: String,
    file: Arc<dyn DiskFile>,
    end: u64,
    buffer: Vec<u8>,
    buffer_offset: u64,
}

impl Window {
    pub(crate) fn new(name: String, file: Arc<dyn DiskFile>, end: u64) -> Self {
        Self { name, file, end, buffer: Vec::new(), buffer_offset: 0 }
    }

    /// Gives the buffer back; the window can still be used.
    pub(crate) fn release(&mut self) {
        self.buffer = Vec::new();
    }

    /// Forgets what was read, so that it is read again: beside a writer it may have changed.
    pub(crate) fn forget(&mut self) {
        self.buffer.clear();
    }

    /// The CRC of `len` bytes from `offset` on, read in pieces, or `None` where the segment ends
    /// before.
    pub(crate) fn crc(&mut self, mut offset: u64, len: u64) -> Result<Option<u32>, Error> {
        let mut hasher = crc32fast::Hasher::new();
        let mut left = len;
        while left > 0 {
            let piece = left.min(WINDOW_BYTES);
            let Some(bytes) = self.bytes(offset, piece)? else {
                return Ok(None);
            };
            hasher.update(bytes);
            (offset, left) = (offset + piece, left - piece);
        }
        Ok(Some(hasher.finalize()))
    }

    /// Forgets what lies behind `end`.
    pub(crate) fn cut(&mut self, end: u64) {
        self.end = self.end.min(end);
        self.buffer.clear();
    }

    /// The bytes from `offset` on, `len` of them, or `None` where the segment ends before.
    pub(crate) fn bytes(&mut self, offset: u64, len: u64) -> Result<Option<&[u8]>, Error> {
        let Some(wanted_end) = offset.checked_add(len).filter(|end| *end <= self.end) else {
            return Ok(None);
        };
        let buffered_end = self.buffer_offset + self.buffer.len() as u64;
        if offset < self.buffer_offset || wanted_end > buffered_end {
            let take = len.max(WINDOW_BYTES).min(self.end - offset);
            self.buffer.resize(take as usize, 0);
            let read = self.file.read_at(offset, &mut self.buffer);
            if let Err(source) = read {
                self.buffer.clear();
                return Err(Error::io("read", &self.name, offset)(source));
            }
            self.buffer_offset = offset;
        }
        let start = (offset - self.buffer_offset) as usize;
        Ok(Some(&self.buffer[start..start + len as usize]))
    }

    /// The batch header at `offset`, if a valid one of this segment stands there and the batch ends
    /// inside the segment. Its payload is not looked at.
    pub(crate) fn header(&mut self, offset: u64, salt: u64) -> Result<Option<BatchHeader>, Error> {
        let end = self.end;
        let Some(bytes) = self.bytes(offset, BATCH_HEADER_LEN)? else {
            return Ok(None);
        };
        let header = BatchHeader::decode(bytes, salt);
        Ok(header.filter(|header| offset + header.batch_len() <= end))
    }

    /// The payload of the batch at `offset`, if its CRC is right.
    pub(crate) fn payload(
        &mut self,
        offset: u64,
        header: &BatchHeader,
    ) -> Result<Option<&[u8]>, Error> {
        let payload = self.bytes(offset + BATCH_HEADER_LEN, u64::from(header.payload_len))?;
        Ok(payload.filter(|payload| crc32fast::hash(payload) == header.payload_crc))
    }

    /// Resync: the first valid batch header at or behind `offset`, from headers alone, so that
    /// looking behind a break costs one pass over the file whatever it holds.
    pub(crate) fn next_header(
        &mut self,
        mut offset: u64,
        salt: u64,
    ) -> Result<Option<(u64, BatchHeader)>, Error> {
        let magic = BATCH_MAGIC.to_le_bytes();
        loop {
            offset = self.past_zeros(offset)?;
            if offset + BATCH_HEADER_LEN > self.end {
                return Ok(None);
            }
            if self.bytes(offset, BATCH_HEADER_LEN)?.is_some_and(|bytes| bytes[..4] == magic)
                && let Some(header) = self.header(offset, salt)?
            {
                return Ok(Some((offset, header)));
            }
            offset += ALIGNMENT;
        }
    }

    /// The first place at or behind `offset` where not all of a header's bytes are zeros, or one without room for a
    /// header: room that is made ready holds nothing else, and no header or trace of one is without its magic or
    /// its segment's salt.
    fn past_zeros(&mut self, mut offset: u64) -> Result<u64, Error> {
        while self.bytes(offset, BATCH_HEADER_LEN)?.is_some_and(all_zeros) {
            let buffered = &self.buffer[(offset - self.buffer_offset) as usize..];
            let pieces = buffered.chunks_exact(BATCH_HEADER_LEN as usize);
            let zeros = pieces.take_while(|piece| all_zeros(piece)).count() as u64;
            // The last of them may run into what follows.
            offset += (zeros - 1) * BATCH_HEADER_LEN + ALIGNMENT;
        }
        Ok(offset)
    }

    /// Whether any header at or behind `offset`, whole or not, is of a commit from `needed` on, or of what
    /// was written behind all that comes before it. A header that lost its integrity counts by what is
    /// left of it.
    pub(crate) fn reaches(
        &mut self,
        mut offset: u64,
        salt: u64,
        needed: Lsn,
    ) -> Result<bool, Error> {
        loop {
            if salt != 0 && needed != 0 {
                offset = self.past_zeros(offset)?;
            }
            if offset + BATCH_HEADER_LEN > self.end {
                return Ok(false);
            }
            let (step, last) = match self.header(offset, salt)? {
                Some(header) => {
                    (header.batch_len(), header.first_lsn.max(header.next_lsn().saturating_sub(1)))
                }
                None => {
                    let bytes = self.bytes(offset, BATCH_HEADER_LEN)?;
                    (ALIGNMENT, bytes.map_or(0, |bytes| last_of_trace(bytes, salt, needed)))
                }
            };
            if last >= needed {
                return Ok(true);
            }
            offset += step;
        }
    }

    /// The end of the last trace of a batch of this segment at or behind `offset`, or `offset` where
    /// nothing was ever written behind it.
    pub(crate) fn traces_end(
        &mut self,
        mut offset: u64,
        salt: u64,
        expected: Lsn,
    ) -> Result<u64, Error> {
        let mut traces_end = offset;
        loop {
            if salt != 0 {
                offset = self.past_zeros(offset)?;
            }
            if offset + BATCH_HEADER_LEN > self.end {
                return Ok(traces_end);
            }
            let step = match self.header(offset, salt)? {
                Some(header) => header.batch_len(),
                None => ALIGNMENT,
            };
            let trace = self
                .bytes(offset, BATCH_HEADER_LEN)?
                .is_some_and(|bytes| looks_like_batch(bytes, salt, expected));
            if trace {
                traces_end = offset + step.max(BATCH_HEADER_LEN);
            }
            offset += step;
        }
    }
}

fn all_zeros(bytes: &[u8]) -> bool {
    // In words, because this goes over all the room that is made ready.
    let (words, rest) = bytes.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == 0) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::disk::{Disk, MemoryDisk};

    proptest! {
        /// No place with anything but zeros behind it is stepped over, also where the buffer ends.
        #[test]
        fn only_zeros_are_passed_over(
            len in 0..3 * WINDOW_BYTES,
            written in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..4),
            from in any::<prop::sample::Index>(),
        ) {
            let mut bytes = vec![0; len as usize];
            for (place, byte) in written.into_iter().filter(|_| len > 0) {
                bytes[place.index(len as usize)] = byte;
            }
            let file = MemoryDisk::new().create("file").expect("memory takes it");
            file.write_at(0, &bytes).expect("memory takes it");
            let mut window = Window::new("file".to_owned(), file, len);
            let from = from.index(len as usize + 1) as u64 / ALIGNMENT * ALIGNMENT;
            let header_of_zeros = |offset: u64| {
                let header = bytes.get(offset as usize..(offset + BATCH_HEADER_LEN) as usize);
                header.is_some_and(|header| header.iter().all(|byte| *byte == 0))
            };
            let mut places = (from..).step_by(ALIGNMENT as usize);
            let expected = places.find(|place| !header_of_zeros(*place));
            prop_assert_eq!(Some(window.past_zeros(from).expect("readable")), expected);
        }
    }

    /// A scan of a long log has a window for each segment; those it is done with must not keep theirs.
    #[test]
    fn a_window_that_is_released_keeps_nothing_and_still_reads() {
        let file = MemoryDisk::new().create("file").expect("memory takes it");
        file.write_at(0, &[7; 100]).expect("memory takes it");
        let mut window = Window::new("file".to_owned(), file, 100);
        assert_eq!(window.bytes(10, 2).expect("readable"), Some(&[7, 7][..]));
        assert!(window.buffer.capacity() > 0);
        window.release();
        assert_eq!(window.buffer.capacity(), 0);
        assert_eq!(window.bytes(99, 1).expect("readable"), Some(&[7][..]));
    }
}
