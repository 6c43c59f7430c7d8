//! The summary: one account at a glance, as of one state.

use super::accounts::{AccountKind, sub};
use super::save::counters;
use super::value::Marks;
use super::view::Ledger;
use super::{Error, HoldKind, PositionId, assets};
use crate::money::{Amount, Asset, Money};
use std::time::Duration;

/// One account at a glance. Sums of different assets are never added: there is a line for each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Summary {
    /// Cash, a line for each asset that was ever there.
    pub cash: Vec<CashLine>,
    /// Positions, a line for each quote asset.
    pub quotes: Vec<QuoteLine>,
    /// Open positions, a line for each.
    pub open: Vec<OpenLine>,
    /// Positions that are open with units, no closing under way.
    pub positions_open: u64,
    /// Positions without units yet.
    pub positions_opening: u64,
    /// Open positions of which units are set aside for a reduction.
    pub positions_closing: u64,
    /// Closed ones that brought more than they cost, fees included.
    pub wins: u64,
    /// Closed ones that brought less.
    pub losses: u64,
    /// Closed ones that brought exactly as much.
    pub flat: u64,
}

/// Cash of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CashLine {
    /// All of it.
    pub total: Money,
    /// Set aside.
    pub reserved: Money,
    /// The rest.
    pub available: Money,
    /// Fees paid in this asset, rebates taken off.
    pub fees: Money,
}

/// All positions that are quoted in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct QuoteLine {
    /// What the open positions cost.
    pub cost: Money,
    /// What those with a price are worth.
    pub market_value: Money,
    /// That less what they cost. Positions without a price are not in it.
    pub unrealized: Money,
    /// What all positions, open and closed, realized; without fees.
    pub realized: Money,
}

/// One open position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OpenLine {
    /// The position.
    pub position: PositionId,
    /// Its units.
    pub quantity: Money,
    /// What they cost.
    pub cost: Money,
    /// What they are worth in the quote asset; none where a price is missing or too old.
    pub market_value: Option<Money>,
}

impl Ledger<'_> {
    /// One account at a glance. Prices older than `max_mark_age` are not believed.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::MissingRow`], [`Error::Engine`].
    pub fn summary(&self, account: &str, max_mark_age: Option<Duration>) -> Result<Summary, Error> {
        let counted = counters(self.reader, account)?;
        let (cash, mut quotes) = self.lines(account)?;
        let mut summary = Summary {
            cash,
            quotes: Vec::new(),
            open: Vec::new(),
            positions_open: 0,
            positions_opening: 0,
            positions_closing: 0,
            wins: counted.wins,
            losses: counted.losses,
            flat: counted.flat,
        };
        let closing = self.closing()?;
        for state in self.open_states(account)? {
            match () {
                () if state.entries == 0 => summary.positions_opening += 1,
                () if closing.contains(&state.id) => summary.positions_closing += 1,
                () => summary.positions_open += 1,
            }
            let position = state.shown(self.reader)?;
            let market_value = self.mark(&position.quantity, &position.quote, max_mark_age)?;
            if let (Some(value), Some(line)) =
                (&market_value, quotes.iter_mut().find(|line| line.cost.asset() == &position.quote))
            {
                line.market_value = line.market_value.checked_add(value)?;
                line.unrealized =
                    line.unrealized.checked_add(&value.checked_sub(&position.cost)?)?;
            }
            let (quantity, cost) = (position.quantity, position.cost);
            summary.open.push(OpenLine { position: state.id, quantity, cost, market_value });
        }
        summary.quotes = quotes;
        Ok(summary)
    }

    /// The positions of which units are set aside.
    fn closing(&self) -> Result<Vec<PositionId>, Error> {
        let holds = self.holds()?.into_iter();
        Ok(holds
            .filter_map(|hold| match hold.kind {
                HoldKind::Units(position) => Some(position),
                HoldKind::Cash | HoldKind::Expected => None,
            })
            .collect())
    }

    /// The lines of cash and of quote assets that the accounts give.
    fn lines(&self, account: &str) -> Result<(Vec<CashLine>, Vec<QuoteLine>), Error> {
        let accounts = self.accounts(account)?;
        let of = |asset: &Asset, kind| {
            let found = accounts
                .iter()
                .find(|account| account.kind == kind && account.balance.asset() == asset);
            let zero = || Money::new(asset.clone(), Amount::ZERO);
            found.map_or_else(zero, |account| account.balance.clone())
        };
        let (mut cash, mut quotes) = (Vec::new(), Vec::new());
        for line in &accounts {
            let asset = line.balance.asset();
            if line.kind == AccountKind::Cash {
                cash.push(CashLine {
                    total: line.balance.clone(),
                    reserved: line.pending_debits.clone(),
                    available: line.balance.checked_sub(&line.pending_debits)?,
                    fees: of(asset, AccountKind::Fees),
                });
            }
            if line.kind == AccountKind::Cost {
                let zero = Money::new(asset.clone(), Amount::ZERO);
                let loss = of(asset, AccountKind::RealizedPnl).amount().units();
                let realized = Money::new(asset.clone(), Amount::from_units(sub(0, loss)?));
                let (market_value, unrealized) = (zero.clone(), zero);
                let cost = line.balance.clone();
                quotes.push(QuoteLine { cost, market_value, unrealized, realized });
            }
        }
        Ok((cash, quotes))
    }

    /// What `units` are worth in `quote`: the price of one in the reference currency over that of
    /// the other, the reference asset counting one.
    pub(crate) fn mark(
        &self,
        units: &Money,
        quote: &Asset,
        max_age: Option<Duration>,
    ) -> Result<Option<Money>, Error> {
        let Some(reference) = self.reference else { return Ok(None) };
        let mut marks = Marks::new(self.reader, reference, self.now);
        if let Some(max_age) = max_age {
            marks = marks.young(max_age);
        }
        marks.exchange(units, quote)
    }

    /// The asset that prices are in.
    pub fn reference(&self) -> Option<&Asset> {
        self.reference
    }

    /// Every asset that the ledger knows.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn assets(&self) -> Result<Vec<Asset>, Error> {
        assets::all(self.reader)
    }
}
