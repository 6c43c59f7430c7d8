//! The ratio: an exact fraction of two numbers, such as "nine times" or "four fifths".

use std::cmp::Ordering;
use std::fmt;

use ruint::aliases::U256;

use super::Price;

/// An exact fraction that is not negative, in its lowest terms. Ratios order as numbers do.
///
/// ```
/// use highwater::Ratio;
///
/// let factor = Ratio::new(3, 2).ok_or("nothing divides by zero")?;
/// assert_eq!(factor, Ratio::new(150, 100).ok_or("nothing divides by zero")?);
/// assert!(factor < Ratio::times(2));
/// assert_eq!(factor.to_string(), "1.5");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ratio {
    /// `numerator` divided by `denominator`; of anything divided by zero, `None`.
    pub fn new(numerator: u128, denominator: u128) -> Option<Self> {
        match divisor_of_both(numerator, denominator) {
            _ if denominator == 0 => None,
            divisor => {
                Some(Self { numerator: numerator / divisor, denominator: denominator / divisor })
            }
        }
    }

    /// So many times.
    pub const fn times(count: u64) -> Self {
        Self { numerator: count as u128, denominator: 1 }
    }

    /// So many hundredths.
    pub fn percent(hundredths: u64) -> Self {
        Self::new(hundredths.into(), 100).unwrap_or(Self::times(0))
    }

    /// What stands above the line, in the lowest terms.
    pub const fn numerator(self) -> u128 {
        self.numerator
    }

    /// What stands below the line, in the lowest terms. Never zero.
    pub const fn denominator(self) -> u128 {
        self.denominator
    }

    /// Whether `price` is more than this many times `reference`.
    pub(crate) fn is_exceeded(self, price: Price, reference: Price) -> bool {
        product(price.units(), self.denominator) > product(reference.units(), self.numerator)
    }
}

/// How two fractions compare whose denominators are not zero.
pub(crate) fn compare_fractions(left: (Price, Price), right: (Price, Price)) -> Ordering {
    let cross = |one: Price, other: Price| product(one.units(), other.units());
    cross(left.0, right.1).cmp(&cross(right.0, left.1))
}

fn product(left: u128, right: u128) -> U256 {
    // Two factors of 128 bits: the product always fits.
    U256::from(left) * U256::from(right)
}

/// The greatest number that divides both; of zero and zero, zero.
fn divisor_of_both(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// Exactly, as `9/1`: a decimal number could not say a third.
#[cfg(feature = "serde")]
impl serde::Serialize for Ratio {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}/{}", self.numerator, self.denominator))
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        product(self.numerator, other.denominator).cmp(&product(other.numerator, self.denominator))
    }
}

/// How many decimals are printed.
const DECIMALS: u32 = 6;

impl fmt::Display for Ratio {
    /// As a decimal number, cut behind six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.numerator / self.denominator, self.numerator % self.denominator);
        let unit = 10u64.pow(DECIMALS);
        let decimals = product(rest, unit.into()) / U256::from(self.denominator);
        // Below the unit, since the rest is below the denominator.
        let decimals = format!("{decimals:06}");
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        f.pad_integral(true, "", &format!("{whole}{point}{decimals}"))
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ratio({}/{})", self.numerator, self.denominator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(numerator: u128, denominator: u128) -> Ratio {
        Ratio::new(numerator, denominator).expect("a denominator")
    }

    #[test]
    fn nothing_divides_by_zero() {
        assert_eq!(Ratio::new(1, 0), None);
        assert_eq!(Ratio::new(0, 0), None);
        assert_eq!(ratio(0, u128::MAX), Ratio::times(0));
    }

    #[test]
    fn the_greatest_numbers_compare_exactly() {
        // The story: in 128 bits the cross product wrapped, and a pump of one part in 10^38 won.
        let (more, less) = (ratio(u128::MAX, u128::MAX - 1), ratio(u128::MAX - 1, u128::MAX - 2));
        assert!(more < less);
        assert!(ratio(u128::MAX, 1) > ratio(u128::MAX, 2));
        let price = Price::from_units;
        assert!(Ratio::times(1).is_exceeded(price(u128::MAX), price(u128::MAX - 1)));
        assert!(!Ratio::times(2).is_exceeded(price(u128::MAX), price(u128::MAX / 2 + 1)));
        let (one, two) = ((price(u128::MAX), price(1)), (price(u128::MAX - 1), price(1)));
        assert_eq!(compare_fractions(one, two), Ordering::Greater);
    }

    #[test]
    fn a_ratio_prints_as_a_decimal_number() {
        for (numerator, denominator, text) in [
            (9, 1, "9"),
            (9, 6, "1.5"),
            (1, 3, "0.333333"),
            (0, 5, "0"),
            (1_000_001, 1_000_000, "1.000001"),
        ] {
            assert_eq!(ratio(numerator, denominator).to_string(), text);
        }
        assert_eq!(Ratio::percent(80), ratio(4, 5));
    }

    proptest! {
        #[test]
        fn equal_fractions_are_one_ratio(n in 0..1000u128, d in 1..1000u128, by in 1..1000u128) {
            prop_assert_eq!(ratio(n * by, d * by), ratio(n, d));
            prop_assert_eq!(ratio(n, d).cmp(&ratio(n + 1, d)), Ordering::Less);
        }
    }
}
