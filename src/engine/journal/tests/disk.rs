//! A disk in memory that waits, fails, panics or runs full when a test says so, and that watches
//! the journal's rule: one sync at a time, and no write of a segment beside it.
//!
//! What counts as the journal are files called `.wal` at the time of the call: a segment that is
//! being made has another name, and is nobody's business yet.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, DiskFile, DiskLock, MemoryDisk};

use super::super::DIRECTORY;
use crate::engine::base::FILE_NAME as BASE;

/// What the next call of a kind does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mishap {
    #[default]
    None,
    Error,
    Panic,
}

#[derive(Debug, Default)]
pub(super) struct Controls {
    /// How long a sync of a segment takes.
    pub(super) sync_delay: Duration,
    /// Whether syncs of segments wait until this is taken back.
    pub(super) hold_syncs: bool,
    /// Whether writes of the base wait until this is taken back.
    pub(super) hold_base: bool,
    /// What becomes of the next syncs of segments.
    pub(super) sync: Mishap,
    /// What becomes of the next writes to segments.
    pub(super) write: Mishap,
    /// Whether the next sync of the journal's directory fails after everything was done.
    pub(super) fail_directory_sync: bool,
    /// Reads of this file fail.
    pub(super) unreadable: Option<String>,
    /// Whether locks cannot be taken, for a reason of the machine's.
    pub(super) locks_fail: bool,
    /// What the base is for whoever opens it for writing.
    pub(super) other_base: Option<Vec<u8>>,
    /// Bytes that all files together may have.
    pub(super) capacity: Option<u64>,
    pub(super) syncs: u64,
    syncing: u64,
    pub(super) most_syncing: u64,
    pub(super) writes_beside_syncs: u64,
    /// Reads of segments, and the bytes asked for.
    pub(super) reads: u64,
    pub(super) read_bytes: u64,
    pub(super) largest_read: u64,
    names: BTreeMap<u64, String>,
    next_file: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct TestDisk {
    pub(super) memory: MemoryDisk,
    controls: Arc<(Mutex<Controls>, Condvar)>,
}

impl TestDisk {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn over(memory: MemoryDisk) -> Self {
        Self { memory, ..Self::default() }
    }

    pub(super) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    pub(super) fn controls(&self) -> MutexGuard<'_, Controls> {
        self.controls.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what the disk does, and wakes calls that wait.
    pub(super) fn set(&self, change: impl FnOnce(&mut Controls)) {
        change(&mut self.controls());
        self.controls.1.notify_all();
    }

    /// Waits until a sync of a segment is under way.
    pub(super) fn until_syncing(&self) {
        let waited = self.controls.1.wait_while(self.controls(), |controls| controls.syncing == 0);
        drop(waited.expect("nobody panics under this lock"));
    }

    /// Every file with its bytes, but for the lock, which says nothing about the store.
    pub(super) fn picture(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.memory.list("").expect("memory lists").into_iter();
        let segments = self.memory.list(DIRECTORY).expect("memory lists");
        names
            .chain(segments.iter().map(|name| format!("{DIRECTORY}/{name}")))
            .filter(|name| name != "LOCK")
            .map(|name| {
                let bytes = super::read_file(&self.memory, &name);
                (name, bytes)
            })
            .collect()
    }

    /// Bytes of all files together.
    pub(super) fn used(&self) -> u64 {
        self.picture().values().map(|bytes| bytes.len() as u64).sum()
    }

    /// What another process would find: a copy with free locks and nothing the matter.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::new();
        copy.memory.make_dir(DIRECTORY).expect("memory takes it");
        for (name, bytes) in self.picture() {
            super::write_file(&copy.memory, &name, &bytes);
        }
        copy
    }

    fn wrap(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let mut controls = self.controls();
        controls.next_file += 1;
        let id = controls.next_file;
        controls.names.insert(id, name.to_owned());
        Arc::new(TestFile { disk: self.clone(), file, id })
    }
}

impl Disk for TestDisk {
    fn make_root(&self) -> io::Result<()> {
        self.memory.make_root()
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.memory.make_dir(name)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(name, self.memory.create(name)?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let other_base = self.controls().other_base.take_if(|_| name == BASE);
        if let Some(bytes) = other_base {
            super::write_file(&self.memory, name, &bytes);
        }
        Ok(self.wrap(name, self.memory.open(name)?))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(name, self.memory.open_read_only(name)?))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.memory.list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut controls = self.controls();
        self.memory.rename(from, to)?;
        for name in controls.names.values_mut().filter(|name| *name == from) {
            to.clone_into(name);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        if dir == DIRECTORY && std::mem::take(&mut self.controls().fail_directory_sync) {
            return Err(io::Error::other("the directory could not be synced"));
        }
        self.memory.sync_dir(dir)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.memory.lock(name)
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        if self.controls().locks_fail {
            return Err(io::Error::other("no lock can be had"));
        }
        self.memory.lock_shared(name)
    }

    fn label(&self) -> String {
        "<test>".to_owned()
    }
}

#[derive(Debug)]
struct TestFile {
    disk: TestDisk,
    file: Arc<dyn DiskFile>,
    id: u64,
}

impl TestFile {
    fn is_segment(&self, controls: &Controls) -> bool {
        controls.names[&self.id].ends_with(".wal")
    }

    fn check_room(&self, end: u64) -> io::Result<()> {
        let Some(capacity) = self.disk.controls().capacity else {
            return Ok(());
        };
        let growth = end.saturating_sub(self.file.len()?);
        if growth > 0 && self.disk.used() + growth > capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl DiskFile for TestFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut controls = self.disk.controls();
        if self.is_segment(&controls) {
            controls.reads += 1;
            let bytes = buffer.len() as u64;
            controls.read_bytes += bytes;
            controls.largest_read = controls.largest_read.max(bytes);
        }
        if controls.unreadable.as_deref() == Some(&controls.names[&self.id]) {
            return Err(io::Error::other("the disk cannot read this"));
        }
        drop(controls);
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_room(offset + bytes.len() as u64)?;
        let mut controls = self.disk.controls();
        if self.is_segment(&controls) {
            controls.writes_beside_syncs += u64::from(controls.syncing > 0);
            match std::mem::take(&mut controls.write) {
                Mishap::None => {}
                Mishap::Error => return Err(io::Error::other("the disk cannot write this")),
                Mishap::Panic => {
                    drop(controls);
                    panic!("the disk panics");
                }
            }
        } else if controls.names[&self.id].ends_with(".redb") {
            let held = self.disk.controls.1.wait_while(controls, |c| c.hold_base);
            controls = held.unwrap_or_else(PoisonError::into_inner);
        }
        drop(controls);
        self.file.write_at(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_room(len)?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let mut controls = self.disk.controls();
        if !self.is_segment(&controls) {
            drop(controls);
            return self.file.sync();
        }
        controls.syncs += 1;
        controls.syncing += 1;
        controls.most_syncing = controls.most_syncing.max(controls.syncing);
        let delay = controls.sync_delay;
        self.disk.controls.1.notify_all();
        let waited = self.disk.controls.1.wait_while(controls, |c| c.hold_syncs);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        if !delay.is_zero() {
            // The delay is what is being simulated, not a way to wait for something.
            std::thread::sleep(delay);
        }
        let mut controls = self.disk.controls();
        controls.syncing -= 1;
        match std::mem::take(&mut controls.sync) {
            Mishap::None => self.file.sync(),
            Mishap::Error => Err(io::Error::other("the disk cannot sync this")),
            Mishap::Panic => {
                drop(controls);
                panic!("the disk panics");
            }
        }
    }
}
