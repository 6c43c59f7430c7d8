//! What a cache is made with: its bounds and its time to live.

use std::time::Duration;

/// The longest time to live of an entry: half an hour. What is older than that is read again.
pub const LONGEST_TTL: Duration = Duration::from_secs(30 * 60);

/// The bounds of a [`Cache`](super::Cache).
///
/// | | `new` | `prices` | `positions` | `transactions` |
/// |---|---|---|---|---|
/// | entries at most | 1,000 | 500 | 500 | 10,000 |
/// | bytes at most | 1 MiB | 256 KiB | 1 MiB | 4 MiB |
/// | time to live | 1 minute | 30 seconds | 1 minute | 30 minutes |
///
/// ```
/// use std::time::Duration;
///
/// use highwater::cache::{CacheOptions, LONGEST_TTL};
///
/// let options = CacheOptions::prices().entries(2_000).ttl(Duration::from_secs(3_600));
/// assert_eq!(options.used_ttl(), LONGEST_TTL);
/// assert_eq!(options.clamped_ttl(), Some(Duration::from_secs(3_600))); // was asked for
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct CacheOptions {
    pub(super) entries: usize,
    pub(super) bytes: u64,
    ttl: Duration,
}

impl CacheOptions {
    /// A thousand entries, 1 MiB, a minute.
    pub const fn new() -> Self {
        Self::with(1_000, 1 << 20, Duration::from_secs(60))
    }

    pub(super) const fn with(entries: usize, bytes: u64, ttl: Duration) -> Self {
        Self { entries, bytes, ttl }
    }

    /// At most so many entries. With none, the cache is switched off: it keeps nothing.
    pub const fn entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// All entries together weigh at most so many bytes; see [`Cache::new`](super::Cache::new) for what
    /// one weighs.
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }

    /// From this age on an entry is expired, to the microsecond, parts of which count whole. More than
    /// [`LONGEST_TTL`] is cut to it. With none, the cache is switched off: since an age is never
    /// below zero, everything would be expired at once.
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// The bound on entries.
    pub const fn max_entries(&self) -> usize {
        self.entries
    }

    /// The bound on bytes.
    pub const fn max_bytes(&self) -> u64 {
        self.bytes
    }

    /// The time to live that holds: what was asked for, or [`LONGEST_TTL`].
    pub fn used_ttl(&self) -> Duration {
        self.ttl.min(LONGEST_TTL)
    }

    /// The time to live that was asked for, where it was more than [`LONGEST_TTL`] and was cut.
    pub fn clamped_ttl(&self) -> Option<Duration> {
        (self.ttl > LONGEST_TTL).then_some(self.ttl)
    }

    /// The age in microseconds from which on an entry is expired.
    pub(super) fn ttl_micros(&self) -> i128 {
        // Half an hour of nanoseconds fits many times.
        i128::try_from(self.used_ttl().as_nanos().div_ceil(1_000)).unwrap_or(i128::MAX)
    }

    /// Whether nothing could ever be kept.
    pub(super) fn is_off(&self) -> bool {
        self.entries == 0 || self.ttl.is_zero()
    }
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self::new()
    }
}
