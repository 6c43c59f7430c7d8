//! Assets, and amounts that know their asset.

use std::fmt;

use super::amount::KIND;
use super::decimal::{self, Sign};
use super::{Amount, Error, Price, TokenKey};

/// Something that can be owned: its key, and how many decimals its smallest unit lies behind one
/// whole.
///
/// Money in a bank account is an asset too, with a chain of its own choosing (`"fiat"`, `"USD"`, 2).
/// Two assets are equal if key and scale are; the same key with another scale is a
/// [`Error::ScaleConflict`] wherever the two meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asset {
    key: TokenKey,
    scale: u8,
}

impl Asset {
    /// The greatest scale: as many decimals as a [`Price`] has.
    pub const MAX_SCALE: u8 = Price::DECIMALS;

    /// The asset `id` on `chain`, which are read as [`TokenKey::new`] reads them.
    ///
    /// # Errors
    /// [`Error::InvalidKey`], [`Error::ScaleOutOfRange`] for a scale above 24.
    pub fn new(chain: &str, id: &str, scale: u8) -> Result<Self, Error> {
        Self::with_key(TokenKey::new(chain, id)?, scale)
    }

    /// The asset that is the token `key`.
    ///
    /// # Errors
    /// [`Error::ScaleOutOfRange`] for a scale above 24.
    pub fn with_key(key: TokenKey, scale: u8) -> Result<Self, Error> {
        if scale > Self::MAX_SCALE {
            return Err(Error::ScaleOutOfRange { scale });
        }
        Ok(Self { key, scale })
    }

    /// The key: chain and id.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// The chain's name.
    pub fn chain(&self) -> &str {
        self.key.chain()
    }

    /// The id on that chain: a token's address.
    pub fn id(&self) -> &str {
        self.key.address()
    }

    /// How many decimals one whole has: 8 where 1 is 100,000,000 smallest units.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// That `other` is the same asset, with the same scale.
    fn same(&self, other: &Self) -> Result<(), Error> {
        if self.key != other.key {
            return Err(Error::DifferentAssets {
                left: self.key.clone(),
                right: other.key.clone(),
            });
        }
        if self.scale != other.scale {
            let (left, right) = (self.scale, other.scale);
            return Err(Error::ScaleConflict { key: self.key.clone(), left, right });
        }
        Ok(())
    }
}

impl fmt::Display for Asset {
    /// The chain, a colon and the id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// An amount of an asset. Prints and parses as an exact decimal number of whole ones.
///
/// ```
/// use highwater::{Asset, Money};
///
/// let dollar = Asset::new("fiat", "USD", 2)?;
/// let sum = Money::parse(&dollar, "12.5")?.checked_add(&Money::parse(&dollar, "0.75")?)?;
/// assert_eq!(sum.to_string(), "13.25");
/// assert_eq!(sum.amount().units(), 1325);
/// assert!(Money::parse(&dollar, "0.001").is_err()); // nothing is rounded silently
///
/// let euro = Asset::new("fiat", "EUR", 2)?;
/// assert!(sum.checked_add(&Money::parse(&euro, "1")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Money {
    asset: Asset,
    amount: Amount,
}

impl Money {
    /// `amount` smallest units of `asset`.
    pub fn new(asset: Asset, amount: Amount) -> Self {
        Self { asset, amount }
    }

    /// Reads a decimal number of whole ones, such as `12.5`, `-0.01` or `1e-7`.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::UnexpectedCharacter`] and [`Error::Incomplete`] for what is no
    /// number, [`Error::Inexact`] for more decimals than the asset has, [`Error::TooLarge`] for what
    /// does not fit.
    pub fn parse(asset: &Asset, text: &str) -> Result<Self, Error> {
        let number = decimal::parse(text, asset.scale, Sign::Allowed, KIND)?;
        let amount = Amount::from_magnitude(number.negative, number.exact()?)
            .ok_or(Error::TooLarge { kind: KIND })?;
        Ok(Self { asset: asset.clone(), amount })
    }

    /// The asset.
    pub fn asset(&self) -> &Asset {
        &self.asset
    }

    /// How much of it, in its smallest unit.
    pub fn amount(&self) -> Amount {
        self.amount
    }

    /// The sum.
    ///
    /// # Errors
    /// [`Error::DifferentAssets`], [`Error::ScaleConflict`], [`Error::Overflow`].
    pub fn checked_add(&self, other: &Self) -> Result<Self, Error> {
        self.asset.same(&other.asset)?;
        Ok(Self { asset: self.asset.clone(), amount: self.amount.checked_add(other.amount)? })
    }

    /// The difference.
    ///
    /// # Errors
    /// [`Error::DifferentAssets`], [`Error::ScaleConflict`], [`Error::Overflow`].
    pub fn checked_sub(&self, other: &Self) -> Result<Self, Error> {
        self.asset.same(&other.asset)?;
        Ok(Self { asset: self.asset.clone(), amount: self.amount.checked_sub(other.amount)? })
    }
}

impl fmt::Display for Money {
    /// Every digit, no trailing zeros, no exponent, without the asset's name: what [`Money::parse`]
    /// reads back unchanged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.amount.units();
        let digits = decimal::print(units.unsigned_abs(), self.asset.scale);
        f.pad_integral(units >= 0, "", &digits)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asset(scale: u8) -> Asset {
        Asset::new("chain", "coin", scale).expect("a good asset")
    }

    #[test]
    fn money_is_read_exactly_or_not_at_all() {
        // The story: 12.345 dollars became 12.34 on the way in, and the books were a cent short.
        let read =
            |scale, text| Money::parse(&asset(scale), text).map(|money| money.amount.units());
        assert_eq!(read(2, "12.5"), Ok(1250));
        assert_eq!(read(2, "-0.01"), Ok(-1));
        assert_eq!(read(2, "-0"), Ok(0));
        assert_eq!(read(2, "12.340"), Ok(1234));
        assert_eq!(read(18, "1e-7"), Ok(100_000_000_000));
        assert_eq!(read(0, "5e3"), Ok(5_000));
        assert_eq!(read(2, "12.345"), Err(Error::Inexact { at: 5, decimals: 2 }));
        assert_eq!(read(2, "--1"), Err(Error::UnexpectedCharacter { character: '-', at: 1 }));
        assert_eq!(read(24, "170141183460470"), Err(Error::TooLarge { kind: KIND }));
        assert_eq!(read(0, "-170141183460469231731687303715884105728"), Ok(i128::MIN));
    }

    #[test]
    fn different_assets_do_not_add() {
        let (one, other) = (asset(2), Asset::new("chain", "other", 2).expect("a good asset"));
        let money = |asset: &Asset| Money::new(asset.clone(), Amount::from_units(1));
        let refused = Error::DifferentAssets { left: one.key.clone(), right: other.key.clone() };
        assert_eq!(money(&one).checked_add(&money(&other)), Err(refused.clone()));
        assert_eq!(money(&one).checked_sub(&money(&other)), Err(refused));
        let conflict = Error::ScaleConflict { key: one.key.clone(), left: 2, right: 3 };
        assert_eq!(money(&one).checked_add(&money(&asset(3))), Err(conflict));
        assert_eq!(money(&one).checked_sub(&money(&one)), Ok(Money::new(one, Amount::ZERO)));
    }

    #[test]
    fn a_scale_from_a_real_token_list_is_refused() {
        for scale in [25, 69, 100, 148] {
            assert_eq!(Asset::new("a", "b", scale), Err(Error::ScaleOutOfRange { scale }));
        }
        assert_eq!(Asset::new("a", "b", 0).map(|asset| asset.scale()), Ok(0));
        assert_eq!(
            Error::ScaleOutOfRange { scale: 148 }.to_string(),
            "a scale of 148 is refused: at most 24 decimals are possible"
        );
    }

    proptest! {
        #[test]
        fn money_reads_back_as_it_prints(units: i128, scale in 0..=24u8) {
            let money = Money::new(asset(scale), Amount::from_units(units));
            prop_assert_eq!(Money::parse(money.asset(), &money.to_string()), Ok(money));
        }
    }
}
