//! An engine behind a hand-made leader: threads queue their work, and one of them commits all that is queued.

use super::{Engine, Session};
use crate::Outcome;
use crate::leader::Queue;
use crate::record::Seen;
use crate::world::{Change, Token, Transfer};

pub const SETTINGS: &str = "as the engine itself, but threads queue their work and one commits all of it in one transaction";

pub struct Led {
    engine: Box<dyn Engine>,
    changes: Queue<Change>,
    transfers: Queue<Transfer>,
}

struct Worker<'a> {
    led: &'a Led,
    own: Box<dyn Session + 'a>,
}

impl Led {
    pub fn new(engine: Box<dyn Engine>) -> Self {
        Self { engine, changes: Queue::default(), transfers: Queue::default() }
    }
}

impl Engine for Led {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Worker { led: self, own: self.engine.session()? }))
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        self.engine.tokens()
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.engine.close()
    }
}

impl Session for Worker<'_> {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        let Self { led, own } = self;
        led.changes.submit(changes.iter().copied(), |all| own.upsert(all))
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        self.own.read(token)
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        self.own.open_accounts()
    }

    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        let Self { led, own } = self;
        led.transfers.submit(transfers.iter().copied(), |all| own.transfer(all))
    }

    fn balance(&mut self, account: u32) -> Outcome<u64> {
        self.own.balance(account)
    }
}
