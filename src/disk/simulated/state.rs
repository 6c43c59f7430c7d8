//! The whole simulated disk at one moment, and what every call goes through.
//!
//! Every call is counted first, which decides its course: as asked, cut short by the power, or
//! hit by a fault. All randomness comes from one generator in here, and nothing depends on the
//! order of a hash table, so the same seed and the same calls give the same bytes.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use fastrand::Rng;

use super::super::locks::Locks;
use super::super::name;
use super::super::pages::Pages;
use super::crash::{CrashStyle, Survival};
use super::directory::{Directories, FileId, Names};
use super::fault::{Call, Fault, FaultPlan};
use super::file::{File, Reach};

pub(super) struct State {
    pub(super) rng: Rng,
    pub(super) files: BTreeMap<FileId, File>,
    pub(super) directories: Directories,
    /// Never used again, not even after a power cut, so that old handles lead nowhere.
    next_file: FileId,
    pub(super) power: Power,
    pub(super) crash_at: Option<u64>,
    pub(super) in_flight: Option<InFlight>,
    pub(super) faults: Vec<FaultPlan>,
    /// How often which fault hit which call.
    pub(super) hits: BTreeMap<(Fault, Call), u64>,
    /// How many bytes all files together may have.
    pub(super) capacity: Option<u64>,
    pub(super) counts: Counts,
    pub(super) locks: Locks,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    On,
    Out,
}

/// How many calls there were.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) reads: u64,
    pub(super) syncs: u64,
    pub(super) directory_syncs: u64,
    pub(super) faults: u64,
}

/// The write that the power cut interrupted.
#[derive(Clone)]
pub(super) struct InFlight {
    pub(super) file: FileId,
    pub(super) offset: u64,
    pub(super) bytes: Arc<[u8]>,
}

/// What becomes of a call.
pub(super) enum Course {
    AsAsked,
    PowerCut,
    Hit(Fault),
}

/// The end of a process or of the power, and the disk after it.
impl State {
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            rng,
            files: BTreeMap::new(),
            directories: Directories::default(),
            next_file: 0,
            power: Power::On,
            crash_at: None,
            in_flight: None,
            faults: Vec::new(),
            hits: BTreeMap::new(),
            capacity: None,
            counts: Counts::default(),
            locks: Locks::default(),
        }
    }

    /// Everything as it is, but with no handle open and no lock held.
    pub(super) fn copy(&self) -> Self {
        let mut files = self.files.clone();
        files.values_mut().for_each(|file| file.handles = 0);
        Self {
            rng: self.rng.clone(),
            files,
            directories: self.directories.clone(),
            next_file: self.next_file,
            power: self.power,
            crash_at: self.crash_at,
            in_flight: self.in_flight.clone(),
            faults: self.faults.clone(),
            hits: self.hits.clone(),
            capacity: self.capacity,
            counts: self.counts,
            locks: Locks::default(),
        }
    }

    /// What a new process finds if this one is killed now: everything the system has in its cache,
    /// and the first bytes of the write in flight.
    pub(super) fn after_kill(&self) -> Self {
        let mut image = self.copy();
        image.power = Power::On;
        image.crash_at = None;
        image.faults.clear();
        image.hits.clear();
        image.counts = Counts::default();
        if let Some(InFlight { file, offset, bytes }) = image.in_flight.take() {
            let done = image.rng.usize(..=bytes.len());
            if let Some(file) = image.files.get_mut(&file) {
                // The write was accepted before the power went out.
                let _ = file.write(offset, &bytes[..done], Reach::Disk);
            }
        }
        image
    }

    /// What is found if the power goes out now.
    pub(super) fn after_power_cut(&self, rng: Rng, style: CrashStyle) -> Self {
        let mut image = Self::new(rng);
        let mut survival = Survival::new(style, image.rng.fork());
        let Names { files, directories } = self.directories.after_power_cut(&mut survival);
        let mut names = Names { files: BTreeMap::new(), directories };
        image.capacity = self.capacity;
        image.next_file = self.next_file;
        for (name, id) in files {
            let in_flight = self.in_flight.as_ref().filter(|write| write.file == id);
            let in_flight = in_flight.map(|write| (write.offset, &*write.bytes));
            if let Some(file) = self.files.get(&id) {
                let pages = file.after_power_cut(in_flight, &mut survival);
                let id = image.add(File::durable(&name, pages));
                names.files.insert(name, id);
            }
        }
        image.directories = Directories::durable(names);
        image
    }

    /// Ends the power cut: the disk goes on as one of its own images. Counters and faults stay.
    pub(super) fn power_on(&mut self) {
        if self.power == Power::On {
            return;
        }
        let seed = self.rng.fork();
        let image = self.after_power_cut(seed, CrashStyle::Random);
        let (faults, hits) = (std::mem::take(&mut self.faults), std::mem::take(&mut self.hits));
        *self = Self { counts: self.counts, faults, hits, ..image };
    }
}

/// What every call goes through.
impl State {
    pub(super) fn check_power(&self) -> io::Result<()> {
        if self.power == Power::On { Ok(()) } else { Err(power_is_out()) }
    }

    /// Counts a call and decides its course.
    pub(super) fn start(&mut self, call: Call, name: &str) -> io::Result<Course> {
        self.check_power()?;
        if call.changes() {
            self.counts.calls += 1;
            if self.crash_at.is_some_and(|nth| self.counts.calls >= nth) {
                self.power = Power::Out;
                return Ok(Course::PowerCut);
            }
        } else {
            self.counts.reads += 1;
        }
        let mut hit = None;
        for plan in &mut self.faults {
            // Every plan counts every call, whichever of them hits it.
            let judged = plan.judge(call, name);
            hit = hit.or(judged);
        }
        if let Some(fault) = hit {
            self.counts.faults += 1;
            *self.hits.entry((fault, call)).or_default() += 1;
        }
        Ok(hit.map_or(Course::AsAsked, Course::Hit))
    }

    /// A call that changes nothing.
    pub(super) fn look(&mut self, call: Call, name: &str) -> io::Result<()> {
        match self.start(call, name)? {
            Course::Hit(fault) => fault.error().map_or(Ok(()), Err),
            Course::AsAsked | Course::PowerCut => Ok(()),
        }
    }

    /// A call that is done wholly or not at all. `act` refuses what cannot be done before it
    /// changes anything.
    pub(super) fn atomic<T>(
        &mut self,
        call: Call,
        name: &str,
        act: impl FnOnce(&mut Self, Reach) -> io::Result<T>,
    ) -> io::Result<T> {
        let (may_be_done, error) = match self.start(call, name)? {
            Course::AsAsked => return act(self, Reach::Disk),
            Course::PowerCut => (true, power_is_out()),
            Course::Hit(fault) => match fault.error() {
                None => return act(self, Reach::CacheOnly),
                Some(error) => (fault.does_part(), error),
            },
        };
        if may_be_done && self.rng.bool() {
            // Whether it was refused or done, the caller sees the fault.
            let _ = act(self, Reach::Disk);
        }
        Err(error)
    }

    pub(super) fn add(&mut self, file: File) -> FileId {
        let id = self.next_file;
        self.next_file += 1;
        self.files.insert(id, file);
        id
    }
}

/// What a test does to the disk behind the store's back, and sees of it.
impl State {
    pub(super) fn shown(&self, name: &str) -> Option<&File> {
        self.files.get(self.directories.shown().files.get(name)?)
    }

    pub(super) fn saved(&self, name: &str) -> Option<&File> {
        let Names { files, directories } = self.directories.saved();
        let directory = name::directory_of(name);
        let reachable = directory.is_empty() || directories.contains(directory);
        self.files.get(files.get(name).filter(|_| reachable)?)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.directories.shown().files.keys()
    }

    pub(super) fn is_unsynced(&self, name: &str) -> bool {
        self.directories.is_unsynced(name) || self.shown(name).is_some_and(File::is_unsynced)
    }

    pub(super) fn put(&mut self, name: &str, pages: Pages) {
        let id = match self.named(name) {
            Ok(id) => id,
            Err(_) => self.add(File::default()),
        };
        if let Some(file) = self.files.get_mut(&id) {
            file.name = name.into();
            file.overwrite(pages);
        }
        self.directories.put(name, id);
    }

    pub(super) fn take_away(&mut self, name: &str) -> bool {
        self.directories.take_away(name).is_some()
    }

    pub(super) fn flip_bit(&mut self, name: &str, offset: u64, bit: u8) -> bool {
        let Ok(id) = self.named(name) else {
            return false;
        };
        self.files.get_mut(&id).is_some_and(|file| file.flip_bit(offset, bit))
    }

    pub(super) fn drop_caches(&mut self) {
        self.files.values_mut().for_each(File::drop_cache);
    }
}

pub(super) fn power_is_out() -> io::Error {
    io::Error::other("the power is out")
}
