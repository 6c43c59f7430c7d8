//! What the units of a position cost: at their average, or lot by lot, oldest first.
//!
//! Whatever is taken out in whatever steps, after the last unit the cost is zero: nothing is lost or
//! made by rounding, since each step takes out what it says and the last one takes the rest.

use std::collections::VecDeque;

use super::Error;
use super::accounts::{add, sub};
use crate::codec::{BorrowDecode, Encode};
use crate::money::Amount;

/// Units that were bought together, and what is left of their cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct Lot {
    pub(crate) quantity: i128,
    pub(crate) cost: i128,
}

/// The units of a position with their cost. Neither is ever negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Average(Lot),
    /// The oldest first, none without units.
    Fifo(VecDeque<Lot>),
}

impl Basis {
    /// `units` more, which cost `cost`. Units can be zero where all of a buy went in fees: then its
    /// cost goes with the units there are.
    pub(crate) fn add(&mut self, units: i128, cost: i128) -> Result<(), Error> {
        match self {
            Self::Average(all) => all.add(units, cost),
            Self::Fifo(lots) => match lots.back_mut() {
                Some(newest) if units == 0 => newest.add(0, cost),
                None if units == 0 => Ok(()),
                _ => {
                    lots.push_back(Lot { quantity: units, cost });
                    Ok(())
                }
            },
        }
    }

    /// `quantity` units come for `cost`, of which `fee` go at once and leave their cost behind; where
    /// that is more than came, units that were there or `covered` ones go. Answers the cost that is
    /// lost because no unit is left to have it.
    pub(crate) fn buy(
        &mut self,
        quantity: i128,
        fee: i128,
        cost: i128,
        covered: i128,
    ) -> Result<i128, Error> {
        if covered > 0 {
            self.add(covered, 0)?;
        }
        let (came, before) = (sub(quantity, fee)?, self.totals()?);
        if came >= 0 && add(before.quantity, came)? == 0 {
            self.clear();
            return add(before.cost, cost);
        }
        self.add(came.max(0), cost)?;
        self.take(0, sub(0, came)?.max(0))
    }

    /// `quantity` units are sold and `fee` go beside them, some of which were `covered` at no cost.
    /// Answers the cost that goes out.
    pub(crate) fn sell(&mut self, quantity: i128, fee: i128, covered: i128) -> Result<i128, Error> {
        if covered > 0 {
            self.add(covered, 0)?;
        }
        self.take(quantity, fee)
    }

    /// All units and all cost.
    pub(crate) fn totals(&self) -> Result<Lot, Error> {
        match self {
            Self::Average(all) => Ok(*all),
            Self::Fifo(lots) => lots.iter().try_fold(Lot::default(), |mut all, lot| {
                all.add(lot.quantity, lot.cost)?;
                Ok(all)
            }),
        }
    }

    /// Nothing is left.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::Average(all) => *all = Lot::default(),
            Self::Fifo(lots) => lots.clear(),
        }
    }

    /// Takes `sold` units out at their cost, which is the answer, and then `fee` units that leave
    /// their cost behind. There are as many. Where none remain, all cost goes out.
    pub(crate) fn take(&mut self, sold: i128, fee: i128) -> Result<i128, Error> {
        match self {
            Self::Average(all) => all.take(sold, fee),
            Self::Fifo(lots) => take_oldest(lots, sold, fee),
        }
    }
}

impl Lot {
    fn add(&mut self, units: i128, cost: i128) -> Result<(), Error> {
        self.quantity = add(self.quantity, units)?;
        self.cost = add(self.cost, cost)?;
        Ok(())
    }

    fn take(&mut self, sold: i128, fee: i128) -> Result<i128, Error> {
        let left = sub(sub(self.quantity, sold)?, fee)?;
        let out = if left == 0 { self.cost } else { share(self.cost, sold, self.quantity) };
        *self = Self { quantity: left, cost: sub(self.cost, out)? };
        Ok(out)
    }
}

fn take_oldest(lots: &mut VecDeque<Lot>, sold: i128, fee: i128) -> Result<i128, Error> {
    let (mut out, mut to_sell) = (0, sold);
    while to_sell > 0 {
        let Some(oldest) = lots.front_mut() else { break };
        let units = to_sell.min(oldest.quantity);
        out = add(out, oldest.take(units, 0)?)?;
        to_sell = sub(to_sell, units)?;
        if oldest.quantity == 0 {
            lots.pop_front();
        }
    }
    // A lot that fees empty leaves its cost to the next one.
    let (mut to_pay, mut left_behind) = (fee, 0);
    while let Some(oldest) = lots.pop_front() {
        let cost = add(oldest.cost, left_behind)?;
        if to_pay < oldest.quantity {
            let quantity = sub(oldest.quantity, to_pay)?;
            lots.push_front(Lot { quantity, cost });
            return Ok(out);
        }
        to_pay = sub(to_pay, oldest.quantity)?;
        left_behind = cost;
    }
    add(out, left_behind)
}

/// `total` times `part` / `whole`, rounded down.
pub(crate) fn share(total: i128, part: i128, whole: i128) -> i128 {
    let amount = Amount::from_units;
    amount(total).share(amount(part), amount(whole)).units()
}
