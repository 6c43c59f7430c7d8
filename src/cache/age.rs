//! The time by which a cache's entries age. It never runs backwards, whatever becomes of the clock.
//!
//! It goes on with the monotonic time, so that a wall clock that was set back makes nothing immortal. It
//! also goes on by what the wall clock jumps ahead of the monotonic time: that one stands still while
//! a machine sleeps, and a price from before the sleep is not fresh. A wall clock that was set forward
//! by mistake only makes the cache forget early, which is no loss.

use std::time::Duration;

use crate::clock::Timestamp;

/// The two clocks never step together exactly. Only where the wall clock falls behind by more than this
/// was it set back; less is not made good, so that no trembling adds up.
const SET_BACK_MICROS: i128 = 1_000_000;

/// The time of a cache, in microseconds since it was made.
#[derive(Debug)]
pub(super) struct Time {
    begin: i128,
    now: i128,
    /// By how much the wall clock was ahead of the monotonic time when it last mattered.
    lead: i128,
    /// How much the wall clock has jumped ahead, all jumps together.
    jumped: i128,
}

/// Both are far from the ends of the range: 2^63 and 2^84.
fn micros(wall: Timestamp, monotonic: Duration) -> (i128, i128) {
    (wall.as_micros().into(), i128::try_from(monotonic.as_micros()).unwrap_or(i128::MAX >> 1))
}

impl Time {
    /// A time that begins at zero with these clocks.
    pub(super) fn new(wall: Timestamp, monotonic: Duration) -> Self {
        let (wall, monotonic) = micros(wall, monotonic);
        Self { begin: monotonic, now: 0, lead: wall - monotonic, jumped: 0 }
    }

    /// The clocks show this now.
    pub(super) fn look(&mut self, wall: Timestamp, monotonic: Duration) {
        let (wall, monotonic) = micros(wall, monotonic);
        let jump = (wall - monotonic).saturating_sub(self.lead);
        if jump > 0 {
            self.jumped = self.jumped.saturating_add(jump);
        }
        let is_trembling = (-SET_BACK_MICROS..=0).contains(&jump);
        if !is_trembling {
            self.lead = wall - monotonic;
        }
        let now = (monotonic - self.begin).saturating_add(self.jumped);
        self.now = self.now.max(now);
    }

    /// Microseconds since the beginning.
    pub(super) const fn now(&self) -> i128 {
        self.now
    }

    /// How long ago `then` was.
    pub(super) fn since(&self, then: i128) -> Duration {
        Duration::from_micros(u64::try_from(self.now - then).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn shows(time: &mut Time, wall: i64, monotonic: i64) -> i128 {
        let monotonic = Duration::from_micros(monotonic.unsigned_abs());
        time.look(Timestamp::from_micros(wall), monotonic);
        time.now()
    }

    fn time() -> Time {
        Time::new(Timestamp::from_micros(1_000 * SECOND), Duration::from_micros(500))
    }

    #[test]
    fn a_clock_that_is_set_back_stops_no_age() {
        // The story: the wall clock was set back by an hour, and for an hour the bot traded on the
        // price of the minute before.
        let mut time = time();
        assert_eq!(shows(&mut time, 1_001 * SECOND, SECOND + 500), i128::from(SECOND));
        assert_eq!(shows(&mut time, 1, 3 * SECOND + 500), 3 * i128::from(SECOND));
        assert_eq!(shows(&mut time, i64::MIN, 4 * SECOND + 500), 4 * i128::from(SECOND));
    }

    #[test]
    fn a_machine_that_slept_has_old_entries_also_after_a_clock_was_set_back() {
        let mut time = time();
        assert_eq!(shows(&mut time, 4_600 * SECOND, 500), 3_600 * i128::from(SECOND));
        shows(&mut time, 2_000 * SECOND, 500);
        assert_eq!(shows(&mut time, 2_060 * SECOND, 500), 3_660 * i128::from(SECOND));
    }

    #[test]
    fn clocks_that_tremble_do_not_add_up() {
        let mut time = time();
        for step in 0..10_000 {
            shows(&mut time, 1_000 * SECOND + step % 2, 500);
        }
        assert_eq!(time.now(), 1);
    }

    #[test]
    fn the_ends_of_the_range_are_times_like_any() {
        let mut time = time();
        time.look(Timestamp::from_micros(i64::MAX), Duration::MAX);
        let late = time.now();
        time.look(Timestamp::from_micros(i64::MIN), Duration::ZERO);
        assert_eq!(time.now(), late, "it does not run backwards");
        time.look(Timestamp::from_micros(i64::MAX), Duration::MAX);
        assert!(time.now() >= late);
        assert!(time.since(0) > Duration::from_secs(1));
    }
}
