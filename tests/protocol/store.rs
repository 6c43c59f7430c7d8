//! The way of a write: staging, batches, syncs, rotation.
//!
//! One running process. Every function is one step; the run decides which step comes next, so steps
//! that the design lets run side by side (a sync, writes, the phases of a checkpoint) are cut between.

use super::announce::{Announcement, announce, next_number};
use super::base::{Checkpoint, State};
use super::checkpoint::Frozen;
use super::promises::Promises;
use super::rules::{Rule, Rules};
use super::segment::{Batch, Kind, Lsn, Number};
use super::world::{FileId, Stop, World};

/// What a commit asks for before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Written,
    Synced,
}

/// How a run is shaped beyond the rules; none of it may matter to them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Batches in a segment before it is left.
    pub(crate) segment_batches: usize,
    /// Batches may be written while a sync is in flight (the engine waits; the rules need not).
    pub(crate) writes_beside_sync: bool,
    /// Retired segments become new ones.
    pub(crate) recycles: bool,
}

/// A sync on its way: what it covers was settled when it began.
#[derive(Clone, Copy, Debug)]
struct Flight {
    file: FileId,
    batches: usize,
    lsn: Lsn,
}

/// A store that is open for writing.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) rules: Rules,
    pub(crate) shape: Shape,
    /// All commits staged, by LSN, with what they asked for; recovered ones are behind us.
    pub(crate) commits: Vec<u64>,
    pub(crate) asked: Vec<Durability>,
    pub(crate) written: Lsn,
    pub(crate) synced: Lsn,
    pub(crate) visible: Lsn,
    pub(crate) active: Number,
    pub(crate) last: Checkpoint,
    pub(crate) previous: Checkpoint,
    pub(crate) poisoned: bool,
    /// The highest `durable_lsn` any batch of this process carries.
    marked: Lsn,
    ready: Option<Number>,
    next_number: Number,
    pub(super) retired: Vec<FileId>,
    flight: Option<Flight>,
    pub(super) frozen: Option<Frozen>,
}

impl Store {
    /// A store just opened: everything recovered is durable.
    pub(crate) fn opened(
        rules: Rules,
        shape: Shape,
        active: Number,
        state: &State,
        commits: Vec<u64>,
    ) -> Self {
        let lsn = commits.len() as Lsn;
        Self {
            rules,
            shape,
            asked: vec![Durability::Written; commits.len()],
            commits,
            written: lsn,
            synced: lsn,
            visible: lsn,
            active,
            last: state.last,
            previous: state.previous,
            poisoned: false,
            marked: 0,
            ready: None,
            next_number: active + 1,
            retired: Vec::new(),
            flight: None,
            frozen: None,
        }
    }

    pub(crate) fn staged(&self) -> Lsn {
        self.commits.len() as Lsn
    }

    pub(crate) fn stage(&mut self, commit: u64, durability: Durability) {
        self.commits.push(commit);
        self.asked.push(durability);
    }

    /// An error of a write or a sync poisons the store; the end of the process goes on up.
    fn poisons(&mut self, result: Result<(), Stop>) -> Result<bool, Stop> {
        if result == Err(Stop::Failed) {
            self.poisoned |= self.rules.keep(Rule::FailedSyncPoisons);
            return Ok(false);
        }
        result.map(|()| true)
    }

    /// Group commit: some of the queue goes out as one batch. Tells whether anything was written.
    pub(crate) fn write(
        &mut self,
        world: &mut World,
        promises: &mut Promises,
    ) -> Result<bool, Stop> {
        if self.poisoned || self.written == self.staged() {
            return Ok(false);
        }
        if self.flight.is_some() && !self.shape.writes_beside_sync {
            self.end_sync(world, promises)?;
            return Ok(false);
        }
        if world.segment(self.active).batches.len() >= self.shape.segment_batches
            && !self.rotate(world, promises)?
        {
            return Ok(false);
        }
        let upto = world.rng.u64(self.written + 1..=self.staged());
        if !self.append(world, upto, Kind::Ordinary)? {
            return Ok(false);
        }
        self.written = upto;
        self.publish(promises);
        Ok(true)
    }

    pub(super) fn append(
        &mut self,
        world: &mut World,
        upto: Lsn,
        kind: Kind,
    ) -> Result<bool, Stop> {
        let salt = world.segment(self.active).salt;
        let commits = &self.commits[self.written as usize..upto as usize];
        self.marked = self.marked.max(self.synced);
        let batch = Batch::new(self.written + 1, commits, self.synced, salt, kind);
        let result = world.append(self.active, batch);
        let written = self.poisons(result)?;
        // A half-written batch is never followed by another one, with or without the poison rule.
        self.poisoned |= !written;
        Ok(written)
    }

    /// A `durable_lsn` that no batch has told yet is written into an empty one and synced.
    pub(crate) fn mark(&mut self, world: &mut World, promises: &mut Promises) -> Result<(), Stop> {
        let full = world.segment(self.active).batches.len() >= self.shape.segment_batches;
        if self.poisoned || full || self.flight.is_some() || self.marked >= self.synced {
            return Ok(());
        }
        if self.append(world, self.written, Kind::Ordinary)? {
            self.sync(world, promises)?;
        }
        Ok(())
    }

    pub(crate) fn begin_sync(&mut self, world: &mut World, promises: &mut Promises) {
        if self.poisoned || self.flight.is_some() {
            return;
        }
        let batches = world.segment(self.active).batches.len();
        let file = world.file(self.active);
        self.flight = Some(Flight { file, batches, lsn: self.written });
        promises.sync_began(self.visible);
    }

    pub(crate) fn end_sync(
        &mut self,
        world: &mut World,
        promises: &mut Promises,
    ) -> Result<(), Stop> {
        let Some(flight) = self.flight.take() else {
            return Ok(());
        };
        let result = world.sync(flight.file, flight.batches);
        if self.poisons(result)? {
            let exact = self.rules.keep(Rule::SyncCoversWhatWasWritten);
            self.synced = self.synced.max(if exact { flight.lsn } else { self.written });
            promises.sync_completed();
            self.publish(promises);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, world: &mut World, promises: &mut Promises) -> Result<(), Stop> {
        self.end_sync(world, promises)?;
        self.begin_sync(world, promises);
        self.end_sync(world, promises)
    }

    /// Moves `visible` over every commit that may be seen, and so returns.
    fn publish(&mut self, promises: &mut Promises) {
        let waits = self.rules.keep(Rule::AcknowledgeAfterSync);
        let in_order = self.rules.keep(Rule::WrittenWaitsForSynced);
        for lsn in self.visible + 1..=self.written {
            let durability = self.asked[lsn as usize - 1];
            if durability == Durability::Synced && waits && lsn > self.synced {
                if in_order {
                    break;
                }
                continue;
            }
            self.visible = lsn;
        }
        promises.visible(self.visible, &self.asked);
    }

    /// Makes the next segment ready. After an error its number is burnt; the next try takes another.
    pub(crate) fn prepare(&mut self, world: &mut World) -> Result<(), Stop> {
        if self.ready.is_some() {
            return Ok(());
        }
        let burns = self.rules.keep(Rule::FailedNumberIsBurnt);
        let number = if burns { self.next_number } else { next_number(world) };
        self.next_number = number + 1;
        let recycled = self.retired.pop();
        let fresh = self.rules.keep(Rule::FreshSalt);
        let salt = match recycled {
            Some(file) if !fresh => world.salt_of(file),
            _ => world.rng.u64(1..),
        };
        match announce(world, self.rules, Announcement::plain(number, salt), recycled) {
            Ok(()) => self.ready = Some(number),
            Err(Stop::Failed) => {}
            Err(stop) => return Err(stop),
        }
        Ok(())
    }

    /// Leaves the active segment for the next one; tells whether that worked.
    fn rotate(&mut self, world: &mut World, promises: &mut Promises) -> Result<bool, Stop> {
        self.end_sync(world, promises)?;
        self.prepare(world)?;
        let Some(number) = self.ready else {
            return Ok(false);
        };
        if self.poisoned {
            return Ok(false);
        }
        let salt = world.segment(number).salt;
        if !self.append(world, self.written, Kind::Next { number, salt })? {
            return Ok(false);
        }
        if self.rules.keep(Rule::SyncAtRotation) {
            self.sync(world, promises)?;
        }
        self.active = number;
        self.ready = None;
        Ok(!self.poisoned)
    }
}
