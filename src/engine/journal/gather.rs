//! How long a leader waits for commits that are about to come, so that they share its sync.
//!
//! Threads that commit one after the other fall into two halves: while one of them is synced, the other
//! one queues, and each commit waits for two syncs. Whoever was told at the end of a turn comes back
//! within the time that a thread takes to wake up and to stage, which is short beside a sync. A leader
//! that waits for them has all of them in one turn, and each commit waits for one sync:
//!
//! ```text
//! alternating   sync [ab]   sync [cd]   sync [ab]   sync [cd]
//!                  cd come     ab come     cd come
//! gathered      sync [abcd] .. sync [abcd] .. sync [abcd]
//!                           abcd come      abcd come
//! ```
//!
//! It never waits for more than half of what the last turn took, counted from the end of that turn, and
//! not at all where no others were there. Where that brought too little, it is left alone for a while,
//! and each time for longer. Nothing is right or wrong because of it: it is a matter of pace alone.

use std::time::Duration;

use super::super::sync::Instant;

/// A turn that took less is not worth waiting for: a thread that lies down for half of that oversleeps
/// by more. Nothing takes any time under a model checker, which shall see the waiting all the same.
const SHORT_TURN: Duration =
    if cfg!(all(test, shuttle)) { Duration::ZERO } else { Duration::from_micros(50) };
/// Nobody waits for longer, however slow the disk is.
const LONGEST: Duration = Duration::from_millis(1);
/// So many turns at most go by until it is tried again.
const LONGEST_PAUSE: u32 = 64;

/// What the turns before say about those to come.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    last: Option<Turn>,
    /// How many turns go by until it is tried again.
    pause: u32,
    /// How many went by the last time.
    last_pause: u32,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    ended: Instant,
    took: Duration,
    /// How many commits it told, and how many were queued behind it.
    commits: usize,
}

/// What a leader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// Until so many commits are queued,
    pub(super) commits: usize,
    /// and for so long at most.
    pub(super) time: Duration,
}

impl Gathering {
    /// A turn ended that took so long and told so many commits, while others were queued behind it.
    pub(super) fn turn_ended(&mut self, took: Duration, told: usize, queued: usize) {
        self.last = Some(Turn { ended: Instant::now(), took, commits: told + queued });
    }

    /// What a leader is to wait for before it takes the commits that are queued, if for anything.
    pub(super) fn begin(&mut self, queued: usize) -> Option<Wait> {
        let last = self.last?;
        self.begin_after(last.ended.elapsed(), queued, last)
    }

    fn begin_after(&mut self, idle: Duration, queued: usize, last: Turn) -> Option<Wait> {
        if queued >= last.commits || last.took < SHORT_TURN {
            return None;
        }
        let time = (last.took / 2).min(LONGEST).checked_sub(idle)?;
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        Some(Wait { commits: last.commits, time })
    }

    /// What the wait came to: so many commits are queued behind it.
    pub(super) fn end(&mut self, waited: Duration, queued: usize) {
        let Some(last) = self.last else { return };
        self.last_pause = if is_worth(waited, queued, last) {
            0
        } else {
            (self.last_pause * 2).clamp(1, LONGEST_PAUSE)
        };
        self.pause = self.last_pause;
    }
}

/// Whether so many commits in the time of a wait and a turn are clearly more, by an eighth, than one
/// half of all in the time of a turn alone.
fn is_worth(waited: Duration, queued: usize, last: Turn) -> bool {
    let gathered = 2 * queued as u128 * last.took.as_nanos();
    let alternating = last.commits as u128 * (last.took + waited).as_nanos();
    8 * gathered >= 9 * alternating
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(200);
    const SOON: Duration = Duration::from_micros(20);

    /// Behind a turn that told four and left four.
    fn behind(took: Duration, told: usize, queued: usize) -> (Gathering, Turn) {
        let mut gathering = Gathering::default();
        assert_eq!(gathering.begin(1), None, "nothing was before");
        gathering.turn_ended(took, told, queued);
        let last = gathering.last.expect("a turn");
        (gathering, last)
    }

    #[test]
    fn who_was_told_is_waited_for_until_half_a_turn_has_passed() {
        let (mut gathering, last) = behind(SYNC, 4, 4);
        let wait = |time| Some(Wait { commits: 8, time });
        assert_eq!(gathering.begin_after(Duration::ZERO, 4, last), wait(SYNC / 2));
        assert_eq!(gathering.begin_after(SOON, 1, last), wait(SYNC / 2 - SOON));
        assert_eq!(gathering.begin_after(SYNC, 4, last), None, "they do not come any more");
        assert_eq!(gathering.begin_after(SOON, 8, last), None, "they are there");
        let (mut gathering, last) = behind(Duration::from_secs(9), 4, 4);
        assert_eq!(gathering.begin_after(Duration::ZERO, 4, last), wait(LONGEST));
    }

    #[test]
    fn who_is_alone_waits_for_nobody() {
        let (mut gathering, last) = behind(SYNC, 1, 0);
        assert_eq!(gathering.begin_after(Duration::ZERO, 1, last), None);
    }

    #[cfg(not(shuttle))]
    #[test]
    fn a_turn_without_a_sync_is_not_waited_behind() {
        let (mut gathering, last) = behind(SHORT_TURN - Duration::from_nanos(1), 4, 4);
        assert_eq!(gathering.begin_after(Duration::ZERO, 4, last), None);
    }

    /// The story: thirty-two threads on two cores. In half of a sync some of them come back, not all, and
    /// the rest would have been at work during a sync that was put off.
    #[test]
    fn what_brings_too_little_is_tried_less_and_less() {
        let (mut gathering, last) = behind(SYNC, 16, 16);
        let mut tries = Vec::new();
        for turn in 0..1_000 {
            if let Some(wait) = gathering.begin_after(Duration::ZERO, 16, last) {
                tries.push(turn);
                gathering.end(wait.time, 24);
            }
        }
        assert_eq!(tries[..8], [0, 2, 5, 10, 19, 36, 69, 134]);
        assert!(tries[8..].iter().zip(&tries[7..]).all(|(next, before)| next - before == 65));
        // It pays again: from now on it is done each time.
        while gathering.begin_after(Duration::ZERO, 16, last).is_none() {}
        for _ in 0..3 {
            gathering.end(SOON, 32);
            assert!(gathering.begin_after(Duration::ZERO, 16, last).is_some());
        }
    }

    #[test]
    fn a_wait_is_worth_what_it_brings() {
        let (_, last) = behind(SYNC, 4, 4);
        assert!(is_worth(SYNC / 2, 8, last), "all of them, in one and a half");
        assert!(is_worth(SYNC / 10, 6, last), "most of them, at once");
        assert!(!is_worth(SYNC / 2, 6, last), "two more for half as long again");
        assert!(!is_worth(Duration::ZERO, 4, last), "nobody");
    }
}
