//! Limits: what a bot must not exceed, held against every operation that raises risk.

use std::time::Duration;

use super::accounts::add;
use super::rows;
use super::save::counters;
use super::tx::LedgerTx;
use super::value::Marks;
use super::{BOOK, Error, PositionId};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::Reader;
use crate::money::{Amount, Money};

/// What no operation may exceed, checked when it begins and only where it raises risk: reducing and
/// closing are never blocked. Without a limit there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    pub(crate) open_positions: Option<u64>,
    pub(crate) position_cost: Vec<Money>,
    pub(crate) share_of_equity: Option<ShareOfEquity>,
}

/// How much of an account's equity one position may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareOfEquity {
    /// In hundredths of a percent: 2,500 is a quarter.
    pub basis_points: u32,
    /// Prices older than this are not believed; without a price nothing is begun.
    pub max_mark_age: Duration,
}

impl Limits {
    /// No limits, to be built upon.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many positions of one account are open or being opened.
    pub fn open_positions(mut self, most: u64) -> Self {
        self.open_positions = Some(most);
        self
    }

    /// A position quoted in this asset costs at most so much, averaging in included. One limit for
    /// each quote asset.
    pub fn position_cost(mut self, most: Money) -> Self {
        self.position_cost.retain(|limit| limit.asset().key() != most.asset().key());
        self.position_cost.push(most);
        self
    }

    /// A position costs at most this share of the account's equity.
    pub fn share_of_equity(mut self, share: ShareOfEquity) -> Self {
        self.share_of_equity = Some(share);
        self
    }
}

/// An operation's intent to raise one position.
#[derive(Clone, Debug)]
pub(crate) struct Increase {
    /// The position; none where it is to be opened.
    pub(crate) position: Option<PositionId>,
    /// What it may spend, in the quote asset.
    pub(crate) spend: Money,
}

/// The row of [`BOOK`] that says that trading is halted.
pub(super) const HALT: &[u8] = b"halt";

#[derive(Encode, BorrowDecode)]
pub(super) struct HaltRow<'b> {
    pub(super) at: i64,
    pub(super) reason: &'b str,
}

/// Why trading is halted, if it is.
pub(crate) fn halted(reader: &dyn Reader) -> Result<Option<Box<str>>, Error> {
    let Some(row) = reader.get(BOOK, HALT)? else { return Ok(None) };
    let row: HaltRow<'_> = rows::decode(BOOK, HALT, &row)?;
    Ok(Some(row.reason.into()))
}

impl LedgerTx<'_> {
    /// Why trading is halted, if it is.
    pub(crate) fn halted(&self) -> Result<Option<Box<str>>, Error> {
        halted(self.reader())
    }

    /// Halts everything that raises risk, until [`LedgerTx::resume`].
    pub(crate) fn halt(&mut self, reason: &str) -> Result<(), Error> {
        super::names::check_text("the reason", reason, 1, super::names::MAX_REASON_BYTES)?;
        let row = HaltRow { at: self.stored_now(), reason };
        rows::put(self.tx(), BOOK, HALT, &row);
        let reason = reason.to_owned();
        self.tx().tell_after(move || tracing::warn!(reason, "trading is halted"));
        Ok(())
    }

    /// Ends the halt.
    pub(crate) fn resume(&mut self) -> Result<(), Error> {
        if self.halted()?.is_some() {
            self.tx().delete(BOOK, HALT);
            self.tx().tell_after(|| tracing::info!("trading goes on"));
        }
        Ok(())
    }

    /// Refuses where trading is halted.
    pub(crate) fn refuse_halted(&self) -> Result<(), Error> {
        match self.halted()? {
            Some(reason) => Err(Error::Halted { reason }),
            None => Ok(()),
        }
    }

    /// Refuses what would exceed a limit. `increases` are the positions to be opened or raised.
    pub(crate) fn check_limits(&self, account: &str, increases: &[Increase]) -> Result<(), Error> {
        self.refuse_halted()?;
        let opened = increases.iter().filter(|one| one.position.is_none()).count();
        self.check_open_positions(account, opened as u64)?;
        for increase in increases {
            let cost = self.cost_with(increase)?;
            self.check_position_cost(&cost)?;
            self.check_share(account, &cost)?;
        }
        Ok(())
    }

    fn check_open_positions(&self, account: &str, opened: u64) -> Result<(), Error> {
        let Some(most) = self.rules().limits.open_positions.filter(|_| opened > 0) else {
            return Ok(());
        };
        let found = counters(self.reader(), account)?.open.saturating_add(opened);
        if found <= most {
            return Ok(());
        }
        let (found, allowed) = (found.to_string().into(), most.to_string().into());
        Err(Error::LimitExceeded { limit: "the number of open positions", found, allowed })
    }

    /// What the position would cost if all that may be spent is spent.
    fn cost_with(&self, increase: &Increase) -> Result<Money, Error> {
        let cost = match increase.position {
            Some(position) => self.load_position(position)?.cost,
            None => 0,
        };
        let spend = increase.spend.amount().units();
        let sum = add(cost, spend)?;
        Ok(Money::new(increase.spend.asset().clone(), Amount::from_units(sum)))
    }

    fn check_position_cost(&self, cost: &Money) -> Result<(), Error> {
        let limits = &self.rules().limits.position_cost;
        let limit = limits.iter().find(|limit| limit.asset().key() == cost.asset().key());
        match limit {
            Some(most) if cost.checked_sub(most)?.amount() > Amount::ZERO => {
                let (found, allowed) = (cost.to_string().into(), most.to_string().into());
                Err(Error::LimitExceeded { limit: "the cost of a position", found, allowed })
            }
            _ => Ok(()),
        }
    }

    fn check_share(&self, account: &str, cost: &Money) -> Result<(), Error> {
        let Some(share) = self.rules().limits.share_of_equity else { return Ok(()) };
        let marks = Marks::new(self.reader(), &self.rules().reference, self.now())
            .young(share.max_mark_age);
        let unmarked = |asset| Error::Unmarked { asset };
        let equity = marks.equity(account)?;
        if let Some(asset) = equity.unmarked.into_iter().next() {
            return Err(unmarked(asset));
        }
        let value = marks.value(cost)?.ok_or_else(|| unmarked(cost.asset().clone()))?;
        if value.amount().is_within_share(share.basis_points, equity.value.amount()) {
            return Ok(());
        }
        let allowed = share.basis_points;
        let allowed = format!("{}.{:02} % of {}", allowed / 100, allowed % 100, equity.value);
        let (found, allowed) = (value.to_string().into(), allowed.into());
        Err(Error::LimitExceeded { limit: "the share of equity", found, allowed })
    }
}
