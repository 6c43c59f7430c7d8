//! What the parts of an effect do to the books.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Attribute, Book, Entry, Held, Reported, transfer};
use super::life::Move;
use super::words::*;
use crate::simulation::cast::{Coin, Kind, Owner};

/// For what an operation named a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Opens,
    Increases,
    Reduces,
    Updates,
}

impl Role {
    pub(crate) fn raises(self) -> bool {
        matches!(self, Self::Opens | Self::Increases)
    }
}

/// What an operation named at its beginning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) roles: BTreeMap<PositionNumber, Role>,
    pub(crate) owners: BTreeSet<Owner>,
    pub(crate) coins: BTreeSet<Coin>,
}

/// What undoes a provisional part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undo {
    Entry(EntryNumber),
    /// The attribute as it was, and the number of the write that is undone.
    Attribute {
        position: PositionNumber,
        name: u8,
        before: Attribute,
        write: u64,
    },
}

/// What is being posted: by whom, within which scope, for which task.
pub(crate) struct Posting<'m> {
    pub(crate) operation: OperationNumber,
    pub(crate) task: &'m Task,
    pub(crate) scope: &'m Scope,
    pub(crate) cover: bool,
}

fn mismatch() -> Refusals {
    refuse(Reply::EffectMismatch)
}

impl Book {
    /// Posts every part in order. Answers what would undo it, oldest first.
    pub(crate) fn post(
        &mut self,
        posting: &Posting<'_>,
        effect: &Effect,
    ) -> Result<Vec<Undo>, Refusals> {
        let mut undo = Vec::new();
        let mut refusals = Refusals::new();
        for part in &effect.parts {
            // What does not fit may be told before anything is posted, and the first part that
            // cannot be posted before what does not fit behind it.
            if let Err(broken) = posting.check(self, part) {
                refusals.extend(broken);
            } else if refusals.is_empty() {
                match self.post_part(posting, part) {
                    Ok(part) => undo.extend(part),
                    Err(broken) => refusals.extend(broken),
                }
            }
        }
        if refusals.is_empty() { Ok(undo) } else { Err(refusals) }
    }

    fn post_part(&mut self, by: &Posting<'_>, part: &Part) -> Result<Option<Undo>, Refusals> {
        match part {
            Part::Buy(position, fill) => self.fill(by, *position, fill, true).map(|()| None),
            Part::Sell(position, fill) | Part::Redeem(position, fill) => {
                self.fill(by, *position, fill, false).map(|()| None)
            }
            Part::Split(cash, outcomes) => self.split(by, *cash, outcomes).map(|()| None),
            Part::Merge(cash, outcomes) => self.merge(by, *cash, outcomes).map(|()| None),
            Part::Deposit(owner, (coin, amount)) => {
                let legs = transfer(*owner, *coin, Kind::World, Kind::Cash, positive(*amount)?);
                self.capture(Some(by.operation), Held::Expected(*owner, *coin), *amount);
                self.provisional(by, legs)
            }
            Part::Withdraw(owner, (coin, amount)) => {
                let legs = transfer(*owner, *coin, Kind::Cash, Kind::World, positive(*amount)?);
                self.provisional(by, legs)
            }
            Part::Entry(legs) => self.provisional(by, legs.clone()),
            Part::Attribute(position, name, value) => {
                let (before, write) = self.set_attribute(*position, *name, *value);
                Ok(Some(Undo::Attribute { position: *position, name: *name, before, write }))
            }
        }
    }

    fn provisional(&mut self, by: &Posting<'_>, legs: Vec<Leg>) -> Result<Option<Undo>, Refusals> {
        let entry = by.entry(legs, Vec::new(), None);
        Ok(Some(Undo::Entry(self.book(entry, by.cover)?)))
    }

    fn fill(
        &mut self,
        by: &Posting<'_>,
        number: PositionNumber,
        fill: &Fill,
        is_buy: bool,
    ) -> Result<(), Refusals> {
        let position = self.position(number).cloned().ok_or_else(mismatch)?;
        let (owner, coin, quote) = (position.new.owner, position.new.coin, position.new.quote);
        let key = fill.id.map(|id| (owner, fill.venue, id));
        let posted = key.map(|key| self.posted_as(key)).unwrap_or_default();
        let own = posted.iter().find_map(|known| {
            let entry = &self.entries[*known as usize - 1];
            let reported = entry.fill.as_ref()?;
            let is_same_leg = reported.is_buy == is_buy && entry.moves[0].0 == number;
            let is_own = entry.operation == Some(by.operation) && is_same_leg;
            (is_own && fill.corrects != Some(*known)).then_some(reported)
        });
        if own.is_some_and(|own| own.corrects == fill.corrects) {
            return Ok(());
        }
        let fits = |entry| self.is_to_be_corrected(entry, &position.new);
        if !fill.corrects.is_none_or(fits) {
            return Err([Reply::EffectMismatch, Reply::UnknownEntry].into());
        }
        let is_foreign = |known: &EntryNumber| {
            let entry = &self.entries[*known as usize - 1];
            entry.operation != Some(by.operation) && fill.corrects != Some(*known)
        };
        if posted.iter().any(is_foreign) {
            return Err(refuse(Reply::DuplicateFill));
        }
        if own.is_some() {
            return Ok(());
        }
        if fill.id.is_some() && self.has_totals(by.operation, number, fill.venue, is_buy) {
            return Err(mismatch());
        }
        let mut fees = fees_by_asset(fill);
        let (mut quantity, mut gross) = (fill.quantity.1, fill.gross.1);
        if fill.id.is_none() {
            let (past_quantity, past_gross, past_fees) =
                self.recorded(by.operation, number, fill.venue, is_buy);
            quantity -= past_quantity;
            gross -= past_gross;
            let mut fell = false;
            for (coin, past) in past_fees {
                let fee = fees.entry(coin).or_default();
                // Only what was no fee but a rebate can become more of one.
                fell |= past > 0 && *fee < past;
                *fee -= past;
            }
            if quantity < 0 || gross < 0 || fell {
                return Err(refuse(Reply::TotalFell));
            }
            if quantity == 0 && gross == 0 && fees.values().all(|fee| *fee == 0) {
                return Ok(());
            }
        }
        let fee = fees.get(&quote).copied().unwrap_or(0);
        let unit_fee = fees.get(&coin).copied().unwrap_or(0);
        let mut legs = Vec::new();
        for (third, fee) in fees.iter().filter(|(third, _)| ![coin, quote].contains(third)) {
            // What is less than nothing goes the other way.
            legs.extend(transfer(owner, *third, Kind::Cash, Kind::Fees, *fee));
        }
        legs.extend(transfer(owner, quote, Kind::Cash, Kind::Fees, fee));
        let venue = fill.venue;
        let corrects = fill.corrects;
        let reported = Reported { venue, key, is_buy, corrects, quantity, gross, fees };
        let lost = if is_buy { (unit_fee - quantity).max(0) } else { quantity + unit_fee };
        let missing = self.capture(Some(by.operation), Held::Units(number), lost);
        if missing > 0 && !by.cover {
            return Err(refuse(Reply::Insufficient));
        }
        let next = if is_buy {
            Move::In { quantity, gross, fee, unit_fee, missing }
        } else {
            Move::Out { quantity, proceeds: gross, fee, unit_fee, missing }
        };
        legs.extend(self.legs_of(number, next));
        self.book(by.entry(legs, vec![(number, next)], Some(reported)), by.cover).map(|_| ())
    }

    /// The legs of a move, but for its fees in the quote asset.
    fn legs_of(&self, number: PositionNumber, next: Move) -> Vec<Leg> {
        let new = &self.positions[number as usize - 1].new;
        let (owner, coin, quote) = (new.owner, new.coin, new.quote);
        let out = self.standing(number).cost_out(new.method, next);
        match next {
            Move::In { quantity, gross, unit_fee, missing, .. } => [
                transfer(owner, coin, Kind::Adjustment, Kind::Units, missing),
                transfer(owner, quote, Kind::Cash, Kind::Cost, gross),
                transfer(owner, quote, Kind::Cost, Kind::RealizedPnl, out),
                transfer(owner, coin, Kind::World, Kind::Units, quantity),
                transfer(owner, coin, Kind::Units, Kind::Fees, unit_fee),
            ]
            .concat(),
            Move::Out { quantity, proceeds, unit_fee, missing, .. } => [
                transfer(owner, coin, Kind::Adjustment, Kind::Units, missing),
                transfer(owner, quote, Kind::Cost, Kind::Cash, out),
                transfer(owner, quote, Kind::RealizedPnl, Kind::Cash, proceeds - out),
                transfer(owner, coin, Kind::Units, Kind::World, quantity),
                transfer(owner, coin, Kind::Units, Kind::Fees, unit_fee),
            ]
            .concat(),
        }
    }

    fn split(
        &mut self,
        by: &Posting<'_>,
        (coin, amount): Sum,
        outcomes: &[(PositionNumber, Option<Amount>)],
    ) -> Result<(), Refusals> {
        positive(amount)?;
        self.check_outcomes(coin, outcomes.iter().map(|(position, _)| *position).collect())?;
        let count = outcomes.len() as Amount;
        let equal = (0..count).map(|n| amount / count + if n == 0 { amount % count } else { 0 });
        let costs: Vec<_> =
            outcomes.iter().zip(equal).map(|((_, given), equal)| given.unwrap_or(equal)).collect();
        if costs.iter().any(|cost| *cost < 0) || costs.iter().sum::<Amount>() != amount {
            return Err(mismatch());
        }
        let mut legs = Vec::new();
        let mut moves = Vec::new();
        for ((position, _), gross) in outcomes.iter().zip(costs) {
            let next = Move::In { quantity: amount, gross, fee: 0, unit_fee: 0, missing: 0 };
            legs.extend(self.legs_of(*position, next));
            moves.push((*position, next));
        }
        self.book(by.entry(legs, moves, None), by.cover).map(|_| ())
    }

    fn merge(
        &mut self,
        by: &Posting<'_>,
        (coin, amount): Sum,
        outcomes: &[PositionNumber],
    ) -> Result<(), Refusals> {
        positive(amount)?;
        self.check_outcomes(coin, outcomes.to_vec())?;
        let mut moves = Vec::new();
        let mut costs = Vec::new();
        for position in outcomes {
            let missing = self.capture(Some(by.operation), Held::Units(*position), amount);
            if missing > 0 && !by.cover {
                return Err(refuse(Reply::Insufficient));
            }
            let next = Move::Out { quantity: amount, proceeds: 0, fee: 0, unit_fee: 0, missing };
            let method = self.positions[*position as usize - 1].new.method;
            costs.push(self.standing(*position).cost_out(method, next));
            moves.push((*position, next));
        }
        let all: Amount = costs.iter().sum();
        let mut rest = amount;
        let mut legs = Vec::new();
        for (nth, (position, next)) in moves.iter_mut().enumerate() {
            let share = if nth + 1 == outcomes.len() {
                rest
            } else {
                // What cost nothing brought equal shares.
                let equal = amount / outcomes.len() as Amount;
                (amount * costs[nth]).checked_div(all).unwrap_or(equal)
            };
            rest -= share;
            if let Move::Out { proceeds, .. } = next {
                *proceeds = share;
            }
            legs.extend(self.legs_of(*position, *next));
        }
        self.book(by.entry(legs, moves, None), by.cover).map(|_| ())
    }

    /// Outcomes are there once each, of one owner and quoted in the cash.
    fn check_outcomes(&self, coin: Coin, outcomes: Vec<PositionNumber>) -> Result<(), Refusals> {
        let distinct: BTreeSet<_> =
            outcomes.iter().filter_map(|one| Some(self.position(*one)?.new.coin)).collect();
        let owners: BTreeSet<_> =
            outcomes.iter().filter_map(|one| Some(self.position(*one)?.new.owner)).collect();
        let fits = |one: &PositionNumber| self.position(*one).is_some_and(|p| p.new.quote == coin);
        let whole = distinct.len() == outcomes.len() && owners.len() == 1;
        if whole && outcomes.iter().all(fits) { Ok(()) } else { Err(mismatch()) }
    }
}

impl Posting<'_> {
    fn entry(
        &self,
        legs: Vec<Leg>,
        moves: Vec<(PositionNumber, Move)>,
        fill: Option<Reported>,
    ) -> Entry {
        let operation = Some(self.operation);
        Entry { operation, legs, moves, fill, reverses: None, reversed_by: None }
    }

    /// Whether the task may hold such a part, over what was named.
    fn check(&self, book: &Book, part: &Part) -> Result<(), Refusals> {
        let role = |position: &PositionNumber| self.scope.roles.get(position).copied();
        let raises = |position: &PositionNumber| role(position).is_some_and(Role::raises);
        let reduces = |position: &PositionNumber| role(position) == Some(Role::Reduces);
        let named = |owner: &Owner, coin: &Coin| {
            self.scope.owners.contains(owner) && self.scope.coins.contains(coin)
        };
        let fits = match (self.task, part) {
            (Task::Open(_) | Task::Trade(_) | Task::Custom(_), Part::Buy(position, _)) => {
                raises(position)
            }
            (
                Task::Close(..) | Task::Trade(_) | Task::Custom(_),
                Part::Sell(position, _) | Part::Redeem(position, _),
            ) => reduces(position),
            (Task::Trade(_) | Task::Custom(_), Part::Split((coin, _), outcomes)) => {
                self.scope.coins.contains(coin)
                    && outcomes.iter().all(|(position, _)| raises(position))
            }
            (Task::Trade(_) | Task::Custom(_), Part::Merge((coin, _), outcomes)) => {
                self.scope.coins.contains(coin) && outcomes.iter().all(reduces)
            }
            (
                Task::Deduct(..) | Task::Add(..) | Task::Custom(_),
                Part::Deposit(owner, (coin, _)) | Part::Withdraw(owner, (coin, _)),
            ) => named(owner, coin),
            (Task::Custom(_), Part::Entry(legs)) => {
                let sum = |coin| -> Amount {
                    legs.iter().filter(|leg| leg.coin == coin).map(|leg| leg.amount).sum()
                };
                let moves = !crate::simulation::view::netted(legs.iter().copied()).is_empty();
                let free = |leg: &Leg| !matches!(leg.kind, Kind::Units | Kind::Cost);
                moves
                    && legs.iter().all(|leg| named(&leg.owner, &leg.coin) && free(leg))
                    && Coin::ALL.into_iter().all(|coin| sum(coin) == 0)
            }
            (Task::Update(_) | Task::Custom(_), Part::Attribute(position, ..)) => {
                role(position).is_some()
            }
            _ => false,
        };
        if !fits {
            return Err(mismatch());
        }
        match part {
            Part::Buy(position, fill)
            | Part::Sell(position, fill)
            | Part::Redeem(position, fill) => {
                let position = book.position(*position).ok_or_else(mismatch)?;
                self.check_fill(position.new.coin, position.new.quote, fill)
            }
            _ => Ok(()),
        }
    }

    fn check_fill(&self, coin: Coin, quote: Coin, fill: &Fill) -> Result<(), Refusals> {
        let is_execution = fill.id.is_some();
        let fee_fits = |(of, fee): (&Coin, &Amount)| {
            let is_own = [coin, quote].contains(of);
            (*fee >= 0 || *of != coin) && (is_own || self.scope.coins.contains(of))
        };
        let fits = fill.quantity.0 == coin
            && fill.gross.0 == quote
            && fill.quantity.1 >= i128::from(is_execution)
            && fill.gross.1 >= 0
            && fees_by_asset(fill).iter().all(fee_fits);
        if fits { Ok(()) } else { Err(mismatch()) }
    }
}

/// Fees of one asset add up.
fn fees_by_asset(fill: &Fill) -> BTreeMap<Coin, Amount> {
    let mut fees = BTreeMap::new();
    for (coin, fee) in &fill.fees {
        *fees.entry(*coin).or_insert(0) += fee;
    }
    fees
}

/// The amount, if it is more than nothing.
pub(crate) fn positive(amount: Amount) -> Result<Amount, Refusals> {
    if amount > 0 { Ok(amount) } else { Err([Reply::EffectMismatch, Reply::Invalid].into()) }
}
