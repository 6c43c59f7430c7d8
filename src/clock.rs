//! Time as the store sees it: microseconds since 1970 UTC and a time that only ever moves forward,
//! read from a clock that can be replaced.
//!
//! Nothing below or beside this module asks the operating system for the time of day, so a test, a
//! simulation or a replay decides what time it is by handing the store a [`ManualClock`].

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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

/// Where the store gets its time from.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time of day. It may jump in either direction; the store copes.
    fn now(&self) -> Timestamp;

    /// The time since some moment that stays the same as long as the process lives. It never runs
    /// backwards, whatever becomes of the time of day, and says nothing beyond the process: it is
    /// never stored.
    ///
    /// Unless a clock says otherwise, this is the operating system's monotonic time since it was
    /// first asked for.
    fn monotonic(&self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
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
/// Its time of day and its monotonic time are two: [`ManualClock::advance_micros`] lets both pass, as
/// waiting would; [`ManualClock::set`] is somebody setting the wall clock; and
/// [`ManualClock::advance_monotonic`] is time that passes while the wall clock hangs.
///
/// ```
/// use std::time::Duration;
///
/// use highwater::{Clock, ManualClock, Timestamp};
///
/// let clock = ManualClock::new(Timestamp::from_micros(1_000));
/// clock.advance_micros(500);
/// assert_eq!(clock.now(), Timestamp::from_micros(1_500));
/// assert_eq!(clock.monotonic(), Duration::from_micros(500));
///
/// clock.set(Timestamp::from_micros(100));
/// assert_eq!(clock.monotonic(), Duration::from_micros(500));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    times: Arc<Mutex<Times>>,
}

#[derive(Debug, Default)]
struct Times {
    wall: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows `start`. Its monotonic time begins at zero.
    pub fn new(start: Timestamp) -> Self {
        Self { times: Arc::new(Mutex::new(Times { wall: start, monotonic: Duration::ZERO })) }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        // Nothing that can panic runs under the lock.
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the time of day, forwards or backwards. No monotonic time passes.
    pub fn set(&self, now: Timestamp) {
        self.times().wall = now;
    }

    /// Moves the time of day by `micros` microseconds, held at the ends of the range. Forwards, the
    /// monotonic time moves as far; backwards, it stays.
    pub fn advance_micros(&self, micros: i64) {
        let mut times = self.times();
        times.wall = times.wall.saturating_add_micros(micros);
        if let Ok(forward) = u64::try_from(micros) {
            times.monotonic = times.monotonic.saturating_add(Duration::from_micros(forward));
        }
    }

    /// Lets `passed` of monotonic time pass, while the time of day stands still.
    pub fn advance_monotonic(&self, passed: Duration) {
        let mut times = self.times();
        times.monotonic = times.monotonic.saturating_add(passed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.times().wall
    }

    fn monotonic(&self) -> Duration {
        self.times().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn shows(clock: &ManualClock) -> (i64, u128) {
        (clock.now().as_micros(), clock.monotonic().as_micros())
    }

    #[test]
    fn waiting_moves_both_times_and_setting_the_clock_moves_one() {
        // The story: the wall clock was set back by an hour, and an operation that should have
        // expired lived for an hour more. A test of that has to move one time and not the other.
        let clock = ManualClock::new(at(1_000));
        assert_eq!(shows(&clock), (1_000, 0));
        clock.advance_micros(50);
        assert_eq!(shows(&clock), (1_050, 50));
        clock.set(at(7));
        assert_eq!(shows(&clock), (7, 50));
        clock.set(at(9_000));
        assert_eq!(shows(&clock), (9_000, 50));
        clock.advance_monotonic(Duration::from_micros(25));
        assert_eq!(shows(&clock), (9_000, 75));
        clock.advance_micros(-8_000);
        assert_eq!(shows(&clock), (1_000, 75), "monotonic time never runs backwards");
        let shared = clock.clone();
        shared.advance_micros(1);
        assert_eq!(shows(&clock), (1_001, 76), "clones share both");
    }

    #[test]
    fn times_stop_at_the_ends_of_their_range() {
        let clock = ManualClock::new(at(i64::MAX - 1));
        clock.advance_micros(i64::MAX);
        assert_eq!(shows(&clock), (i64::MAX, i64::MAX as u128));
        clock.advance_monotonic(Duration::MAX);
        clock.advance_micros(1);
        assert_eq!(clock.monotonic(), Duration::MAX);
        clock.set(at(i64::MIN + 1));
        clock.advance_micros(i64::MIN);
        assert_eq!((clock.now(), clock.monotonic()), (at(i64::MIN), Duration::MAX));
    }

    #[test]
    fn a_clock_that_says_nothing_of_it_has_the_systems_monotonic_time() {
        // The story: two clocks of one process were asked, each counting from its own start, and the
        // later reading was the smaller number.
        #[derive(Debug)]
        struct Frozen;
        impl Clock for Frozen {
            fn now(&self) -> Timestamp {
                at(0)
            }
        }
        let clocks: [&dyn Clock; 3] = [&SystemClock, &Frozen, &SystemClock];
        let begin = clocks[0].monotonic();
        let mut last = begin;
        while last - begin < Duration::from_millis(1) {
            for clock in clocks {
                let now = clock.monotonic();
                assert!(now >= last, "{now:?} follows {last:?}");
                last = now;
            }
        }
    }
}
