//! Figures of a cache.

use std::fmt;
use std::time::Duration;

use crate::money::Ratio;

/// What is in a [`Cache`](super::Cache), and what became of it since it was made. The counters stop at
/// their highest value and never begin anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheStats {
    /// Entries that are there, none of them expired.
    pub entries: usize,
    /// How many there may be.
    pub max_entries: usize,
    /// What they weigh, overhead included.
    pub bytes: u64,
    /// What they may weigh.
    pub max_bytes: u64,
    /// From which age on an entry is expired.
    pub ttl: Duration,
    /// The time to live that was asked for, where it was cut.
    pub clamped_ttl: Option<Duration>,
    /// How old the oldest entry is.
    pub oldest_age: Option<Duration>,
    /// How often a value was asked for.
    pub requests: u64,
    /// How often it was there.
    pub hits: u64,
    /// Entries that had to go because others needed their room.
    pub evictions: u64,
    /// Entries that went because of their age.
    pub expirations: u64,
    /// Values that were not kept because one alone weighs more than all may.
    pub too_heavy: u64,
}

impl CacheStats {
    /// Which share of the requests was answered, exactly; `None` where nobody asked yet.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use highwater::cache::{Cache, CacheOptions};
    /// # use highwater::{Ratio, SystemClock};
    /// let cache = Cache::new(CacheOptions::new(), Arc::new(SystemClock), |_: &u64, _: &u64| 0);
    /// assert_eq!(cache.stats().hit_ratio(), None);
    /// cache.insert(1, 1);
    /// let _ = (cache.get(&1), cache.get(&1), cache.get(&2));
    /// assert_eq!(cache.stats().hit_ratio(), Ratio::new(2, 3));
    /// ```
    pub fn hit_ratio(&self) -> Option<Ratio> {
        Ratio::new(self.hits.into(), self.requests.into())
    }
}

impl fmt::Display for CacheStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entries, max_entries, bytes, max_bytes, requests, hits, .. } = self;
        write!(f, "{entries} of {max_entries} entries, {bytes} of {max_bytes} bytes, ")?;
        write!(f, "{hits} hits in {requests} requests, {} evicted", self.evictions)?;
        write!(f, ", {} expired", self.expirations)?;
        match self.oldest_age {
            Some(age) => write!(f, ", the oldest {age:?} old"),
            None => Ok(()),
        }
    }
}
