//! The entries of a cache in two orders: by their last use, and by their age.
//!
//! All have one time to live and the time never runs backwards, so the order of their insertion is the
//! order in which they expire, and what is expired is found at its front.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::time::Duration;

use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::{RawEntryMut, RawOccupiedEntryMut};

use super::age::Time;
use super::{CacheOptions, CacheStats, Insertion};
use crate::clock::Timestamp;

/// What was let go and is not dropped yet.
pub(super) type Dropped<K, V> = Vec<(Arc<K>, Entry<V>)>;

/// One value.
#[derive(Debug)]
pub(super) struct Entry<V> {
    value: V,
    /// Its place in the order of age.
    number: u64,
    bytes: u64,
}

/// All entries, the time, and the counters.
#[derive(Debug)]
pub(super) struct Entries<K, V> {
    options: CacheOptions,
    time: Time,
    /// The least recently used in front. std's hasher: keys may come from people who mean harm.
    by_use: LinkedHashMap<Arc<K>, Entry<V>, RandomState>,
    /// By number, the oldest in front, with the time of its insertion.
    by_age: BTreeMap<u64, (i128, Arc<K>)>,
    last_number: u64,
    bytes: u64,
    /// How often somebody said that something is different now.
    changes: u64,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    requests: u64,
    hits: u64,
    evictions: u64,
    expirations: u64,
    too_heavy: u64,
}

/// One more. A counter stops at its highest value.
fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

impl<K: Eq + Hash, V> Entries<K, V> {
    pub(super) fn new(options: CacheOptions, wall: Timestamp, monotonic: Duration) -> Self {
        Self {
            options,
            time: Time::new(wall, monotonic),
            by_use: LinkedHashMap::with_hasher(RandomState::new()),
            by_age: BTreeMap::new(),
            last_number: 0,
            bytes: 0,
            changes: 0,
            counts: Counts::default(),
        }
    }

    /// The clocks show this now. Threads may come here in another order than they looked.
    pub(super) fn look(&mut self, wall: Timestamp, monotonic: Duration) {
        self.time.look(wall, monotonic);
    }

    pub(super) fn note_change(&mut self) {
        self.changes = self.changes.wrapping_add(1);
    }

    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    pub(super) fn len(&self) -> usize {
        self.by_use.len()
    }

    /// Lets go of everything whose age has reached the time to live.
    pub(super) fn expire(&mut self, dropped: &mut Dropped<K, V>) -> usize {
        let ttl = self.options.ttl_micros();
        let before = self.len();
        while let Some(oldest) = self.by_age.first_entry() {
            let (inserted, key) = oldest.get();
            if self.time.now() - inserted < ttl {
                break;
            }
            // It stays in this order until it has left the other one, where a key's code may panic.
            let key = key.clone();
            if let Some(removed) = self.by_use.remove_entry(&*key) {
                count(&mut self.counts.expirations);
                self.let_go(removed, dropped);
            }
        }
        before - self.len()
    }

    pub(super) fn insert(
        &mut self,
        key: Arc<K>,
        value: V,
        bytes: u64,
        dropped: &mut Dropped<K, V>,
    ) -> Insertion {
        if self.options.is_off() {
            return Insertion::Off;
        }
        let replaces = self.remove(&*key, dropped);
        let max_bytes = self.options.bytes;
        if bytes > max_bytes {
            count(&mut self.counts.too_heavy);
            return Insertion::TooHeavy { bytes, max_bytes };
        }
        while (self.len() >= self.options.entries || self.bytes > max_bytes - bytes)
            && let Some(evicted) = self.by_use.pop_front()
        {
            count(&mut self.counts.evictions);
            self.let_go(evicted, dropped);
        }
        self.last_number += 1;
        self.bytes += bytes;
        let number = self.last_number;
        self.by_age.insert(number, (self.time.now(), key.clone()));
        self.by_use.insert(key, Entry { value, number, bytes });
        if replaces { Insertion::Replaced } else { Insertion::New }
    }

    /// What is out of one order leaves the other as well.
    fn let_go(&mut self, (key, entry): (Arc<K>, Entry<V>), dropped: &mut Dropped<K, V>) {
        self.by_age.remove(&entry.number);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        dropped.push((key, entry));
    }

    pub(super) fn get<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        count(&mut self.counts.requests);
        let mut found = self.find(key)?;
        found.to_back();
        let value = found.get().value.clone();
        count(&mut self.counts.hits);
        Some(value)
    }

    pub(super) fn peek<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        Some(self.find(key)?.get().value.clone())
    }

    pub(super) fn remove<Q>(&mut self, key: &Q, dropped: &mut Dropped<K, V>) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let removed = self.find(key).map(RawOccupiedEntryMut::remove_entry);
        let was_there = removed.is_some();
        if let Some(removed) = removed {
            self.let_go(removed, dropped);
        }
        was_there
    }

    fn find<Q>(&mut self, key: &Q) -> Option<RawOccupiedEntryMut<'_, Arc<K>, Entry<V>, RandomState>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.by_use.hasher().hash_one(key);
        let is_it = |stored: &Arc<K>| K::borrow(stored) == key;
        match self.by_use.raw_entry_mut().from_hash(hash, is_it) {
            RawEntryMut::Occupied(found) => Some(found),
            RawEntryMut::Vacant(_) => None,
        }
    }

    pub(super) fn clear(&mut self, dropped: &mut Dropped<K, V>) {
        self.by_age.clear();
        self.bytes = 0;
        dropped.extend(self.by_use.drain());
    }

    pub(super) fn stats(&self) -> CacheStats {
        let oldest = self.by_age.first_key_value();
        CacheStats {
            entries: self.len(),
            max_entries: self.options.entries,
            bytes: self.bytes,
            max_bytes: self.options.bytes,
            ttl: self.options.used_ttl(),
            clamped_ttl: self.options.clamped_ttl(),
            oldest_age: oldest.map(|(_, (inserted, _))| self.time.since(*inserted)),
            requests: self.counts.requests,
            hits: self.counts.hits,
            evictions: self.counts.evictions,
            expirations: self.counts.expirations,
            too_heavy: self.counts.too_heavy,
        }
    }
}

#[cfg(test)]
impl<K, V> Entries<K, V> {
    /// Counters at their end, for tests that cannot count so far.
    pub(super) fn exhaust_counters(&mut self) {
        let most = u64::MAX;
        self.counts = Counts {
            requests: most,
            hits: most,
            evictions: most,
            expirations: most,
            too_heavy: most,
        };
    }
}
