//! Decimal text to whole units of a fixed number of decimals, and back. Exact in both directions.
//!
//! The grammar is that of JSON's numbers, with leading zeros allowed:
//!
//! ```text
//! number   = [ "-" ] digits [ "." digits ] [ ( "e" | "E" ) [ "+" | "-" ] digits ]
//! digits   = one or more of 0 to 9
//! ```
//!
//! The work is linear in the length of the text, whatever its exponent says.

use super::rounding::Tail;
use super::{Error, Rounding};

/// Whether a minus may open the number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Refused,
    Allowed,
}

/// A number read from text: its whole units, and what stood behind them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    units: u128,
    decimals: u8,
    lost: Lost,
}

impl Decimal {
    /// The units, if nothing stood behind them.
    pub(super) fn exact(self) -> Result<u128, Error> {
        match self.lost.at {
            None => Ok(self.units),
            Some(at) => Err(Error::Inexact { at, decimals: self.decimals }),
        }
    }

    /// The units after rounding, and whether that changed the number; `None` where they do not fit.
    pub(super) fn round(self, rounding: Rounding) -> Option<(u128, bool)> {
        let units = rounding.apply(self.negative, self.units, self.lost.tail())?;
        Some((units, self.lost.at.is_some()))
    }
}

/// The digits that stood behind the last unit.
#[derive(Clone, Copy, Debug, Default)]
struct Lost {
    /// The digit for tenths of a unit.
    tenths: u8,
    /// Whether any digit behind the tenths is not zero.
    more: bool,
    /// Where the first one stands that is not zero.
    at: Option<usize>,
}

impl Lost {
    /// Takes in the digit for 10^`power` units, of which none is left over for `power` >= 0.
    fn add(&mut self, at: usize, digit: u8, power: i128) {
        if power == -1 {
            self.tenths = digit;
        } else {
            self.more |= digit != 0;
        }
        if digit != 0 && self.at.is_none() {
            self.at = Some(at);
        }
    }

    fn tail(self) -> Tail {
        match (self.tenths, self.more) {
            (0, false) => Tail::Zero,
            (0..5, _) => Tail::BelowHalf,
            (5, false) => Tail::Half,
            _ => Tail::AboveHalf,
        }
    }
}

/// Reads `text` as units of 10^-`decimals`. `kind` names the type for [`Error::TooLarge`].
pub(super) fn parse(
    text: &str,
    decimals: u8,
    sign: Sign,
    kind: &'static str,
) -> Result<Decimal, Error> {
    let parts = Parts::of(text, sign)?;
    let mut units: u128 = 0;
    let mut lost = Lost::default();
    // The power of ten, in units, that the digit at hand stands for.
    let mut power =
        parts.whole.len() as i128 - 1 + i128::from(parts.exponent) + i128::from(decimals);
    for (at, digit) in parts.digits() {
        if power >= 0 {
            units = append(units, digit).ok_or(Error::TooLarge { kind })?;
        } else {
            lost.add(at, digit, power);
        }
        power -= 1;
    }
    if units != 0 {
        // An exponent can leave places open before the unit, as in 12e3; 39 of them overflow.
        for _ in 0..=power {
            units = append(units, 0).ok_or(Error::TooLarge { kind })?;
        }
    }
    Ok(Decimal { negative: parts.negative, units, decimals, lost })
}

/// `units` with one more digit behind it.
pub(super) fn append(units: u128, digit: u8) -> Option<u128> {
    units.checked_mul(10)?.checked_add(u128::from(digit))
}

/// A text that follows the grammar, taken apart.
struct Parts<'t> {
    negative: bool,
    whole: &'t [u8],
    whole_at: usize,
    fraction: &'t [u8],
    fraction_at: usize,
    /// Held at the ends of its range, which no text is long enough to balance.
    exponent: i64,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str, sign: Sign) -> Result<Self, Error> {
        let mut cursor = Cursor { text, at: 0 };
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let negative = sign == Sign::Allowed && cursor.take(b"-").is_some();
        let (whole_at, whole) = cursor.digits()?;
        let (fraction_at, fraction) =
            if cursor.take(b".").is_some() { cursor.digits()? } else { (cursor.at, &[][..]) };
        let exponent = if cursor.take(b"eE").is_some() { cursor.exponent()? } else { 0 };
        if cursor.at < text.len() {
            return Err(cursor.unexpected());
        }
        Ok(Self { negative, whole, whole_at, fraction, fraction_at, exponent })
    }

    /// Every digit before the exponent, with its position in the text.
    fn digits(&self) -> impl Iterator<Item = (usize, u8)> + use<'t> {
        let whole = (self.whole_at..).zip(self.whole);
        let fraction = (self.fraction_at..).zip(self.fraction);
        whole.chain(fraction).map(|(at, byte)| (at, byte - b'0'))
    }
}

/// A place in a text. Everything before it is ASCII, so it is never inside a character.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
}

impl<'t> Cursor<'t> {
    /// Steps over the next byte if it is one of `bytes`, and answers it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<u8> {
        let next = *self.text.as_bytes().get(self.at)?;
        bytes.contains(&next).then(|| {
            self.at += 1;
            next
        })
    }

    /// Steps over one digit or more, and answers them with their position.
    pub(super) fn digits(&mut self) -> Result<(usize, &'t [u8]), Error> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let digits = &rest[..rest.iter().take_while(|byte| byte.is_ascii_digit()).count()];
        self.at += digits.len();
        if digits.is_empty() { Err(self.unexpected()) } else { Ok((start, digits)) }
    }

    fn exponent(&mut self) -> Result<i64, Error> {
        let sign = self.take(b"+-");
        let (_, digits) = self.digits()?;
        let magnitude = digits
            .iter()
            .fold(0i64, |sum, byte| sum.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
        Ok(if sign == Some(b'-') { -magnitude } else { magnitude })
    }

    /// Why the text cannot go on as it does here.
    pub(super) fn unexpected(&self) -> Error {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => Error::UnexpectedCharacter { character, at: self.at },
            None => Error::Incomplete { at: self.at },
        }
    }
}

/// Prints units of 10^-`decimals`: every digit, no trailing zeros, no exponent. `decimals` is at
/// most 24.
pub(super) fn print(units: u128, decimals: u8) -> String {
    let one = 10u128.pow(u32::from(decimals));
    let (whole, mut fraction) = (units / one, units % one);
    if fraction == 0 {
        return format!("{whole}");
    }
    let mut width = usize::from(decimals);
    while fraction % 10 == 0 {
        fraction /= 10;
        width -= 1;
    }
    format!("{whole}.{fraction:0width$}")
}
