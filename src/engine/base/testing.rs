//! A file in memory for the tests of this layer, which counts what is done to it and can be made
//! to fail.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Base, Integrity, Meta, SegmentMark};
use crate::disk::DiskFile;

#[derive(Debug)]
pub(crate) struct TestFile {
    bytes: Mutex<Vec<u8>>,
    /// How many more writes, resizes and syncs work.
    changes_left: AtomicU64,
    pub(crate) written_bytes: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) syncs: AtomicU64,
}

impl TestFile {
    pub(crate) fn new(bytes: Vec<u8>) -> Arc<Self> {
        Arc::new(Self {
            bytes: Mutex::new(bytes),
            changes_left: AtomicU64::new(u64::MAX),
            written_bytes: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
        })
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
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
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| bytes.get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, offset: u64, written: &[u8]) -> io::Result<()> {
        self.change()?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.written_bytes.fetch_add(written.len() as u64, Ordering::Relaxed);
        let mut bytes = self.bytes.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let end = start + written.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[start..end].copy_from_slice(written);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        // No test holds anything near this: whoever asks for it believed a damaged length.
        assert!(len < 1 << 30, "asked for {len} bytes");
        self.bytes.lock().unwrap().resize(len as usize, 0);
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
    let file = TestFile::new(Vec::new());
    Base::create(&*file, &meta(0)).unwrap();
    file
}

pub(crate) fn open(file: &Arc<TestFile>) -> Base {
    let file: Arc<TestFile> = Arc::clone(file);
    Base::open(file, 1 << 20, Integrity::Check).unwrap()
}
