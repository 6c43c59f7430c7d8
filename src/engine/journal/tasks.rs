//! Tasks: those who wait without a thread, and are told by their waker.
//!
//! A task cannot lead, so somebody else writes and syncs for it: whoever leads anyway, or the
//! background, which does not rest while there are tasks. Wakers run code that is not ours: they are
//! taken out under the lock of the queue and called outside of it.

use std::task::Waker;

use super::super::row::Lsn;
use super::group::Goal;
use crate::events::{survive, tell};

/// The tasks that wait.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    last_id: u64,
    waiting: Vec<Task>,
}

#[derive(Debug)]
struct Task {
    id: u64,
    goal: Goal,
    waker: Waker,
}

impl Tasks {
    /// How many wait.
    #[cfg(all(test, shuttle))]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Remembers whom to wake. A task that asks again, under the number it has, is there once: what it
    /// had said before is in `waker` then.
    pub(super) fn register(&mut self, id: &mut Option<u64>, goal: Goal, waker: &mut Waker) {
        let known = id.and_then(|id| self.waiting.iter_mut().find(|task| task.id == id));
        if let Some(task) = known {
            std::mem::swap(&mut task.waker, waker);
            return;
        }
        self.last_id += 1;
        *id = Some(self.last_id);
        self.waiting.push(Task { id: self.last_id, goal, waker: waker.clone() });
    }

    /// Forgets a task, and answers its waker: dropping that is code that is not ours.
    pub(super) fn forget(&mut self, id: u64) -> Option<Waker> {
        let at = self.waiting.iter().position(|task| task.id == id)?;
        Some(self.waiting.swap_remove(at).waker)
    }

    /// Takes out those whose goal is reached.
    pub(super) fn take_reached(&mut self, written: Lsn, synced: Lsn) -> Vec<Waker> {
        let mut reached = Vec::new();
        let mut at = 0;
        while let Some(task) = self.waiting.get(at) {
            if task.goal.is_reached(written, synced) {
                reached.push(self.waiting.swap_remove(at).waker);
            } else {
                at += 1;
            }
        }
        reached
    }

    /// Takes out all of them.
    pub(super) fn take_all(&mut self) -> Vec<Waker> {
        self.waiting.drain(..).map(|task| task.waker).collect()
    }

    /// What reaches the goals of all of them.
    pub(super) fn goal(&self) -> Option<Goal> {
        self.waiting.iter().map(|task| task.goal).reduce(|one, other| match (one, other) {
            (Goal::Visible(one), Goal::Visible(other)) => Goal::Visible(one.max(other)),
            (one, other) => Goal::Synced(one.lsn().max(other.lsn())),
        })
    }
}

/// Wakes tasks. What a waker does wrong concerns nobody but its task.
pub(super) fn wake(wakers: Vec<Waker>) {
    for waker in wakers {
        if let Err(panic) = survive(|| waker.wake()) {
            tell(|| tracing::error!(panic, "a task that waits for a commit could not be woken"));
        }
    }
}
