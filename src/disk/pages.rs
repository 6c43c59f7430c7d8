//! A file's bytes in memory: pages of 4 KiB, absent where only zeros are, shared between copies.
//!
//! A copy costs one reference per page and a write copies the pages it touches, so a whole disk can
//! be copied at every step of a workload. Length costs nothing, only written pages do.
//!
//! Invariant: behind the length every present page is zero, so that growing shows zeros.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Bytes in one page.
pub(super) const PAGE_BYTES: usize = 4096;

type Page = [u8; PAGE_BYTES];

static ZEROS: Page = [0; PAGE_BYTES];

/// The bytes of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    len: u64,
    pages: BTreeMap<u64, Arc<Page>>,
}

impl Pages {
    /// As many zeros as `len` says.
    pub(super) fn zeros(len: u64) -> Self {
        Self { len, pages: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether page number `page` was written. An absent one reads as zeros.
    pub(super) fn holds(&self, page: u64) -> bool {
        self.pages.contains_key(&page)
    }

    /// Fills `buffer`; `UnexpectedEof` where the bytes end before.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if end_of(offset, buffer.len())? > self.len {
            let message = format!("the file ends at {} bytes", self.len);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        for piece in pieces(offset, buffer.len(), PAGE_BYTES) {
            let page = self.pages.get(&piece.index).map_or(&ZEROS, |page| &**page);
            let start = piece.within;
            let end = start + piece.range.len();
            buffer[piece.range].copy_from_slice(&page[start..end]);
        }
        Ok(())
    }

    /// Writes all of `bytes`, growing where needed.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = end_of(offset, bytes.len())?;
        if !bytes.is_empty() {
            self.len = self.len.max(end);
        }
        for piece in pieces(offset, bytes.len(), PAGE_BYTES) {
            let page = self.pages.entry(piece.index).or_insert_with(|| Arc::new(ZEROS));
            let start = piece.within;
            let end = start + piece.range.len();
            Arc::make_mut(page)[start..end].copy_from_slice(&bytes[piece.range]);
        }
        Ok(())
    }

    /// Cuts, or grows with zeros.
    pub(super) fn set_len(&mut self, len: u64) {
        if len < self.len {
            let page = len / PAGE_BYTES as u64;
            let kept = (len % PAGE_BYTES as u64) as usize;
            drop(self.pages.split_off(&(page + u64::from(kept > 0))));
            if let Some(last) = self.pages.get_mut(&page) {
                Arc::make_mut(last)[kept..].fill(0);
            }
        }
        self.len = len;
    }

    /// All the bytes.
    #[cfg(feature = "simulation")]
    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.len).unwrap_or(usize::MAX)];
        for (index, page) in &self.pages {
            let start = *index as usize * PAGE_BYTES;
            let end = bytes.len().min(start + PAGE_BYTES);
            bytes[start..end].copy_from_slice(&page[..end - start]);
        }
        bytes
    }
}

impl PartialEq for Pages {
    fn eq(&self, other: &Self) -> bool {
        let holds_same =
            |(index, page): (&u64, &Arc<Page>), other: &Self| match other.pages.get(index) {
                Some(theirs) => Arc::ptr_eq(page, theirs) || page == theirs,
                None => **page == ZEROS,
            };
        self.len == other.len
            && self.pages.iter().all(|held| holds_same(held, other))
            && other.pages.iter().all(|held| holds_same(held, self))
    }
}

/// Where `len` bytes from `offset` on end; `InvalidInput` behind the largest offset there is.
pub(super) fn end_of(offset: u64, len: usize) -> io::Result<u64> {
    u64::try_from(len).ok().and_then(|len| offset.checked_add(len)).ok_or_else(|| {
        let message = format!("{len} bytes at offset {offset} end behind the largest offset");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

/// A run of bytes that lies inside one page or sector.
pub(super) struct Piece {
    /// Which page or sector of the file.
    pub(super) index: u64,
    /// Where the run begins inside it.
    pub(super) within: usize,
    /// The run's place in the caller's buffer.
    pub(super) range: Range<usize>,
}

/// Cuts `len` bytes from `offset` on at the multiples of `size`. The caller knows that
/// `offset + len` does not overflow.
pub(super) fn pieces(offset: u64, len: usize, size: usize) -> impl Iterator<Item = Piece> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start == len {
            return None;
        }
        let at = offset + start as u64;
        let within = (at % size as u64) as usize;
        let range = start..len.min(start + size - within);
        start = range.end;
        Some(Piece { index: at / size as u64, within, range })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cut in the middle of a page followed by growth must not bring the old bytes back.
    #[test]
    fn bytes_behind_a_cut_stay_gone() {
        let mut pages = Pages::default();
        pages.write_at(PAGE_BYTES as u64 - 2, b"abcd").expect("in range");
        pages.set_len(PAGE_BYTES as u64 - 1);
        pages.set_len(PAGE_BYTES as u64 + 2);
        let mut tail = [9; 4];
        pages.read_at(PAGE_BYTES as u64 - 2, &mut tail).expect("in range");
        assert_eq!(&tail, b"a\0\0\0");
    }

    /// A copy is cheap because pages are shared; a write to one copy must not show in the other.
    #[test]
    fn copies_do_not_see_each_other() {
        let mut first = Pages::default();
        first.write_at(0, b"first").expect("in range");
        let mut second = first.clone();
        second.write_at(0, b"other").expect("in range");
        let mut bytes = [0; 5];
        first.read_at(0, &mut bytes).expect("in range");
        assert_eq!(&bytes, b"first");
        assert!(first != second);
    }

    /// A length is no reason to allocate: a file may claim to be of any size.
    #[test]
    fn length_alone_takes_no_memory() {
        let mut pages = Pages::zeros(u64::MAX);
        let mut bytes = [7; 3];
        pages.read_at(u64::MAX - 3, &mut bytes).expect("in range");
        assert_eq!(bytes, [0; 3]);
        pages.set_len(1);
        assert!(pages.write_at(u64::MAX, b"x").is_err());
        assert_eq!(pages.len(), 1);
    }
}
