//! Times as people and files write them, turned into [`Timestamp`] and back.
//!
//! Exact: a number is read digit by digit and never passes through a float. What is finer than a
//! microsecond is cut towards the past, so that the same text is the same time on every machine.

use clap::{Args, ValueEnum};
use highwater::Timestamp;

/// A stretch of time that an argument states.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Period {
    /// From this time on, as in 2024-08-08T23:54:15Z
    #[arg(long, value_name = "TIME", value_parser = stated)]
    pub(crate) since: Option<Timestamp>,
    /// Up to this time, without it
    #[arg(long, value_name = "TIME", value_parser = stated)]
    pub(crate) until: Option<Timestamp>,
}

impl Period {
    pub(crate) fn contains(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }
}

/// The time that an argument states in RFC 3339.
pub(crate) fn stated(text: &str) -> Result<Timestamp, String> {
    TimeUnit::Rfc3339.parse(text).map_err(|error| format!("it {error}, as in 2024-08-08T23:54:15Z"))
}

/// How a column of times counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimeUnit {
    /// Seconds since 1970 UTC, with or without decimals.
    S,
    /// Milliseconds since 1970 UTC.
    Ms,
    /// Microseconds since 1970 UTC.
    Us,
    /// Nanoseconds since 1970 UTC.
    Ns,
    /// Text with an offset, as in 2024-08-08T23:54:15.342Z.
    Rfc3339,
}

/// Why a text is no time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    #[error("is not a number")]
    NotANumber,
    #[error("is not an RFC 3339 time with its offset")]
    NotRfc3339,
    #[error("lies outside the years -9999 to 9999 (is --time-unit right?)")]
    OutOfRange,
}

impl TimeUnit {
    /// The unit that the last word of a name states, as in `exch_ms`, `EXCH-MS` or `exchMs`.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let separated = name.rsplit_once(['_', '-', ' ']).and_then(|(_, word)| Self::of_word(word));
        separated.or_else(|| {
            let is_small = |letter: char| letter.is_lowercase() || letter.is_ascii_digit();
            let pairs = name.char_indices().zip(name.chars().skip(1));
            let begins = pairs.filter(|((_, one), next)| is_small(*one) && next.is_uppercase());
            let (last, small) = begins.last()?.0;
            Self::of_word(name.get(last + small.len_utf8()..)?)
        })
    }

    /// The unit that a word names.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "seconds" => Some(Self::S),
            "ms" | "millis" => Some(Self::Ms),
            "us" | "micros" => Some(Self::Us),
            "ns" | "nanos" => Some(Self::Ns),
            _ => None,
        }
    }

    /// The time that `text` says in this unit.
    pub(crate) fn parse(self, text: &str) -> Result<Timestamp, TimeError> {
        let micros = match self {
            Self::S => whole_micros(text, 6)?,
            Self::Ms => whole_micros(text, 3)?,
            Self::Us => whole_micros(text, 0)?,
            Self::Ns => whole_micros(text, -3)?,
            Self::Rfc3339 => rfc3339_micros(text)?,
        };
        // What jiff cannot print was most likely read in the wrong unit.
        jiff::Timestamp::from_microsecond(micros).map_err(|_| TimeError::OutOfRange)?;
        Ok(Timestamp::from_micros(micros))
    }
}

/// RFC 3339 in UTC with six decimals. A time outside jiff's years is given as its microseconds.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(time.as_micros()) {
        Ok(time) => format!("{time:.6}"),
        Err(_) => format!("{} microseconds since 1970", time.as_micros()),
    }
}

fn rfc3339_micros(text: &str) -> Result<i64, TimeError> {
    let time: jiff::Timestamp = text.parse().map_err(|_| TimeError::NotRfc3339)?;
    let micros = time.as_nanosecond().div_euclid(1_000);
    i64::try_from(micros).map_err(|_| TimeError::OutOfRange)
}

/// Reads a decimal number times ten to the power of `shift`, cut towards the past.
fn whole_micros(text: &str, shift: i32) -> Result<i64, TimeError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let point = digits.len() != whole.len();
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || (point && !numeric(decimals)) {
        return Err(TimeError::NotANumber);
    }
    // Digits left of the moved point are the answer; any other digit right of it is cut.
    let all = whole.bytes().chain(decimals.bytes()).map(|byte| i64::from(byte - b'0'));
    let kept = usize::try_from(whole.len() as i64 + i64::from(shift)).unwrap_or(0);
    let mut micros: i64 = 0;
    let mut cut = false;
    for (place, digit) in all.clone().enumerate() {
        if place < kept {
            let next = micros.checked_mul(10).and_then(|micros| micros.checked_add(digit));
            micros = next.ok_or(TimeError::OutOfRange)?;
        } else {
            cut |= digit != 0;
        }
    }
    for _ in whole.len() + decimals.len()..kept {
        micros = micros.checked_mul(10).ok_or(TimeError::OutOfRange)?;
    }
    Ok(if negative { -micros - i64::from(cut) } else { micros })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(unit: TimeUnit, text: &str) -> Result<i64, TimeError> {
        unit.parse(text).map(Timestamp::as_micros)
    }

    /// An exchange writes the same moment in any of five ways; all must meet in one tick identity.
    #[test]
    fn every_unit_says_the_same_moment() {
        let moment = 1_723_161_255_342_000;
        assert_eq!(micros(TimeUnit::S, "1723161255.342"), Ok(moment));
        assert_eq!(micros(TimeUnit::Ms, "1723161255342"), Ok(moment));
        assert_eq!(micros(TimeUnit::Us, "1723161255342000"), Ok(moment));
        assert_eq!(micros(TimeUnit::Ns, "1723161255342000000"), Ok(moment));
        assert_eq!(micros(TimeUnit::Rfc3339, "2024-08-08T23:54:15.342Z"), Ok(moment));
        assert_eq!(micros(TimeUnit::Rfc3339, "2024-08-09T01:54:15.342+02:00"), Ok(moment));
        assert_eq!(rfc3339(Timestamp::from_micros(moment)), "2024-08-08T23:54:15.342000Z");
    }

    /// Nanoseconds are finer than the store: they are cut towards the past on both sides of 1970,
    /// so that no two readers of one file disagree.
    #[test]
    fn what_is_finer_than_a_microsecond_is_cut_towards_the_past() {
        assert_eq!(micros(TimeUnit::Ns, "1999"), Ok(1));
        assert_eq!(micros(TimeUnit::Ns, "999"), Ok(0));
        assert_eq!(micros(TimeUnit::Ns, "-1"), Ok(-1));
        assert_eq!(micros(TimeUnit::Ns, "-1999"), Ok(-2));
        assert_eq!(micros(TimeUnit::Ns, "-2000"), Ok(-2));
        assert_eq!(micros(TimeUnit::S, "-0.0000001"), Ok(-1));
        assert_eq!(micros(TimeUnit::Ms, "1.0009"), Ok(1_000));
        assert_eq!(micros(TimeUnit::S, "7"), Ok(7_000_000));
    }

    /// A malformed cell is told as such; in particular nothing panics on overlong digits.
    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e9", "+1", "0x1", "1_000", " 1", "1,5", "١"] {
            assert_eq!(micros(TimeUnit::Ms, text), Err(TimeError::NotANumber), "{text:?}");
        }
        let long = "9".repeat(5_000);
        assert_eq!(micros(TimeUnit::S, &long), Err(TimeError::OutOfRange));
        assert_eq!(micros(TimeUnit::Ns, &long), Err(TimeError::OutOfRange));
        // Milliseconds read as seconds: the year 56574.
        assert_eq!(micros(TimeUnit::S, "1723161255342"), Err(TimeError::OutOfRange));
        assert_eq!(micros(TimeUnit::Rfc3339, "2024-08-08"), Err(TimeError::NotRfc3339));
    }

    /// A column name that states its unit needs no flag; one that does not must not be guessed.
    #[test]
    fn the_unit_is_read_from_the_name() {
        assert_eq!(TimeUnit::of_name("exch_ms"), Some(TimeUnit::Ms));
        assert_eq!(TimeUnit::of_name("recv_ns"), Some(TimeUnit::Ns));
        assert_eq!(TimeUnit::of_name("time_s"), Some(TimeUnit::S));
        for name in ["EXCH_MS", "exchMs", "exch-ms", "ExchMS", "exch_Millis", "last-exchMs"] {
            assert_eq!(TimeUnit::of_name(name), Some(TimeUnit::Ms), "{name}");
        }
        for name in ["times", "exchms", "ms", "Ms", "columns", "EXCHMS", "", "_", "\u{df}Ms "] {
            assert_eq!(TimeUnit::of_name(name), None, "{name}");
        }
        assert_eq!(TimeUnit::of_name("timestamp"), None);
        assert_eq!(TimeUnit::of_name("exch_time"), None);
    }
}
