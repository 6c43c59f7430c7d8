//! What redb stands on: a file of ours, or, while a new base is made, memory.
//!
//! redb's file locks are left out: the store's `LOCK` keeps others away, and redb opens without.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use crate::disk::DiskFile;

/// What is left out of a new file, or written, as a whole.
const BLOCK_BYTES: usize = 4096;

/// A file of a disk, as redb wants to see it.
///
/// Its length is what this handle found and made of it. redb takes a file that grew behind its back
/// for one to be cut in the middle of a transaction, and panics twice over it, which ends the
/// process.
#[derive(Debug)]
pub(super) struct FileBackend {
    file: Arc<dyn DiskFile>,
    len: AtomicU64,
}

impl FileBackend {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> io::Result<Self> {
        let len = AtomicU64::new(file.len()?);
        Ok(Self { file, len })
    }
}

impl StorageBackend for FileBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len.load(Ordering::Acquire))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.len.store(len, Ordering::Release);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, data)?;
        self.len.fetch_max(offset + data.len() as u64, Ordering::AcqRel);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Memory whose bytes can still be had when redb is done with it.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryBackend(Arc<InMemoryBackend>);

impl MemoryBackend {
    /// Writes the bytes to an empty file. Blocks of nothing but zeros are left out: a gap reads as
    /// zeros, and most of a new base is room for later.
    pub(super) fn write_out(&self, file: &dyn DiskFile) -> io::Result<()> {
        let len = self.0.len()?;
        file.set_len(len)?;
        let mut block = [0; BLOCK_BYTES];
        let mut offset = 0;
        while offset < len {
            let block_len = (len - offset).min(BLOCK_BYTES as u64);
            // At most the array's length, so the cast loses nothing.
            let block = &mut block[..block_len as usize];
            self.0.read(offset, block)?;
            if *block != [0; BLOCK_BYTES][..block.len()] {
                file.write_at(offset, block)?;
            }
            offset += block_len;
        }
        Ok(())
    }
}

impl StorageBackend for MemoryBackend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}
