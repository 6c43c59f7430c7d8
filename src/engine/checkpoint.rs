//! Checkpoints: the memtable's rows move into the base, and the journal behind them is let go.
//!
//! Invariants:
//!
//! - Only what is synced and visible is written into the base.
//! - One checkpoint is one transaction of the base, with its own LSN and the one before.
//! - Segments are retired after that transaction, and only those that the checkpoint *before* does
//!   not need: a two-phase commit may still fall back to it.
//! - At most one frozen memtable exists. A failed checkpoint keeps it and is tried again.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::disk::Disk;

use super::base::{self, Base, FILE_NAME, Integrity, Meta, SegmentMark};
use super::journal::{Failure, Goal, Purpose};
use super::memtable::Memtable;
use super::pressure::CheckpointTotals;
use super::row::{Lsn, Table};
use super::sync::atomic::Ordering;
use super::sync::{Instant, MutexGuard};
use super::view::View;
use super::{Engine, Error};
use crate::events::{Notices, chain, survive, tell};

/// How long a failed checkpoint rests before it is tried again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// What the checkpointer knows; whoever holds its lock is the only one to checkpoint.
pub(crate) struct Checkpointer {
    /// What the base says of itself.
    pub(crate) meta: Meta,
    /// `None` only while the base is being reopened, or where that failed.
    pub(crate) base: Option<Base>,
    pub(crate) frozen: Option<Frozen>,
    /// What the checkpoint under way has done.
    done: CheckpointTotals,
    /// What the operator is told once the lock is given back.
    notices: Notices,
}

impl Checkpointer {
    pub(crate) fn new(meta: Meta, base: Base) -> Self {
        let (done, notices) = (CheckpointTotals::default(), Notices::default());
        Self { meta, base: Some(base), frozen: None, done, notices }
    }
}

/// A memtable that is to be written into the base.
#[derive(Clone)]
pub(crate) struct Frozen {
    memtable: Arc<Memtable>,
    /// The last commit in it.
    lsn: Lsn,
    /// All later commits are in this segment or behind it.
    segment: SegmentMark,
    /// The time of that last commit.
    last_micros: i64,
}

impl Engine {
    fn checkpointer(&self) -> MutexGuard<'_, Checkpointer> {
        // A panic in here leaves at worst a frozen memtable, which the next checkpoint takes up.
        self.checkpointer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves everything committed so far into the base. Answers the LSN that the base then has.
    pub(crate) fn checkpoint(&self) -> Result<Lsn, Error> {
        self.refuse_nested()?;
        tell(|| tracing::debug!("a checkpoint begins"));
        let mut checkpointer = self.checkpointer();
        let began = Instant::now();
        let result = self.checkpoint_with(&mut checkpointer);
        let mut done = std::mem::take(&mut checkpointer.done);
        done.time = began.elapsed();
        self.pressure.checkpoint_ended(&result, done);
        let notices = std::mem::take(&mut checkpointer.notices);
        drop(checkpointer);
        notices.tell();
        let CheckpointTotals { rows, bytes, time: took, .. } = done;
        match &result {
            Ok(lsn) => tell(|| tracing::debug!(lsn, rows, bytes, ?took, "a checkpoint is done")),
            Err(error) => {
                let error = chain(error);
                tell(|| {
                    tracing::warn!(error, ?took, "a checkpoint failed and will be tried again")
                });
            }
        }
        result
    }

    fn checkpoint_with(&self, checkpointer: &mut Checkpointer) -> Result<Lsn, Error> {
        // What a failed checkpoint left frozen goes first; what was committed since comes after it.
        if checkpointer.frozen.is_some() {
            self.write_down(checkpointer)?;
        }
        self.write_down(checkpointer)
    }

    /// Moves one memtable into the base: the frozen one, or the active one, which is frozen for it.
    fn write_down(&self, checkpointer: &mut Checkpointer) -> Result<Lsn, Error> {
        if checkpointer.base.is_none() || self.base_suspect.load(Ordering::Acquire) {
            self.reopen_base(checkpointer)?;
        }
        // Also where everything is durable, and only the note that says so failed.
        if let Some(cause) = self.journal.group.poison() {
            return Err(Error::Poisoned { cause });
        }
        let Some(frozen) = self.freeze(checkpointer) else {
            return Ok(checkpointer.meta.checkpoint);
        };
        self.wait_until_durable(frozen.lsn)?;
        let meta = Meta {
            checkpoint: frozen.lsn,
            previous_checkpoint: checkpointer.meta.checkpoint,
            segment: frozen.segment,
            previous_segment: checkpointer.meta.segment,
            last_micros: frozen.last_micros,
            ..checkpointer.meta.clone()
        };
        if let Err(error) = self.write_base(checkpointer, &frozen, &meta) {
            self.base_suspect.store(true, Ordering::Release);
            self.reopen_base(checkpointer)?;
            // The transaction's outcome is what the reopened base says.
            if checkpointer.meta.checkpoint != frozen.lsn {
                return Err(error);
            }
        }
        checkpointer.meta = meta;
        self.base_checked.store(true, Ordering::Release);
        self.thaw(checkpointer)?;
        checkpointer.done.rows += frozen.memtable.len() as u64;
        checkpointer.done.bytes += frozen.memtable.bytes() as u64;
        self.retire(checkpointer);
        Ok(frozen.lsn)
    }

    /// What a close ends with: the base says once more what it holds, as both its checkpoints, so that
    /// the next opening has nothing to write anew.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let mut checkpointer = self.checkpointer();
        let meta = Meta {
            previous_checkpoint: checkpointer.meta.checkpoint,
            previous_segment: checkpointer.meta.segment,
            ..checkpointer.meta.clone()
        };
        if meta != checkpointer.meta {
            let base = checkpointer.base.as_ref().ok_or(Error::Closed)?;
            let no_rows = std::iter::empty::<(Table, &[u8], Option<&[u8]>)>();
            base.apply(&meta, no_rows, &mut || ())?;
            checkpointer.meta = meta;
        }
        Ok(())
    }

    /// Takes the active memtable away from the writers, unless one is still waiting from a
    /// checkpoint that failed. `None` where there is nothing to write.
    fn freeze(&self, checkpointer: &mut Checkpointer) -> Option<Frozen> {
        if checkpointer.frozen.is_none() {
            // Made before anybody has to wait for it.
            let fresh = Arc::new(Memtable::new(self.options.memtable_bytes));
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let last_micros = writer.last_micros;
            let view = self.view();
            if view.active.len() > 0 {
                let lsn = self.journal.group.staged();
                let (number, salt) = self.journal.group.segment();
                view.active.seal(lsn);
                self.publish(View {
                    active: fresh,
                    frozen: Some(view.active.clone()),
                    base: view.base.clone(),
                    base_written_bytes: view.base_written_bytes,
                });
                checkpointer.frozen = Some(Frozen {
                    memtable: view.active.clone(),
                    lsn,
                    segment: SegmentMark { number, salt },
                    last_micros,
                });
                self.pressure.note_memtable(0);
                self.pressure.frozen(self.journal.group.appended_bytes());
            }
            drop(writer);
        }
        checkpointer.frozen.clone()
    }

    fn wait_until_durable(&self, lsn: Lsn) -> Result<(), Error> {
        let group = &self.journal.group;
        let waited = group.wait(Goal::Synced(lsn)).and_then(|()| group.wait(Goal::Visible(lsn)));
        waited.map_err(|Failure::InFlight(cause)| Error::Poisoned { cause })
    }

    fn write_base(
        &self,
        checkpointer: &Checkpointer,
        frozen: &Frozen,
        meta: &Meta,
    ) -> Result<(), Error> {
        let base = checkpointer.base.as_ref().ok_or(Error::Closed)?;
        let rows = frozen.memtable.newest_rows();
        let mut pace = self.pressure.pace();
        Ok(base.apply(meta, rows, &mut || pace.pause())?)
    }

    /// Publishes the base's new state in place of the frozen memtable.
    fn thaw(&self, checkpointer: &mut Checkpointer) -> Result<(), Error> {
        let base = checkpointer.base.as_ref().ok_or(Error::Closed)?;
        let base = Arc::new(base.snapshot()?);
        let view = self.view();
        // What this checkpoint replaced is kept by the base itself until the next one.
        let limit_bytes = self.options.snapshot_limit_bytes;
        let snapshots = self.registry.end_above(view.base_written_bytes, limit_bytes);
        if snapshots > 0 {
            checkpointer.notices.later(move || {
                tracing::warn!(snapshots, limit_bytes, "snapshots that pinned too much were ended");
            });
        }
        self.publish(View {
            active: view.active.clone(),
            frozen: None,
            base,
            base_written_bytes: self.disk.traffic_in("").bytes_written,
        });
        checkpointer.frozen = None;
        Ok(())
    }

    fn retire(&self, checkpointer: &mut Checkpointer) {
        let now = self.options.clock.now();
        let needed = checkpointer.meta.previous_segment.number;
        if let Err(error) = self.journal.retire_below(needed, now) {
            // Nothing depends on it: what is left is retired by the next checkpoint.
            let error = chain(&error);
            checkpointer.notices.later(move || {
                tracing::warn!(error, "a segment that is not needed any more could not be retired");
            });
        }
    }

    /// Closes a base that an I/O error has latched and opens it again. Snapshots taken before are
    /// lost; readers and writers wait until it is done.
    fn reopen_base(&self, checkpointer: &mut Checkpointer) -> Result<(), Error> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let snapshots = self.registry.end_all();
        // A base that failed may well say so once more; there is nothing that it could still lose.
        let closed = checkpointer.base.take().map_or(Ok(()), Base::close);
        let file = self.disk.open(FILE_NAME).map_err(Error::io("open", FILE_NAME))?;
        let base = Base::open(file, self.options.cache_bytes, Integrity::Trust)?;
        let snapshot = Arc::new(base.snapshot()?);
        checkpointer.meta = snapshot.meta().clone();
        checkpointer.base = Some(base);
        *view = Arc::new(View { base: snapshot, ..View::clone(&view) });
        self.base_suspect.store(false, Ordering::Release);
        drop(view);
        drop(writer);
        let closed = closed.err().map(|error| chain(&error));
        checkpointer.notices.later(move || {
            tracing::warn!(closed, snapshots, "the base was reopened after an error");
        });
        Ok(())
    }

    /// Takes notice of a failed read: an I/O error has latched the base, reads included, so it has to
    /// be opened anew.
    pub(crate) fn read_failed(&self, error: base::Error) -> Error {
        if matches!(error, base::Error::Io { .. }) {
            self.base_suspect.store(true, Ordering::Release);
            self.pressure.request();
        }
        if error.is_closed() && self.base_suspect.load(Ordering::Acquire) {
            // It was to be opened anew and could not be: a new snapshot would read no better.
            self.pressure.request();
            let source = std::io::Error::other("it could not be opened again after an error");
            return Error::io("use", FILE_NAME)(source);
        }
        error.into()
    }

    /// Asks for a checkpoint where memory or journal have reached their budget.
    pub(crate) fn request_checkpoint_if_due(&self) {
        self.pressure.request_if_due(self.journal.group.appended_bytes());
    }

    /// Back-pressure: waits until there is memory for more rows. Holds no lock.
    pub(crate) fn wait_for_memory(&self, purpose: Purpose) -> Result<(), Error> {
        match purpose {
            Purpose::Finishing => Ok(()),
            Purpose::Ordinary => {
                let hopeless = || self.journal.group.poison().is_some();
                let waited = self.pressure.wait_for_memory(hopeless);
                tell_waited(&waited);
                waited.map(drop)
            }
        }
    }

    /// Reads the whole base where it was too large for that at the opening, or was opened anew: until
    /// it is known to be sound it is not written to, and damage might hide rows.
    fn check_base(&self) {
        let checked = self.checkpointer().base.as_ref().map(Base::check);
        match checked {
            Some(Ok(())) => self.base_checked.store(true, Ordering::Release),
            Some(Err(error)) => {
                self.base_damaged.store(error.is_corrupt(), Ordering::Release);
                let error = chain(&error);
                tell(|| tracing::error!(error, "the base could not be read whole"));
            }
            None => {}
        }
    }

    /// The checkpoint thread's life: the base is checked if it was not, then a checkpoint is made
    /// whenever one is asked for, and again with rising pauses where it fails.
    pub(crate) fn run_checkpoints(&self) {
        self.check_base();
        let mut retry_after: Option<Duration> = None;
        while self.pressure.wait_for_request(retry_after) {
            retry_after = match survive(|| self.checkpoint()) {
                // A poisoned store is not going to write anything down.
                Ok(Ok(_) | Err(Error::Poisoned { .. })) => None,
                Ok(Err(_)) => Some(longer(retry_after)),
                Err(panic) => {
                    // A clock of the caller's may panic, or a disk.
                    tell(|| {
                        tracing::error!(panic, "a checkpoint panicked and will be tried again")
                    });
                    Some(longer(retry_after))
                }
            };
        }
    }
}

/// How long to wait after a failure, where the last pause for one was this long.
fn longer(last: Option<Duration>) -> Duration {
    last.map_or(FIRST_RETRY, |pause| LAST_RETRY.min(pause * 2))
}

fn tell_waited(waited: &Result<Option<Duration>, Error>) {
    match waited {
        Ok(None) => {}
        Ok(Some(waited)) => tell(|| tracing::debug!(?waited, "a write waited for memory")),
        Err(error) => {
            let error = chain(error);
            tell(|| tracing::warn!(error, "a write was refused: there was no memory for it"));
        }
    }
}
