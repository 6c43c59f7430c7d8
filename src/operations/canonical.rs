//! Canonical bytes: the same for the same content, and for no other. Hashes that are stored are made
//! of them, so the layout here is part of the format.

use xxhash_rust::xxh3::xxh3_128;

use crate::ledger::{CostMethod, Effect, Fill, FillId, Leg, NewPosition, Part};
use crate::money::{Asset, Money};

/// Bytes in which every text and list is preceded by its length, and every number has 8 bytes.
#[derive(Default)]
pub(super) struct Canonical(Vec<u8>);

impl Canonical {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn hash(&self) -> u128 {
        xxh3_128(&self.0)
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn asset(&mut self, asset: &Asset) {
        self.bytes(asset.key().as_bytes());
        self.number(asset.scale().into());
    }

    pub(super) fn money(&mut self, money: &Money) {
        self.asset(money.asset());
        self.0.extend_from_slice(&money.amount().units().to_le_bytes());
    }

    pub(super) fn new_position(&mut self, position: &NewPosition) {
        self.bytes(position.account.as_bytes());
        self.asset(&position.asset);
        self.asset(&position.quote);
        self.bytes(position.tag.as_bytes());
        self.number(u64::from(position.method == CostMethod::Fifo));
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.number(u64::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn fill(&mut self, fill: &Fill) {
        self.bytes(fill.venue.as_bytes());
        let id = match &fill.id {
            FillId::Execution(id) => Some(id.as_bytes()),
            FillId::Cumulative => None,
        };
        self.optional(id, Self::bytes);
        self.money(&fill.quantity);
        self.money(&fill.gross);
        self.number(fill.fees.len() as u64);
        fill.fees.iter().for_each(|fee| self.money(fee));
        self.optional(fill.corrects, |this, entry| this.number(entry.get()));
    }

    fn leg(&mut self, leg: &Leg) {
        self.bytes(leg.account.as_bytes());
        self.number(leg.kind as u64);
        self.money(&leg.money);
    }

    fn part(&mut self, part: &Part) {
        let mut traded = |number, position: u64, fill| {
            self.number(number);
            self.number(position);
            self.fill(fill);
        };
        match part {
            Part::Buy { position, fill } => traded(0, position.get(), fill),
            Part::Sell { position, fill } => traded(1, position.get(), fill),
            Part::Redeem { position, fill } => traded(2, position.get(), fill),
            Part::Split { cash, outcomes } => {
                self.number(3);
                self.money(cash);
                self.number(outcomes.len() as u64);
                for (position, cost) in outcomes {
                    self.number(position.get());
                    self.optional(cost.as_ref(), Self::money);
                }
            }
            Part::Merge { cash, outcomes } => {
                self.number(4);
                self.money(cash);
                self.number(outcomes.len() as u64);
                outcomes.iter().for_each(|position| self.number(position.get()));
            }
            Part::Deposit { account, money } => {
                self.number(5);
                self.bytes(account.as_bytes());
                self.money(money);
            }
            Part::Withdraw { account, money } => {
                self.number(6);
                self.bytes(account.as_bytes());
                self.money(money);
            }
            Part::Entry { legs } => {
                self.number(7);
                self.number(legs.len() as u64);
                legs.iter().for_each(|leg| self.leg(leg));
            }
            Part::Attribute { position, name, value } => {
                self.number(8);
                self.number(position.get());
                self.bytes(name.as_bytes());
                self.optional(value.as_deref(), Self::bytes);
            }
        }
    }
}

/// The hash by which a repeated ending is recognised.
pub(super) fn effect_hash(effect: &Effect) -> u128 {
    let mut bytes = Canonical::default();
    bytes.number(effect.parts.len() as u64);
    effect.parts.iter().for_each(|part| bytes.part(part));
    bytes.optional(effect.cover.as_deref(), |bytes, reason: &str| bytes.bytes(reason.as_bytes()));
    bytes.hash()
}
