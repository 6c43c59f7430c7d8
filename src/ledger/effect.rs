//! The effect: everything that an operation did to money, positions and their attributes.

use super::names::{MAX_ATTRIBUTE_BYTES, MAX_REASON_BYTES, check_name, check_text};
use super::{AccountKind, Error, Fill, PositionId};
use crate::money::Money;

/// What was done, as one or several parts that are posted in this order and in one commit.
///
/// Quantities, amounts and fees are the venue's. Which accounts, assets and positions are touched was
/// said when the operation began.
///
/// ```
/// # use highwater::{Asset, Fill, Money, PositionId};
/// use highwater::Effect;
/// # let (btc, usd) = (Asset::new("bitcoin", "BTC", 8)?, Asset::new("fiat", "USD", 2)?);
/// # let position = PositionId::new(1);
/// # let fill = Fill::new("binance", "F1", Money::parse(&btc, "0.5")?, Money::parse(&usd, "30000")?);
/// let bought = Effect::new().buy(position, fill);
/// # let _ = bought;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Effect {
    pub(crate) parts: Vec<Part>,
    pub(crate) cover: Option<Box<str>>,
}

/// One part of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Part {
    Buy { position: PositionId, fill: Fill },
    Sell { position: PositionId, fill: Fill },
    Redeem { position: PositionId, fill: Fill },
    Split { cash: Money, outcomes: Vec<(PositionId, Option<Money>)> },
    Merge { cash: Money, outcomes: Vec<PositionId> },
    Deposit { account: Box<str>, money: Money },
    Withdraw { account: Box<str>, money: Money },
    Entry { legs: Vec<Leg> },
    Attribute { position: PositionId, name: Box<str>, value: Option<Box<[u8]>> },
}

impl Part {
    /// Whether the part is a fill of a venue: a fact, which nothing undoes, and which is posted once
    /// however often it is told.
    pub(crate) fn is_fill(&self) -> bool {
        matches!(self, Self::Buy { .. } | Self::Sell { .. } | Self::Redeem { .. })
    }

    /// Whether the part can be taken back.
    pub(crate) fn is_provisional(&self) -> bool {
        matches!(
            self,
            Self::Deposit { .. }
                | Self::Withdraw { .. }
                | Self::Entry { .. }
                | Self::Attribute { .. }
        )
    }
}

/// One leg of a balanced entry: so much is added to an account, or with a minus taken from it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Leg {
    /// The account.
    pub account: Box<str>,
    /// What it holds there.
    pub kind: AccountKind,
    /// Credited where positive, debited where negative.
    pub money: Money,
}

impl Effect {
    /// Nothing, to be built upon. Completed with, it keeps what was recorded before.
    pub fn new() -> Self {
        Self::default()
    }

    fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The position was increased by a buy.
    pub fn buy(self, position: PositionId, fill: Fill) -> Self {
        self.part(Part::Buy { position, fill })
    }

    /// The position was reduced by a sale.
    pub fn sell(self, position: PositionId, fill: Fill) -> Self {
        self.part(Part::Sell { position, fill })
    }

    /// The position was reduced by a payout: the fill's gross amount, which may be zero.
    pub fn redeem(self, position: PositionId, fill: Fill) -> Self {
        self.part(Part::Redeem { position, fill })
    }

    /// `cash` became as many units of each outcome. The costs given add up to it; where none is
    /// given it is shared equally, the rest going to the first.
    pub fn split(
        self,
        cash: Money,
        outcomes: impl IntoIterator<Item = (PositionId, Option<Money>)>,
    ) -> Self {
        self.part(Part::Split { cash, outcomes: outcomes.into_iter().collect() })
    }

    /// As many units of each outcome became `cash`.
    pub fn merge(self, cash: Money, outcomes: impl IntoIterator<Item = PositionId>) -> Self {
        self.part(Part::Merge { cash, outcomes: outcomes.into_iter().collect() })
    }

    /// Money came into the account from outside.
    pub fn deposit(self, account: impl Into<Box<str>>, money: Money) -> Self {
        self.part(Part::Deposit { account: account.into(), money })
    }

    /// Money left the account for outside.
    pub fn withdraw(self, account: impl Into<Box<str>>, money: Money) -> Self {
        self.part(Part::Withdraw { account: account.into(), money })
    }

    /// A balanced entry of the caller's own. Units and costs belong to positions and cannot be in it.
    pub fn entry(self, legs: impl IntoIterator<Item = Leg>) -> Self {
        self.part(Part::Entry { legs: legs.into_iter().collect() })
    }

    /// An attribute of the position gets this value.
    pub fn set(
        self,
        position: PositionId,
        name: impl Into<Box<str>>,
        value: impl Into<Box<[u8]>>,
    ) -> Self {
        self.part(Part::Attribute { position, name: name.into(), value: Some(value.into()) })
    }

    /// An attribute of the position is taken away.
    pub fn clear(self, position: PositionId, name: impl Into<Box<str>>) -> Self {
        self.part(Part::Attribute { position, name: name.into(), value: None })
    }

    /// What the books lack for this effect is taken from the Adjustment account, in the same entry,
    /// and shown until it is reconciled. For facts: what the venue did cannot be refused.
    pub fn cover_shortfall(mut self, reason: impl Into<Box<str>>) -> Self {
        self.cover = Some(reason.into());
        self
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Refuses what no ledger can hold, whatever is in it.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(reason) = &self.cover {
            check_text("the reason", reason, 1, MAX_REASON_BYTES)?;
        }
        self.parts.iter().try_for_each(Part::check)
    }
}

impl Part {
    fn check(&self) -> Result<(), Error> {
        match self {
            Self::Buy { fill, .. } | Self::Sell { fill, .. } | Self::Redeem { fill, .. } => {
                fill.check()
            }
            Self::Deposit { account, .. } | Self::Withdraw { account, .. } => {
                check_name("the account's name", account)
            }
            Self::Entry { legs } => {
                legs.iter().try_for_each(|leg| check_name("the account's name", &leg.account))
            }
            Self::Attribute { name, value, .. } => {
                check_name("the attribute's name", name)?;
                match value {
                    Some(value) if value.len() > MAX_ATTRIBUTE_BYTES => Err(Error::InvalidName {
                        what: "the attribute's value",
                        name: name.clone(),
                        fault: "is too long",
                    }),
                    _ => Ok(()),
                }
            }
            Self::Split { .. } | Self::Merge { .. } => Ok(()),
        }
    }
}
