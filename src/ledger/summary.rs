//! The summary: one account at a glance, as of one state.

use super::accounts::{AccountBalance, AccountKind, sub};
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
    /// Fees paid, rebates taken off, a sum for each asset in which there were any.
    pub fees: Vec<Money>,
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
        let accounts = self.accounts(account)?;
        let mut quotes = quote_lines(&accounts)?;
        let mut summary = Summary {
            cash: cash_lines(&accounts)?,
            fees: of_kind(&accounts, AccountKind::Fees).map(|fees| fees.balance.clone()).collect(),
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
            let line = quote_line(&mut quotes, &position.quote);
            if let Some(value) = &market_value {
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

fn of_kind(
    accounts: &[AccountBalance],
    kind: AccountKind,
) -> impl Iterator<Item = &AccountBalance> {
    accounts.iter().filter(move |account| account.kind == kind)
}

fn cash_lines(accounts: &[AccountBalance]) -> Result<Vec<CashLine>, Error> {
    let lines = of_kind(accounts, AccountKind::Cash).map(|cash| {
        Ok(CashLine {
            total: cash.balance.clone(),
            reserved: cash.pending_debits.clone(),
            available: cash.balance.checked_sub(&cash.pending_debits)?,
        })
    });
    lines.collect()
}

/// What the accounts say of positions; what is open is worth is still to be added.
fn quote_lines(accounts: &[AccountBalance]) -> Result<Vec<QuoteLine>, Error> {
    let mut lines = Vec::new();
    for cost in of_kind(accounts, AccountKind::Cost) {
        quote_line(&mut lines, cost.balance.asset()).cost = cost.balance.clone();
    }
    for loss in of_kind(accounts, AccountKind::RealizedPnl) {
        let asset = loss.balance.asset();
        let made = Amount::from_units(sub(0, loss.balance.amount().units())?);
        quote_line(&mut lines, asset).realized = Money::new(asset.clone(), made);
    }
    Ok(lines)
}

/// The line of a quote asset, made where there is none.
fn quote_line<'l>(lines: &'l mut Vec<QuoteLine>, asset: &Asset) -> &'l mut QuoteLine {
    let place = lines.iter().position(|line| line.cost.asset() == asset).unwrap_or_else(|| {
        let zero = || Money::new(asset.clone(), Amount::ZERO);
        let (cost, market_value, unrealized, realized) = (zero(), zero(), zero(), zero());
        lines.push(QuoteLine { cost, market_value, unrealized, realized });
        lines.len() - 1
    });
    &mut lines[place]
}
