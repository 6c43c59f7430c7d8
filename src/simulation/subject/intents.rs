//! Intents, as the store wants to be told them.

use crate::clock::Timestamp;
use crate::ledger::PositionId;
use crate::operations::Intent;

use super::deeds::{cursor, namespace};
use super::translate::{asset, money, new_position};
use crate::simulation::cast::Coin;
use crate::simulation::model::Model;
use crate::simulation::model::words::{self, Task};

pub(crate) fn key(number: u8) -> String {
    format!("deal-{number}")
}

pub(crate) fn intent(model: &Model, intent: &words::Intent) -> Intent {
    let key = key(intent.key);
    let units = |number: u64, quantity| {
        let position = model.book.position(number);
        money((position.map_or(Coin::Yes, |position| position.new.coin), quantity))
    };
    let mut told = match &intent.task {
        Task::Deduct(owner, sum) => Intent::deduct(key, owner.name(), money(*sum)),
        Task::Add(owner, sum) => Intent::add(key, owner.name(), money(*sum)),
        Task::Open(new) => Intent::open(key, new_position(new)),
        Task::Close(position, quantity) => {
            let told = Intent::close(key, PositionId::new(*position));
            match quantity {
                Some(quantity) => told.quantity(units(*position, *quantity)),
                None => told,
            }
        }
        Task::Update(position) => Intent::update(key, PositionId::new(*position)),
        Task::Trade(owner) => Intent::trade(key, owner.name()),
        Task::Custom(owner) => Intent::custom(key, "rebalance", owner.name()),
    };
    for hold in &intent.holds {
        told = told.hold(money(*hold));
    }
    for (position, quantity) in &intent.reduces {
        told = told.reduce(PositionId::new(*position), units(*position, *quantity));
    }
    for position in &intent.increases {
        told = told.increase(PositionId::new(*position));
    }
    for new in &intent.opens {
        told = told.opens(new_position(new));
    }
    for coin in &intent.touches {
        told = told.touches(asset(*coin));
    }
    for owner in &intent.owners {
        told = told.account(owner.name());
    }
    told = told.payload([intent.payload]).max_attempts(intent.max_attempts);
    if intent.idempotent {
        told = told.idempotent();
    }
    if let Some(deadline) = intent.deadline {
        told = told.deadline(Timestamp::from_micros(deadline));
    }
    if let Some((space, key, at)) = intent.claim {
        told = told.claim(namespace(space), [key], Timestamp::from_micros(at));
    }
    if let Some((name, expected, value)) = intent.cursor {
        let expected = expected.map(|value| [value]);
        told = told.cursor(cursor(name), expected.as_ref().map(|value| &value[..]), [value]);
    }
    told
}
