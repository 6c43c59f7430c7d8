//! The price: what one whole unit of a token costs in the reference currency.

use std::fmt;
use std::str::FromStr;

use ruint::aliases::{U256, U512};

use super::decimal::{self, Sign};
use super::rounding::Tail;
use super::{Amount, Asset, Error, Rounded, Rounding};

/// A price: an unsigned number with 24 decimals, exact, from 10^-24 to about 3.4 * 10^14.
///
/// Zero is a price (a token can die) and is not "unknown". Prices order as numbers do, and so do
/// their bytes ([`Price::to_be_bytes`]).
///
/// ```
/// use highwater::Price;
///
/// let price: Price = "0.00000512".parse()?;
/// assert_eq!(price, "5.12E-6".parse()?);
/// assert_eq!(price.to_string(), "0.00000512");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u128);

impl Price {
    /// How many decimals a price has.
    pub const DECIMALS: u8 = 24;
    /// The price of what is worth nothing.
    pub const ZERO: Self = Self(0);
    /// The greatest price: 340282366920938.463463374607431768211455.
    pub const MAX: Self = Self(u128::MAX);

    /// The price of `units` times 10^-24.
    pub const fn from_units(units: u128) -> Self {
        Self(units)
    }

    /// The price in units of 10^-24.
    pub const fn units(self) -> u128 {
        self.0
    }

    /// Sixteen bytes that order as the prices do.
    pub const fn to_be_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The price of which [`Price::to_be_bytes`] gave these bytes.
    pub const fn from_be_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Reads a price of any number of decimals and says whether it had to be rounded.
    ///
    /// # Errors
    /// Every [`Error`] of [`Price::from_str`] but [`Error::Inexact`].
    pub fn parse_rounded(text: &str, rounding: Rounding) -> Result<Rounded<Self>, Error> {
        let (units, rounded) = read(text)?.round(rounding).ok_or(Error::TooLarge { kind: KIND })?;
        Ok(Rounded { value: Self(units), rounded })
    }

    /// The price nearest to the exact binary value of `number`; from the exact middle, the even one.
    ///
    /// The binary value is taken at its word: `0.1` is really 0.1000000000000000055511151231257827,
    /// so it answers 0.100000000000000005551115 and `rounded`. Where the venue sent text, parse the
    /// text instead. Minus zero is zero.
    ///
    /// # Errors
    /// [`Error::NotAPrice`] for NaN, infinity and negative numbers, [`Error::TooLarge`] above
    /// [`Price::MAX`].
    pub fn from_f64(number: f64) -> Result<Rounded<Self>, Error> {
        if number.is_nan() {
            return Err(Error::NotAPrice { kind: "NaN" });
        }
        if number < 0.0 {
            return Err(Error::NotAPrice { kind: "a negative number" });
        }
        if number.is_infinite() {
            return Err(Error::NotAPrice { kind: "infinity" });
        }
        let too_large = Error::TooLarge { kind: KIND };
        let (mantissa, exponent) = binary_parts(number);
        // number = mantissa * 2^exponent and 10^24 = 5^24 * 2^24, so the units are
        // mantissa * 5^24 * 2^(exponent + 24), whose first two factors have less than 109 bits.
        let odd = u128::from(mantissa) * 5u128.pow(24);
        let shift = exponent + 24;
        if odd == 0 || shift >= 0 {
            if odd != 0 && shift > odd.leading_zeros() as i32 {
                return Err(too_large);
            }
            let units = if odd == 0 { 0 } else { odd << shift };
            return Ok(Rounded { value: Self(units), rounded: false });
        }
        let (units, tail) = match 1u128.checked_shl(shift.unsigned_abs()) {
            Some(divisor) => (odd / divisor, Tail::of_division(odd % divisor, divisor)),
            None => (0, Tail::BelowHalf),
        };
        let units = Rounding::HalfEven.apply(false, units, tail).ok_or(too_large)?;
        Ok(Rounded { value: Self(units), rounded: tail != Tail::Zero })
    }

    /// What `quantity` costs at this price: `quantity` is in units of 10^-`from_scale` of the token,
    /// the result in units of 10^-`to_scale` of the currency. The product is exact (256 bits) and is
    /// rounded once, at its end.
    ///
    /// This is for valuing what is held. What a trade cost is what the venue reported, never this.
    ///
    /// ```
    /// use highwater::{Amount, Price, Rounding};
    ///
    /// let price: Price = "61837.63".parse()?;
    /// let satoshis = Amount::from_units(2_000_000);
    /// let cents = price.times(satoshis, 8, 2, Rounding::HalfEven)?;
    /// assert_eq!(cents, Amount::from_units(123_675)); // 0.02 * 61837.63 = 1236.7526
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ScaleOutOfRange`] for a scale above 24, [`Error::Overflow`] where the result does
    /// not fit.
    pub fn times(
        self,
        quantity: Amount,
        from_scale: u8,
        to_scale: u8,
        rounding: Rounding,
    ) -> Result<Amount, Error> {
        for scale in [from_scale, to_scale] {
            if scale > Asset::MAX_SCALE {
                return Err(Error::ScaleOutOfRange { scale });
            }
        }
        let overflow = Error::Overflow { operation: "multiplying a price by an amount" };
        let product = U256::from(self.0) * U256::from(quantity.units().unsigned_abs());
        // Never negative, as no scale is above the decimals of a price; at most 48.
        let places = u64::from(Self::DECIMALS - to_scale) + u64::from(from_scale);
        let divisor = U256::from(10u64).pow(U256::from(places));
        let (quotient, remainder) = product.div_rem(divisor);
        let tail = Tail::of_division(remainder, divisor);
        let negative = quantity.units() < 0;
        u128::try_from(quotient)
            .ok()
            .and_then(|magnitude| rounding.apply(negative, magnitude, tail))
            .and_then(|magnitude| Amount::from_magnitude(negative, magnitude))
            .ok_or(overflow)
    }

    /// What `quantity` is worth in another asset, of which one whole costs `other` in the same
    /// currency: exact in 512 bits, rounded once, half to even. `None` where `other` is zero or the
    /// result does not fit.
    pub(crate) fn times_over(
        self,
        other: Self,
        quantity: Amount,
        from_scale: u8,
        to_scale: u8,
    ) -> Option<Amount> {
        if other == Self::ZERO {
            return None;
        }
        let power = |scale: u8| U512::from(10u64).pow(U512::from(scale));
        let wide = |number: u128| U512::from(number);
        // No scale is above 24, so that each factor has at most 128 bits.
        let product = wide(self.0) * wide(quantity.units().unsigned_abs()) * power(to_scale);
        let divisor = wide(other.0) * power(from_scale);
        let (quotient, remainder) = product.div_rem(divisor);
        let tail = Tail::of_division(remainder, divisor);
        let negative = quantity.units() < 0;
        let magnitude = u128::try_from(quotient).ok()?;
        let magnitude = Rounding::HalfEven.apply(negative, magnitude, tail)?;
        Amount::from_magnitude(negative, magnitude)
    }
}

const KIND: &str = "a price";

// `times` divides by 10^(24 - to_scale + from_scale).
const _: () = assert!(Asset::MAX_SCALE <= Price::DECIMALS);

fn read(text: &str) -> Result<decimal::Decimal, Error> {
    decimal::parse(text, Price::DECIMALS, Sign::Refused, KIND)
}

/// The mantissa and exponent of a finite number that is not negative: mantissa * 2^exponent.
fn binary_parts(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) & 0x7ff {
        0 => (fraction, -1074),
        biased => (fraction | 1 << 52, biased as i32 - 1075),
    }
}

impl FromStr for Price {
    type Err = Error;

    /// Reads a price exactly: digits, a point and decimals, or scientific notation (`5.12E-6`).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnexpectedCharacter`] (also for any sign) and
    /// [`Error::Incomplete`] for what is no number; [`Error::Inexact`] where a 25th decimal is not
    /// zero; [`Error::TooLarge`] above [`Price::MAX`].
    fn from_str(text: &str) -> Result<Self, Error> {
        read(text)?.exact().map(Self)
    }
}

impl fmt::Display for Price {
    /// Every digit, no trailing zeros, no exponent: what [`Price::from_str`] reads back unchanged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(true, "", &decimal::print(self.0, Self::DECIMALS))
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Price({self})")
    }
}

#[cfg(test)]
#[path = "price_tests.rs"]
mod tests;
