//! What a store keeps of its prices: the choice that is stored in it once and for all.
//!
//! ```text
//! settings  version u8 = 1 | ticks | minutes | hours | days | quarantine ?(u128, u128)
//! each      ?age i64 in microseconds | ?count u64
//! ```
//!
//! The quarantine's factor is a fraction in its lowest terms, at least one.

use std::time::Duration;

use super::{HISTORY_SETTINGS, Resolution};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::engine::{Reader, Tx};
use crate::money::Ratio;
use crate::tokens::Error;

/// How much of something is kept. What goes beyond it goes with the next purge, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    pub(super) age_micros: Option<i64>,
    pub(super) count: Option<u64>,
}

impl Retention {
    /// Everything is kept.
    pub const EVERYTHING: Self = Self { age_micros: None, count: None };

    /// What is older is not kept.
    pub fn age(mut self, age: Duration) -> Self {
        self.age_micros = Some(i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        self
    }

    /// No more than so many are kept of each token.
    pub const fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// What lies before this time is too old, if anything is.
    pub(super) fn cutoff(self, now: Timestamp) -> Timestamp {
        match self.age_micros {
            None => Timestamp::from_micros(i64::MIN),
            Some(age) => now.saturating_add_micros(-age),
        }
    }

    /// How many of `kept` are too many.
    pub(super) fn excess(self, kept: u64) -> u64 {
        kept.saturating_sub(self.count.unwrap_or(u64::MAX))
    }
}

/// What is kept of prices beside the marks: every tick, and candles of a minute, an hour and a day.
///
/// ```
/// use std::time::Duration;
/// use highwater::{History, Ratio, Resolution, Retention};
///
/// const DAY: Duration = Duration::from_secs(86_400);
/// let history = History::new()
///     .ticks(Retention::EVERYTHING.age(30 * DAY).count(100_000))
///     .candles(Resolution::Day, Retention::EVERYTHING)
///     .quarantine(Ratio::times(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub(super) ticks: Retention,
    pub(super) candles: [Retention; 3],
    pub(super) quarantine: Option<Ratio>,
}

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl History {
    /// A history of ordinary length: ticks of 7 days, at most 10,000 of a token; candles of a minute
    /// for 7 days, of an hour for 90 days, of a day for ten years. No quarantine.
    pub fn new() -> Self {
        let days = |days: u32, each: u64| {
            Retention::EVERYTHING.age(days * DAY).count(u64::from(days) * each)
        };
        Self {
            ticks: Retention::EVERYTHING.age(7 * DAY).count(10_000),
            candles: [days(7, 24 * 60), days(90, 24), days(3650, 1)],
            quarantine: None,
        }
    }

    /// How many ticks are kept.
    pub fn ticks(mut self, retention: Retention) -> Self {
        self.ticks = retention;
        self
    }

    /// How many candles of this resolution are kept.
    pub fn candles(mut self, resolution: Resolution, retention: Retention) -> Self {
        self.candles[resolution.index()] = retention;
        self
    }

    /// A price more than `factor` times above or below the one before it, in the order of ticks, is kept
    /// aside until somebody looks at it: a late one is judged by the price of its own time, as far as that
    /// is known. A factor below one counts as one.
    pub fn quarantine(mut self, factor: Ratio) -> Self {
        self.quarantine = Some(factor.max(Ratio::times(1)));
        self
    }

    /// What the store of `reader` was told to keep, if anything.
    pub(crate) fn stored(reader: &dyn Reader) -> Result<Option<Self>, Error> {
        let Some(row) = reader.get(HISTORY_SETTINGS, KEY)? else { return Ok(None) };
        decode(&row).map(Some).map_err(|source| Error::CorruptHistorySettings { source })
    }

    /// Makes this what the store keeps from this commit on.
    pub(crate) fn store(&self, tx: &mut Tx) {
        tx.put(HISTORY_SETTINGS, KEY, encode(self));
        tx.note("history.settings");
    }
}

/// There is one row.
pub(super) const KEY: &[u8] = b"history";

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct SettingsRow {
    ticks: RetentionRow,
    minutes: RetentionRow,
    hours: RetentionRow,
    days: RetentionRow,
    quarantine: Option<(u128, u128)>,
}

#[derive(Encode, BorrowDecode)]
struct RetentionRow {
    age_micros: Option<i64>,
    count: Option<u64>,
}

impl From<Retention> for RetentionRow {
    fn from(retention: Retention) -> Self {
        Self { age_micros: retention.age_micros, count: retention.count }
    }
}

impl RetentionRow {
    fn retention(self) -> Result<Retention, codec::Error> {
        match self.age_micros {
            Some(..0) => Err(codec::Error::Impossible { field: "age" }),
            age_micros => Ok(Retention { age_micros, count: self.count }),
        }
    }
}

/// The row of these settings.
pub(super) fn encode(history: &History) -> Vec<u8> {
    let [minutes, hours, days] = history.candles.map(RetentionRow::from);
    let row = SettingsRow {
        ticks: history.ticks.into(),
        minutes,
        hours,
        days,
        quarantine: history.quarantine.map(|factor| (factor.numerator(), factor.denominator())),
    };
    codec::encode(VERSION, &row)
}

/// The settings of this row.
pub(super) fn decode(bytes: &[u8]) -> Result<History, codec::Error> {
    let row: SettingsRow = codec::decode(VERSION, bytes)?;
    let quarantine = row.quarantine.map(|(numerator, denominator)| {
        Ratio::new(numerator, denominator)
            .filter(|factor| (factor.numerator(), factor.denominator()) == (numerator, denominator))
            .filter(|factor| *factor >= Ratio::times(1))
            .ok_or(codec::Error::Impossible { field: "quarantine" })
    });
    Ok(History {
        ticks: row.ticks.retention()?,
        candles: [row.minutes.retention()?, row.hours.retention()?, row.days.retention()?],
        quarantine: quarantine.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_read_back_as_they_were_written() {
        let histories = [
            History::new(),
            History::new().quarantine(Ratio::percent(150)),
            History::new()
                .ticks(Retention::EVERYTHING)
                .candles(Resolution::Hour, Retention::EVERYTHING.count(0).age(Duration::MAX)),
        ];
        for history in histories {
            let bytes = encode(&history);
            assert_eq!(decode(&bytes).expect("settings"), history);
            for end in 0..bytes.len() {
                assert!(decode(&bytes[..end]).is_err(), "{end}");
            }
        }
    }

    #[test]
    fn settings_that_nobody_writes_are_damage() {
        // The story: a factor of 0/0 made the comparison of every tick of the store a division by zero.
        let row = |age_micros, quarantine| SettingsRow {
            ticks: RetentionRow { age_micros, count: None },
            minutes: Retention::EVERYTHING.into(),
            hours: Retention::EVERYTHING.into(),
            days: Retention::EVERYTHING.into(),
            quarantine,
        };
        for row in [
            row(Some(-1), None),
            row(None, Some((0, 0))),
            row(None, Some((1, 2))),
            row(None, Some((4, 2))),
        ] {
            let refused = decode(&codec::encode(VERSION, &row)).expect_err("damage");
            assert!(matches!(refused, codec::Error::Impossible { .. }), "{refused}");
        }
    }

    #[test]
    fn what_is_not_limited_is_never_too_old_nor_too_many() {
        let now = Timestamp::from_micros(5);
        assert_eq!(Retention::EVERYTHING.cutoff(now), Timestamp::from_micros(i64::MIN));
        assert_eq!(Retention::EVERYTHING.excess(u64::MAX), 0);
        let limited = Retention::EVERYTHING.age(Duration::from_micros(3)).count(2);
        assert_eq!(limited.cutoff(now), Timestamp::from_micros(2));
        assert_eq!((limited.excess(2), limited.excess(5)), (0, 3));
    }
}
