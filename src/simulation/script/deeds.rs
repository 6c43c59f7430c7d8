//! Draws what is done by hand.

use crate::simulation::choices::Choices;

use super::{SECOND, pick};
use crate::simulation::cast::{Coin, Owner};
use crate::simulation::model::Model;
use crate::simulation::model::effect::Undo;
use crate::simulation::model::hand::Deed;
use crate::simulation::model::tokens::{MOCK, Quote, Saying};
use crate::simulation::model::words::*;

pub(super) fn owner(rng: &mut Choices<'_>) -> Owner {
    if rng.u8(..5) == 0 { Owner::Side } else { Owner::Main }
}

pub(super) fn cash(rng: &mut Choices<'_>) -> Coin {
    if rng.u8(..5) == 0 { Coin::Bnb } else { Coin::Usd }
}

/// Money for an owner who is about to run out of it, mostly.
pub(super) fn relief(rng: &mut Choices<'_>, model: &Model) -> Option<Deed> {
    let (owner, coin) = (owner(rng), cash(rng));
    let is_poor = model.book.available_cash(owner, coin) < if coin == Coin::Usd { 200 } else { 10 };
    (is_poor && rng.u8(..3) > 0).then(|| Deed::Deposit(owner, (coin, rng.i128(100..1_500))))
}

pub(super) fn deed(rng: &mut Choices<'_>, model: &Model) -> Deed {
    let (owner, coin) = (owner(rng), cash(rng));
    // Now and then more than there is, less than nothing, or nothing.
    let amount = match rng.u8(..20) {
        0 => 0,
        1 => -3,
        _ => rng.i128(1..300),
    };
    match rng.u8(..28) {
        0..3 => Deed::Deposit(owner, (coin, amount)),
        3 => Deed::Withdraw(owner, (coin, amount)),
        4 => Deed::Withdraw(owner, (coin, model.book.available_cash(owner, coin))),
        5 => Deed::OpeningBalance(owner, (coin, amount)),
        6 | 7 => Deed::ImportPosition {
            new: super::intents::new_position(rng),
            quantity: amount / 10,
            cost: if rng.u8(..9) == 0 { -amount } else { amount },
            opened_at: model.now + rng.i64(-50..8) * 60 * SECOND,
        },
        8..12 => Deed::Reverse(entry(rng, model)),
        12..15 => {
            let applied: Vec<_> = applied_attributes(model).collect();
            let (position, name) = match applied.is_empty() || rng.u8(..3) == 0 {
                true => (position(rng, model), rng.u8(..2)),
                // Somebody writes over what an operation may want to take back.
                false => *pick(rng, &applied),
            };
            let known = model.book.attributes.get(&(position, name));
            let version = known.map_or(0, |attribute| attribute.version);
            let value = (rng.u8(..4) > 0).then(|| rng.u8(..3));
            let seen = *pick(rng, &[None, Some(version), Some(version), Some(version + 1)]);
            Deed::SetAttribute { position, name, value, seen }
        }
        15 => Deed::Halt,
        16..19 => Deed::Resume,
        19..21 => Deed::Claim {
            namespace: rng.u8(..2),
            key: rng.u8(..4),
            at: model.now + rng.i64(-50..8) * 60 * SECOND,
        },
        21 if rng.u8(..3) == 0 => Deed::PruneClaims,
        21..24 => {
            let (name, expected, value) = cursor(rng, model);
            Deed::SetCursor { name, expected, value }
        }
        24..27 => claims_price(rng, model),
        _ => Deed::Adjust(owner, (coin, amount)),
    }
}

/// What somebody says of the price of an event, one that was claimed or not.
fn claims_price(rng: &mut Choices<'_>, model: &Model) -> Deed {
    let (namespace, key) = (rng.u8(..2), rng.u8(..4));
    match rng.u8(..6) {
        0 => Deed::PriceFound { namespace, key },
        1 => {
            let at = model.now + rng.i64(-20..7) * 60 * SECOND;
            Deed::PriceUnavailable { namespace, key, at }
        }
        _ => Deed::PriceUnavailable { namespace, key, at: model.now },
    }
}

/// The attributes that unfinished operations wrote and may take back.
fn applied_attributes(model: &Model) -> impl Iterator<Item = (PositionNumber, u8)> {
    let undo = model.operations.iter().flat_map(|one| &one.undo);
    undo.filter_map(|undo| match undo {
        Undo::Attribute { position, name, .. } => Some((*position, *name)),
        Undo::Entry(_) => None,
    })
}

/// A cursor's name, what it is expected to be, and what it is to be.
pub(super) fn cursor(rng: &mut Choices<'_>, model: &Model) -> (u8, Option<u8>, u8) {
    let name = rng.u8(..2);
    let right = model.cursors.get(&name).copied();
    let expected = if rng.u8(..5) == 0 { Some(rng.u8(..3)) } else { right };
    (name, expected, rng.u8(..3))
}

/// An entry, the younger the likelier, and now and then one that is not there.
pub(super) fn entry(rng: &mut Choices<'_>, model: &Model) -> EntryNumber {
    let count = model.book.entries.len() as u64;
    match rng.u8(..12) {
        0 => count + 1,
        1 => 0,
        _ if count == 0 => 1,
        2..5 => rng.u64(1..=count),
        _ => rng.u64(count.saturating_sub(4).max(1)..=count),
    }
}

/// A position, open ones mostly, and now and then one that is not there.
pub(super) fn position(rng: &mut Choices<'_>, model: &Model) -> PositionNumber {
    let count = model.book.positions.len() as u64;
    let open: Vec<_> =
        (1..=count).filter(|n| model.book.position(*n).is_some_and(|one| !one.is_closed)).collect();
    match rng.u8(..12) {
        0 => count + 1,
        1 if count > 0 => rng.u64(1..=count),
        2 if open.is_empty() => count.max(1),
        _ if open.is_empty() => rng.u64(1..=count.max(1)),
        _ => *pick(rng, &open),
    }
}

/// What somebody says of a token, as a deed: few times and prices, so that many are equal.
pub(super) fn saying(rng: &mut Choices<'_>, model: &Model) -> Deed {
    let at = match rng.u8(..20) {
        0 => model.now + rng.i64(290..310) * SECOND,
        1..4 => model.now,
        _ => super::START_MICROS + rng.i64(-4..12) * SECOND,
    };
    let price = match rng.u8(..8) {
        0 => Quote::NotGiven,
        1 => Quote::Unavailable,
        2 => Quote::Given(0),
        _ => Quote::Given(rng.u64(1..8)),
    };
    let source = *rng.pick(&[0, 0, 1, 2, MOCK]);
    let mut sometimes = |one_in: u8, below: u8| (rng.u8(..one_in) == 0).then(|| rng.u8(..below));
    Deed::Upsert(Saying {
        token: sometimes(2, 6).unwrap_or(0),
        source,
        at,
        seq: sometimes(2, 3).map(u64::from),
        price,
        symbol: sometimes(4, 3),
        name: sometimes(4, 3),
        decimals: sometimes(4, 3),
        market_cap: sometimes(4, 4).map(u64::from),
    })
}
