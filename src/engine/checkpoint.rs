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
use super::row::{Lsn, Table};
use super::sync::MutexGuard;
use super::sync::atomic::Ordering;
use super::view::View;
use super::{Engine, Error};

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
        let mut checkpointer = self.checkpointer();
        let result = self.checkpoint_with(&mut checkpointer);
        self.pressure.checkpoint_ended(&result);
        if let Err(error) = &result {
            tracing::warn!(error = %error, "a checkpoint failed and will be tried again");
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
        self.retire(&checkpointer.meta);
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
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let last_micros = writer.last_micros;
            let view = self.view();
            if view.active.len() > 0 {
                let lsn = self.journal.group.staged();
                let (number, salt) = self.journal.group.segment();
                view.active.seal(lsn);
                self.publish(View {
                    active: Arc::new(Memtable::new()),
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
        self.registry.end_above(view.base_written_bytes, self.options.snapshot_limit_bytes);
        self.publish(View {
            active: view.active.clone(),
            frozen: None,
            base,
            base_written_bytes: self.disk.traffic_in("").bytes_written,
        });
        checkpointer.frozen = None;
        Ok(())
    }

    fn retire(&self, meta: &Meta) {
        let now = self.options.clock.now();
        if let Err(error) = self.journal.retire_below(meta.previous_segment.number, now) {
            // Nothing depends on it: what is left is retired by the next checkpoint.
            tracing::warn!(error = %error, "a segment that is not needed any more could not be retired");
        }
    }

    /// Closes a base that an I/O error has latched and opens it again. Snapshots taken before are
    /// lost; readers and writers wait until it is done.
    fn reopen_base(&self, checkpointer: &mut Checkpointer) -> Result<(), Error> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        self.registry.end_all();
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
        let closed = closed.err().map(|error| error.to_string());
        tracing::info!(closed, "the base was reopened after an error");
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
        let memtable_bytes = self.view().active.bytes();
        self.pressure.request_if_due(memtable_bytes, self.journal.group.appended_bytes());
    }

    /// Back-pressure: waits until there is memory for more rows. Holds no lock.
    pub(crate) fn wait_for_memory(&self, purpose: Purpose) -> Result<(), Error> {
        match purpose {
            Purpose::Finishing => Ok(()),
            Purpose::Ordinary => self.pressure.wait_for_memory(
                || self.view().active.bytes(),
                || self.journal.group.poison().is_some(),
            ),
        }
    }

    /// Reads the whole base where it was too large for that at the opening, or was opened anew: until
    /// it is known to be sound it is not written to, and damage might hide rows.
    fn check_base(&self) {
        let checkpointer = self.checkpointer();
        match checkpointer.base.as_ref().map(Base::check) {
            Some(Ok(())) => self.base_checked.store(true, Ordering::Release),
            Some(Err(error)) => {
                self.base_damaged.store(error.is_corrupt(), Ordering::Release);
                tracing::error!(error = %error, "the base could not be read whole");
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
            retry_after = match self.checkpoint() {
                // A poisoned store is not going to write anything down.
                Ok(_) | Err(Error::Poisoned { .. }) => None,
                Err(_) => Some(retry_after.map_or(FIRST_RETRY, |pause| LAST_RETRY.min(pause * 2))),
            };
        }
    }
}
