//! A disk that lets others run in the middle of the journal's calls, knows what a power cut would
//! leave, breaks when it is told to, and holds the journal to its rules.
//!
//! Only segments are watched: the base's calls are one step each, because redb holds locks of its own
//! around them.

use std::collections::BTreeMap;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use crate::disk::{Disk, DiskFile, DiskLock, MemoryDisk};
use crate::engine::Lsn;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mishap {
    WriteFails,
    SyncFails,
    WritePanics,
    SyncPanics,
}

impl Mishap {
    fn hits_writes(self) -> bool {
        matches!(self, Self::WriteFails | Self::WritePanics)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Whether threads are interrupted: not before the store is open.
    watched: bool,
    /// The last commit that was given to the system.
    written: Lsn,
    /// The last commit that survives a power cut.
    durable: Lsn,
    /// Whether a sync is in flight, a write is under way.
    syncing: bool,
    writing: bool,
    /// What happens, and after how many calls of its kind.
    mishap: Option<(Mishap, usize)>,
    /// Whether it has happened.
    broken: bool,
    /// How many of the next writes to the base fail.
    base_failures: usize,
    /// The kind of those failures, and whether there was one.
    base_full: bool,
    base_has_failed: bool,
    /// The commit that a thread waits for.
    waits_for: BTreeMap<usize, Lsn>,
    /// Who wrote the end of a segment just now.
    rotated_by: Option<usize>,
    names: BTreeMap<u64, String>,
    next_file: u64,
    /// The first rule that was broken.
    complaint: Option<&'static str>,
}

/// See the module. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelDisk {
    memory: MemoryDisk,
    state: Arc<Mutex<State>>,
    durable: Arc<(shuttle::sync::Mutex<Lsn>, shuttle::sync::Condvar)>,
}

impl ModelDisk {
    /// Never held while others run.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on threads are interrupted in here.
    pub(super) fn watch(&self) {
        self.state().watched = true;
    }

    /// From now on nobody is, and nothing is watched.
    pub(super) fn look_away(&self) {
        self.state().watched = false;
    }

    /// The last commit that survives the death of the process.
    pub(super) fn written(&self) -> Lsn {
        self.state().written
    }

    /// The last commit that survives a power cut now.
    pub(super) fn durable(&self) -> Lsn {
        self.state().durable
    }

    /// Whether the mishap has happened.
    pub(super) fn is_broken(&self) -> bool {
        self.state().broken
    }

    /// The first rule of the journal that was broken.
    pub(super) fn complaint(&self) -> Option<&'static str> {
        self.state().complaint
    }

    /// Lets the `after`-th call from now on, counted from zero, come to grief.
    pub(super) fn break_after(&self, mishap: Mishap, after: usize) {
        self.state().mishap = Some((mishap, after));
    }

    /// Lets the next writes to the base fail: for want of room, or for good.
    pub(super) fn break_base(&self, failures: usize, full: bool) {
        let mut state = self.state();
        state.base_failures = failures;
        state.base_full = full;
    }

    /// Whether a write to the base has failed, which ends the snapshots.
    pub(super) fn base_has_failed(&self) -> bool {
        self.state().base_has_failed
    }

    /// Says what this thread waits for: it must not write what is behind that for others.
    pub(super) fn waits_for(&self, lsn: Lsn) {
        self.state().waits_for.insert(this_thread(), lsn);
    }

    /// Sleeps until `lsn` survives a power cut.
    pub(super) fn until_durable(&self, lsn: Lsn) {
        let (durable, changed) = &*self.durable;
        let mut durable = durable.lock().expect("nobody panics under this lock");
        while *durable < lsn {
            durable = changed.wait(durable).expect("nobody panics under this lock");
        }
    }

    fn wrap(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let mut state = self.state();
        state.next_file += 1;
        let id = state.next_file;
        state.names.insert(id, name.to_owned());
        Arc::new(ModelFile { disk: self.clone(), file, id })
    }
}

fn this_thread() -> usize {
    usize::from(thread::current().id())
}

/// Lets others run for a while. A sleep is how shuttle calls a step at which nothing happens.
fn interrupted() {
    for _ in 0..thread_rng().gen_range(1..4) {
        thread::sleep(Duration::ZERO);
    }
}

impl State {
    /// Notes a broken rule. A panic in here would be caught, and taken for the disk's own.
    fn rule(&mut self, kept: bool, rule: &'static str) {
        if !kept {
            self.complaint.get_or_insert(rule);
        }
        if self.broken {
            self.complaint.get_or_insert("nothing is written or synced once the store is poisoned");
        }
    }

    /// Whether this call is the one that comes to grief.
    fn is_hit(&mut self, write: bool) -> Option<Mishap> {
        let (mishap, after) = self.mishap.as_mut()?;
        if mishap.hits_writes() != write {
            return None;
        }
        if *after > 0 {
            *after -= 1;
            return None;
        }
        self.broken = true;
        self.mishap.take().map(|(mishap, _)| mishap)
    }
}

/// The first commit and the number of commits of a batch; see `journal::format`.
fn commits_of(batch: &[u8]) -> (Lsn, u64) {
    let number = |at: usize| batch[at..at + 4].try_into().map(u32::from_le_bytes);
    let first = batch[8..16].try_into().map(u64::from_le_bytes);
    assert_eq!(&batch[..4], b"HWB1", "a segment holds batches");
    (first.expect("eight bytes"), u64::from(number(32).expect("four bytes")))
}

/// Whether a segment ends with this batch.
fn is_end(batch: &[u8]) -> bool {
    batch[40..44] == 2_u32.to_le_bytes()
}

fn fail(mishap: Mishap) -> io::Error {
    match mishap {
        // Not `panic!`, which would print a schedule that has not failed.
        Mishap::WritePanics | Mishap::SyncPanics => resume_unwind(Box::new("the disk panics")),
        Mishap::WriteFails | Mishap::SyncFails => io::Error::other("the disk fails"),
    }
}

impl Disk for ModelDisk {
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
        Ok(self.wrap(name, self.memory.open(name)?))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(name, self.memory.open_read_only(name)?))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.memory.list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)?;
        for name in self.state().names.values_mut().filter(|name| *name == from) {
            to.clone_into(name);
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.memory.sync_dir(dir)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.memory.lock(name)
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.memory.lock_shared(name)
    }

    fn label(&self) -> String {
        "<model>".to_owned()
    }
}

#[derive(Debug)]
struct ModelFile {
    disk: ModelDisk,
    file: Arc<dyn DiskFile>,
    id: u64,
}

impl ModelFile {
    /// Whether this is a segment of an open store.
    fn is_watched(&self, state: &State) -> bool {
        state.watched && state.names[&self.id].ends_with(".wal")
    }

    /// The rules of the journal: nothing beside a sync, nothing beside a write, nothing after an
    /// error, and commits in their order.
    fn write_batch(&self, offset: u64, batch: &[u8]) -> io::Result<()> {
        let mishap = {
            let mut state = self.disk.state();
            let alone = !state.syncing && !state.writing;
            state.rule(alone, "one at a time, and nothing beside a sync");
            let (first, count) = commits_of(batch);
            let in_order = first == state.written + 1;
            state.rule(in_order, "commits are written in their order");
            let own = state.waits_for.get(&this_thread()).copied();
            // A turn that crosses into the next segment takes a batch for each.
            let rotated = state.rotated_by.take() == Some(this_thread());
            let own_turn = count == 0 || rotated || own.is_none_or(|own| first <= own);
            state.rule(own_turn, "whoever has what it waits for hands over");
            if is_end(batch) {
                state.rotated_by = Some(this_thread());
            }
            state.writing = true;
            state.is_hit(true)
        };
        interrupted();
        let written = match mishap {
            Some(mishap) => Err(mishap),
            None => Ok(self.file.write_at(offset, batch)?),
        };
        let mut state = self.disk.state();
        state.writing = false;
        let count = commits_of(batch).1;
        if written.is_ok() {
            state.written += count;
        }
        drop(state);
        written.map_err(fail)
    }

    fn sync_segment(&self) -> io::Result<()> {
        let (mishap, covered) = {
            let mut state = self.disk.state();
            let alone = !state.syncing && !state.writing;
            state.rule(alone, "one sync at a time, and nothing beside it");
            state.syncing = true;
            (state.is_hit(false), state.written)
        };
        interrupted();
        let mut state = self.disk.state();
        state.syncing = false;
        if let Some(mishap) = mishap {
            drop(state);
            return Err(fail(mishap));
        }
        state.durable = covered;
        drop(state);
        let (durable, changed) = &*self.disk.durable;
        *durable.lock().expect("nobody panics under this lock") = covered;
        changed.notify_all();
        Ok(())
    }

    fn write_to_base(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.base_failures > 0 {
            state.base_failures -= 1;
            state.base_has_failed = true;
            let kind =
                if state.base_full { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
            return Err(kind.into());
        }
        drop(state);
        self.file.write_at(offset, bytes)
    }
}

impl DiskFile for ModelFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let (watched, base) = {
            let state = self.disk.state();
            (self.is_watched(&state), state.names[&self.id].ends_with(".redb"))
        };
        if watched {
            self.write_batch(offset, bytes)
        } else if base {
            self.write_to_base(offset, bytes)
        } else {
            self.file.write_at(offset, bytes)
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let watched = self.is_watched(&self.disk.state());
        if watched { self.sync_segment() } else { self.file.sync() }
    }
}
