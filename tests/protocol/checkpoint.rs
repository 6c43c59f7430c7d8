//! Checkpoints: from the freeze to the retired segments, and the clean close that ends with one.

use super::base::{Checkpoint, State};
use super::promises::Promises;
use super::rules::Rule;
use super::segment::Kind;
use super::store::Store;
use super::world::{Stop, World};

/// A checkpoint on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frozen {
    at: Checkpoint,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Waiting,
    Prepared,
    Flipped,
}

impl Store {
    /// The next step of a checkpoint.
    pub(crate) fn checkpoint(
        &mut self,
        world: &mut World,
        promises: &mut Promises,
    ) -> Result<(), Stop> {
        let Some(frozen) = self.frozen else {
            if !self.poisoned && self.staged() > self.last.lsn {
                let salt = world.segment(self.active).salt;
                let at = Checkpoint { lsn: self.staged(), number: self.active, salt };
                self.frozen = Some(Frozen { at, phase: Phase::Waiting });
            }
            return Ok(());
        };
        match self.checkpoint_step(world, promises, frozen) {
            Ok(Some(phase)) => self.frozen = Some(Frozen { phase, ..frozen }),
            Ok(None) => self.frozen = None,
            Err(Stop::Failed) => self.reopen_base(world),
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Answers the phase to go on with; none if the checkpoint is down or given up.
    fn checkpoint_step(
        &mut self,
        world: &mut World,
        promises: &mut Promises,
        Frozen { at, phase }: Frozen,
    ) -> Result<Option<Phase>, Stop> {
        let unsynced = self.rules.keep(Rule::CheckpointOnlySynced) && self.synced < at.lsn;
        match phase {
            Phase::Waiting if self.poisoned => return Ok(None),
            Phase::Waiting if unsynced => {
                self.write(world, promises)?;
                self.sync(world, promises)?;
                return Ok(Some(phase));
            }
            Phase::Waiting => {
                let commits = self.commits[..at.lsn as usize].to_vec();
                world.base_prepare(State { last: at, previous: self.last, commits })?;
                return Ok(Some(Phase::Prepared));
            }
            Phase::Prepared => {
                world.base_flip()?;
                return Ok(Some(Phase::Flipped));
            }
            Phase::Flipped => world.base_settle()?,
        }
        (self.previous, self.last) = (self.last, at);
        self.retire(world)?;
        Ok(None)
    }

    /// After a failed checkpoint: its outcome is what the base shows when opened again; nothing is retired.
    fn reopen_base(&mut self, world: &World) {
        self.frozen = None;
        if let Some(state) = world.base.state() {
            (self.previous, self.last) = (state.previous, state.last);
        }
    }

    /// Removes the segments that the checkpoint before the last one covers, or recycles them.
    pub(crate) fn retire(&mut self, world: &mut World) -> Result<(), Stop> {
        let late = self.rules.keep(Rule::RetireOneLate);
        let keep_from = if late { self.previous.number } else { self.last.number };
        let mut removed = Vec::new();
        for number in world.numbers().into_iter().filter(|&number| number < keep_from) {
            removed.extend(world.remove(number)?);
        }
        if removed.is_empty() || !self.shape.recycles {
            return Ok(());
        }
        match world.sync_directory() {
            Ok(()) => self.retired.append(&mut removed),
            Err(Stop::Failed) => {}
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// The first half of a close: everything staged goes into the base, which then says so once more
    /// as both its checkpoints. What does not come through in so many steps is given up.
    pub(crate) fn finish(
        &mut self,
        world: &mut World,
        promises: &mut Promises,
    ) -> Result<(), Stop> {
        self.poisoned &= self.rules.keep(Rule::NeverSealPoisoned);
        let checkpoints = self.rules.keep(Rule::CheckpointBeforeClose);
        for _ in 0..world.rng.u8(1..80) {
            if checkpoints {
                self.checkpoint(world, promises)?;
            }
            self.write(world, promises)?;
            if self.poisoned || self.is_finished() {
                break;
            }
        }
        if !self.poisoned && self.is_finished() && self.rules.keep(Rule::SettleBeforeClose) {
            self.settle(world)?;
        }
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.last.lsn == self.staged() && self.frozen.is_none()
    }

    fn settle(&mut self, world: &mut World) -> Result<(), Stop> {
        if self.previous == self.last {
            return Ok(());
        }
        let commits = self.commits[..self.last.lsn as usize].to_vec();
        let prepared = world.base_prepare(State { last: self.last, previous: self.last, commits });
        match prepared.and_then(|()| world.base_flip()).and_then(|()| world.base_settle()) {
            Ok(()) => self.previous = self.last,
            Err(Stop::Failed) => self.reopen_base(world),
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// The second half: the end batch that says "closed". A checkpoint that did not come about does
    /// not keep it back.
    pub(crate) fn seal(&mut self, world: &mut World, promises: &mut Promises) -> Result<(), Stop> {
        let written = self.written == self.staged();
        if !self.poisoned && written && self.append(world, self.written, Kind::Closed)? {
            self.sync(world, promises)?;
        }
        Ok(())
    }
}
