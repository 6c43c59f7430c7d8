//! Group commit: one leader writes and syncs for everybody who waits, then hands over.
//!
//! Invariants:
//!
//! - LSNs enter the queue in order, and a commit is admitted only into room that is ready.
//! - At most one thread leads. Writing, syncing and the decision about their result (publish or
//!   poison) are one turn; nobody writes or syncs during another's turn.
//! - Tasks wait without a thread; the background leads for them where nobody else does.
//! - `visible` moves only to commits that are durable as their callers asked, and only forward.
//! - Once poisoned, nothing is written any more, and everybody who waits is woken and told.

mod background;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::super::row::Lsn;
use super::super::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use super::super::sync::{Condvar, Instant, Mutex, MutexGuard};
use super::append::{Appender, Group, Progress, ReadySegments, batch_len};
use super::error::Error;
use super::format::{END_LEN, Next, SEGMENT_HEADER_LEN};
use super::gather::Gathering;
use super::park::{Parker, Waiting};
use super::plan::Plan;
use super::segment::Segment;
use super::tasks::{self, Tasks};
use crate::events::{chain, tell};

/// From here on the operator is told of a write and sync of the journal.
const SLOW_TURN: Duration = Duration::from_millis(100);

/// Why a store is poisoned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Poison {
    /// A batch could not be written or synced.
    #[error("the journal could not be written")]
    Journal(#[source] Error),
    /// The store's own code panicked between giving out an LSN and deciding its fate.
    #[error("a commit panicked: {0}")]
    Panic(String),
}

/// What a wait came to, if not to success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The commit was in flight when the store was poisoned.
    InFlight(Arc<Poison>),
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Everything up to here can be read, and is as durable as its callers asked.
    Visible(Lsn),
    /// Everything up to here is synced.
    Synced(Lsn),
}

impl Goal {
    /// The commit that it is about.
    pub(super) fn lsn(self) -> Lsn {
        match self {
            Self::Visible(lsn) | Self::Synced(lsn) => lsn,
        }
    }

    /// Whether it is reached once so much is written and so much synced.
    pub(super) fn is_reached(self, written: Lsn, synced: Lsn) -> bool {
        match self {
            Self::Visible(lsn) => written >= lsn,
            Self::Synced(lsn) => synced >= lsn,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    pending: Group,
    /// The buffer of the group before, to be filled again.
    emptied: Option<Group>,
    staged: Lsn,
    written: Lsn,
    synced: Lsn,
    told: Lsn,
    segment: (u64, u64),
    leader: bool,
    gathering: Gathering,
    /// How many commits a leader waits for that has not taken the queue yet.
    gathers: Option<usize>,
    /// Rises with every turn; the background sees by it whether anything happened.
    turns: u64,
    waiting: Vec<Waiting>,
    tasks: Tasks,
    /// Since when a commit waits for the turn that was under way when it was queued.
    waits_since: Option<Instant>,
    /// The longest such wait since the opening.
    longest_wait: Duration,
    poison: Option<Arc<Poison>>,
    ready: VecDeque<Segment>,
    plan: Plan,
    /// What a commit takes that was admitted and is not queued yet; there is one writer, so one.
    admitted: Option<u64>,
    background_idle: bool,
    stop: bool,
}

/// Who is to be woken, once the lock is given back: a thread that is woken under it would only wait for
/// it, and a task's waker is code that is not ours.
#[derive(Debug, Default)]
#[must_use = "they wait to be woken"]
struct Woken {
    threads: Vec<Arc<Parker>>,
    tasks: Vec<Waker>,
}

impl Woken {
    fn wake(self) {
        for parker in self.threads {
            parker.unpark();
        }
        tasks::wake(self.tasks);
    }
}

/// What is left to do for a store that was poisoned under a lock, once that is given back.
#[derive(Debug)]
#[must_use = "somebody waits to be woken"]
pub(crate) struct Aftermath(Woken);

/// The queue of commits and everything that is known of their fate.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    appender: Mutex<Appender>,
    visible: AtomicU64,
    /// What the state has as synced, for who waits for it. Moves behind `visible`.
    synced: AtomicU64,
    /// What the state has as staged, for who has the writer's lock: nobody else changes it.
    staged: AtomicU64,
    /// Whether the state is poisoned, for who would only ask. Set before anybody is told.
    poisoned: AtomicBool,
    /// Bytes of all batches written since the opening.
    appended_bytes: AtomicU64,
    /// How many batches with commits in them those were.
    batches: AtomicU64,
    /// Where a leader waits for commits that are about to come.
    gathered: Condvar,
    background: Condvar,
}

impl ReadySegments for GroupCommit {
    fn take(&self) -> Option<Segment> {
        let mut state = self.lock();
        // The plan counts from the front of the queue.
        state.plan.entered = state.plan.entered.saturating_sub(1);
        state.ready.pop_front()
    }
}

impl GroupCommit {
    /// Goes on behind `last`, the last commit that was recovered; it is durable.
    pub(crate) fn new(segment: Segment, last: Lsn) -> Self {
        let appender = Appender::new(segment, last);
        let mut state = State { staged: last, ..State::default() };
        state.take_over(&appender.progress());
        Self {
            state: Mutex::new(state),
            appender: Mutex::new(appender),
            visible: AtomicU64::new(last),
            synced: AtomicU64::new(last),
            staged: AtomicU64::new(last),
            poisoned: AtomicBool::new(false),
            appended_bytes: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            gathered: Condvar::new(),
            background: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock but our own assertions; the data stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last commit that readers may see.
    pub(crate) fn visible(&self) -> Lsn {
        self.visible.load(Ordering::Acquire)
    }

    /// Bytes of all batches written since the opening.
    pub(crate) fn appended_bytes(&self) -> u64 {
        self.appended_bytes.load(Ordering::Acquire)
    }

    /// How many batches with commits in them were written since the opening.
    pub(crate) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }

    /// The last commit that has an LSN.
    pub(crate) fn staged(&self) -> Lsn {
        self.staged.load(Ordering::Acquire)
    }

    /// The longest that a commit has waited for the turn that was under way when it was queued.
    pub(crate) fn longest_wait(&self) -> Duration {
        self.lock().longest_wait
    }

    /// The last commit that is known to be synced.
    pub(crate) fn synced(&self) -> Lsn {
        self.synced.load(Ordering::Acquire)
    }

    /// Number and salt of a segment such that every commit admitted from now on is in it or in a
    /// later one.
    pub(crate) fn segment(&self) -> (u64, u64) {
        self.lock().segment
    }

    /// Why the store is poisoned, if it is.
    pub(crate) fn poison(&self) -> Option<Arc<Poison>> {
        if self.poisoned.load(Ordering::Acquire) { self.lock().poison.clone() } else { None }
    }

    /// Plans room for a commit of `commit_len` bytes; false where no ready room is left for it.
    pub(crate) fn admit(&self, commit_len: u64) -> bool {
        let mut state = self.lock();
        let batch_len = batch_len(commit_len);
        let planned = state.plan.with(batch_len, &state.ready);
        if let Some(plan) = planned {
            state.plan = plan;
            state.admitted = Some(batch_len);
        }
        planned.is_some()
    }

    /// Adds a segment behind those that are ready.
    pub(crate) fn add_ready(&self, segment: Segment) {
        self.lock().ready.push_back(segment);
    }

    /// How many ready segments the plan has not come to yet.
    pub(crate) fn ready_ahead(&self) -> usize {
        let state = self.lock();
        state.ready.len().saturating_sub(state.plan.entered)
    }

    /// Puts an admitted commit into the queue.
    pub(crate) fn push(&self, lsn: Lsn, commit: &[u8], wants_sync: bool) {
        let mut state = self.lock();
        state.pending.push(lsn, commit, wants_sync);
        state.admitted = None;
        if state.leader {
            state.waits_since.get_or_insert_with(Instant::now);
        }
        state.staged = lsn;
        self.staged.store(lsn, Ordering::Release);
        self.wake_background(&mut state);
        let is_gathered = state.gathers.is_some_and(|commits| state.pending.len() >= commits);
        drop(state);
        if is_gathered {
            self.gathered.notify_all();
        }
    }

    /// Waits until the goal is reached, leading as often as nobody else does.
    pub(crate) fn wait(&self, goal: Goal) -> Result<(), Failure> {
        // Whoever is woken because somebody else led needs no lock at all.
        while !self.reached(goal) {
            let mut state = self.lock();
            if self.reached(goal) {
                return Ok(());
            }
            state.check()?;
            if state.leader {
                self.follow(state, goal);
                continue;
            }
            let force_sync = matches!(goal, Goal::Synced(_));
            if force_sync || state.pending.wants_sync {
                state = self.gather(state);
                state.check()?;
            }
            self.lead(state, |appender, group, ready| {
                let sync = force_sync || group.wants_sync;
                appender.write(group, ready)?;
                if sync { appender.sync() } else { Ok(()) }
            });
        }
        Ok(())
    }

    /// Waits for commits that are about to come, as one that leads already.
    fn gather<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let queued = state.pending.len();
        let Some(wait) = state.gathering.begin(queued) else {
            return state;
        };
        state.leader = true;
        state.gathers = Some(wait.commits);
        let began = Instant::now();
        let too_few =
            |state: &mut State| state.pending.len() < wait.commits && state.poison.is_none();
        let waited = self.gathered.wait_timeout_while(state, wait.time, too_few);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let came = state.pending.len();
        state.gathering.end(began.elapsed(), came);
        state.gathers = None;
        state.leader = false;
        state
    }

    /// As [`GroupCommit::wait`] for a task: where the goal is not reached, the waker is called when it
    /// is. `id` is what the task is known by; it goes with [`GroupCommit::forget_task`].
    pub(crate) fn poll(
        &self,
        goal: Goal,
        id: &mut Option<u64>,
        waker: &Waker,
    ) -> Poll<Result<(), Failure>> {
        // Cloned before the lock is taken, and the one that it replaces is dropped behind it.
        let mut waker = waker.clone();
        let mut state = self.lock();
        if self.reached(goal) {
            return Poll::Ready(Ok(()));
        }
        if let Err(failure) = state.check() {
            return Poll::Ready(Err(failure));
        }
        state.tasks.register(id, goal, &mut waker);
        state.background_idle = false;
        drop(state);
        self.background.notify_all();
        Poll::Pending
    }

    /// A task does not wait any more.
    pub(crate) fn forget_task(&self, id: u64) {
        let waker = self.lock().tasks.forget(id);
        drop(waker);
    }

    /// Moves under the lock only, so whoever finds it false there is told when it changes.
    fn reached(&self, goal: Goal) -> bool {
        goal.is_reached(self.visible(), self.synced())
    }

    /// Sleeps until the goal is reached, or there is something to lead, or the store is poisoned.
    fn follow(&self, mut state: MutexGuard<'_, State>, goal: Goal) {
        let parker = Parker::of_this_thread();
        state.waiting.push(Waiting { goal, parker: parker.clone() });
        drop(state);
        parker.park();
    }

    /// One turn: takes everything queued, does the work without holding the lock, decides.
    fn lead(
        &self,
        mut state: MutexGuard<'_, State>,
        work: impl FnOnce(&mut Appender, &mut Group, &dyn ReadySegments) -> Result<(), Error>,
    ) {
        state.leader = true;
        if let Some(since) = state.waits_since.take() {
            state.longest_wait = state.longest_wait.max(since.elapsed());
        }
        let empty = state.emptied.take().unwrap_or_default();
        let mut group = std::mem::replace(&mut state.pending, empty);
        drop(state);

        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut appender = self.appender.lock().unwrap_or_else(PoisonError::into_inner);
            work(&mut appender, &mut group, self).map(|()| appender.progress())
        }));
        let took = began.elapsed();
        let told = group.len();
        group.clear();

        let mut state = self.lock();
        state.leader = false;
        let queued = state.pending.len();
        state.gathering.turn_ended(took, told, queued);
        state.turns += 1;
        state.emptied = Some(group);
        let (woken, poisoned) = match result {
            Ok(Ok(progress)) => (self.publish(&mut state, &progress), false),
            Ok(Err(error)) => (self.poison_with(&mut state, Poison::Journal(error)), true),
            Err(panic) => {
                (self.poison_with(&mut state, Poison::Panic(panic_message(&*panic))), true)
            }
        };
        drop(state);
        woken.wake();
        if took >= SLOW_TURN {
            tell(|| tracing::warn!(?took, "writing and syncing the journal took long"));
        }
        if poisoned {
            self.tell_poison();
        }
    }

    /// Says in the log that the store is poisoned: outside of every lock, and once everybody knows, for
    /// whoever listens is code that is not ours.
    fn tell_poison(&self) {
        if let Some(poison) = self.poison() {
            let error = chain(&*poison);
            tell(|| tracing::error!(error, "the store is poisoned: no further write is accepted"));
        }
    }

    fn publish(&self, state: &mut State, progress: &Progress) -> Woken {
        state.take_over(progress);
        self.appended_bytes.store(progress.appended_bytes, Ordering::Release);
        self.batches.store(progress.batches, Ordering::Release);
        // Every turn syncs whatever it wrote that wanted a sync, so all that is written is as
        // durable as its callers asked.
        self.visible.fetch_max(progress.written, Ordering::AcqRel);
        self.synced.fetch_max(progress.synced, Ordering::AcqRel);
        self.wake_background(state);
        let tasks = state.tasks.take_reached(state.written, state.synced);
        Woken { threads: state.take_reached(), tasks }
    }

    fn poison_with(&self, state: &mut State, poison: Poison) -> Woken {
        state.poison.get_or_insert_with(|| Arc::new(poison));
        self.poisoned.store(true, Ordering::Release);
        self.background.notify_all();
        self.gathered.notify_all();
        let threads = state.waiting.drain(..).map(|waiting| waiting.parker).collect();
        Woken { threads, tasks: state.tasks.take_all() }
    }

    /// Poisons the store from outside a turn: a panic after an LSN was given out. From here on nothing
    /// is accepted any more; whoever waits is woken, and the operator is told, by
    /// [`GroupCommit::tell_aftermath`], for that is code that is not ours and the caller holds a lock.
    pub(crate) fn poison_after_panic(&self, message: &str) -> Aftermath {
        Aftermath(self.poison_with(&mut self.lock(), Poison::Panic(message.to_owned())))
    }

    /// Wakes those who wait for a store that was poisoned, outside of every lock.
    pub(crate) fn tell_aftermath(&self, Aftermath(woken): Aftermath) {
        woken.wake();
        self.tell_poison();
    }

    /// Waits until nobody leads; `None` once the store is poisoned.
    fn until_no_leader(&self) -> Option<MutexGuard<'_, State>> {
        loop {
            let state = self.lock();
            if state.poison.is_some() {
                return None;
            }
            if !state.leader {
                return Some(state);
            }
            // Nothing is visible beyond the end of time, so this waits for any turn to end.
            self.follow(state, Goal::Visible(Lsn::MAX));
        }
    }

    /// Seals the journal: everything durable first, then the end batch that says "closed". A
    /// poisoned journal is never sealed.
    pub(crate) fn seal(&self) -> Result<(), Failure> {
        self.wait(Goal::Synced(self.staged()))?;
        let Some(state) = self.until_no_leader() else {
            return self.wait(Goal::Synced(Lsn::MAX));
        };
        self.lead(state, |appender, group, ready| {
            appender.write(group, ready)?;
            appender.sync()?;
            appender.end(Next::Closed)
        });
        self.poison().map_or(Ok(()), |poison| Err(Failure::InFlight(poison)))
    }

    /// How many tasks wait.
    #[cfg(all(test, shuttle))]
    pub(crate) fn waiting_tasks(&self) -> usize {
        self.lock().tasks.len()
    }

    /// Heap bytes of the queue.
    pub(crate) fn queue_bytes(&self) -> usize {
        let state = self.lock();
        state.pending.capacity_bytes() + state.emptied.as_ref().map_or(0, Group::capacity_bytes)
    }
}

impl State {
    /// Refuses once the store is poisoned.
    fn check(&self) -> Result<(), Failure> {
        match &self.poison {
            Some(poison) => Err(Failure::InFlight(poison.clone())),
            None => Ok(()),
        }
    }

    fn take_over(&mut self, progress: &Progress) {
        self.written = progress.written;
        self.synced = progress.synced;
        self.told = progress.told;
        self.segment = progress.segment;
        self.replan(progress.room);
    }

    /// Plans the queue, and the commit on its way into it, anew from where the appender really is.
    fn replan(&mut self, room: u64) {
        let mut plan = Plan { left: room, entered: 0 };
        for batch_len in self.pending.batch_lens().chain(self.admitted) {
            // The old plan had room for all of this from a place further on.
            plan = plan.with(batch_len, &self.ready).unwrap_or(plan);
        }
        self.plan = plan;
    }

    /// Takes out everybody whose goal is reached, and first of all one more to lead if anything is left
    /// to do: the next write of the journal need not wait until all the others are awake.
    fn take_reached(&mut self) -> Vec<Arc<Parker>> {
        let (written, synced) = (self.written, self.synced);
        // Whoever waits for the end of time waits for any turn to end.
        let is_done = |waiting: &Waiting| {
            waiting.goal == Goal::Visible(Lsn::MAX) || waiting.goal.is_reached(written, synced)
        };
        let leader = self.waiting.iter().position(|waiting| !is_done(waiting));
        let leader = leader.map(|at| self.waiting.remove(at));
        let done = self.waiting.extract_if(.., |waiting| is_done(waiting));
        leader.into_iter().chain(done).map(|waiting| waiting.parker).collect()
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}

/// The largest commit that fits into a segment of `segment_len` bytes.
pub(crate) const fn largest_commit(segment_len: u64) -> u64 {
    segment_len - SEGMENT_HEADER_LEN - END_LEN - batch_len(0)
}
