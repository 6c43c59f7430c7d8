//! How long to wait before a missing price is asked for again.

use std::time::Duration;

use super::Error;

/// The least first pause.
const LEAST_BASE: Duration = Duration::from_millis(1);
/// The greatest jitter: with more of it a later pause could be the shorter one.
const MOST_JITTER_PERCENT: u8 = 50;

/// How long to wait before a missing price is asked for again: `base` after the first attempt, twice as
/// long after each further one, up to `cap`, and each pause shortened by up to `jitter_percent` of it.
///
/// The jitter follows from the seed, from what has no price, and from the number of the attempt: the
/// same again gives the same pauses, and prices that went missing together are asked for one by one.
/// Until the cap is reached no pause is shorter than the one before.
///
/// ```
/// use std::time::Duration;
///
/// use highwater::{Asset, Mode, Options, PriceBackoff};
///
/// let backoff = PriceBackoff::new()
///     .base(Duration::from_secs(2))
///     .cap(Duration::from_secs(600))
///     .jitter_percent(25)
///     .seed(7); // another one for each bot that asks the same venue
/// let options = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?).price_backoff(backoff);
/// # drop(options);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBackoff {
    base: Duration,
    cap: Duration,
    jitter_percent: u8,
    seed: u64,
}

impl Default for PriceBackoff {
    fn default() -> Self {
        Self::new()
    }
}

impl PriceBackoff {
    /// Five seconds at first, fifteen minutes at most, with 20 % jitter.
    pub fn new() -> Self {
        Self {
            base: Duration::from_secs(5),
            cap: Duration::from_secs(15 * 60),
            jitter_percent: 20,
            seed: 0,
        }
    }

    /// The pause after the first attempt; at least a millisecond. Default 5 s.
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest pause; at least the base. Default 15 minutes.
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// By how much a pause may be shortened, in percent of it; at most 50. Default 20.
    pub fn jitter_percent(mut self, percent: u8) -> Self {
        self.jitter_percent = percent;
        self
    }

    /// What the jitter follows from, beside key and attempt. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses what nothing could be asked for by.
    pub(crate) fn check(self) -> Result<Self, Error> {
        let fault = if self.base < LEAST_BASE {
            "begins with less than a millisecond"
        } else if self.cap < self.base {
            "ends below where it begins"
        } else if self.jitter_percent > MOST_JITTER_PERCENT {
            "has more than 50 % of it"
        } else {
            return Ok(self);
        };
        let Self { base, cap, jitter_percent, .. } = self;
        Err(Error::InvalidBackoff { base, cap, jitter_percent, fault })
    }

    /// The pause behind attempt number `attempt` for the price of what is stored as `subject`, in
    /// microseconds.
    pub(super) fn pause_micros(&self, subject: &[u8], attempt: u64) -> i64 {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 1u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let whole = micros(self.base).saturating_mul(factor).min(micros(self.cap));
        let jitter_percent = self.jitter_percent.min(MOST_JITTER_PERCENT);
        let most = u128::from(whole) * u128::from(jitter_percent) / 100;
        // A number below 2^64, times `most + 1`, over 2^64: evenly from 0 to `most`.
        let drawn = ((most + 1) * u128::from(drawn(self.seed, subject, attempt))) >> 64;
        let pause = u128::from(whole) - drawn;
        i64::try_from(pause).unwrap_or(i64::MAX)
    }
}

/// A number that is the same for the same three and evenly spread over others: FNV-1a over all of them,
/// and the finish of splitmix64.
fn drawn(seed: u64, subject: &[u8], attempt: u64) -> u64 {
    let (seed, attempt) = (seed.to_le_bytes(), attempt.to_le_bytes());
    let bytes = seed.iter().chain(&attempt).chain(subject);
    let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
