//! The books: immutable entries. Every balance and every position is their sum, worked out anew.

use std::collections::BTreeMap;

use super::life::{Move, Standing};
use super::words::*;
use crate::simulation::cast::{Coin, Kind, Owner, Venue};

/// A fill as its venue knows it: unique for an account for ever.
pub(crate) type FillKey = (Owner, Venue, u8);

/// What a fill said, fees by asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) venue: Venue,
    pub(crate) key: Option<FillKey>,
    pub(crate) is_buy: bool,
    pub(crate) corrects: Option<EntryNumber>,
    pub(crate) quantity: Amount,
    pub(crate) gross: Amount,
    pub(crate) fees: BTreeMap<Coin, Amount>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) operation: Option<OperationNumber>,
    pub(crate) legs: Vec<Leg>,
    pub(crate) moves: Vec<(PositionNumber, Move)>,
    pub(crate) fill: Option<Reported>,
    pub(crate) reverses: Option<EntryNumber>,
    pub(crate) reversed_by: Option<EntryNumber>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) new: NewPosition,
    pub(crate) opened_by: Option<OperationNumber>,
    pub(crate) is_closed: bool,
}

/// What a hold is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    Cash(Owner, Coin),
    Units(PositionNumber),
    /// A credit that is awaited.
    Expected(Owner, Coin),
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) value: Option<u8>,
    /// How often it was written, restorations included.
    pub(crate) version: u64,
    /// Which write the value is from; a restoration brings the earlier one back.
    pub(crate) written_by: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    /// Entry n stands at n - 1.
    pub(crate) entries: Vec<Entry>,
    /// Position n stands at n - 1.
    pub(crate) positions: Vec<Position>,
    pub(crate) holds: BTreeMap<(OperationNumber, Held), Amount>,
    pub(crate) attributes: BTreeMap<(PositionNumber, u8), Attribute>,
    attribute_writes: u64,
    pub(crate) opening_balances: BTreeMap<(Owner, Coin), EntryNumber>,
    pub(crate) imports: BTreeMap<(Owner, Coin, u8), EntryNumber>,
    pub(crate) halted: bool,
}

impl Book {
    pub(crate) fn balance(&self, owner: Owner, coin: Coin, kind: Kind) -> Amount {
        let legs = self.entries.iter().flat_map(|entry| &entry.legs);
        legs.filter(|leg| (leg.owner, leg.coin, leg.kind) == (owner, coin, kind))
            .map(|leg| leg.amount)
            .sum()
    }

    /// The part of the balance that positions moved.
    #[cfg(test)]
    fn moved(&self, owner: Owner, coin: Coin, kind: Kind) -> Amount {
        let moving = self.entries.iter().filter(|entry| {
            let reversed = entry.reverses.and_then(|number| self.entry(number));
            !reversed.unwrap_or(entry).moves.is_empty()
        });
        let legs = moving.flat_map(|entry| &entry.legs);
        legs.filter(|leg| (leg.owner, leg.coin, leg.kind) == (owner, coin, kind))
            .map(|leg| leg.amount)
            .sum()
    }

    pub(crate) fn held(&self, held: Held) -> Amount {
        self.holds.iter().filter(|((_, on), _)| *on == held).map(|(_, amount)| amount).sum()
    }

    pub(crate) fn available_cash(&self, owner: Owner, coin: Coin) -> Amount {
        self.balance(owner, coin, Kind::Cash) - self.held(Held::Cash(owner, coin))
    }

    pub(crate) fn available_units(&self, position: PositionNumber) -> Amount {
        self.standing(position).quantity() - self.held(Held::Units(position))
    }

    pub(crate) fn position(&self, number: PositionNumber) -> Option<&Position> {
        self.positions.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    pub(crate) fn entry(&self, number: EntryNumber) -> Option<&Entry> {
        self.entries.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Whether the entry was not reversed.
    pub(crate) fn stands(&self, number: EntryNumber) -> bool {
        self.entry(number).is_some_and(|entry| entry.reversed_by.is_none())
    }

    /// The entries that count for the position: what was reversed does not, nor does the reversal.
    fn counting(&self, position: PositionNumber) -> impl Iterator<Item = (EntryNumber, &Entry)> {
        let numbered = (1..).zip(&self.entries);
        numbered.filter(move |(_, entry)| {
            entry.reverses.is_none()
                && entry.reversed_by.is_none()
                && entry.moves.iter().any(|(number, _)| *number == position)
        })
    }

    pub(crate) fn last_entry(&self, position: PositionNumber) -> Option<EntryNumber> {
        self.counting(position).last().map(|(number, _)| number)
    }

    pub(crate) fn standing(&self, position: PositionNumber) -> Standing {
        let method = self.position(position).map_or(Method::Average, |one| one.new.method);
        let moves = self.counting(position).flat_map(|(_, entry)| &entry.moves);
        Standing::after(method, moves.filter(|(number, _)| *number == position).map(|(_, m)| m))
    }

    pub(crate) fn open_position_like(&self, new: &NewPosition) -> Option<PositionNumber> {
        let numbered = (1..).zip(&self.positions);
        let mut like = numbered.filter(|(_, one)| {
            !one.is_closed
                && (one.new.owner, one.new.coin, one.new.tag) == (new.owner, new.coin, new.tag)
        });
        like.next().map(|(number, _)| number)
    }

    /// What the operation recorded of the position at this venue and did not reverse.
    pub(crate) fn recorded(
        &self,
        operation: OperationNumber,
        position: PositionNumber,
        venue: Venue,
        is_buy: bool,
    ) -> (Amount, Amount, BTreeMap<Coin, Amount>) {
        let mut total = (0, 0, BTreeMap::new());
        for (_, entry) in self.counting(position) {
            let Some(fill) = &entry.fill else { continue };
            let is_same = (fill.venue, fill.is_buy) == (venue, is_buy);
            if entry.operation == Some(operation) && is_same {
                total.0 += fill.quantity;
                total.1 += fill.gross;
                for (coin, fee) in &fill.fees {
                    *total.2.entry(*coin).or_default() += fee;
                }
            }
        }
        total
    }

    /// Whether the venue's totals were recorded for this.
    pub(crate) fn has_totals(
        &self,
        operation: OperationNumber,
        position: PositionNumber,
        venue: Venue,
        is_buy: bool,
    ) -> bool {
        self.counting(position).any(|(_, entry)| {
            let is_same = |fill: &Reported| {
                fill.key.is_none() && (fill.venue, fill.is_buy) == (venue, is_buy)
            };
            entry.operation == Some(operation) && entry.fill.as_ref().is_some_and(is_same)
        })
    }

    /// The entries that have a fill: one, or one for each leg of a swap. One that was corrected under
    /// the same number has it no more.
    pub(crate) fn posted_as(&self, key: FillKey) -> Vec<EntryNumber> {
        let of_fill = |entry: &Entry| entry.fill.as_ref().is_some_and(|fill| fill.key == Some(key));
        let numbered = (1..).zip(&self.entries);
        let posted: Vec<_> = numbered.filter(|(_, entry)| of_fill(entry)).collect();
        let corrected = |number| {
            let corrects = |entry: &Entry| entry.fill.as_ref().and_then(|fill| fill.corrects);
            posted.iter().any(|(_, entry)| corrects(entry) == Some(number))
        };
        posted.iter().map(|(number, _)| *number).filter(|number| !corrected(*number)).collect()
    }

    /// Whether the entry is a reversed fill of the same account and assets that nothing corrects yet.
    pub(crate) fn is_to_be_corrected(&self, number: EntryNumber, new: &NewPosition) -> bool {
        let corrects = |entry: &Entry| entry.fill.as_ref().and_then(|fill| fill.corrects);
        let Some(entry) = self.entry(number) else { return false };
        let of_same = entry.moves.iter().all(|(position, _)| {
            self.position(*position).is_some_and(|one| {
                (one.new.owner, one.new.coin, one.new.quote) == (new.owner, new.coin, new.quote)
            })
        });
        let is_reversed_fill = entry.fill.is_some() && entry.reversed_by.is_some();
        let is_corrected = self.entries.iter().any(|one| corrects(one) == Some(number));
        is_reversed_fill && of_same && !is_corrected
    }

    /// Whether the operation recorded facts that stand.
    pub(crate) fn has_facts(&self, operation: OperationNumber) -> bool {
        self.entries.iter().any(|entry| {
            entry.operation == Some(operation)
                && entry.reversed_by.is_none()
                && entry.reverses.is_none()
                && !entry.moves.is_empty()
        })
    }

    /// Takes `amount` from what the operation holds there, then from what is available. Answers what
    /// is short.
    pub(crate) fn capture(
        &mut self,
        operation: Option<OperationNumber>,
        held: Held,
        amount: Amount,
    ) -> Amount {
        let key = operation.map(|operation| (operation, held));
        let own = key.and_then(|key| self.holds.get(&key).copied()).unwrap_or(0);
        let captured = own.min(amount);
        let available = match held {
            Held::Cash(owner, coin) => self.available_cash(owner, coin),
            Held::Units(position) => self.available_units(position),
            Held::Expected(..) => amount,
        };
        if let Some(key) = key {
            match own - captured {
                0 => self.holds.remove(&key),
                rest => self.holds.insert(key, rest),
            };
        }
        (amount - captured - available.max(0)).max(0)
    }

    /// Books an entry. What its cash accounts lose comes from holds and from what is available; what
    /// is short of that comes from Adjustment, if it may.
    pub(crate) fn book(&mut self, mut entry: Entry, cover: bool) -> Result<EntryNumber, Refusals> {
        for (owner, coin) in cash_of(&entry.legs) {
            let lost = -net(&entry.legs, owner, coin);
            if lost <= 0 {
                continue;
            }
            let short = self.capture(entry.operation, Held::Cash(owner, coin), lost);
            if short > 0 && !cover {
                return Err(refuse(Reply::Insufficient));
            }
            if short > 0 {
                entry.legs.extend(transfer(owner, coin, Kind::Adjustment, Kind::Cash, short));
            }
        }
        self.entries.push(entry);
        Ok(self.entries.len() as EntryNumber)
    }

    /// Writes an attribute. Answers what it was before and the number of this write.
    pub(crate) fn set_attribute(
        &mut self,
        position: PositionNumber,
        name: u8,
        value: Option<u8>,
    ) -> (Attribute, u64) {
        self.attribute_writes += 1;
        let attribute = self.attributes.entry((position, name)).or_default();
        let before = *attribute;
        let (version, written_by) = (before.version + 1, self.attribute_writes);
        *attribute = Attribute { value, version, written_by };
        (before, written_by)
    }

    /// Brings an earlier value back, as this version, unless somebody wrote since.
    pub(crate) fn restore_attribute(
        &mut self,
        position: PositionNumber,
        name: u8,
        before: Attribute,
        write: u64,
        version: u64,
    ) {
        let attribute = self.attributes.entry((position, name)).or_default();
        if attribute.written_by == write {
            *attribute = Attribute { version, ..before };
        }
    }

    /// Gives everything back that the operation holds.
    pub(crate) fn release(&mut self, operation: OperationNumber) {
        self.holds.retain(|(holder, _), _| *holder != operation);
    }

    /// Books the inverse of an entry.
    pub(crate) fn reverse(
        &mut self,
        operation: Option<OperationNumber>,
        number: EntryNumber,
    ) -> Result<EntryNumber, Refusals> {
        let entry = self.entry(number).cloned().ok_or_else(|| refuse(Reply::UnknownEntry))?;
        if entry.reversed_by.is_some() {
            return Err(refuse(Reply::AlreadyReversed));
        }
        if entry.reverses.is_some() {
            return Err([Reply::AlreadyReversed, Reply::EffectMismatch].into());
        }
        // Whatever stands in the way of any of its positions is a reason.
        let mut refusals = Refusals::new();
        for (position, _) in &entry.moves {
            if self.last_entry(*position) != Some(number) {
                refusals.insert(Reply::NotLast);
            } else if let Err(more) = self.take_back(operation, *position, number) {
                refusals.extend(more);
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let legs = entry.legs.iter().map(|leg| Leg { amount: -leg.amount, ..*leg }).collect();
        let moves = Vec::new();
        let reverses = Some(number);
        let inverse = Entry { operation, legs, moves, fill: None, reverses, reversed_by: None };
        let by = self.book(inverse, false)?;
        self.entries[number as usize - 1].reversed_by = Some(by);
        Ok(by)
    }

    /// Takes the units of a position's last entry back.
    fn take_back(
        &mut self,
        operation: Option<OperationNumber>,
        position: PositionNumber,
        last: EntryNumber,
    ) -> Result<(), Refusals> {
        let left = self.without(last).standing(position).quantity();
        if left > 0 {
            self.reopen(position)?;
        }
        let lost = self.standing(position).quantity() - left;
        if lost > 0 && self.capture(operation, Held::Units(position), lost) > 0 {
            return Err(refuse(Reply::Insufficient));
        }
        Ok(())
    }

    fn without(&self, number: EntryNumber) -> Self {
        let mut book = self.clone();
        book.entries[number as usize - 1].reversed_by = Some(0);
        book
    }

    /// An entry of a closed position that is reversed opens it again, if its key is free.
    fn reopen(&mut self, position: PositionNumber) -> Result<(), Refusals> {
        let index = position as usize - 1;
        if self.positions[index].is_closed {
            let new = self.positions[index].new.clone();
            if self.open_position_like(&new).is_some() {
                return Err(refuse(Reply::DuplicatePosition));
            }
            self.positions[index].is_closed = false;
        }
        Ok(())
    }

    /// What no book may be: answers what is wrong with this one.
    #[cfg(test)]
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (number, entry) in (1..).zip(&self.entries) {
            for coin in Coin::ALL {
                let legs = entry.legs.iter().filter(|leg| leg.coin == coin);
                let sum: Amount = legs.map(|leg| leg.amount).sum();
                if sum != 0 {
                    faults.push(format!("entry {number} sums to {sum} {coin:?}"));
                }
            }
        }
        for (owner, coin) in pairs() {
            let available = self.available_cash(owner, coin);
            if available < 0 {
                faults.push(format!("{owner:?} has {available} {coin:?} available"));
            }
            let (mut units, mut cost, mut realized) = (0, 0, 0);
            for (number, one) in (1..).zip(&self.positions) {
                let standing = self.standing(number);
                if (one.new.owner, one.new.coin) == (owner, coin) {
                    units += standing.quantity();
                }
                if (one.new.owner, one.new.quote) == (owner, coin) {
                    cost += standing.cost();
                    realized += standing.realized;
                }
            }
            let expected =
                [(Kind::Units, units), (Kind::Cost, cost), (Kind::RealizedPnl, -realized)];
            for (kind, sum) in expected {
                let balance = self.moved(owner, coin, kind);
                if balance != sum {
                    faults.push(format!("{owner:?} {coin:?} {kind:?}: {balance} is not {sum}"));
                }
            }
        }
        for (number, one) in (1..).zip(&self.positions) {
            let available = self.available_units(number);
            if available < 0 {
                faults.push(format!("position {number} has {available} available"));
            }
            if one.is_closed && self.standing(number).quantity() != 0 {
                faults.push(format!("position {number} is closed and not empty"));
            }
        }
        faults
    }
}

/// Every account's owner and asset.
pub(crate) fn pairs() -> impl Iterator<Item = (Owner, Coin)> {
    Owner::ALL.into_iter().flat_map(|owner| Coin::ALL.map(|coin| (owner, coin)))
}

/// Two legs that move `amount` from one kind of account to another of the same owner.
pub(crate) fn transfer(owner: Owner, coin: Coin, from: Kind, to: Kind, amount: Amount) -> Vec<Leg> {
    if amount == 0 {
        return Vec::new();
    }
    vec![Leg { owner, coin, kind: from, amount: -amount }, Leg { owner, coin, kind: to, amount }]
}

fn cash_of(legs: &[Leg]) -> Vec<(Owner, Coin)> {
    pairs()
        .filter(|(owner, coin)| {
            legs.iter().any(|leg| (leg.owner, leg.coin, leg.kind) == (*owner, *coin, Kind::Cash))
        })
        .collect()
}

fn net(legs: &[Leg], owner: Owner, coin: Coin) -> Amount {
    let own =
        legs.iter().filter(|leg| (leg.owner, leg.coin, leg.kind) == (owner, coin, Kind::Cash));
    own.map(|leg| leg.amount).sum()
}
