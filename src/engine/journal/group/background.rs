//! The background of group commit: what nobody waits for, and tasks, which wait without a thread.

use std::sync::PoisonError;
use std::time::Duration;

use super::super::super::sync::Instant;
use super::super::append::batch_len;
use super::{Goal, GroupCommit, State};

impl GroupCommit {
    /// The background's life: syncs what nobody waits for within `interval`, then marks it, and
    /// calls `between` each time so that room is made ready. What tasks wait for it does at once. Ends
    /// with [`GroupCommit::stop`].
    pub(crate) fn run_background(&self, interval: Duration, mut between: impl FnMut()) {
        let mut turns_before = 0;
        // Since when something is not synced, as far as was seen here.
        let mut unsynced_since: Option<Instant> = None;
        loop {
            let mut state = self.lock();
            while !state.has_background_work() && !state.stop {
                state.background_idle = true;
                state = self.background.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.synced == state.staged {
                unsynced_since = None;
            } else {
                unsynced_since.get_or_insert_with(Instant::now);
            }
            if !state.stop {
                let left = interval
                    - unsynced_since.map_or(Duration::ZERO, |since| since.elapsed().min(interval));
                let nobody_hurries = |state: &mut State| !state.stop && state.tasks.is_empty();
                let waited = self.background.wait_timeout_while(state, left, nobody_hurries);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            if state.stop {
                return;
            }
            // Tasks do not wait for the interval, and do not put off what it is for.
            let is_due = unsynced_since.is_some_and(|since| since.elapsed() >= interval);
            if let Some(goal) = state.tasks.goal().filter(|_| !is_due) {
                drop(state);
                // A failure has poisoned the store, and the tasks hear of it from there.
                let _ = self.wait(goal);
                between();
                continue;
            }
            unsynced_since = None;
            let staged = state.staged;
            let unsynced = state.synced < staged;
            let quiet = state.turns == turns_before;
            drop(state);
            between();
            if unsynced {
                // A failure has poisoned the store, and everybody hears of it from there.
                let _ = self.wait(Goal::Synced(staged));
            } else if quiet {
                self.mark();
            }
            turns_before = self.lock().turns;
        }
    }

    /// Ends the background's life.
    pub(crate) fn stop(&self) {
        self.lock().stop = true;
        self.background.notify_all();
    }

    /// Tells the disk what is durable, so that no acknowledged batch looks like a torn tail. Does
    /// nothing where the last synced batch says it already, or where there is no room.
    pub(crate) fn mark(&self) {
        let Some(mut state) = self.until_no_leader() else {
            return;
        };
        if state.told >= state.synced || !state.pending.is_empty() {
            return;
        }
        // Only the segment that is being written: a mark is not worth a rotation.
        let len = batch_len(0);
        if state.plan.entered > 0 || state.plan.left < len {
            return;
        }
        state.plan.left -= len;
        self.lead(state, |appender, _, _| appender.mark());
    }

    pub(super) fn wake_background(&self, state: &mut State) {
        if state.background_idle {
            state.background_idle = false;
            self.background.notify_all();
        }
    }

    /// Whether the background has anything to sync or to tell.
    #[cfg(test)]
    pub(crate) fn has_background_work(&self) -> bool {
        self.lock().has_background_work()
    }
}

impl State {
    fn has_background_work(&self) -> bool {
        self.poison.is_none()
            && (self.synced < self.staged || self.told < self.synced || !self.tasks.is_empty())
    }
}
