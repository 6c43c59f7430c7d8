//! Condition variables and time under a model checker, which knows no time.
//!
//! A timed wait ends when it is woken, or when its time runs out; which of them comes first, and how
//! much the others do until then, is drawn by the checker. Time runs out only there: the clock stands
//! still otherwise, and goes forward by a wait's whole length when that wait runs out. A wait of an
//! hour or more never runs out, so that whoever has to be woken is found asleep if nobody does it.
//!
//! There are no spurious wakes: whoever is forgotten must not be saved by one.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult};
use std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::thread::{self, Thread};

/// From here on, a wait's time does not run out.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// A wait's time runs out after up to two to this power of its own turns.
const LONGEST_WAIT_LOG2: u32 = 6;

std::thread_local! {
    /// The time that has passed in the model. All its threads are one thread of the system.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A moment of the model's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        NOW.get() - self.0
    }
}

/// A moment's rest between two looks at what another thread is about to change. Long enough to be
/// over soon: each look is a step to choose for.
pub(crate) fn pause() {
    NOW.set(NOW.get() + Duration::from_micros(5));
    thread::yield_now();
}

/// shuttle's mutex, with a guard that knows its mutex.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

/// The guard of a [`Mutex`].
#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    inner: shuttle::sync::MutexGuard<'a, T>,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self.0.lock() {
            Ok(inner) => Ok(MutexGuard { mutex: self, inner }),
            Err(poisoned) => {
                Err(PoisonError::new(MutexGuard { mutex: self, inner: poisoned.into_inner() }))
            }
        }
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(inner) => Ok(MutexGuard { mutex: self, inner }),
            Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
            Err(TryLockError::Poisoned(poisoned)) => {
                let guard = MutexGuard { mutex: self, inner: poisoned.into_inner() };
                Err(TryLockError::Poisoned(PoisonError::new(guard)))
            }
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

/// Who sleeps at a condition variable.
#[derive(Debug)]
struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
}

impl Sleeper {
    fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Sleeps until woken.
    fn sleep(&self) {
        while !self.is_woken() {
            thread::park();
        }
    }

    /// Sleeps until woken, which answers true, or until the time runs out.
    fn sleep_for_a_while(&self) -> bool {
        let mut turns =
            thread_rng().gen_range(0..1_u32 << thread_rng().gen_range(0..=LONGEST_WAIT_LOG2));
        while !self.is_woken() && turns > 0 {
            thread::yield_now();
            turns -= 1;
        }
        self.is_woken()
    }
}

/// What a timed wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    #[expect(dead_code, reason = "nobody asks yet: everybody looks at the state instead")]
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

/// A condition variable. The list of sleepers needs no lock that the checker knows of: nobody is
/// interrupted while holding it.
#[derive(Debug, Default)]
pub(crate) struct Condvar {
    sleepers: std::sync::Mutex<Vec<Arc<Sleeper>>>,
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn sleepers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Sleeper>>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back and lies down, in one step: shuttle lets others run before it gives a lock
    /// back, and not between that and our next call.
    fn lie_down<T>(&self, guard: MutexGuard<'_, T>) -> Arc<Sleeper> {
        drop(guard);
        let sleeper =
            Arc::new(Sleeper { thread: thread::current(), woken: AtomicBool::new(false) });
        self.sleepers().push(sleeper.clone());
        sleeper
    }

    fn get_up(&self, sleeper: &Arc<Sleeper>) {
        self.sleepers().retain(|other| !Arc::ptr_eq(other, sleeper));
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let mutex = guard.mutex;
        self.lie_down(guard).sleep();
        mutex.lock()
    }

    pub(crate) fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let mutex = guard.mutex;
        let sleeper = self.lie_down(guard);
        let woken = if time >= FOR_EVER {
            sleeper.sleep();
            true
        } else {
            sleeper.sleep_for_a_while()
        };
        if !woken {
            self.get_up(&sleeper);
            NOW.set(NOW.get() + time);
        }
        let result = WaitTimeoutResult(!woken);
        match mutex.lock() {
            Ok(guard) => Ok((guard, result)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), result))),
        }
    }

    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        time: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let mut result = WaitTimeoutResult(false);
        while condition(&mut guard) && !result.0 {
            (guard, result) = self.wait_timeout(guard, time)?;
        }
        Ok((guard, result))
    }

    /// Wakes one of those who sleep, whichever the checker draws. Nothing in the engine does so: it is
    /// here for whoever tries it, to be shown wrong.
    #[allow(dead_code, reason = "see above")]
    pub(crate) fn notify_one(&self) {
        // A step at which nothing happens, and others may run.
        thread::sleep(Duration::ZERO);
        let mut sleepers = self.sleepers();
        if sleepers.is_empty() {
            return;
        }
        let drawn = thread_rng().gen_range(0..sleepers.len());
        let sleeper = sleepers.swap_remove(drawn);
        drop(sleepers);
        sleeper.woken.store(true, Ordering::Relaxed);
        sleeper.thread.unpark();
    }

    pub(crate) fn notify_all(&self) {
        thread::sleep(Duration::ZERO);
        let sleepers = std::mem::take(&mut *self.sleepers());
        for sleeper in &sleepers {
            sleeper.woken.store(true, Ordering::Relaxed);
        }
        for sleeper in &sleepers {
            sleeper.thread.unpark();
        }
    }
}
