//! The life of an open engine: its background threads, its close, and what it says of itself.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::disk::{Disk, Traffic};

use super::journal::{DIRECTORY, Failure, Goal, Poison};
use super::open::Opening;
use super::options::Background;
use super::pressure::{CheckpointCounts, Waits};
use super::registry::Held;
use super::row::Lsn;
use super::sync::atomic::Ordering;
use super::sync::thread::{self, JoinHandle};
use super::sync::{Instant, Mutex, MutexGuard};
use super::{Engine, Error};
use crate::events::{chain, survive, tell};

/// An engine with its background threads. Dropping it ends them and closes the store as well as it
/// can; [`Running::close`] tells what went wrong.
#[derive(Debug)]
pub(crate) struct Running {
    engine: Arc<Engine>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Figures of an open engine, since its opening where they count something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EngineStats {
    pub(crate) commits: u64,
    pub(crate) rows: u64,
    pub(crate) batches: u64,
    pub(crate) appended_bytes: u64,
    pub(crate) visible: Lsn,
    pub(crate) synced: Lsn,
    /// Of all files together, and of the two kinds by themselves.
    pub(crate) total: Traffic,
    pub(crate) journal: Traffic,
    pub(crate) base: Traffic,
    pub(crate) checkpoints: CheckpointCounts,
    /// Of the queue, of rows not checkpointed yet, and of the cache.
    pub(crate) memory_bytes: u64,
    /// Of rows not checkpointed yet.
    pub(crate) uncheckpointed_bytes: u64,
    /// What a sync of the journal took lately.
    pub(crate) sync_time: Duration,
    /// What all of them together took.
    pub(crate) all_syncs_time: Duration,
    pub(crate) waits: Waits,
    /// The longest that a write has waited for the writers before it.
    pub(crate) longest_lock_wait_micros: u64,
    /// The longest that a commit has waited for the turn of others.
    pub(crate) longest_turn_wait: Duration,
    pub(crate) journal_disk_bytes: u64,
    pub(crate) reserve_bytes: u64,
    pub(crate) base_disk_bytes: u64,
    pub(crate) base_verified: bool,
    pub(crate) base_damaged: bool,
    pub(crate) snapshots: Held,
}

impl Running {
    /// Starts the background threads, where the options want them.
    pub(crate) fn start(engine: Engine) -> Result<Self, Error> {
        let engine = Arc::new(engine);
        // Where a thread cannot be started, dropping this ends those that were.
        let running = Self { engine: engine.clone(), threads: Mutex::default() };
        if engine.options.background == Background::Threads {
            let syncer = engine.clone();
            running.threads().push(spawn("highwater-sync", move || syncer.run_syncs())?);
            let checkpoints = move || engine.run_checkpoints();
            running.threads().push(spawn("highwater-checkpoint", checkpoints)?);
        }
        Ok(running)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        // A list that only grows and is taken whole.
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Ends the background, moves everything into the base and seals the journal. The first error
    /// is told; whatever it is, nothing acknowledged is lost by it.
    pub(crate) fn close(&self) -> Result<(), Error> {
        self.engine.refuse_nested()?;
        let began = Instant::now();
        self.engine.pressure.stop();
        self.engine.journal.group.stop();
        let threads = std::mem::take(&mut *self.threads());
        for thread in threads {
            // A waker that the background calls may drop the last that knows the store.
            if thread.thread().id() == thread::current().id() {
                continue;
            }
            if thread.join().is_err() {
                tell(|| tracing::error!("a background thread of the store panicked"));
            }
        }
        self.engine.close()?;
        let (store, took) = (self.engine.disk.label(), began.elapsed());
        tell(|| tracing::info!(store, ?took, "the store is closed"));
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.close() {
            Ok(()) | Err(Error::Closed) => {}
            Err(error) => {
                let error = chain(&error);
                tell(|| tracing::warn!(error, "the store was not closed cleanly"));
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(Error::io("start", "a background thread"))
}

impl Engine {
    fn run_syncs(&self) {
        self.journal.group.run_background(self.options.sync_interval, || {
            // Where there is no room now, the commit that needs it will say so.
            let error = match survive(|| self.journal.prepare_ahead()) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => chain(&error),
                // A disk of the caller's may panic. This thread has tasks to lead for.
                Err(panic) => panic,
            };
            tell(|| tracing::warn!(error, "no room could be made ready for the journal"));
        });
    }

    /// Makes everything committed so far durable, and says so on the disk.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        let staged = self.journal.group.staged();
        let synced = self.journal.group.wait(Goal::Synced(staged));
        synced.map_err(|Failure::InFlight(cause)| Error::Poisoned { cause })?;
        self.journal.group.mark();
        // Also where the store failed with everything synced, or failed by the mark: the caller is to
        // hear of it here and not from the next write.
        match self.journal.group.poison() {
            Some(cause) => Err(Error::Poisoned { cause }),
            None => Ok(()),
        }
    }

    fn close(&self) -> Result<(), Error> {
        {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::replace(&mut writer.closed, true) {
                return Err(Error::Closed);
            }
        }
        if let Some(cause) = self.journal.group.poison() {
            self.close_base()?;
            return Err(Error::Poisoned { cause });
        }
        let checkpointed = self.checkpoint().and_then(|_| self.settle());
        let sealed = self.journal.group.seal();
        let released = self.journal.release();
        let closed = self.close_base();
        sealed.map_err(|Failure::InFlight(cause)| Error::Poisoned { cause })?;
        checkpointed?;
        released?;
        closed
    }

    fn close_base(&self) -> Result<(), Error> {
        let mut checkpointer = self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner);
        self.registry.end_all();
        match checkpointer.base.take() {
            Some(base) => Ok(base.close()?),
            None => Ok(()),
        }
    }

    /// What made the store refuse writes, if anything did.
    pub(crate) fn poison(&self) -> Option<Arc<Poison>> {
        self.journal.group.poison()
    }

    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Where the store lies.
    #[cfg(feature = "metrics")]
    pub(crate) fn label(&self) -> String {
        self.disk.label()
    }

    fn base_len(&self) -> u64 {
        let file = self.disk.open_read_only(super::base::FILE_NAME);
        // A figure for people: where it cannot be had, it is not worth an error.
        file.and_then(|file| file.len()).unwrap_or(0)
    }

    pub(crate) fn stats(&self) -> EngineStats {
        let view = self.view();
        let (journal_disk_bytes, reserve_bytes) = self.journal.disk_bytes();
        let frozen = view.frozen.as_ref().map_or(0, |frozen| frozen.bytes());
        let uncheckpointed = view.active.bytes() + frozen;
        let fixed = [Some(&view.active), view.frozen.as_ref()].into_iter().flatten();
        let fixed: usize = fixed.map(|memtable| memtable.fixed_bytes()).sum();
        let memory = uncheckpointed + fixed + self.journal.group.queue_bytes();
        EngineStats {
            commits: self.commits.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            batches: self.journal.group.batches(),
            appended_bytes: self.journal.group.appended_bytes(),
            visible: self.journal.group.visible(),
            synced: self.journal.group.synced(),
            total: self.disk.traffic(),
            journal: self.disk.traffic_in(DIRECTORY),
            base: self.disk.traffic_in(""),
            checkpoints: self.pressure.counts(),
            memory_bytes: (memory + self.options.cache_bytes) as u64,
            uncheckpointed_bytes: uncheckpointed as u64,
            sync_time: self.disk.sync_time_in(DIRECTORY),
            all_syncs_time: self.disk.all_syncs_time_in(DIRECTORY),
            waits: self.pressure.waits(),
            longest_lock_wait_micros: self.longest_lock_wait.load(Ordering::Relaxed),
            longest_turn_wait: self.journal.group.longest_wait(),
            journal_disk_bytes,
            reserve_bytes,
            base_disk_bytes: self.base_len(),
            base_verified: self.base_checked.load(Ordering::Acquire),
            base_damaged: self.base_damaged.load(Ordering::Acquire),
            snapshots: self.registry.held(),
        }
    }
}
