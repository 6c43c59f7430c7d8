//! The amount: a whole number of an asset's smallest unit.

use std::fmt;
use std::str::FromStr;

use ruint::aliases::U256;

use super::Error;
use super::decimal::{self, Cursor};

/// A number of an asset's smallest unit (satoshi, wei, cent), positive or negative. What the unit is
/// is known to the [`Asset`](super::Asset), so two amounts only add where their assets are known to
/// be the same; [`Money`](super::Money) checks that.
///
/// It has no operators: every calculation says when its result does not fit.
///
/// ```
/// use highwater::Amount;
///
/// let supply: Amount = "1000000000000000000000000000000000".parse()?; // 10^33
/// assert_eq!(supply.checked_add(Amount::from_units(-1))?.units(), 10i128.pow(33) - 1);
/// assert!(Amount::MAX.checked_add(Amount::from_units(1)).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i128);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The least amount, about -1.7 * 10^38.
    pub const MIN: Self = Self(i128::MIN);
    /// The greatest amount, about 1.7 * 10^38.
    pub const MAX: Self = Self(i128::MAX);

    /// The amount of `units` smallest units.
    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The number of smallest units.
    pub const fn units(self) -> i128 {
        self.0
    }

    /// Whether this is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum.
    ///
    /// # Errors
    /// [`Error::Overflow`] where it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, Error> {
        let sum = self.0.checked_add(other.0);
        sum.map(Self).ok_or(Error::Overflow { operation: "adding two amounts" })
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Error::Overflow`] where it does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, Error> {
        let difference = self.0.checked_sub(other.0);
        difference.map(Self).ok_or(Error::Overflow { operation: "subtracting two amounts" })
    }

    /// The amount with its sign turned.
    ///
    /// # Errors
    /// [`Error::Overflow`] for [`Amount::MIN`].
    pub fn checked_neg(self) -> Result<Self, Error> {
        let negated = self.0.checked_neg();
        negated.map(Self).ok_or(Error::Overflow { operation: "negating an amount" })
    }

    /// This amount times `part` / `whole`, towards zero: the share of a cost that goes with a part of
    /// the units. None of the three is negative and `part` is at most `whole`, so that the result fits;
    /// of anything else, and of a `whole` of zero, it is zero.
    pub(crate) fn share(self, part: Self, whole: Self) -> Self {
        let (cost, part, whole) = (self.0, part.0, whole.0);
        if cost < 0 || part < 0 || part > whole || whole == 0 {
            return Self::ZERO;
        }
        let product = U256::from(cost.unsigned_abs()) * U256::from(part.unsigned_abs());
        // Cannot fail: the quotient is at most the cost.
        i128::try_from(product / U256::from(whole.unsigned_abs())).map_or(Self::ZERO, Self)
    }

    /// Whether this is at most so many hundredths of a percent of `whole`. Below zero counts as zero.
    pub(crate) fn is_within_share(self, basis_points: u32, whole: Self) -> bool {
        let size = |amount: Self| U256::from(amount.0.max(0).unsigned_abs());
        size(self) * U256::from(10_000u32) <= size(whole) * U256::from(basis_points)
    }

    /// The amount of this size and sign, or `None` where it does not fit.
    pub(super) fn from_magnitude(negative: bool, magnitude: u128) -> Option<Self> {
        if negative {
            0i128.checked_sub_unsigned(magnitude).map(Self)
        } else {
            i128::try_from(magnitude).ok().map(Self)
        }
    }
}

pub(super) const KIND: &str = "an amount";

impl FromStr for Amount {
    type Err = Error;

    /// Reads a whole number: digits, with a minus before them where it is negative.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnexpectedCharacter`] (also for `+`, a point and an exponent) and
    /// [`Error::Incomplete`] for what is no whole number; [`Error::TooLarge`] for what does not fit.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Empty);
        }
        let mut cursor = Cursor { text, at: 0 };
        let negative = cursor.take(b"-").is_some();
        let (_, digits) = cursor.digits()?;
        if cursor.at < text.len() {
            return Err(cursor.unexpected());
        }
        digits
            .iter()
            .try_fold(0, |magnitude, byte| decimal::append(magnitude, byte - b'0'))
            .and_then(|magnitude| Self::from_magnitude(negative, magnitude))
            .ok_or(Error::TooLarge { kind: KIND })
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_as_large_as_real_ones_fits_and_an_nft_id_is_refused() {
        // The story: transferFrom calls carry ERC-721 ids in the amount column. One of 7.3e76 once
        // wrapped into a plausible balance.
        assert_eq!("1000000000000000000000000000000000".parse(), Ok(Amount(10i128.pow(33))));
        let id = format!("73{}", "0".repeat(75));
        assert_eq!(id.parse::<Amount>(), Err(Error::TooLarge { kind: KIND }));
        let above = "170141183460469231731687303715884105728";
        assert_eq!(above.parse::<Amount>(), Err(Error::TooLarge { kind: KIND }));
        assert_eq!(format!("-{above}").parse(), Ok(Amount::MIN));
        assert_eq!(format!("-{above}9").parse::<Amount>(), Err(Error::TooLarge { kind: KIND }));
    }

    #[test]
    fn what_is_no_whole_number_is_refused_with_its_place() {
        for (text, character, at) in
            [("+5", '+', 0), ("1_000", '_', 1), ("5.0", '.', 1), ("1e3", 'e', 1), ("٣", '٣', 0)]
        {
            let refused = Err(Error::UnexpectedCharacter { character, at });
            assert_eq!(text.parse::<Amount>(), refused, "{text:?}");
        }
        assert_eq!("".parse::<Amount>(), Err(Error::Empty));
        assert_eq!("-".parse::<Amount>(), Err(Error::Incomplete { at: 1 }));
    }

    #[test]
    fn no_calculation_wraps() {
        let one = Amount(1);
        assert!(Amount::MAX.checked_add(one).is_err());
        assert!(Amount::MIN.checked_sub(one).is_err());
        assert!(Amount::MIN.checked_neg().is_err());
        assert_eq!(Amount::MIN.checked_add(Amount::MAX), Ok(Amount(-1)));
        assert_eq!(Amount::MAX.checked_neg(), Ok(Amount(i128::MIN + 1)));
        assert_eq!(Amount(3).checked_sub(Amount(5)), Ok(Amount(-2)));
    }

    #[test]
    fn a_share_is_rounded_down_and_the_whole_is_all_of_it() {
        let share = |cost, part, whole| Amount(cost).share(Amount(part), Amount(whole)).units();
        assert_eq!((share(100, 1, 3), share(100, 2, 3), share(100, 3, 3)), (33, 66, 100));
        assert_eq!(share(i128::MAX, i128::MAX, i128::MAX), i128::MAX);
        assert_eq!((share(0, 1, 3), share(100, 0, 3)), (0, 0));
        // What is no share of anything is nothing.
        assert_eq!((share(-1, 1, 3), share(100, -1, 3), share(100, 4, 3)), (0, 0, 0));
        assert_eq!((share(100, 0, 0), share(100, 1, 0), share(100, 0, -1)), (0, 0, 0));
    }

    proptest! {
        #[test]
        fn every_amount_reads_back_as_it_prints(units: i128) {
            prop_assert_eq!(Amount(units).to_string().parse(), Ok(Amount(units)));
        }
    }
}
