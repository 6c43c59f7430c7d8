//! Outcome tokens: cash is split into one unit of every outcome, and merged back.

use std::collections::BTreeSet;

use super::accounts::{add, sub};
use super::cost::{Basis, share};
use super::entry::Change;
use super::holds::not_negative;
use super::position::{self, PositionState};
use super::posting::Draft;
use super::tx::LedgerTx;
use super::{EntryKind, Error, Mismatch, OperationId, PositionId};
use crate::money::{Amount, Money};

/// A position on its way from one state to the next.
struct Moving {
    before: PositionState,
    after: PositionState,
    basis: Basis,
    moved: Basis,
}

impl LedgerTx<'_> {
    /// Cash becomes as many units of each outcome. What they cost adds up to the cash.
    pub(super) fn split(
        &mut self,
        operation: OperationId,
        cash: &Money,
        outcomes: &[(PositionId, Option<Money>)],
    ) -> Result<Draft, Error> {
        let units = not_zero(cash)?;
        let mut moving = self.outcomes(cash, outcomes.iter().map(|(position, _)| *position))?;
        let costs = self.split_costs(cash, outcomes)?;
        let mut draft = Draft::new(EntryKind::Split, Some(operation));
        for (one, cost) in moving.iter_mut().zip(costs) {
            one.moved.buy(units, 0, cost, 0)?;
            let change = Change { incoming: true, gross: cost, cost, ..one.change(units) };
            self.save_moved(one, &change, &mut draft)?;
        }
        Ok(draft)
    }

    /// As many units of each outcome become cash, which is shared by what they cost.
    pub(super) fn merge(
        &mut self,
        operation: OperationId,
        cash: &Money,
        outcomes: &[PositionId],
        cover: bool,
    ) -> Result<Draft, Error> {
        let units = not_zero(cash)?;
        let mut moving = self.outcomes(cash, outcomes.iter().copied())?;
        let (mut costs, mut missing) = (Vec::new(), Vec::new());
        for one in &mut moving {
            let covered = self.capture_units(operation, &mut one.after, units, cover)?;
            costs.push(one.moved.sell(units, 0, covered)?);
            missing.push(covered);
        }
        let proceeds = shares(units, &costs)?;
        let mut draft = Draft::new(EntryKind::Merge, Some(operation));
        let brought = costs.into_iter().zip(proceeds).zip(missing);
        for (one, ((cost, gross), covered)) in moving.iter_mut().zip(brought) {
            let (cost, realized) = (sub(0, cost)?, sub(gross, cost)?);
            let change = Change { covered, gross, cost, realized, ..one.change(units) };
            self.save_moved(one, &change, &mut draft)?;
        }
        Ok(draft)
    }

    /// The positions of one account that the cash is split into or merged from.
    fn outcomes(
        &self,
        cash: &Money,
        positions: impl Iterator<Item = PositionId>,
    ) -> Result<Vec<Moving>, Error> {
        let (mut moving, mut seen) = (Vec::new(), BTreeSet::new());
        for position in positions {
            let before = self.load_position(position)?;
            self.expect_quote(cash, before.quote)?;
            let same_scale = self.asset(before.asset)?.scale() == cash.asset().scale();
            let same_owner =
                moving.first().is_none_or(|first: &Moving| first.before.owner == before.owner);
            if !seen.insert(before.asset) || !same_scale || !same_owner {
                return Err(Mismatch::Outcomes.into());
            }
            let basis = position::basis(self.reader(), &before)?;
            moving.push(Moving { after: before.clone(), moved: basis.clone(), before, basis });
        }
        if moving.is_empty() { Err(Mismatch::Outcomes.into()) } else { Ok(moving) }
    }

    fn split_costs(
        &self,
        cash: &Money,
        outcomes: &[(PositionId, Option<Money>)],
    ) -> Result<Vec<i128>, Error> {
        let whole = cash.amount().units();
        let given: Vec<&Money> = outcomes.iter().filter_map(|(_, cost)| cost.as_ref()).collect();
        if given.is_empty() {
            return equal_shares(whole, outcomes.len());
        }
        if given.len() != outcomes.len() {
            return Err(Mismatch::Outcomes.into());
        }
        let (mut costs, mut sum) = (Vec::new(), Money::new(cash.asset().clone(), Amount::ZERO));
        for cost in given {
            sum = sum.checked_add(cost)?;
            costs.push(not_negative("a cost", cost)?);
        }
        if sum != *cash {
            return Err(Mismatch::Costs { found: sum.into(), expected: cash.clone().into() }.into());
        }
        Ok(costs)
    }

    fn save_moved(
        &mut self,
        one: &mut Moving,
        change: &Change,
        draft: &mut Draft,
    ) -> Result<(), Error> {
        one.after.book(change)?;
        self.save_basis(&mut one.after, &one.basis, &one.moved)?;
        self.save_position(Some(&one.before), &one.after)?;
        draft.add_change(&one.after, change)
    }
}

impl Moving {
    /// So many units go; the rest is to be filled in.
    fn change(&self, quantity: i128) -> Change {
        Change {
            position: self.before.id.get(),
            incoming: false,
            quantity,
            token_fee: 0,
            covered: 0,
            gross: 0,
            fee: 0,
            cost: 0,
            realized: 0,
        }
    }
}

fn not_zero(cash: &Money) -> Result<i128, Error> {
    match not_negative("the cash", cash)? {
        0 => Err(Mismatch::Zero("the cash").into()),
        units => Ok(units),
    }
}

/// Equal shares of `whole`, the rest to the first.
fn equal_shares(whole: i128, count: usize) -> Result<Vec<i128>, Error> {
    // A list in memory is never longer than this holds.
    let parts = i128::try_from(count).unwrap_or(i128::MAX).max(1);
    let each = whole / parts;
    let mut shares = vec![each; count];
    if let Some(first) = shares.first_mut() {
        *first = add(*first, whole % parts)?;
    }
    Ok(shares)
}

/// `whole` shared by `costs`, each share rounded down, the rest to the last.
fn shares(whole: i128, costs: &[i128]) -> Result<Vec<i128>, Error> {
    let total = costs.iter().try_fold(0, |sum, cost| add(sum, *cost))?;
    let mut shares: Vec<i128> = match total {
        0 => {
            let parts = i128::try_from(costs.len()).unwrap_or(i128::MAX).max(1);
            vec![whole / parts; costs.len()]
        }
        _ => costs.iter().map(|cost| share(whole, *cost, total)).collect(),
    };
    let given = shares.iter().try_fold(0, |sum, share| add(sum, *share))?;
    if let Some(last) = shares.last_mut() {
        *last = add(*last, sub(whole, given)?)?;
    }
    Ok(shares)
}
