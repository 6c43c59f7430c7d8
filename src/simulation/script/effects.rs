//! Draws what an operation did: mostly what it was begun for, in amounts of the venue's choosing.

use crate::simulation::choices::Choices;

use super::deeds::{cash, entry, owner, position};
use super::pick;
use crate::simulation::cast::{Coin, Kind, Venue};
use crate::simulation::model::book::{FillKey, Held};
use crate::simulation::model::effect::Role;
use crate::simulation::model::words::*;
use crate::simulation::model::{Model, Operation};

/// Whether the operation trades at all.
pub(super) fn has_facts(model: &Model, number: OperationNumber) -> bool {
    let task = model.operation(number).map(|one| &one.intent.task);
    !matches!(task, Some(Task::Deduct(..) | Task::Add(..) | Task::Update(_)))
}

/// Whether the operation does nothing else.
pub(super) fn only_facts(model: &Model, number: OperationNumber) -> bool {
    let task = model.operation(number).map(|one| &one.intent.task);
    matches!(task, Some(Task::Open(_) | Task::Close(..) | Task::Trade(_)))
}

/// What the venue did, in one to three parts.
pub(super) fn facts(rng: &mut Choices<'_>, model: &Model, number: OperationNumber) -> Effect {
    let count = if rng.u8(..4) == 0 { rng.usize(2..4) } else { 1 };
    let parts = (0..count).map(|_| fact(rng, model, number)).collect();
    let cover = rng.u8(..6) == 0;
    spoil(rng, model, Effect { parts, cover })
}

/// What can be taken back.
pub(super) fn provisional(rng: &mut Choices<'_>, model: &Model, number: OperationNumber) -> Effect {
    let count = if rng.u8(..4) == 0 { rng.usize(2..4) } else { 1 };
    let parts = (0..count).map(|_| plan(rng, model, number)).collect();
    spoil(rng, model, Effect { parts, cover: false })
}

/// What an operation ends with.
pub(super) fn last(rng: &mut Choices<'_>, model: &Model, number: OperationNumber) -> Effect {
    let task = model.operation(number).map(|one| &one.intent.task);
    match (task, rng.u8(..8)) {
        (_, 0) => Effect::default(),
        (Some(Task::Deduct(..) | Task::Add(..) | Task::Update(_)), _) => {
            provisional(rng, model, number)
        }
        (Some(Task::Custom(_)), 1..4) => provisional(rng, model, number),
        _ => facts(rng, model, number),
    }
}

/// Now and then a part that belongs somewhere else.
fn spoil(rng: &mut Choices<'_>, model: &Model, mut effect: Effect) -> Effect {
    if rng.u8(..25) == 0 {
        let (stranger, other) = (position(rng, model), position(rng, model));
        let stray = match rng.u8(..4) {
            0 => Part::Deposit(owner(rng), (cash(rng), 5)),
            1 => Part::Attribute(stranger, 0, Some(1)),
            2 => Part::Sell(stranger, fill(rng, model, None, other, 2)),
            _ => Part::Buy(stranger, fill(rng, model, None, stranger, 2)),
        };
        effect.parts.push(stray);
    }
    effect
}

fn fact(rng: &mut Choices<'_>, model: &Model, number: OperationNumber) -> Part {
    let Some(one) = model.operation(number) else {
        return Part::Buy(1, fill(rng, model, None, 1, 1));
    };
    let named = |wanted: fn(Role) -> bool| -> Vec<PositionNumber> {
        let roles = one.scope.roles.iter().filter(|(_, role)| wanted(**role));
        roles.map(|(position, _)| *position).collect()
    };
    let (raised, reduced) = (named(Role::raises), named(|role| role == Role::Reduces));
    let amount = rng.i128(1..40);
    match rng.u8(..8) {
        0 if raised.len() > 1 => {
            let given = rng.u8(..3) == 0;
            let mut rest = amount;
            let mut outcomes = Vec::new();
            for (nth, position) in raised.iter().enumerate() {
                let share = if nth + 1 == raised.len() { rest } else { rng.i128(0..=rest) };
                rest -= share;
                outcomes.push((*position, given.then_some(share)));
            }
            Part::Split((Coin::Usd, amount), outcomes)
        }
        1 if reduced.len() > 1 => {
            let held = |position: &u64| {
                model.book.holds.get(&(number, Held::Units(*position))).copied().unwrap_or(0)
            };
            let amount = match reduced.iter().map(held).min() {
                Some(most) if most > 0 => rng.i128(1..=most),
                _ => amount,
            };
            Part::Merge((Coin::Usd, amount), reduced)
        }
        _ => {
            let named: Vec<_> = one.scope.roles.iter().collect();
            if named.is_empty() {
                return Part::Buy(1, fill(rng, model, None, 1, 1));
            }
            let (position, role) = *pick(rng, &named);
            if role.raises() {
                return Part::Buy(*position, fill(rng, model, Some(number), *position, amount));
            }
            let held = model.book.holds.get(&(number, Held::Units(*position)));
            let held = held.copied().unwrap_or(0);
            let quantity = match rng.u8(..8) {
                0 => held + rng.i128(1..4),
                1..4 if held > 0 => held,
                _ if held > 0 => rng.i128(1..=held),
                _ => rng.i128(1..4),
            };
            let fill = fill(rng, model, Some(number), *position, quantity);
            if rng.u8(..4) == 0 {
                Part::Redeem(*position, fill)
            } else {
                Part::Sell(*position, fill)
            }
        }
    }
}

fn fill(
    rng: &mut Choices<'_>,
    model: &Model,
    by: Option<OperationNumber>,
    position: PositionNumber,
    quantity: Amount,
) -> Fill {
    let new = model.book.position(position).map(|one| &one.new);
    let coin = new.map_or(Coin::Yes, |new| new.coin);
    let quote = new.map_or(Coin::Usd, |new| new.quote);
    let mut fees = Vec::new();
    if rng.bool() {
        fees.push((quote, rng.i128(-1..4)));
    }
    if rng.u8(..6) == 0 {
        fees.push((coin, rng.i128(0..=quantity.clamp(0, 2))));
    }
    let one = by.and_then(|number| model.operation(number));
    let is_named = one.is_some_and(|one| one.scope.coins.contains(&Coin::Bnb));
    if rng.u8(..if is_named { 3 } else { 25 }) == 0 {
        fees.push((Coin::Bnb, rng.i128(0..3)));
    }
    let mut fill = Fill {
        venue: if rng.u8(..8) == 0 { Venue::Kraken } else { Venue::Binance },
        id: Some(fill_id(rng, model)),
        quantity: (coin, quantity),
        gross: (quote, if rng.u8(..10) == 0 { 0 } else { rng.i128(0..150) }),
        fees,
        corrects: None,
    };
    match rng.u8(..8) {
        0 => corrects(rng, model, &mut fill),
        1 => total(rng, model, by.unwrap_or(0), position, &mut fill),
        _ => {}
    }
    match rng.u8(..60) {
        0 => fill.quantity.1 = 0,
        1 => fill.quantity.1 = -1,
        2 => fill.gross.1 = -1,
        3 => fill.quantity.0 = Coin::Usd,
        4 => fill.gross.0 = Coin::Bnb,
        5 => fill.fees.push((*pick(rng, &[coin, Coin::Bnb]), -1)),
        6 => fill.fees.push((coin, 500)),
        _ => {}
    }
    fill
}

/// A number that is new to the venue mostly, and one that was seen before otherwise.
fn fill_id(rng: &mut Choices<'_>, model: &Model) -> u8 {
    let seen: Vec<u8> = keys(model).map(|(_, (_, _, id))| id).collect();
    if !seen.is_empty() && rng.u8(..6) == 0 { *pick(rng, &seen) } else { rng.u8(..) }
}

/// The entries of fills that have a number, and their numbers.
fn keys(model: &Model) -> impl Iterator<Item = (EntryNumber, FillKey)> {
    let numbered = (1..).zip(&model.book.entries);
    numbered.filter_map(|(number, entry)| Some((number, entry.fill.as_ref()?.key?)))
}

/// The fill states the order's totals, which are what is recorded and a little more, mostly.
fn total(
    rng: &mut Choices<'_>,
    model: &Model,
    number: OperationNumber,
    position: PositionNumber,
    fill: &mut Fill,
) {
    let raises = |one: &Operation| one.scope.roles.get(&position).is_some_and(|role| role.raises());
    let is_buy = model.operation(number).is_some_and(raises);
    let (quantity, gross, fees) = model.book.recorded(number, position, fill.venue, is_buy);
    fill.id = None;
    if rng.u8(..4) > 0 {
        fill.fees.extend(fees);
    }
    if rng.u8(..6) > 0 {
        fill.quantity.1 = quantity + rng.i128(0..4);
        fill.gross.1 = gross + rng.i128(0..40);
    }
}

/// The fill stands in the place of one that was reversed, or says so.
fn corrects(rng: &mut Choices<'_>, model: &Model, fill: &mut Fill) {
    let reversed: Vec<_> = keys(model).filter(|(number, _)| !model.book.stands(*number)).collect();
    if reversed.is_empty() || rng.u8(..6) == 0 {
        fill.corrects = Some(entry(rng, model));
        return;
    }
    let (number, (_, venue, id)) = pick(rng, &reversed);
    fill.corrects = Some(*number);
    if rng.u8(..4) > 0 {
        (fill.venue, fill.id) = (*venue, Some(*id));
    }
}

fn plan(rng: &mut Choices<'_>, model: &Model, number: OperationNumber) -> Part {
    let Some(one) = model.operation(number) else {
        return Part::Deposit(owner(rng), (Coin::Usd, 1));
    };
    let amount = if rng.u8(..25) == 0 { 0 } else { rng.i128(1..120) };
    match &one.intent.task {
        Task::Deduct(owner, (coin, whole)) => {
            let amount = if rng.bool() { *whole } else { amount };
            Part::Withdraw(*owner, (*coin, amount))
        }
        Task::Add(owner, (coin, whole)) => {
            let amount = if rng.bool() { *whole } else { amount };
            Part::Deposit(*owner, (*coin, amount))
        }
        Task::Custom(owner) => match rng.u8(..4) {
            0 => Part::Deposit(*owner, (Coin::Usd, amount)),
            1 => Part::Withdraw(*owner, (Coin::Usd, amount)),
            2 => attribute(rng, model, one.scope.roles.keys().copied().collect()),
            _ => {
                let owners: Vec<_> = one.scope.owners.iter().collect();
                let (from, to) = (**pick(rng, &owners), **pick(rng, &owners));
                let from_kind = *pick(rng, &[Kind::Cash, Kind::Cash, Kind::Fees, Kind::World]);
                let to_kind = *pick(rng, &[Kind::Cash, Kind::Fees, Kind::Adjustment, Kind::Cost]);
                let coin = if rng.u8(..5) == 0 { Coin::Bnb } else { Coin::Usd };
                let given = if rng.u8(..20) == 0 { amount + 1 } else { amount };
                Part::Entry(vec![
                    Leg { owner: from, coin, kind: from_kind, amount: -amount },
                    Leg { owner: to, coin, kind: to_kind, amount: given },
                ])
            }
        },
        _ => attribute(rng, model, one.scope.roles.keys().copied().collect()),
    }
}

fn attribute(rng: &mut Choices<'_>, model: &Model, named: Vec<PositionNumber>) -> Part {
    let position = if named.is_empty() { position(rng, model) } else { *pick(rng, &named) };
    Part::Attribute(position, rng.u8(..2), (rng.u8(..4) > 0).then(|| rng.u8(..3)))
}
