//! When a checkpoint is due, how fast it may go, and who has to wait for it.
//!
//! Writers ask for checkpoints and wait here when memory is full; checkpoints report here and pause
//! here. Nobody holds another lock while waiting.

use std::sync::PoisonError;
use std::time::Duration;

use super::Error;
use super::options::{Background, EngineOptions};
use super::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use super::sync::{Condvar, Instant, Mutex, MutexGuard};

/// Checkpoints that memory does not force keep this far apart.
const REST: Duration = Duration::from_secs(1);
/// The longest pause between two pieces of a checkpoint.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

#[derive(Debug, Default)]
struct State {
    requested: bool,
    stop: bool,
    /// Since when a memtable waits to be written, if one does.
    frozen: Option<Instant>,
    /// Writers that wait for memory: the checkpoint then stops pausing.
    waiting: usize,
    failures_in_a_row: u64,
    /// Whether the last checkpoint failed because the disk had no room.
    disk_full: bool,
    totals: CheckpointTotals,
    waits: Waits,
    last_ended: Option<Instant>,
}

/// The meeting place of writers and checkpoints.
#[derive(Debug)]
pub(crate) struct Pressure {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes of the memtable that takes rows, as they were after the last commit.
    memtable_bytes: AtomicUsize,
    /// Bytes that the journal had taken when the last memtable was frozen.
    journal_bytes_frozen: AtomicU64,
    memtable_limit_bytes: usize,
    journal_limit_bytes: u64,
    background: Background,
    stall_limit: Duration,
}

/// What the checkpoints have come to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CheckpointCounts {
    pub(crate) totals: CheckpointTotals,
    pub(crate) failures_in_a_row: u64,
    /// Whether the last one failed because the disk had no room.
    pub(crate) disk_full: bool,
    /// For how long a memtable has been waiting to be written, if one is.
    pub(crate) waiting: Option<Duration>,
}

/// What all checkpoints together that did not fail have done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CheckpointTotals {
    pub(crate) completed: u64,
    pub(crate) time: Duration,
    /// Rows that were written into the base, and what they took in memory.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// Who waited for memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    /// Who waits now.
    pub(crate) now: u64,
    /// Who has ever waited.
    pub(crate) all: u64,
    /// Who was refused.
    pub(crate) refused: u64,
    /// The longest wait.
    pub(crate) longest: Duration,
}

impl Pressure {
    pub(crate) fn new(options: &EngineOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            memtable_bytes: AtomicUsize::new(0),
            journal_bytes_frozen: AtomicU64::new(0),
            memtable_limit_bytes: options.memtable_bytes,
            journal_limit_bytes: options.journal_bytes,
            background: options.background,
            stall_limit: options.stall_limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain values, whole after every statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn counts(&self) -> CheckpointCounts {
        let state = self.lock();
        CheckpointCounts {
            totals: state.totals,
            failures_in_a_row: state.failures_in_a_row,
            disk_full: state.disk_full,
            waiting: state.frozen.map(|since| since.elapsed()),
        }
    }

    /// Who waited for memory since the opening.
    pub(crate) fn waits(&self) -> Waits {
        let state = self.lock();
        Waits { now: state.waiting as u64, ..state.waits }
    }

    /// Notes how large the memtable is that takes rows. Only for who has the writer's lock.
    pub(crate) fn note_memtable(&self, bytes: usize) {
        self.memtable_bytes.store(bytes, Ordering::Release);
    }

    fn memtable_bytes(&self) -> usize {
        self.memtable_bytes.load(Ordering::Acquire)
    }

    /// Asks for a checkpoint if memtable or journal have grown enough since the last one.
    pub(crate) fn request_if_due(&self, journal_bytes: u64) {
        let memtable_bytes = self.memtable_bytes();
        let frozen_at = self.journal_bytes_frozen.load(Ordering::Acquire);
        // A memtable may be frozen between the caller's look at the journal and this one.
        let since_freeze = journal_bytes.saturating_sub(frozen_at);
        let full = memtable_bytes >= self.memtable_limit_bytes;
        let half = memtable_bytes >= self.memtable_limit_bytes / 2;
        if !half && since_freeze < self.journal_limit_bytes {
            return;
        }
        let mut state = self.lock();
        let rested = state.last_ended.is_none_or(|ended| ended.elapsed() >= REST);
        if (full || rested) && !state.requested && state.frozen.is_none() {
            state.requested = true;
            self.changed.notify_all();
        }
    }

    /// Asks for a checkpoint now.
    pub(crate) fn request(&self) {
        self.lock().requested = true;
        self.changed.notify_all();
    }

    /// Waits until there is memory for more rows, asking for it to be made. Gives up after the
    /// stall limit, and as soon as `hopeless` says that no checkpoint will come. Answers how long it
    /// waited, if it did.
    pub(crate) fn wait_for_memory(
        &self,
        hopeless: impl Fn() -> bool,
    ) -> Result<Option<Duration>, Error> {
        if self.memtable_bytes() < self.memtable_limit_bytes {
            return Ok(None);
        }
        let waited = self.wait_while_full(hopeless);
        let mut state = self.lock();
        match &waited {
            Ok(took) => state.waits.longest = state.waits.longest.max(took.unwrap_or_default()),
            Err(_) => state.waits.refused += 1,
        }
        drop(state);
        waited
    }

    fn wait_while_full(&self, hopeless: impl Fn() -> bool) -> Result<Option<Duration>, Error> {
        let limit = self.memtable_limit_bytes;
        let mut has_waited = false;
        let started = Instant::now();
        let mut state = self.lock();
        loop {
            let bytes = self.memtable_bytes();
            if bytes < limit || (bytes < 2 * limit && state.frozen.is_none()) || hopeless() {
                return Ok(has_waited.then(|| started.elapsed()));
            }
            let waited = started.elapsed();
            if state.disk_full && state.frozen.is_some() {
                // Waiting makes no room. The checkpoint is tried again in the background.
                return Err(Error::Full { source: Box::new(Error::Stalled { waited }) });
            }
            if self.background == Background::Manual || waited >= self.stall_limit {
                return Err(Error::Stalled { waited });
            }
            // Whoever waits already has asked. To wake it would make it look and ask again, and wake
            // this one in turn, and so on until there is memory.
            let is_asked = std::mem::replace(&mut state.requested, true) && state.waiting > 0;
            state.waiting += 1;
            if !std::mem::replace(&mut has_waited, true) {
                state.waits.all += 1;
            }
            if !is_asked {
                self.changed.notify_all();
            }
            let left = self.stall_limit - waited;
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    /// A memtable was taken away from the writers.
    pub(crate) fn frozen(&self, journal_bytes: u64) {
        self.journal_bytes_frozen.store(journal_bytes, Ordering::Release);
        self.lock().frozen = Some(Instant::now());
        self.changed.notify_all();
    }

    /// A checkpoint ended: well, and its memtable is gone, or not, and it is still there. `done` is
    /// what this one did.
    pub(crate) fn checkpoint_ended<T>(&self, result: &Result<T, Error>, done: CheckpointTotals) {
        let mut state = self.lock();
        state.last_ended = Some(Instant::now());
        if result.is_ok() {
            state.frozen = None;
            state.failures_in_a_row = 0;
            state.disk_full = false;
            state.totals = CheckpointTotals {
                completed: state.totals.completed + 1,
                time: state.totals.time.saturating_add(done.time),
                rows: state.totals.rows + done.rows,
                bytes: state.totals.bytes + done.bytes,
            };
        } else {
            state.failures_in_a_row += 1;
            state.disk_full = matches!(result, Err(Error::Full { .. }));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until a checkpoint is asked for, or for `retry_after` where one failed. False where the
    /// store is being closed.
    pub(crate) fn wait_for_request(&self, retry_after: Option<Duration>) -> bool {
        let state = self.lock();
        let mut state = match retry_after {
            Some(pause) => {
                let waited = self.changed.wait_timeout_while(state, pause, |state| !state.stop);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let wait = self.changed.wait_while(state, |s| !s.stop && !s.requested);
                wait.unwrap_or_else(PoisonError::into_inner)
            }
        };
        state.requested = false;
        !state.stop
    }

    /// Ends the checkpoint thread's life.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// The pace of one checkpoint.
    pub(crate) fn pace(&self) -> Pace<'_> {
        Pace { pressure: self, piece_began: Instant::now() }
    }
}

/// Lets a checkpoint take at most about half of the time of one processor.
#[derive(Debug)]
pub(crate) struct Pace<'a> {
    pressure: &'a Pressure,
    piece_began: Instant,
}

impl Pace<'_> {
    /// Pauses for as long as the last piece took, unless somebody waits for the checkpoint.
    pub(crate) fn pause(&mut self) {
        if self.pressure.background == Background::Threads {
            let pause = self.piece_began.elapsed().min(LONGEST_PAUSE);
            let state = self.pressure.lock();
            let nobody_waits = |state: &mut State| state.waiting == 0 && !state.stop;
            // Whether it was cut short or not, the checkpoint goes on.
            drop(self.pressure.changed.wait_timeout_while(state, pause, nobody_waits));
        }
        self.piece_began = Instant::now();
    }
}
