//! Time as the store sees it: microseconds since 1970 UTC, read from a clock that can be replaced.
//!
//! Nothing below or beside this module asks the operating system for the time of day, so a test, a
//! simulation or a replay decides what time it is by handing the store a [`ManualClock`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time: microseconds since 1970-01-01T00:00:00 UTC, negative before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `micros` microseconds after 1970-01-01T00:00:00 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The time `millis` milliseconds after 1970, or `None` where that does not fit.
    pub const fn from_millis(millis: i64) -> Option<Self> {
        match millis.checked_mul(1_000) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The time `seconds` seconds after 1970, or `None` where that does not fit.
    pub const fn from_seconds(seconds: i64) -> Option<Self> {
        match seconds.checked_mul(1_000_000) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// Microseconds since 1970-01-01T00:00:00 UTC.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This time plus `micros` microseconds, held at the ends of the range.
    pub const fn saturating_add_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

/// Where the store gets the time of day from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now. It may jump in either direction; the store copes.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |m| -m),
        };
        Timestamp(micros)
    }
}

/// A clock that stands still until it is told otherwise. Clones share the same time.
///
/// ```
/// use highwater::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_micros(1_000));
/// clock.advance_micros(500);
/// assert_eq!(clock.now(), Timestamp::from_micros(1_500));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    micros: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { micros: Arc::new(AtomicI64::new(start.0)) }
    }

    /// Sets the time, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.0, Ordering::SeqCst);
    }

    /// Moves the time by `micros` microseconds, held at the ends of the range.
    pub fn advance_micros(&self, micros: i64) {
        // The closure always answers Some, so the update cannot fail.
        let _ = self.micros.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            Some(now.saturating_add(micros))
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.micros.load(Ordering::SeqCst))
    }
}
