//! A second opinion on decimal numbers: by moving the point within a text, without any arithmetic.

use crate::money::Rounding;

/// More digits than any number has that is kept.
const MANY: usize = 64;
/// An exponent that is as good as endless, for no text is as long.
const ENDLESS: i64 = 1 << 40;

/// A number as whole units of 10^-`places`, and what stands behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) negative: bool,
    /// Without leading zeros; empty for zero.
    whole: String,
    /// Without trailing zeros; empty where nothing is lost.
    behind: String,
}

impl Moved {
    /// Moves the point of a number by `places` to the right; `None` where the text is no number by
    /// the grammar of JSON, leading zeros allowed.
    pub(super) fn read(text: &str, places: i64) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if is_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        if !is_digits(whole) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let point = whole.len() as i64 - (all.len() - digits.len()) as i64 + exponent + places;
        Some(Self::cut(negative, digits.trim_end_matches('0'), point))
    }

    /// The number 0.`digits` times ten to the power of `point`.
    fn cut(negative: bool, digits: &str, point: i64) -> Self {
        let (whole, behind) = match usize::try_from(point) {
            _ if digits.is_empty() => (String::new(), String::new()),
            // Where the point stands further to the left, a zero is all that can be told of it.
            Err(_) => (String::new(), format!("0{digits}")),
            Ok(point) if point <= digits.len() => {
                (digits[..point].to_owned(), digits[point..].to_owned())
            }
            Ok(point) => {
                let zeros = (point - digits.len()).min(MANY);
                (format!("{digits}{}", "0".repeat(zeros)), String::new())
            }
        };
        Self { negative, whole, behind }
    }

    /// The whole units, where nothing stands behind them and they fit.
    pub(super) fn exact(&self) -> Option<u128> {
        if self.behind.is_empty() { self.units() } else { None }
    }

    /// The units after rounding, where they fit, and whether that changed the number.
    pub(super) fn rounded(&self, rounding: Rounding) -> Option<(u128, bool)> {
        let units = self.units()?;
        let is_odd = units % 2 == 1;
        let nearer = match self.behind.as_str() {
            "" => return Some((units, false)),
            "5" => is_odd,
            behind => behind.as_bytes()[0] >= b'5',
        };
        let away = match rounding {
            Rounding::Down => false,
            Rounding::Up => true,
            Rounding::HalfEven => nearer,
            Rounding::Floor => self.negative,
            Rounding::Ceiling => !self.negative,
        };
        let units = if away { units.checked_add(1)? } else { units };
        Some((units, true))
    }

    /// The whole units, if they fit; what stands behind them is left out.
    fn units(&self) -> Option<u128> {
        if self.whole.is_empty() { Some(0) } else { self.whole.parse().ok() }
    }

    /// The greatest whole number that is not above this one.
    fn floor(&self) -> Option<i128> {
        let (units, _) = self.rounded(Rounding::Floor)?;
        if !self.negative {
            return i128::try_from(units).ok();
        }
        0i128.checked_sub_unsigned(units)
    }
}

/// A time in microseconds as the program reads one: a number without an exponent, moved by `places`,
/// cut towards the past; `None` where it is none or does not fit.
pub fn micros(text: &str, places: i64) -> Option<i64> {
    let plain = !text.contains(['e', 'E']);
    let moved = Moved::read(text, places).filter(|_| plain)?;
    i64::try_from(moved.floor()?).ok()
}

/// A price in units of 10^-24 as text has it; `None` where it is none, is not exact or does not fit.
pub fn price_units(text: &str) -> Option<u128> {
    let moved = Moved::read(text, 24).filter(|_| !text.starts_with('-'));
    moved.and_then(|moved| moved.exact())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if !is_digits(digits) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let magnitude = match digits.len() {
        0 => 0,
        1..=12 => digits.parse().unwrap_or(ENDLESS),
        _ => ENDLESS,
    };
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An oracle that is wrong finds what is not there, and not what is.
    #[test]
    fn points_are_moved_as_on_paper() {
        let exact = |text, places| Moved::read(text, places).and_then(|moved| moved.exact());
        assert_eq!(exact("12.5", 2), Some(1250));
        assert_eq!(exact("0.000", 2), Some(0));
        assert_eq!(exact("001e3", 0), Some(1000));
        assert_eq!(exact("12.345", 2), None);
        assert_eq!(exact("5e-7", 6), None);
        assert_eq!(exact("5e-7", 7), Some(5));
        assert_eq!(exact("1e99999999999999999999", 0), None);
        assert_eq!(exact("0e99999999999999999999", 0), Some(0));
        for text in ["", "-", ".5", "1.", "1e", "1e+", "+1", "1 ", "--1", "1.2.3", "1e2e3"] {
            assert_eq!(Moved::read(text, 0), None, "{text}");
        }
        let half = |text| Moved::read(text, 0).and_then(|moved| moved.rounded(Rounding::HalfEven));
        assert_eq!(half("2.5"), Some((2, true)));
        assert_eq!(half("3.5"), Some((4, true)));
        assert_eq!(half("2.51"), Some((3, true)));
        assert_eq!(half("0.04999"), Some((0, true)));
        assert_eq!(
            (micros("-1.5", 0), micros("-0.1", 0), micros("7", 6)),
            (Some(-2), Some(-1), Some(7_000_000))
        );
    }
}
