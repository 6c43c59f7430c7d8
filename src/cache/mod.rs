//! A bounded cache for what can be had again: prices, rows that were read, answers of a venue.
//!
//! **A cache is never the truth.** Anything in it may be gone at any moment, by its age, by the bounds,
//! or because another thread deleted it. Nothing that may not be lost belongs here: positions, cash,
//! operations and high-water marks are the store's, and what is in here is a copy of them at most. A bot
//! that kept its open positions in a cache lost them when the cache was full.
//!
//! What holds of every [`Cache`], at every moment and for any number of threads:
//!
//! - it has no more entries and no more bytes than its [`CacheOptions`] say, what it needs for itself
//!   included;
//! - nothing is handed out whose age has reached the time to live: an age that equals it is expired.
//!   The time to live is never more than [`LONGEST_TTL`]; one that was cut says so;
//! - room is made by letting go of all that is expired first, and then of the least recently used, one
//!   by one. An update of what is there evicts nothing, unless it is heavier and the bytes ask for it;
//! - there is no thread of its own, and no time but that of the [`Clock`] it was given.
//!
//! Reading through it, so that a price is read from the store once in half a minute:
//!
//! ```
//! use std::sync::Arc;
//!
//! use highwater::cache::{Cache, CacheOptions};
//! use highwater::{Asset, Mode, Price, Store, SystemClock, Timestamp, TokenKey, Update};
//!
//! let usd = Asset::new("fiat", "USD", 6)?;
//! let store = Store::memory(Mode::Paper, usd)?;
//! let bonk = TokenKey::new("solana", "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263")?;
//! let tell = |price: &str, micros: i64| -> Result<(), Box<dyn std::error::Error>> {
//!     let seen = Timestamp::from_micros(micros);
//!     store.tokens().upsert(&Update::new(bonk.clone()).price(price.parse()?, seen))?;
//!     Ok(())
//! };
//! tell("0.00002", 1_723_161_255_000_000)?;
//!
//! let heap = |key: &TokenKey, _: &Option<Price>| key.chain().len() + key.address().len();
//! let prices = Cache::new(CacheOptions::prices(), Arc::new(SystemClock), heap);
//! let price = |key: &TokenKey| {
//!     prices.get_or_load(key.clone(), |key| {
//!         let token = store.snapshot().tokens().get(key)?;
//!         Ok::<_, highwater::Error>(token.and_then(|token| token.current).map(|tick| tick.price))
//!     })
//! };
//! assert_eq!(price(&bonk)?, Some("0.00002".parse()?)); // from the store
//! assert_eq!(price(&bonk)?, Some("0.00002".parse()?)); // from the cache
//! assert_eq!((prices.stats().hits, prices.stats().requests), (1, 2));
//!
//! // Whoever changes the store deletes the copy behind the commit. What a reader loaded before that
//! // moment is not kept after it.
//! tell("0.00003", 1_723_161_256_000_000)?;
//! prices.remove(&bonk);
//! assert_eq!(price(&bonk)?, Some("0.00003".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod age;
mod entries;
mod options;
mod presets;
mod stats;

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};

use entries::{Dropped, Entries};
pub use options::{CacheOptions, LONGEST_TTL};
pub use stats::CacheStats;

use crate::clock::Clock;
use crate::events::tell;

/// Bytes that an entry takes beside its key, its value and what those own on the heap: its places in
/// the two orders, its place in the table of keys, and what the allocator adds to all of it. Counted at
/// an allocator of 16-byte blocks, it was 177 to 188 with numbers and 201 to 210 with a string and a vector.
pub const ENTRY_OVERHEAD_BYTES: u64 = 208;

/// What became of a value that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Insertion {
    /// It is kept; nothing was there under its key.
    New,
    /// It is kept in the place of what was there under its key.
    Replaced,
    /// It alone weighs more than the whole cache may. It is not kept, and neither is what was there
    /// under its key, for that is no longer true.
    TooHeavy {
        /// What it weighs, overhead included.
        bytes: u64,
        /// What all entries together may weigh.
        max_bytes: u64,
    },
    /// The cache is switched off by its options, with no entries or no time to live, and keeps nothing.
    Off,
}

impl Insertion {
    /// Whether the value is kept.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::New | Self::Replaced)
    }
}

type HeapBytes<K, V> = Box<dyn Fn(&K, &V) -> usize + Send + Sync>;

/// A cache that is bounded by entries, by bytes and by age. See the [module](self) for what it promises.
///
/// All calls take `&self`; threads share it by reference or in an [`Arc`]. One lock guards it, held for
/// a few steps and never while a value is loaded, weighed or dropped. Keys are hashed and compared, and
/// values cloned, under that lock: their code must not use the cache. Values that are costly to clone
/// belong into an [`Arc`]. Should such code panic, the panic goes on to the caller and the cache is
/// empty afterwards.
///
/// Every call lets go of all that is expired before it does anything else.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use highwater::cache::{Cache, CacheOptions, Insertion};
/// use highwater::{ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_micros(0));
/// let options = CacheOptions::new().entries(2).ttl(Duration::from_secs(10));
/// let quotes = Cache::new(options, Arc::new(clock.clone()), |key: &String, _: &u64| key.capacity());
/// assert_eq!(quotes.insert("BONK".to_owned(), 20), Insertion::New);
/// quotes.insert("WIF".to_owned(), 170);
/// assert_eq!(quotes.get("BONK"), Some(20));
/// quotes.insert("POPCAT".to_owned(), 55); // WIF is the least recently used
/// assert_eq!(quotes.get("WIF"), None);
///
/// clock.advance_micros(10_000_000);
/// assert_eq!(quotes.get("BONK"), None); // ten seconds old is expired
/// assert!(quotes.is_empty());
/// ```
pub struct Cache<K, V> {
    options: CacheOptions,
    clock: Arc<dyn Clock>,
    heap_bytes: HeapBytes<K, V>,
    entries: Mutex<Entries<K, V>>,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// An empty cache. `heap_bytes` says how many bytes a key and its value own on the heap, beside
    /// themselves: the capacity of strings and vectors, and zero for plain numbers. An entry's weight is
    /// that, the size of the key and of the value, and [`ENTRY_OVERHEAD_BYTES`]. It is weighed once,
    /// when it is inserted.
    ///
    /// A time to live above [`LONGEST_TTL`] is cut to it, which [`CacheOptions::clamped_ttl`] and
    /// [`CacheStats::clamped_ttl`] report, and an event of the level WARN.
    pub fn new(
        options: CacheOptions,
        clock: Arc<dyn Clock>,
        heap_bytes: impl Fn(&K, &V) -> usize + Send + Sync + 'static,
    ) -> Self {
        if let Some(asked) = options.clamped_ttl() {
            let used = options.used_ttl();
            tell(|| tracing::warn!(?asked, ?used, "a cache's time to live was cut"));
        }
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let entries = Mutex::new(Entries::new(options, wall, monotonic));
        Self { options, clock, heap_bytes: Box::new(heap_bytes), entries }
    }

    /// What the cache was made with.
    pub const fn options(&self) -> CacheOptions {
        self.options
    }

    /// Keeps `value` under `key`, in the place of whatever is there. It is as young as can be and the
    /// most recently used.
    pub fn insert(&self, key: K, value: V) -> Insertion {
        let bytes = self.weigh(&key, &value);
        self.with(|entries, dropped| {
            entries.note_change();
            entries.insert(Arc::new(key), value, bytes, dropped)
        })
    }

    /// The value under `key`, which is the most recently used from now on. It gets no younger by it.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.with(|entries, _| entries.get(key))
    }

    /// The value under `key`, or what `load` answers, which is kept then. An error of `load` is handed
    /// on, and nothing is kept.
    ///
    /// `load` runs outside of all locks: threads that miss the same key at once load it at once. What
    /// it answered is handed out in any case, but kept only where nobody inserted, removed or cleared
    /// anything meanwhile. So a value that was read before a change is not kept behind the
    /// [`remove`](Cache::remove) that told of the change.
    ///
    /// # Errors
    /// Those of `load`.
    pub fn get_or_load<E>(&self, key: K, load: impl FnOnce(&K) -> Result<V, E>) -> Result<V, E>
    where
        V: Clone,
    {
        let (found, changes) = self.with(|entries, _| (entries.get(&key), entries.changes()));
        if let Some(value) = found {
            return Ok(value);
        }
        let value = load(&key)?;
        let (kept, bytes) = (value.clone(), self.weigh(&key, &value));
        self.with(|entries, dropped| {
            if entries.changes() == changes {
                entries.insert(Arc::new(key), kept, bytes, dropped);
            }
        });
        Ok(value)
    }

    /// The value under `key`, without counting as a use or a request.
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.with(|entries, _| entries.peek(key))
    }

    /// Deletes what is under `key`, and answers whether anything was.
    pub fn remove<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.with(|entries, dropped| {
            entries.note_change();
            entries.remove(key, dropped)
        })
    }

    /// Deletes everything. The counters stay.
    pub fn clear(&self) {
        self.with(|entries, dropped| {
            entries.note_change();
            entries.clear(dropped);
        });
    }

    /// Lets go of what is expired, and answers how many entries that were. Every other call does it as
    /// well; this is for a cache that nobody asks any more.
    pub fn purge_expired(&self) -> usize {
        let mut dropped = Dropped::default();
        self.lock_and(&mut dropped, |entries, dropped| entries.expire(dropped))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.with(|entries, _| entries.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What there is, and what has been asked since the cache was made.
    pub fn stats(&self) -> CacheStats {
        self.with(|entries, _| entries.stats())
    }

    fn weigh(&self, key: &K, value: &V) -> u64 {
        let heap = u64::try_from((self.heap_bytes)(key, value)).unwrap_or(u64::MAX);
        let inline = size_of::<K>().saturating_add(size_of::<V>());
        let inline = u64::try_from(inline).unwrap_or(u64::MAX);
        heap.saturating_add(inline).saturating_add(ENTRY_OVERHEAD_BYTES)
    }

    /// One step under the lock, of a cache in which nothing is expired.
    fn with<R>(&self, step: impl FnOnce(&mut Entries<K, V>, &mut Dropped<K, V>) -> R) -> R {
        let mut dropped = Dropped::default();
        self.lock_and(&mut dropped, |entries, dropped| {
            entries.expire(dropped);
            step(entries, dropped)
        })
    }

    /// What is let go lies in `dropped` afterwards: its code is not ours and runs outside of the lock.
    fn lock_and<R>(
        &self,
        dropped: &mut Dropped<K, V>,
        step: impl FnOnce(&mut Entries<K, V>, &mut Dropped<K, V>) -> R,
    ) -> R {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut entries = self.lock(dropped);
        entries.look(wall, monotonic);
        step(&mut entries, dropped)
    }

    fn lock(&self, dropped: &mut Dropped<K, V>) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(|poisoned| {
            // A key's or a value's code panicked halfway. What it left is no loss.
            let mut entries = poisoned.into_inner();
            entries.clear(dropped);
            self.entries.clear_poison();
            entries
        })
    }
}

impl<K: Eq + Hash, V> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
