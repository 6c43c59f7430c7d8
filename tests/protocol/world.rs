//! The world outside the process: segment files, their directory, and what a power cut leaves of them.
//!
//! Fault model:
//! - a batch that was not synced survives a power cut whole, with only its header readable, or not at
//!   all, each batch for itself; the same goes for a segment's header;
//! - a failed sync saves any part of what it covered and marks the rest as clean: reads show it until
//!   the power cut, and no later sync saves it; a failed sync of the directory does so with names,
//!   unless the world is told that it leaves them as unsynced as they were;
//! - a name that was not synced is there or not after a power cut, each name for itself;
//! - a failed write leaves any part of its batch;
//! - killing the process loses nothing but the process.
//!
//! The world knows nothing of the rules: it does what it is told.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::base::Base;
use super::segment::{Batch, Found, Lsn, Number, Saved, Segment};

pub(crate) type FileId = usize;

/// How a call to the world can end other than well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The machine lost its power in this call.
    PowerCut,
    /// The process was killed in this call.
    Kill,
    /// The call answered with an error; the process goes on.
    Failed,
}

/// How often calls go wrong, each as one in so many calls (0 for never).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Odds {
    pub(crate) power_cut: u32,
    pub(crate) kill: u32,
    pub(crate) failure: u32,
}

/// Files, names and base, with chance deciding what goes wrong.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) odds: Odds,
    pub(crate) base: Base,
    /// Whether a failed sync of the directory marks names as saved that were not.
    pub(crate) forgets_names: bool,
    files: Vec<Segment>,
    names: BTreeMap<Number, FileId>,
    saved_names: BTreeMap<Number, FileId>,
    /// Names whose last change a failed sync marked as done.
    forgotten_names: BTreeSet<Number>,
}

impl World {
    pub(crate) fn new(rng: Rng) -> Self {
        let base = Base::default();
        let (names, saved_names, files) = Default::default();
        let forgotten_names = BTreeSet::new();
        let odds = Odds::default();
        Self { rng, odds, base, forgets_names: true, files, names, saved_names, forgotten_names }
    }

    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        count > 0 && self.rng.u32(0..count) == 0
    }

    /// Every call passes here first: it may be the last one of the process.
    pub(crate) fn call(&mut self) -> Result<(), Stop> {
        if self.one_in(self.odds.power_cut) {
            return Err(Stop::PowerCut);
        }
        if self.one_in(self.odds.kill) {
            return Err(Stop::Kill);
        }
        Ok(())
    }

    pub(crate) fn call_fails(&mut self) -> Result<bool, Stop> {
        self.call()?;
        Ok(self.one_in(self.odds.failure))
    }

    pub(crate) fn numbers(&self) -> Vec<Number> {
        self.names.keys().copied().collect()
    }

    pub(crate) fn segment(&self, number: Number) -> &Segment {
        &self.files[self.names[&number]]
    }

    pub(crate) fn segment_mut(&mut self, number: Number) -> &mut Segment {
        &mut self.files[self.names[&number]]
    }

    /// A new file that has no name yet, written into a recycled one if there is one.
    pub(crate) fn create(
        &mut self,
        (number, salt, restart_lsn): (Number, u64, Lsn),
        batches: Vec<Batch>,
        recycled: Option<FileId>,
    ) -> Result<FileId, Stop> {
        self.call()?;
        let left_over = recycled.map_or(Vec::new(), |file| self.files[file].batches.clone());
        let (header_is_good, header_saved) = (true, Saved::NotYet);
        let segment =
            Segment { number, salt, restart_lsn, batches, header_is_good, header_saved, left_over };
        if let Some(file) = recycled {
            self.files[file] = segment;
            return Ok(file);
        }
        self.files.push(segment);
        Ok(self.files.len() - 1)
    }

    pub(crate) fn append(&mut self, number: Number, mut batch: Batch) -> Result<(), Stop> {
        let fails = self.call_fails()?;
        if fails {
            batch.found = batch.found.worn(&mut self.rng);
        }
        self.segment_mut(number).batches.push(batch);
        if fails { Err(Stop::Failed) } else { Ok(()) }
    }

    /// Syncs a file; batches from `upto` on were written after the sync began.
    pub(crate) fn sync(&mut self, file: FileId, upto: usize) -> Result<(), Stop> {
        let fails = self.call_fails()?;
        let segment = &mut self.files[file];
        segment.header_saved.sync(fails, &mut self.rng);
        for batch in segment.batches.iter_mut().take(upto) {
            batch.saved.sync(fails, &mut self.rng);
        }
        if fails { Err(Stop::Failed) } else { Ok(()) }
    }

    pub(crate) fn file(&self, number: Number) -> FileId {
        self.names[&number]
    }

    pub(crate) fn salt_of(&self, file: FileId) -> u64 {
        self.files[file].salt
    }

    pub(crate) fn rename(&mut self, file: FileId, number: Number) -> Result<(), Stop> {
        self.call()?;
        self.names.insert(number, file);
        self.forgotten_names.remove(&number);
        Ok(())
    }

    pub(crate) fn remove(&mut self, number: Number) -> Result<Option<FileId>, Stop> {
        if self.call_fails()? {
            return Err(Stop::Failed);
        }
        self.forgotten_names.remove(&number);
        Ok(self.names.remove(&number))
    }

    pub(crate) fn sync_directory(&mut self) -> Result<(), Stop> {
        let fails = self.call_fails()?;
        for number in self.unsaved_names() {
            let saved = !fails || !self.rng.bool();
            if saved {
                self.save_name(number);
            } else if self.forgets_names {
                self.forgotten_names.insert(number);
            }
        }
        if fails { Err(Stop::Failed) } else { Ok(()) }
    }

    fn unsaved_names(&self) -> Vec<Number> {
        let numbers: BTreeSet<_> = self.names.keys().chain(self.saved_names.keys()).collect();
        let changed = |number: &Number| self.names.get(number) != self.saved_names.get(number);
        let numbers = numbers.into_iter().copied().filter(changed);
        numbers.filter(|number| !self.forgotten_names.contains(number)).collect()
    }

    fn save_name(&mut self, number: Number) {
        match self.names.get(&number) {
            Some(&file) => self.saved_names.insert(number, file),
            None => self.saved_names.remove(&number),
        };
    }

    /// Breaks the batch that is read as number `index` of this segment.
    pub(crate) fn break_batch(&mut self, number: Number, index: usize, found: Found) {
        let segment = self.segment_mut(number);
        let salt = segment.salt;
        let readable = |batch: &&mut Batch| batch.salt == salt && batch.found != Found::Nothing;
        if let Some(batch) = segment.batches.iter_mut().filter(readable).nth(index) {
            batch.found = found;
        }
    }

    /// The power goes: only what was saved is sure to be there afterwards.
    pub(crate) fn power_cut(&mut self) {
        for number in self.unsaved_names() {
            if self.rng.bool() {
                self.save_name(number);
            }
        }
        self.names = self.saved_names.clone();
        self.forgotten_names.clear();
        for segment in &mut self.files {
            segment.header_is_good &= match segment.header_saved {
                Saved::Yes => true,
                Saved::NotYet => self.rng.bool(),
                Saved::Never => false,
            };
            segment.header_saved = Saved::Yes;
            segment.batches.iter_mut().for_each(|batch| batch.power_cut(&mut self.rng));
        }
        self.base.power_cut(&mut self.rng);
    }

    /// The process dies; the machine runs on.
    pub(crate) fn kill(&mut self) {
        self.base.kill(&mut self.rng);
    }
}
