//! Tests of the ledger by itself. After every commit everything is verified, and a refusal has to
//! leave every row as it was.

mod altered;
mod corrections;
mod costs;
mod examples;
mod limits;
mod outcomes;
mod shortfalls;
mod spoilt;
mod told;

use std::sync::Arc;

use super::{
    Effect, Error, Fill, LedgerTx, Limits, NewPosition, OperationId, Position, PositionId,
};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::Background;
use crate::money::{Amount, Asset, Money};
use crate::store::{Mode, Options, Store};

pub(super) const MAIN: &str = "main";

/// A store of which only the ledger is used.
pub(super) struct Book {
    pub(super) store: Store,
    pub(super) clock: ManualClock,
}

impl Book {
    pub(super) fn new() -> Self {
        Self::limited(Limits::new())
    }

    pub(super) fn limited(limits: Limits) -> Self {
        let clock = ManualClock::new(Timestamp::from_micros(1_000_000));
        let options = Options::new(Mode::Paper, usd())
            .background(Background::Manual)
            .clock(Arc::new(clock.clone()))
            .limits(limits)
            .seed(1);
        let store = options.open_on(Arc::new(MemoryDisk::new())).unwrap();
        Self { store, clock }
    }

    /// Runs `body` as one commit and verifies everything behind it.
    pub(super) fn write<T>(
        &self,
        body: impl FnOnce(&mut LedgerTx<'_>) -> Result<T, Error>,
    ) -> Result<T, crate::Error> {
        let before = self.store.snapshot().lsn();
        let outcome: Result<T, crate::Error> =
            self.store.write(|tx| Ok(body(&mut tx.ledger_tx())?));
        let snapshot = self.store.snapshot();
        if outcome.is_err() {
            assert_eq!(snapshot.lsn(), before, "a refusal changed something");
        }
        assert_eq!(snapshot.ledger().verify().unwrap(), []);
        outcome
    }

    pub(super) fn deposit(&self, money: &Money) {
        self.write(|ledger| ledger.deposit(MAIN, money)).unwrap();
    }

    /// Opens a position for operation 1 without holding anything.
    pub(super) fn open(&self, new: &NewPosition) -> PositionId {
        self.write(|ledger| ledger.open_position(operation(1), new)).unwrap()
    }

    pub(super) fn post(&self, number: u64, effect: &Effect) -> Result<super::Posted, crate::Error> {
        self.write(|ledger| ledger.post(operation(number), effect))
    }

    pub(super) fn position(&self, id: PositionId) -> Position {
        self.store.snapshot().ledger().position(id).unwrap()
    }

    /// Available and reserved cash.
    pub(super) fn cash(&self, asset: &Asset) -> (i128, i128) {
        let balance = self.store.snapshot().ledger().balance(MAIN, asset).unwrap();
        (balance.available.amount().units(), balance.reserved.amount().units())
    }

    /// The balance of one of the account's accounts.
    pub(super) fn balance(&self, asset: &Asset, kind: super::AccountKind) -> i128 {
        let accounts = self.store.snapshot().ledger().accounts(MAIN).unwrap();
        let found = accounts
            .iter()
            .find(|account| account.kind == kind && account.balance.asset() == asset);
        found.map_or(0, |account| account.balance.amount().units())
    }
}

pub(super) fn operation(number: u64) -> OperationId {
    OperationId::new(number)
}

/// Two decimals, so that 100 is one dollar.
pub(super) fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).unwrap()
}

pub(super) fn token() -> Asset {
    Asset::new("solana", "TOKEN", 0).unwrap()
}

pub(super) fn gas() -> Asset {
    Asset::new("solana", "GAS", 9).unwrap()
}

pub(super) fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).unwrap()
}

pub(super) fn tokens(units: i128) -> Money {
    Money::new(token(), Amount::from_units(units))
}

pub(super) fn new_position() -> NewPosition {
    NewPosition::new(MAIN, token(), usd())
}

/// A fill at the only venue of these tests.
pub(super) fn fill(id: &str, quantity: i128, gross: &str) -> Fill {
    Fill::new("venue", id, tokens(quantity), dollars(gross))
}
