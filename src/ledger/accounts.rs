//! Accounts: what was ever credited and debited, and what is reserved or expected.

use std::fmt;
use std::sync::Arc;

use super::assets::AssetId;
use super::rows::{self, Key, KeyReader};
use super::{ACCOUNTS, Error};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::Reader;
use crate::money::{self, Money};

/// What an account holds. Of one owner and asset there is one account of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum AccountKind {
    /// Money that can be spent. Never negative.
    Cash,
    /// Units of an asset that positions hold. Never negative.
    Units,
    /// What the units of open positions cost, in the quote asset. Never negative.
    Cost,
    /// Fees paid; negative where rebates are greater.
    Fees,
    /// What closed parts of positions lost; a profit is negative, as a debit.
    RealizedPnl,
    /// The outside: negative by what came in and did not leave again.
    World,
    /// What was booked without an explanation, until it is reconciled.
    Adjustment,
}

impl AccountKind {
    /// Every kind, in the order of their numbers in keys.
    pub const ALL: [Self; 7] = [
        Self::Cash,
        Self::Units,
        Self::Cost,
        Self::Fees,
        Self::RealizedPnl,
        Self::World,
        Self::Adjustment,
    ];

    pub(crate) fn number(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether the balance can never be negative.
    pub fn is_never_negative(self) -> bool {
        matches!(self, Self::Cash | Self::Units | Self::Cost)
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cash => "cash",
            Self::Units => "units",
            Self::Cost => "cost",
            Self::Fees => "fees",
            Self::RealizedPnl => "realized-pnl",
            Self::World => "world",
            Self::Adjustment => "adjustment",
        })
    }
}

/// What is booked on one account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct AccountBalance {
    /// The owner's name.
    pub account: Box<str>,
    /// What the account holds.
    pub kind: AccountKind,
    /// Credits less debits.
    pub balance: Money,
    /// Everything ever taken from it.
    pub debits: Money,
    /// Everything ever added to it.
    pub credits: Money,
    /// Reserved for unfinished operations.
    pub pending_debits: Money,
    /// Expected by unfinished operations; not spendable.
    pub pending_credits: Money,
}

/// Which account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountKey {
    pub(crate) owner: Arc<str>,
    pub(crate) asset: AssetId,
    pub(crate) kind: AccountKind,
}

impl AccountKey {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        Key::new().name(&self.owner).u32(self.asset.0).u8(self.kind.number()).into_bytes()
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let read = || {
            let mut key = KeyReader(bytes);
            let owner = key.name()?;
            let asset = AssetId(key.u32()?);
            let kind = AccountKind::from_number(key.u8()?)?;
            key.end()?;
            Some(Self { owner: owner.into(), asset, kind })
        };
        read().ok_or_else(|| rows::impossible(ACCOUNTS, bytes, "key"))
    }
}

/// The sums of one account, in the smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct Account {
    pub(crate) debits: i128,
    pub(crate) credits: i128,
    pub(crate) pending_debits: i128,
    pub(crate) pending_credits: i128,
}

impl Account {
    pub(crate) fn balance(&self) -> i128 {
        // Neither is negative, so the difference fits, but in a row that is damaged.
        self.credits.saturating_sub(self.debits)
    }

    /// What can be spent or reserved.
    pub(crate) fn available(&self) -> Result<i128, Error> {
        sub(self.balance(), self.pending_debits)
    }

    /// Credits `amount`, or debits it where it is negative. Should what was ever booked become too
    /// much to count, what was booked on both sides is forgotten: the balance stays.
    pub(crate) fn post(&mut self, amount: i128) -> Result<(), Error> {
        let booked = if amount >= 0 { self.credits } else { self.debits };
        if booked.checked_add(amount.saturating_abs()).is_none() {
            let both = self.credits.min(self.debits).max(0);
            self.credits = sub(self.credits, both)?;
            self.debits = sub(self.debits, both)?;
        }
        if amount >= 0 {
            self.credits = add(self.credits, amount)?;
        } else {
            self.debits = sub(self.debits, amount)?;
        }
        Ok(())
    }
}

pub(crate) fn load(reader: &dyn Reader, key: &AccountKey) -> Result<Account, Error> {
    Ok(rows::load(reader, ACCOUNTS, &key.bytes())?.unwrap_or_default())
}

/// The sum, or a refusal where it does not fit.
pub(crate) fn add(left: i128, right: i128) -> Result<i128, Error> {
    let sum = left.checked_add(right);
    sum.ok_or(Error::Money(money::Error::Overflow { operation: "adding two amounts" }))
}

/// The difference, or a refusal where it does not fit.
pub(crate) fn sub(left: i128, right: i128) -> Result<i128, Error> {
    let difference = left.checked_sub(right);
    difference.ok_or(Error::Money(money::Error::Overflow { operation: "subtracting two amounts" }))
}
