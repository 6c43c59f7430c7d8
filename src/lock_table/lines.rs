//! Who holds which key, and who waits for it in which order.
//!
//! Invariants:
//!
//! - A key has an entry exactly as long as somebody holds it. Who lets go hands the key over to the
//!   first in line, so whoever comes in between has to queue.
//! - Everybody in line has a turn, drawn in the order of asking. Leaving the line takes the turn
//!   out; leaving it after having been handed the key hands the key on.
//! - No waker is cloned, woken or dropped under the lock: that is the executor's code, and may come
//!   back for another key.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Below this many keys no memory is given back.
const LEAST_CAPACITY: usize = 64;

/// The lines of all keys of a table.
pub(super) struct Lines<K> {
    keys: Mutex<Keys<K>>,
}

struct Keys<K> {
    held: HashMap<K, Held>,
    last_turn: u64,
}

/// A key that somebody holds.
struct Held {
    /// The turn of the one who has it.
    by: u64,
    /// The line, by turn.
    waiting: BTreeMap<u64, Waker>,
}

impl<K: Eq + Hash + Clone> Default for Lines<K> {
    fn default() -> Self {
        Self { keys: Mutex::new(Keys { held: HashMap::new(), last_turn: 0 }) }
    }
}

impl<K: Eq + Hash + Clone> Lines<K> {
    fn lock(&self) -> MutexGuard<'_, Keys<K>> {
        // Only a key's own code can panic here, before anything was changed.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many keys are held.
    pub(super) fn held(&self) -> usize {
        self.lock().held.len()
    }

    /// How many wait for `key`.
    #[cfg(test)]
    pub(super) fn waiting(&self, key: &K) -> usize {
        self.lock().held.get(key).map_or(0, |held| held.waiting.len())
    }

    /// How many keys there is memory for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.lock().held.capacity()
    }

    /// Takes `key` where nobody holds it.
    pub(super) fn take_if_free(&self, key: &K) -> bool {
        self.lock().take_if_free(key)
    }

    /// Queues for `key`, or takes it where it is free. Answers the turn where it queued.
    pub(super) fn queue(&self, key: &K, waker: Waker) -> Option<u64> {
        // A waker that is not needed is a parameter still, and is dropped after this lock.
        let mut keys = self.lock();
        if keys.take_if_free(key) {
            return None;
        }
        let turn = keys.draw_turn();
        // The entry is there: the key is not free.
        if let Some(held) = keys.held.get_mut(key) {
            held.waiting.insert(turn, waker);
        }
        Some(turn)
    }

    /// Whether `turn` has come. Where it has not, `waker` is the one to wake from now on.
    pub(super) fn has_come(&self, key: &K, turn: u64, waker: Waker) -> bool {
        // As in `queue`.
        let mut keys = self.lock();
        match keys.held.get_mut(key) {
            Some(held) if held.by != turn => {
                let older = held.waiting.insert(turn, waker);
                drop(keys);
                drop(older);
                false
            }
            // While somebody is in line, there is an entry.
            held => held.is_some(),
        }
    }

    /// Hands the key on, or frees it where nobody waits.
    pub(super) fn let_go(&self, key: &K) {
        let mut keys = self.lock();
        let Some(held) = keys.held.get_mut(key) else {
            return;
        };
        match held.waiting.pop_first() {
            Some((turn, waker)) => {
                held.by = turn;
                drop(keys);
                waker.wake();
            }
            None => keys.free(key),
        }
    }

    /// Takes `turn` out of the line; where it has the key already, hands it on.
    pub(super) fn leave(&self, key: &K, turn: u64) {
        let mut keys = self.lock();
        let held = keys.held.get_mut(key);
        let has_come = held.as_ref().is_some_and(|held| held.by == turn);
        let waker = held.and_then(|held| held.waiting.remove(&turn));
        drop(keys);
        drop(waker);
        if has_come {
            self.let_go(key);
        }
    }
}

impl<K: Eq + Hash + Clone> Keys<K> {
    fn draw_turn(&mut self) -> u64 {
        self.last_turn += 1;
        self.last_turn
    }

    fn take_if_free(&mut self, key: &K) -> bool {
        let is_free = !self.held.contains_key(key);
        if is_free {
            let by = self.draw_turn();
            self.held.insert(key.clone(), Held { by, waiting: BTreeMap::new() });
        }
        is_free
    }

    fn free(&mut self, key: &K) {
        self.held.remove(key);
        let capacity = self.held.capacity();
        if capacity > LEAST_CAPACITY && self.held.len() < capacity / 4 {
            self.held.shrink_to(self.held.len() * 2);
        }
    }
}
