//! What is done by hand, outside any operation: money in and out, corrections, attributes, the halt
//! switch, claims and cursors.

use super::Model;
use super::book::{Book, Entry, Position, transfer};
use super::effect::positive;
use super::life::Move;
use super::tokens::Saying;
use super::words::*;
use crate::simulation::cast::{Coin, Kind, Owner};
use serde::{Deserialize, Serialize};

/// How far ahead of the clock a time may lie.
pub(crate) const TOLERANCE_MICROS: i64 = 300_000_000;

/// A call outside any operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Deed {
    Deposit(Owner, Sum),
    Withdraw(Owner, Sum),
    OpeningBalance(Owner, Sum),
    ImportPosition {
        new: NewPosition,
        quantity: Amount,
        cost: Amount,
        opened_at: i64,
    },
    Reverse(EntryNumber),
    SetAttribute {
        position: PositionNumber,
        name: u8,
        value: Option<u8>,
        /// The version that the caller has seen.
        seen: Option<u64>,
    },
    Halt,
    Resume,
    Claim {
        namespace: u8,
        key: u8,
        at: i64,
    },
    /// The price of a claimed event was asked for in vain.
    PriceUnavailable {
        namespace: u8,
        key: u8,
        at: i64,
    },
    /// It is known now.
    PriceFound {
        namespace: u8,
        key: u8,
    },
    /// Lets claims go that only grew old.
    PruneClaims,
    SetCursor {
        name: u8,
        expected: Option<u8>,
        value: u8,
    },
    /// What somebody outside says there is, cash and units together.
    Adjust(Owner, Sum),
    /// What somebody says of a token.
    Upsert(Saying),
}

/// Whether nothing was refused, and nothing changed.
fn says_nothing_new(reply: &Reply) -> bool {
    matches!(reply, Reply::Duplicate(_) | Reply::TooOld | Reply::AlreadyDone)
}

impl Model {
    pub(crate) fn is_from_the_future(&self, time: i64) -> bool {
        time > self.now.saturating_add(TOLERANCE_MICROS)
    }

    pub(crate) fn by_hand(&mut self, deed: &Deed) -> Outcome {
        let done = self.attempt(|next| next.deed(deed));
        match done {
            Ok(reply) if says_nothing_new(&reply) => Outcome::unchanged(reply),
            Ok(reply) => Outcome::done(reply),
            Err(refusals) => Outcome::refused(refusals),
        }
    }

    /// Several in one commit.
    pub(crate) fn together(&mut self, deeds: &[Deed], all_or_nothing: bool) -> Outcome {
        let before = self.clone();
        let mut changed = false;
        for deed in deeds {
            let outcome = self.by_hand(deed);
            changed |= outcome.changed;
            let refused = !outcome.changed && !outcome.replies.iter().any(says_nothing_new);
            if refused && all_or_nothing {
                *self = before;
                return outcome;
            }
        }
        Outcome { replies: [Reply::Done].into(), changed }
    }

    fn deed(&mut self, deed: &Deed) -> Result<Reply, Refusals> {
        match deed {
            Deed::Deposit(owner, money) => {
                self.book.between(*owner, *money, Kind::World, Kind::Cash)
            }
            Deed::Withdraw(owner, money) => {
                self.book.between(*owner, *money, Kind::Cash, Kind::World)
            }
            Deed::OpeningBalance(owner, money) => {
                let earlier = self.book.opening_balances.get(&(*owner, money.0));
                if earlier.is_some_and(|entry| self.book.stands(*entry)) {
                    let also = positive(money.1).err().unwrap_or_default();
                    return Err(&refuse(Reply::AlreadyOpened) | &also);
                }
                let reply = self.book.between(*owner, *money, Kind::World, Kind::Cash)?;
                let entry = self.book.entries.len() as u64;
                self.book.opening_balances.insert((*owner, money.0), entry);
                Ok(reply)
            }
            Deed::ImportPosition { new, quantity, cost, opened_at } => {
                self.import(new, *quantity, *cost, *opened_at)
            }
            Deed::Reverse(entry) => {
                // What an operation applied it takes back itself; a fill only a person can.
                let applied = self.book.entry(*entry).filter(|entry| entry.fill.is_none());
                let operation = applied.and_then(|entry| entry.operation);
                let posted_by = operation.and_then(|number| self.operation(number));
                let in_use = posted_by.is_some_and(|one| !one.status.is_finished());
                let reversed = self.book.reverse(None, *entry).map(Reply::Posted);
                match in_use {
                    true => Err(&refuse(Reply::EntryInUse) | &reversed.err().unwrap_or_default()),
                    false => reversed,
                }
            }
            Deed::SetAttribute { position, name, value, seen } => {
                if self.book.position(*position).is_none() {
                    return Err(refuse(Reply::UnknownPosition));
                }
                let known = self.book.attributes.get(&(*position, *name));
                let version = known.map_or(0, |attribute| attribute.version);
                if seen.is_some_and(|seen| seen != version) {
                    return Err(refuse(Reply::AttributeMoved));
                }
                self.book.set_attribute(*position, *name, *value);
                Ok(Reply::Done)
            }
            Deed::Halt => Ok(self.switch(true)),
            Deed::Resume => Ok(self.switch(false)),
            Deed::Claim { namespace, key, at } => self.claim((*namespace, *key, *at)),
            Deed::PriceUnavailable { namespace, key, at } => {
                self.price_unavailable((*namespace, *key, *at))
            }
            Deed::PriceFound { namespace, key } => Ok(self.price_found(*namespace, *key)),
            Deed::PruneClaims => Ok(self.prune_claims()),
            Deed::SetCursor { name, expected, value } => {
                if self.cursors.get(name) != expected.as_ref() {
                    return Err(refuse(Reply::CursorMoved));
                }
                self.cursors.insert(*name, *value);
                Ok(Reply::Done)
            }
            Deed::Adjust(owner, (coin, outside)) => self.adjust(*owner, *coin, *outside),
            Deed::Upsert(saying) => self.upsert(saying),
        }
    }

    fn switch(&mut self, halted: bool) -> Reply {
        self.book.halted = halted;
        Reply::Done
    }

    fn adjust(&mut self, owner: Owner, coin: Coin, outside: Amount) -> Result<Reply, Refusals> {
        let booked = |kind| self.book.balance(owner, coin, kind);
        let more = outside - booked(Kind::Cash) - booked(Kind::Units);
        let legs = if more >= 0 {
            transfer(owner, coin, Kind::Adjustment, Kind::Cash, more)
        } else {
            transfer(owner, coin, Kind::Cash, Kind::Adjustment, -more)
        };
        if legs.is_empty() {
            return Ok(Reply::AlreadyDone);
        }
        self.book.book(by_nobody(legs), false)?;
        Ok(Reply::Done)
    }

    fn import(
        &mut self,
        new: &NewPosition,
        quantity: Amount,
        cost: Amount,
        opened_at: i64,
    ) -> Result<Reply, Refusals> {
        let mut refusals = Refusals::new();
        let key = (new.owner, new.coin, new.tag);
        let earlier = self.book.imports.get(&key);
        if earlier.is_some_and(|entry| self.book.stands(*entry)) {
            refusals.insert(Reply::AlreadyOpened);
        }
        if self.book.open_position_like(new).is_some() {
            refusals.insert(Reply::DuplicatePosition);
        }
        if quantity <= 0 || cost < 0 {
            refusals.extend([Reply::EffectMismatch, Reply::Invalid]);
        }
        if self.is_from_the_future(opened_at) {
            refusals.insert(Reply::FromTheFuture);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let book = &mut self.book;
        book.positions.push(Position { new: new.clone(), opened_by: None, is_closed: false });
        let number = book.positions.len() as u64;
        let legs = [
            transfer(new.owner, new.coin, Kind::World, Kind::Units, quantity),
            transfer(new.owner, new.quote, Kind::World, Kind::Cost, cost),
        ]
        .concat();
        let came = Move::In { quantity, gross: cost, fee: 0, unit_fee: 0, missing: 0 };
        let entry = book.book(Entry { moves: vec![(number, came)], ..by_nobody(legs) }, false)?;
        book.imports.insert(key, entry);
        Ok(Reply::Opened(number))
    }
}

impl Book {
    fn between(
        &mut self,
        owner: Owner,
        (coin, amount): Sum,
        from: Kind,
        to: Kind,
    ) -> Result<Reply, Refusals> {
        let legs = transfer(owner, coin, from, to, positive(amount)?);
        self.book(by_nobody(legs), false).map(Reply::Posted)
    }
}

fn by_nobody(legs: Vec<Leg>) -> Entry {
    let moves = Vec::new();
    Entry { operation: None, legs, moves, fill: None, reverses: None, reversed_by: None }
}
