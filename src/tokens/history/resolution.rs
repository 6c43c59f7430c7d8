//! The lengths of candles, and which candle a time falls into.

use std::fmt;
use std::str::FromStr;

use crate::clock::Timestamp;

/// How long a candle is. Candles begin at whole minutes, hours and days of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Resolution {
    /// One minute.
    Minute,
    /// One hour.
    Hour,
    /// One day.
    Day,
}

impl Resolution {
    /// All there are, the shortest first.
    pub const ALL: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    /// How long a candle is, in microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
            Self::Day => 86_400_000_000,
        }
    }

    /// The start of the candle that `time` falls into.
    pub fn start_of(self, time: Timestamp) -> Timestamp {
        let micros = time.as_micros();
        // The first candle of all time is cut short by the least timestamp.
        Timestamp::from_micros(micros.saturating_sub(micros.rem_euclid(self.micros())))
    }

    /// The last microsecond of the candle that `time` falls into.
    pub(super) fn last_of(self, time: Timestamp) -> Timestamp {
        let past = time.as_micros().rem_euclid(self.micros());
        time.saturating_add_micros(self.micros() - 1 - past)
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The byte that stands for it in keys: 1, 2 and 3.
    pub(super) const fn code(self) -> u8 {
        self as u8 + 1
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.code() == code)
    }
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "1m",
            Self::Hour => "1h",
            Self::Day => "1d",
        })
    }
}

/// A text that is no resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a resolution is 1m, 1h or 1d")]
pub struct UnknownResolution;

impl FromStr for Resolution {
    type Err = UnknownResolution;

    /// Reads `1m`, `1h` or `1d`.
    fn from_str(text: &str) -> Result<Self, UnknownResolution> {
        let known = Self::ALL.into_iter().find(|resolution| resolution.to_string() == text);
        known.ok_or(UnknownResolution)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn candles_begin_at_whole_minutes_also_before_1970() {
        // The story: dividing a negative time towards zero made the minute before 1970 two minutes long.
        let start =
            |micros| Resolution::Minute.start_of(Timestamp::from_micros(micros)).as_micros();
        assert_eq!(start(59_999_999), 0);
        assert_eq!(start(60_000_000), 60_000_000);
        assert_eq!(start(-1), -60_000_000);
        assert_eq!(start(-60_000_000), -60_000_000);
        assert_eq!(start(i64::MIN), i64::MIN);
        assert_eq!(start(i64::MAX), i64::MAX - i64::MAX % 60_000_000);
    }

    proptest! {
        #[test]
        fn every_time_lies_in_its_candle_and_its_neighbours_do_as_well(
            micros: i64, which in 0..3usize,
        ) {
            let resolution = Resolution::ALL[which];
            let time = Timestamp::from_micros(micros);
            let (start, last) = (resolution.start_of(time), resolution.last_of(time));
            prop_assert!(start <= time && time <= last);
            prop_assert_eq!((resolution.start_of(last), resolution.last_of(start)), (start, last));
            if let Some(next) = last.as_micros().checked_add(1) {
                let next = resolution.start_of(Timestamp::from_micros(next));
                prop_assert_eq!(next.as_micros() - 1, last.as_micros());
            }
            prop_assert_eq!(resolution.to_string().parse(), Ok(resolution));
            prop_assert_eq!(Resolution::from_code(resolution.code()), Some(resolution));
        }
    }
}
