//! A file in memory for the tests of this layer, which counts what is done to it and can be made
//! to fail.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Base, Integrity, Meta, SegmentMark};
use crate::disk::DiskFile;

const PAGE_BYTES: usize = 4096;

/// Copies share their pages, so that a test can have tens of thousands of them.
#[derive(Debug)]
pub(crate) struct TestFile {
    content: Mutex<Content>,
    /// How many more writes, resizes and syncs work.
    changes_left: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// The last one may reach behind the end of the file.
    pages: Vec<Arc<[u8; PAGE_BYTES]>>,
    len: usize,
}

impl Content {
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.pages().flatten().copied().take(self.len)
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = &[u8; PAGE_BYTES]> {
        self.pages.iter().map(|page| &**page)
    }

    fn set_len(&mut self, len: usize) {
        self.pages.resize_with(len.div_ceil(PAGE_BYTES), || Arc::new([0; PAGE_BYTES]));
        self.len = len;
    }

    /// The pieces of pages that `length` bytes from `offset` on lie in.
    fn pieces(offset: usize, length: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        let end = offset + length;
        let pages = offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES);
        pages.map(move |page| {
            let start = page * PAGE_BYTES;
            let piece = offset.max(start) - start..end.min(start + PAGE_BYTES) - start;
            (page, piece)
        })
    }

    pub(crate) fn write(&mut self, offset: usize, mut bytes: &[u8]) {
        if self.len < offset + bytes.len() {
            self.set_len(offset + bytes.len());
        }
        for (page, piece) in Self::pieces(offset, bytes.len()) {
            let (here, rest) = bytes.split_at(piece.len());
            Arc::make_mut(&mut self.pages[page])[piece].copy_from_slice(here);
            bytes = rest;
        }
    }

    fn read(&self, offset: usize, mut buffer: &mut [u8]) {
        for (page, piece) in Self::pieces(offset, buffer.len()) {
            let (here, rest) = buffer.split_at_mut(piece.len());
            here.copy_from_slice(&self.pages[page][piece]);
            buffer = rest;
        }
    }
}

impl TestFile {
    pub(crate) fn new(content: Content) -> Arc<Self> {
        Arc::new(Self {
            content: Mutex::new(content),
            changes_left: AtomicU64::new(u64::MAX),
            written_bytes: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
        })
    }

    pub(crate) fn of(bytes: &[u8]) -> Arc<Self> {
        let mut content = Content::default();
        content.write(0, bytes);
        Self::new(content)
    }

    pub(crate) fn content(&self) -> Content {
        self.content.lock().unwrap().clone()
    }

    pub(crate) fn replace(&self, content: Content) {
        *self.content.lock().unwrap() = content;
    }

    pub(crate) fn fail_after(&self, changes: u64) {
        self.changes_left.store(changes, Ordering::Relaxed);
    }

    fn change(&self) -> io::Result<()> {
        let left = self
            .changes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

impl DiskFile for TestFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.content.lock().unwrap().len as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let content = self.content.lock().unwrap();
        match offset.checked_add(buffer.len() as u64) {
            Some(end) if end <= content.len as u64 => {
                content.read(offset as usize, buffer);
                Ok(())
            }
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change()?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.content.lock().unwrap().write(offset as usize, bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        // No test holds anything near this: whoever asks for it believed a damaged length.
        assert!(len < 1 << 30, "asked for {len} bytes");
        self.content.lock().unwrap().set_len(len as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.change()?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

pub(crate) fn meta(checkpoint: u64) -> Meta {
    Meta {
        store_id: *b"0123456789abcdef",
        checkpoint,
        previous_checkpoint: checkpoint.saturating_sub(1),
        segment: SegmentMark { number: checkpoint + 1, salt: 0x5a17 },
        previous_segment: SegmentMark::default(),
        last_micros: 1_700_000_000_000_000,
        identity: b"test".to_vec(),
    }
}

pub(crate) fn new_file() -> Arc<TestFile> {
    let file = TestFile::new(Content::default());
    Base::create(&*file, &meta(0)).unwrap();
    file
}

pub(crate) fn open(file: &Arc<TestFile>) -> Base {
    let file: Arc<TestFile> = Arc::clone(file);
    Base::open(file, 1 << 20, Integrity::Check).unwrap()
}
