//! A disk that counts what goes through it and changes nothing.
//!
//! Counters are kept per directory, so that whoever knows what the directories are for can tell one
//! kind of traffic from another. A call counts when it is made; its bytes count when it succeeds.
//!
//! This module must not know what the directories are for.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::name;
use super::{Disk, DiskFile, DiskLock};

/// What went to and came from a disk since it was opened. All counters only grow.
///
/// ```
/// use highwater::disk::Traffic;
///
/// let before = Traffic { syncs: 2, ..Traffic::default() };
/// let after = Traffic { syncs: 5, ..Traffic::default() };
/// assert_eq!(after.since(&before).syncs, 3);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Calls that read from a file.
    pub reads: u64,
    /// Bytes that those calls read.
    pub bytes_read: u64,
    /// Calls that wrote to a file.
    pub writes: u64,
    /// Bytes that those calls wrote.
    pub bytes_written: u64,
    /// Calls that made a file durable.
    pub syncs: u64,
    /// Calls that made a directory durable.
    pub directory_syncs: u64,
}

impl Traffic {
    /// The traffic between `earlier` and this.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub)
    }

    fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    fn with(&self, other: &Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            reads: combine(self.reads, other.reads),
            bytes_read: combine(self.bytes_read, other.bytes_read),
            writes: combine(self.writes, other.writes),
            bytes_written: combine(self.bytes_written, other.bytes_written),
            syncs: combine(self.syncs, other.syncs),
            directory_syncs: combine(self.directory_syncs, other.directory_syncs),
        }
    }
}

/// A disk around another one, counting. Clones share the counters.
#[derive(Clone, Debug)]
pub(crate) struct Metered {
    disk: Arc<dyn Disk>,
    meters: Arc<Mutex<BTreeMap<String, Arc<Meter>>>>,
}

/// The counters of one directory.
#[derive(Debug, Default)]
struct Meter {
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    syncs: AtomicU64,
    directory_syncs: AtomicU64,
    sync_time: Mutex<SyncTime>,
}

/// What syncs took lately.
#[derive(Debug, Default)]
struct SyncTime {
    /// An average in which each sync counts for an eighth, and what came before it for the rest.
    lately: Duration,
    /// All of them together.
    all: Duration,
    last: Option<Instant>,
}

/// What a sync took longer ago than this says nothing of the present.
const LATELY: Duration = Duration::from_secs(60);

impl Metered {
    /// Counts from now on what goes through the answer to `disk`.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, meters: Arc::default() }
    }

    /// The traffic of all directories together.
    pub(crate) fn traffic(&self) -> Traffic {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.values().fold(Traffic::default(), |sum, meter| sum.plus(&meter.traffic()))
    }

    /// The traffic of the files directly inside directory `dir` (`""` is the store's own), and the
    /// syncs of `dir` itself. A file counts where it was when it was opened.
    pub(crate) fn traffic_in(&self, dir: &str) -> Traffic {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.get(dir).map_or_else(Traffic::default, |meter| meter.traffic())
    }

    /// What a sync of a file directly inside directory `dir` took lately, on the average; zero where
    /// there was none within a minute.
    pub(crate) fn sync_time_in(&self, dir: &str) -> Duration {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.get(dir).map_or(Duration::ZERO, |meter| meter.sync_time())
    }

    /// What all syncs of files directly inside directory `dir` took together.
    pub(crate) fn all_syncs_time_in(&self, dir: &str) -> Duration {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let time =
            |meter: &Arc<Meter>| meter.sync_time.lock().unwrap_or_else(PoisonError::into_inner).all;
        meters.get(dir).map_or(Duration::ZERO, time)
    }

    fn meter(&self, dir: &str) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        meters.entry(dir.to_owned()).or_default().clone()
    }

    fn metered(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(MeteredFile { file, meter: self.meter(name::directory_of(name)) })
    }
}

impl Meter {
    fn synced(&self, took: Duration) {
        let mut time = self.sync_time.lock().unwrap_or_else(PoisonError::into_inner);
        let lately =
            if time.last.is_none() { took } else { time.lately - time.lately / 8 + took / 8 };
        let all = time.all.saturating_add(took);
        *time = SyncTime { lately, all, last: Some(Instant::now()) };
    }

    fn sync_time(&self) -> Duration {
        let time = self.sync_time.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = time.last.is_some_and(|last| last.elapsed() < LATELY);
        if is_recent { time.lately } else { Duration::ZERO }
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            reads: self.reads.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            directory_syncs: self.directory_syncs.load(Ordering::Relaxed),
        }
    }
}

fn count(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

impl Disk for Metered {
    fn make_root(&self) -> io::Result<()> {
        self.disk.make_root()
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.disk.make_dir(name)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.metered(name, self.disk.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.metered(name, self.disk.open(name)?))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.metered(name, self.disk.open_read_only(name)?))
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
        count(&self.meter(dir).directory_syncs, 1);
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

#[derive(Debug)]
struct MeteredFile {
    file: Arc<dyn DiskFile>,
    meter: Arc<Meter>,
}

impl DiskFile for MeteredFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        count(&self.meter.reads, 1);
        self.file.read_at(offset, buffer)?;
        count(&self.meter.bytes_read, buffer.len());
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        count(&self.meter.writes, 1);
        self.file.write_at(offset, bytes)?;
        count(&self.meter.bytes_written, bytes.len());
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        count(&self.meter.syncs, 1);
        let began = Instant::now();
        let synced = self.file.sync();
        self.meter.synced(began.elapsed());
        synced
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryDisk;
    use super::*;

    /// The store's figures (bytes and syncs per commit) come from here: each call is counted once,
    /// in the directory of its file, and failed calls bring no bytes.
    #[test]
    fn counts_calls_and_bytes_per_directory() {
        let disk = Metered::new(Arc::new(MemoryDisk::new()));
        disk.make_dir("journal").expect("memory takes it");
        let segment = disk.create("journal/1.wal").expect("memory takes it");
        let base = disk.create("base").expect("memory takes it");
        segment.write_at(0, &[1; 100]).expect("memory takes it");
        segment.sync().expect("memory syncs");
        disk.sync_dir("journal").expect("memory syncs");
        let before = disk.traffic();
        base.write_at(0, &[2; 30]).expect("memory takes it");
        base.read_at(10, &mut [0; 20]).expect("inside the file");
        base.read_at(10, &mut [0; 21]).expect_err("behind the end");

        let journal = Traffic {
            writes: 1,
            bytes_written: 100,
            syncs: 1,
            directory_syncs: 1,
            ..Traffic::default()
        };
        let rest = Traffic {
            reads: 2,
            bytes_read: 20,
            writes: 1,
            bytes_written: 30,
            ..Traffic::default()
        };
        assert_eq!(disk.traffic_in("journal"), journal);
        assert_eq!(disk.traffic_in(""), rest);
        assert_eq!(disk.traffic(), journal.plus(&rest));
        assert_eq!(disk.traffic().since(&before), rest);
        assert_eq!(disk.traffic_in("elsewhere"), Traffic::default());
    }

    /// A disk was slow in the morning, and nothing was synced since: it is not slow now.
    #[test]
    fn what_a_sync_took_long_ago_says_nothing() {
        let meter = Meter::default();
        meter.synced(Duration::from_secs(8));
        assert_eq!(meter.sync_time(), Duration::from_secs(8));
        meter.synced(Duration::ZERO);
        assert_eq!(meter.sync_time(), Duration::from_secs(7));
        let longer_ago = |time: Instant| time.checked_sub(LATELY).expect("the machine is older");
        let mut time = meter.sync_time.lock().expect("nobody panicked");
        time.last = time.last.map(longer_ago);
        drop(time);
        assert_eq!(meter.sync_time(), Duration::ZERO);
    }

    /// Counting must not get in the way: names, locks and errors are those of the disk beneath.
    #[test]
    fn passes_everything_on() {
        let disk = Metered::new(Arc::new(MemoryDisk::new()));
        disk.make_root().expect("memory has one");
        disk.create("a").expect("memory takes it").set_len(3).expect("memory takes it");
        disk.rename("a", "b").expect("memory renames");
        assert_eq!(disk.list("").expect("memory lists"), ["b"]);
        assert_eq!(disk.open("b").and_then(|file| file.len()).expect("is there"), 3);
        assert_eq!(disk.open_read_only("a").expect_err("renamed").kind(), io::ErrorKind::NotFound);
        let shared = disk.lock_shared("b").expect("is free");
        assert_eq!(disk.lock("b").expect_err("is held").kind(), io::ErrorKind::WouldBlock);
        drop(shared);
        disk.lock("b").expect("is free again");
        disk.remove("b").expect("is there");
        assert_eq!(disk.label(), "<memory>");
    }
}
