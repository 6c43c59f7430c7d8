//! A disk that remembers which bytes of its files were read: what nobody reads, nobody uses.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use highwater::disk::{Disk, DiskFile, DiskLock};

type Ranges = BTreeMap<String, Vec<Range<u64>>>;

/// Passes everything on.
#[derive(Debug)]
pub(crate) struct Reads<D> {
    disk: D,
    ranges: Arc<Mutex<Ranges>>,
}

#[derive(Debug)]
struct File {
    name: String,
    file: Arc<dyn DiskFile>,
    ranges: Arc<Mutex<Ranges>>,
}

impl<D: Disk> Reads<D> {
    pub(crate) fn of(disk: D) -> Self {
        Self { disk, ranges: Arc::default() }
    }

    /// For each byte of the file whether it was ever read.
    pub(crate) fn map(&self, name: &str, len: u64) -> Vec<bool> {
        let ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = vec![false; usize::try_from(len).expect("a small file")];
        for range in ranges.get(name).into_iter().flatten() {
            let end = range.end.min(len);
            // Of a file that fits a vector, so every offset does.
            map[range.start as usize..end as usize].fill(true);
        }
        map
    }

    fn file(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(File { name: name.to_owned(), file, ranges: self.ranges.clone() })
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let range = offset..offset + buffer.len() as u64;
        let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.entry(self.name.clone()).or_default().push(range);
        drop(ranges);
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

impl<D: Disk> Disk for Reads<D> {
    fn make_root(&self) -> io::Result<()> {
        self.disk.make_root()
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.disk.make_dir(name)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(name, self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(name, self.disk.open(name)?))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.file(name, self.disk.open_read_only(name)?))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(name)
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock_shared(name)
    }

    fn label(&self) -> String {
        self.disk.label()
    }
}
