//! Leader and followers: threads queue what they have, and the first that finds nobody at work commits all of it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Outcome;

/// A queue of which one thread at a time takes everything.
pub struct Queue<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

struct State<T> {
    queued: Vec<T>,
    /// Emptied by the last leader, to be used again.
    spare: Vec<T>,
    /// How many were ever queued, and how many of them are committed.
    queued_until: u64,
    done_until: u64,
    led: bool,
    failed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let state = State {
            queued: Vec::new(),
            spare: Vec::new(),
            queued_until: 0,
            done_until: 0,
            led: false,
            failed: false,
        };
        Self { state: Mutex::new(state), done: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// Queues `mine` and returns once it is committed, by this thread's `commit` or by another's.
    pub fn submit(
        &self,
        mine: impl IntoIterator<Item = T>,
        commit: impl FnOnce(&[T]) -> Outcome<()>,
    ) -> Outcome<()> {
        let mut state = self.lock();
        state.queued.extend(mine);
        state.queued_until += 1;
        let number = state.queued_until;
        while state.led && state.done_until < number {
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            return Err("a leader failed".into());
        }
        if state.done_until >= number {
            return Ok(());
        }
        state.led = true;
        let spare = std::mem::take(&mut state.spare);
        let mut taken = std::mem::replace(&mut state.queued, spare);
        let until = state.queued_until;
        drop(state);

        let committed = commit(&taken);
        taken.clear();
        let mut state = self.lock();
        state.spare = taken;
        state.done_until = until;
        state.led = false;
        state.failed |= committed.is_err();
        drop(state);
        self.done.notify_all();
        committed
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
