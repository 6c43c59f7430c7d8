//! Draws what an operation is to do.

use crate::simulation::choices::Choices;

use super::deeds::{cash, cursor, owner, position};
use super::{SECOND, pick};
use crate::simulation::cast::Coin;
use crate::simulation::model::Model;
use crate::simulation::model::words::*;

pub(super) fn new_position(rng: &mut Choices<'_>) -> NewPosition {
    NewPosition {
        owner: owner(rng),
        coin: *pick(rng, &[Coin::Yes, Coin::Yes, Coin::No, Coin::No, Coin::Bnb]),
        quote: Coin::Usd,
        tag: u8::from(rng.u8(..4) == 0),
        method: if rng.u8(..3) == 0 { Method::Fifo } else { Method::Average },
    }
}

pub(super) fn intent(rng: &mut Choices<'_>, model: &Model) -> Intent {
    let owner = owner(rng);
    let key = rng.u8(..200);
    let any_open = model.book.positions.iter().any(|one| !one.is_closed);
    let amount = if rng.u8(..25) == 0 { rng.i128(-1..1) } else { rng.i128(1..200) };
    let kind = rng.u8(..20);
    let kind = if any_open || kind < 4 || rng.u8(..6) == 0 { kind } else { 4 };
    let mut intent = match kind {
        0 | 1 => Intent::new(key, Task::Deduct(owner, (cash(rng), amount))),
        2 | 3 => Intent::new(key, Task::Add(owner, (cash(rng), amount))),
        4..9 => Intent { holds: holds(rng), ..Intent::new(key, Task::Open(new_position(rng))) },
        9..11 => {
            let quantity = (rng.u8(..3) == 0).then(|| rng.i128(1..15));
            Intent::new(key, Task::Close(position(rng, model), quantity))
        }
        11 | 12 => Intent::new(key, Task::Update(position(rng, model))),
        nth => {
            let task = if nth < 18 { Task::Trade(owner) } else { Task::Custom(owner) };
            trade(rng, model, Intent::new(key, task))
        }
    };
    if rng.bool() {
        intent.touches.push(Coin::Bnb);
    }
    if matches!(intent.task, Task::Close(..)) && rng.u8(..4) == 0 {
        intent.holds.push((Coin::Bnb, rng.i128(1..5)));
    }
    intent.payload = rng.u8(..2);
    intent.max_attempts = rng.u32(1..4);
    intent.idempotent = rng.bool();
    intent.deadline = (rng.u8(..3) == 0).then(|| model.now + rng.i64(-2..60) * SECOND);
    if rng.u8(..4) == 0 {
        intent.claim = Some((rng.u8(..2), rng.u8(..6), model.now + rng.i64(-50..7) * 60 * SECOND));
    }
    intent.cursor = (rng.u8(..8) == 0).then(|| cursor(rng, model));
    intent
}

fn holds(rng: &mut Choices<'_>) -> Vec<Sum> {
    let mut holds = Vec::new();
    if rng.u8(..10) > 0 {
        holds.push((Coin::Usd, rng.i128(1..150)));
    }
    if rng.u8(..4) == 0 {
        holds.push((Coin::Bnb, rng.i128(1..10)));
    }
    holds
}

/// A trade over several positions, which mostly belong to the trade's owner.
fn trade(rng: &mut Choices<'_>, model: &Model, mut intent: Intent) -> Intent {
    let (Task::Trade(owner) | Task::Custom(owner)) = intent.task else { return intent };
    intent.holds = holds(rng);
    let open: Vec<_> = (1..)
        .zip(&model.book.positions)
        .filter(|(_, one)| !one.is_closed && (one.new.owner == owner || rng.u8(..8) == 0))
        .map(|(number, _)| number)
        .collect();
    for number in open.into_iter().take(3) {
        match rng.u8(..4) {
            0 => intent.increases.push(number),
            1 | 2 => {
                let available = model.book.available_units(number).max(0);
                let quantity = match rng.u8(..6) {
                    0 => available + 1,
                    1..3 => available,
                    _ => rng.i128(0..=available),
                };
                intent.reduces.push((number, quantity.max(1)));
            }
            _ => {}
        }
    }
    let outcomes = [Coin::Yes, Coin::No];
    let is_bare = intent.increases.is_empty() && intent.reduces.is_empty();
    let opens = rng.u8(..3) == 0 || (is_bare && rng.u8(..8) > 0);
    let opened = if opens { rng.usize(1..=2) } else { 0 };
    for coin in &outcomes[..opened] {
        intent.opens.push(NewPosition { owner, coin: *coin, ..new_position(rng) });
    }
    if rng.u8(..6) == 0 {
        intent.owners.push(super::deeds::owner(rng));
    }
    intent
}
