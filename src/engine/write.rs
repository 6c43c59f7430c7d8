//! Writing: one transaction at a time is staged, gets an LSN, and waits outside the lock.

use std::borrow::Cow;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, TryLockError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::journal::{Aftermath, CommitHeader, Failure, Goal, Purpose, encode_commit};
use super::memtable::Pins;
use super::options::{Background, MAX_COMMIT_BYTES, MAX_KEY_BYTES, MAX_ROW_BYTES};
use super::row::Lsn;
use super::staged::StagedTables;
use super::sync::atomic::Ordering;
use super::sync::{Instant, MutexGuard, pause, thread_local};
use super::tx::Tx;
use super::view::View;
use super::{Engine, Error};
use crate::events::{Notices, tell};

/// How long a commit's call waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Durability {
    /// Until the commit survives power loss.
    #[default]
    Synced,
    /// Until the commit is with the operating system and survives the death of the process. It is
    /// synced in the background; power loss may take the last of them.
    Written,
}

/// How long a writer that finds another one at work looks again before it sleeps: most commits are
/// staged in less, and to sleep and be woken costs both of them more.
const LOOKING: Duration = Duration::from_micros(10);

/// How many rows of a commit go into the memtable under one lock of the snapshots' registry.
const ROWS_PER_LOOK_AT_PINS: usize = 32;

/// How much room for encoded bytes is kept from one commit to the next.
const KEPT_BUFFER_BYTES: usize = 64 * 1024;

/// What the one writer knows beside the staged rows.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// The latest time that any commit carries: stored times never run backwards.
    pub(crate) last_micros: i64,
    pub(crate) closed: bool,
    /// Encoded bytes of the commit being staged, kept to be filled again.
    pub(crate) buffer: Vec<u8>,
    /// Where rows of a transaction are encoded, kept likewise.
    pub(crate) encoded: Vec<u8>,
}

/// A commit that has an LSN and is on its way to the disk.
#[derive(Clone, Debug)]
#[must_use = "the commit is durable only once the ticket was waited for"]
pub(crate) struct Ticket {
    engine: Arc<Engine>,
    lsn: Lsn,
    /// Whether the call has rows of its own in flight, or only waits for what it read.
    wrote: bool,
    requires_sync: bool,
}

impl Ticket {
    /// The commit's LSN, or that of the newest commit it could have read where it wrote nothing.
    pub(crate) fn lsn(&self) -> Lsn {
        self.lsn
    }

    /// Waits until the commit is visible and as durable as was asked.
    pub(crate) fn wait(self) -> Result<(), Error> {
        self.told(self.engine.journal.group.wait(self.goal()))
    }

    /// As [`Ticket::wait`], for a task that is woken when there is an answer. `task` stays the same
    /// for one task. Where nobody is in the background to do it, this writes and syncs itself.
    pub(crate) fn poll(
        &self,
        task: &mut Option<WaitingTask>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        let group = &self.engine.journal.group;
        if self.engine.options.background == Background::Manual {
            return Poll::Ready(self.told(group.wait(self.goal())));
        }
        let task =
            task.get_or_insert_with(|| WaitingTask { engine: self.engine.clone(), id: None });
        group.poll(self.goal(), &mut task.id, waker).map(|waited| self.told(waited))
    }

    fn goal(&self) -> Goal {
        // What is synced is visible: both move in the same turn.
        if self.requires_sync { Goal::Synced(self.lsn) } else { Goal::Visible(self.lsn) }
    }

    fn told(&self, waited: Result<(), Failure>) -> Result<(), Error> {
        match waited {
            Ok(()) => Ok(()),
            Err(Failure::InFlight(cause)) if self.wrote => Err(Error::Unknown { cause }),
            Err(Failure::InFlight(cause)) => Err(Error::Poisoned { cause }),
        }
    }
}

/// A task's place among those who wait; given up when this is dropped.
#[derive(Debug)]
pub(crate) struct WaitingTask {
    engine: Arc<Engine>,
    id: Option<u64>,
}

impl Drop for WaitingTask {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.engine.journal.group.forget_task(id);
        }
    }
}

thread_local! {
    /// The engines that this thread is writing to, by address.
    static WRITING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Notes that this thread writes to an engine, so that a write inside the write is refused instead
/// of waiting for itself.
struct WritingHere(usize);

impl WritingHere {
    fn begin(engine: &Engine) -> Result<Self, Error> {
        let address = std::ptr::from_ref(engine) as usize;
        WRITING.with(|writing| {
            let mut writing = writing.borrow_mut();
            if writing.contains(&address) {
                return Err(Error::Nested);
            }
            writing.push(address);
            Ok(Self(address))
        })
    }
}

impl Drop for WritingHere {
    fn drop(&mut self) {
        WRITING.with(|writing| writing.borrow_mut().retain(|address| *address != self.0));
    }
}

/// What the closure came to, and the ticket for what it read or wrote.
pub(crate) struct Staged<T, E> {
    pub(crate) outcome: Result<T, E>,
    pub(crate) ticket: Ticket,
}

/// A commit in memtable and queue.
struct Committed {
    lsn: Lsn,
    /// What it read. Where a checkpoint replaced it since, whoever drops it last frees a memtable, and that
    /// is to happen behind the writer's lock.
    view: Arc<View>,
    /// Where putting it there failed.
    aftermath: Option<Aftermath>,
}

impl Engine {
    /// Runs `body` as the only writer and stages what it wrote. An error here means that nothing
    /// happened; the body's own refusal is in the answer, whose ticket is to be waited for in every
    /// case: what the body read must be durable before anybody acts on it.
    pub(crate) fn stage<T, E>(
        self: &Arc<Self>,
        durability: Durability,
        purpose: Purpose,
        body: impl FnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<Staged<T, E>, Error> {
        let here = WritingHere::begin(self)?;
        self.wait_for_memory(purpose)?;
        let mut writer = self.wait_for_writer()?;
        let mut tx = self.begin(&mut writer);
        let outcome = body(&mut tx);
        writer.encoded = std::mem::take(&mut tx.encoded);
        writer.encoded.shrink_to(KEPT_BUFFER_BYTES);
        let requires_sync = tx.requires_sync && outcome.is_ok();
        let notices = std::mem::take(&mut tx.notices);
        let commit = match &outcome {
            Ok(_) if !tx.staged.is_empty() => {
                self.commit(&mut writer, tx, durability, purpose).map(Some)
            }
            _ => Ok(None),
        };
        let newest = self.journal.group.staged();
        drop(writer);
        drop(here);
        self.request_checkpoint_if_due();
        let ticket = |lsn, wrote| Ticket { engine: self.clone(), lsn, wrote, requires_sync };
        match commit {
            Ok(Some(committed)) => {
                drop(committed.view);
                self.tell_of(committed.aftermath, notices);
                Ok(Staged { outcome, ticket: ticket(committed.lsn, true) })
            }
            Ok(None) => Ok(Staged { outcome, ticket: ticket(newest, false) }),
            Err(error) => {
                if let Error::Full { .. } = error {
                    tell(|| tracing::warn!("a write was refused: the disk is full"));
                }
                ticket(newest, false).wait()?;
                Err(error)
            }
        }
    }

    /// What waited until the writer's lock was given back.
    fn tell_of(&self, aftermath: Option<Aftermath>, notices: Notices) {
        match aftermath {
            Some(aftermath) => self.journal.group.tell_aftermath(aftermath),
            None => notices.tell(),
        }
    }

    /// Refuses calls from inside a write of the same thread.
    pub(crate) fn refuse_nested(&self) -> Result<(), Error> {
        WritingHere::begin(self).map(drop)
    }

    /// As [`Engine::lock_writer`], counting how long the wait is where somebody else is writing.
    fn wait_for_writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        if let Some(writer) = self.try_lock_writer() {
            return self.admit_writer(writer);
        }
        let began = Instant::now();
        let writer = loop {
            pause();
            if let Some(writer) = self.try_lock_writer() {
                break self.admit_writer(writer);
            }
            if began.elapsed() >= LOOKING {
                break self.lock_writer();
            }
        };
        let waited = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest_lock_wait.fetch_max(waited, Ordering::Relaxed);
        writer
    }

    fn try_lock_writer(&self) -> Option<MutexGuard<'_, Writer>> {
        match self.writer.try_lock() {
            Ok(writer) => Some(writer),
            // A poisoned mutex comes locked.
            Err(TryLockError::Poisoned(writer)) => Some(writer.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn lock_writer(&self) -> Result<MutexGuard<'_, Writer>, Error> {
        // A closure that panics leaves nothing behind: what it staged went with it.
        self.admit_writer(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn admit_writer<'a>(
        &self,
        writer: MutexGuard<'a, Writer>,
    ) -> Result<MutexGuard<'a, Writer>, Error> {
        if let Some(cause) = self.journal.group.poison() {
            return Err(Error::Poisoned { cause });
        }
        if writer.closed { Err(Error::Closed) } else { Ok(writer) }
    }

    fn begin(self: &Arc<Self>, writer: &mut Writer) -> Tx {
        Tx {
            engine: self.clone(),
            view: self.view(),
            staged: StagedTables::default(),
            note: Cow::Borrowed(""),
            micros: self.options.clock.now().as_micros().max(writer.last_micros),
            next_lsn: self.journal.group.staged() + 1,
            requires_sync: false,
            overwritten: Vec::new(),
            savepoints: 0,
            encoded: std::mem::take(&mut writer.encoded),
            notices: Notices::default(),
        }
    }

    /// Gives the transaction its LSN and puts it into memtable and queue.
    fn commit(
        &self,
        writer: &mut Writer,
        tx: Tx,
        durability: Durability,
        purpose: Purpose,
    ) -> Result<Committed, Error> {
        let Tx { view, staged, note, micros, next_lsn: lsn, requires_sync, .. } = tx;
        let synced = requires_sync || durability == Durability::Synced;
        let header = CommitHeader {
            time_micros: micros,
            synced,
            finishing: purpose == Purpose::Finishing,
            note: &note,
        };
        let row_count = check_rows(&staged)?;
        writer.buffer.clear();
        encode_commit(&mut writer.buffer, &header, staged.rows());
        let len = writer.buffer.len() as u64;
        check("a commit", len, MAX_COMMIT_BYTES)?;
        self.journal.admit(len, purpose)?;

        // From here on the commit has an LSN and no caller's code runs: should anything of ours
        // panic, nobody may go on as if it had not been there.
        let publish = catch_unwind(AssertUnwindSafe(|| {
            self.insert_rows(&view, lsn, staged);
            self.journal.group.push(lsn, &writer.buffer, synced);
        }));
        writer.last_micros = micros;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(row_count, Ordering::Relaxed);
        writer.buffer.shrink_to(KEPT_BUFFER_BYTES);
        // The next writer has to find the store poisoned, so that is done under the lock; whoever is
        // woken for it runs code that is not ours, so that is done behind it.
        let aftermath = publish
            .is_err()
            .then(|| self.journal.group.poison_after_panic("staging a commit failed"));
        Ok(Committed { lsn, view, aftermath })
    }

    /// Few rows at a time, for snapshots to be taken and given up in between. One that is taken then reads at
    /// the visible LSN or a later one, and what lives there was kept among the rows before.
    fn insert_rows(&self, view: &View, lsn: Lsn, staged: StagedTables) {
        let mut rows = staged.into_rows().peekable();
        while rows.peek().is_some() {
            let registry = self.registry.lock();
            let pins = Pins { visible: self.journal.group.visible(), snapshots: registry.lsns() };
            for (table, key, row) in rows.by_ref().take(ROWS_PER_LOOK_AT_PINS) {
                view.active.insert(lsn, table, &key, row, &pins);
            }
        }
        self.pressure.note_memtable(view.active.bytes());
    }
}

/// How many rows there are, none of which is too large.
fn check_rows(staged: &StagedTables) -> Result<u64, Error> {
    let mut count = 0;
    for staged in staged.rows() {
        check("a key", staged.key.len() as u64, MAX_KEY_BYTES)?;
        check("a row", staged.row.map_or(0, <[u8]>::len) as u64, MAX_ROW_BYTES)?;
        count += 1;
    }
    Ok(count)
}

fn check(what: &'static str, len: u64, limit: u64) -> Result<(), Error> {
    if len > limit { Err(Error::TooLarge { what, len, limit }) } else { Ok(()) }
}
