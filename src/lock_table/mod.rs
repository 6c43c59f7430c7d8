//! Locks by key within the process: one holder per key, first come first served, for threads and
//! tasks alike.
//!
//! This module knows no store: what is locked is between the callers. It is gone with the process.

mod lines;
mod sleeper;

use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lines::Lines;
use sleeper::wait_for;

/// Locks by key: at most one [`KeyGuard`] per key at any time, given out in the order of asking.
///
/// A lock lasts until its guard is dropped, however long that is: it does not expire, and no number
/// of other keys pushes it out. Keys that nobody holds take no memory. Clones share one table.
///
/// Threads wait in [`LockTable::lock`], tasks in [`LockTable::lock_async`], both in one line per key.
/// A key cannot be locked twice by one holder: the second call would wait for the first guard. Who
/// locks several keys has to lock them in one order everywhere.
///
/// Keys are hashed and compared under the table's own lock; their code must not use the table.
///
/// ```
/// use highwater::LockTable;
///
/// let locks = LockTable::new();
/// let bonk = locks.lock("solana/BONK");
/// assert!(locks.try_lock("solana/BONK").is_none());
/// assert!(locks.try_lock("solana/WIF").is_some());
/// drop(bonk);
/// assert!(locks.is_empty());
/// ```
///
/// A guard may be held over an `await` and moves with its task; no runtime is needed or preferred.
///
/// ```
/// # use highwater::LockTable;
/// # async fn sell(position: u64) {}
/// async fn close(locks: &LockTable<u64>, position: u64) {
///     let _alone = locks.lock_async(position).await;
///     sell(position).await;
/// }
/// ```
pub struct LockTable<K: Eq + Hash + Clone> {
    lines: Arc<Lines<K>>,
}

/// A locked key. Dropping it lets the next in line have the key.
#[must_use = "the key is locked as long as the guard lives"]
pub struct KeyGuard<K: Eq + Hash + Clone> {
    lines: Arc<Lines<K>>,
    key: K,
}

/// A task's wish to lock a key; see [`LockTable::lock_async`].
#[must_use = "a future does nothing unless it is polled"]
pub struct Locking<K: Eq + Hash + Clone> {
    lines: Arc<Lines<K>>,
    /// Gone once the guard has it.
    key: Option<K>,
    /// The turn in the key's line, while it stands there.
    turn: Option<u64>,
}

impl<K: Eq + Hash + Clone> LockTable<K> {
    /// A table in which no key is held.
    pub fn new() -> Self {
        Self::default()
    }

    /// Locks `key`, and waits for it where somebody holds it. The thread sleeps meanwhile; a task
    /// uses [`LockTable::lock_async`].
    pub fn lock(&self, key: K) -> KeyGuard<K> {
        match self.try_lock(key.clone()) {
            Some(guard) => guard,
            None => wait_for(self.lock_async(key)),
        }
    }

    /// Locks `key`, or answers `None` where somebody holds it.
    pub fn try_lock(&self, key: K) -> Option<KeyGuard<K>> {
        let taken = self.lines.take_if_free(&key);
        taken.then(|| KeyGuard { lines: self.lines.clone(), key })
    }

    /// Locks `key`, letting other tasks run while somebody holds it. The place in the line is that
    /// of the first poll.
    ///
    /// The future can be dropped at any time: it leaves nothing behind, and where it had been given
    /// the key already, the next in line gets it.
    pub fn lock_async(&self, key: K) -> Locking<K> {
        Locking { lines: self.lines.clone(), key: Some(key), turn: None }
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.lines.held()
    }

    /// Whether no key is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Eq + Hash + Clone> Future for Locking<K> {
    type Output = KeyGuard<K>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<KeyGuard<K>> {
        let this = self.get_mut();
        // To ask again once it is done is the executor's mistake; there is nothing more to come.
        let Some(key) = &this.key else { return Poll::Pending };
        let has_it = match this.turn {
            Some(turn) => this.lines.has_come(key, turn, context.waker().clone()),
            None => {
                // Most often nobody holds it, and no waker is needed.
                let free = this.lines.take_if_free(key);
                if !free {
                    this.turn = this.lines.queue(key, context.waker().clone());
                }
                this.turn.is_none()
            }
        };
        if !has_it {
            return Poll::Pending;
        }
        this.turn = None;
        let guard = this.key.take().map(|key| KeyGuard { lines: this.lines.clone(), key });
        guard.map_or(Poll::Pending, Poll::Ready)
    }
}

// Nothing in it is ever pinned.
impl<K: Eq + Hash + Clone> Unpin for Locking<K> {}

impl<K: Eq + Hash + Clone> Drop for Locking<K> {
    fn drop(&mut self) {
        if let (Some(key), Some(turn)) = (&self.key, self.turn) {
            self.lines.leave(key, turn);
        }
    }
}

impl<K: Eq + Hash + Clone> KeyGuard<K> {
    /// The key that is locked.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash + Clone> Drop for KeyGuard<K> {
    fn drop(&mut self) {
        self.lines.let_go(&self.key);
    }
}

impl<K: Eq + Hash + Clone> Default for LockTable<K> {
    fn default() -> Self {
        Self { lines: Arc::new(Lines::default()) }
    }
}

impl<K: Eq + Hash + Clone> Clone for LockTable<K> {
    fn clone(&self) -> Self {
        Self { lines: self.lines.clone() }
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for LockTable<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockTable").field("held", &self.len()).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash + Clone + fmt::Debug> fmt::Debug for KeyGuard<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyGuard").field(&self.key).finish()
    }
}

impl<K: Eq + Hash + Clone + fmt::Debug> fmt::Debug for Locking<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Locking").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests;
