//! What the stores hold: a short life of a bot, one commit after the other, and its text after each.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};

use highwater::processed::{Claims, Cursors};
use highwater::{
    Asset, Begun, Durability, Effect, Error, Failure, Fill, InProgress, Intent, KeyState, Ledger,
    Lsn, Money, NewPosition, Operations, Store, Timestamp, TokenKey, Tokens, Update,
};

/// What a store shows, by the last commit that is in it.
pub(crate) type States = BTreeMap<Lsn, String>;

/// A bot at work, and what its store showed after each of its commits.
pub(crate) struct Life<'s> {
    store: &'s Store,
    pub(crate) states: States,
    under_way: Option<InProgress>,
    /// What the cursor is filled with.
    feed: Option<u8>,
}

impl<'s> Life<'s> {
    pub(crate) fn new(store: &'s Store) -> Self {
        let mut life = Self { store, states: States::new(), under_way: None, feed: None };
        life.note();
        life
    }

    fn note(&mut self) {
        let snapshot = self.store.snapshot();
        let found = snapshot.verify().expect("verification reads");
        assert!(found.is_empty(), "{found:?}");
        let text = show(Shown {
            tokens: snapshot.tokens(),
            ledger: snapshot.ledger(),
            operations: snapshot.operations(),
            claims: snapshot.claims(),
            cursors: snapshot.cursors(),
        });
        self.states.insert(snapshot.lsn(), text.expect("a sound store reads"));
    }

    /// Money comes in, a price is seen, a position is opened.
    pub(crate) fn begin(&mut self) {
        let store = self.store;
        store.ledger().deposit("main", &usd(1_000_000)).expect("a sound store");
        self.note();
        self.tell("bonk", 7);
        let position = NewPosition::new("main", coin(), usd(0).asset().clone()).tag("first");
        let intent =
            Intent::open("first", position).hold(usd(5_000)).claim("seen", "event 1", at(1));
        let order = started(store.operations().begin(&intent), store);
        self.note();
        let position = order.position().expect("it opens one");
        let fill = Fill::new("venue", "F1", coins(700), usd(4_000)).fee(usd(10));
        order.complete(store, &Effect::new().buy(position, fill)).expect("it was bought");
        self.note();
    }

    /// Fills a segment with a cursor that moves, so that the log goes on in another and the base stays small.
    pub(crate) fn fill_a_segment(&mut self) {
        for _ in 0..15 {
            let before = self.feed.replace(self.feed.map_or(1, |value| value + 1));
            let before = before.map(|value| vec![value; 4_096]);
            let value = self.feed.map(|value| vec![value; 4_096]).unwrap_or_default();
            self.store.cursors().set("feed", before.as_deref(), &value).expect("it moves");
            self.note();
        }
    }

    /// An operation is begun and under way, with money set aside and a part of it done.
    pub(crate) fn leave_something_unfinished(&mut self) {
        let store = self.store;
        let position = NewPosition::new("main", coin(), usd(0).asset().clone()).tag("second");
        let intent = Intent::open("second", position).hold(usd(7_000)).payload("a plan");
        let order = started(store.operations().begin(&intent), store);
        self.note();
        let position = order.position().expect("it opens one");
        let fill = Fill::new("venue", "F2", coins(100), usd(600));
        order.record(store, &Effect::new().buy(position, fill)).expect("a part was bought");
        self.note();
        self.under_way = Some(order);
        let failing = Intent::add("refund", "main", usd(50));
        let failing = started(store.operations().begin(&failing), store);
        let failed = failing.fail(store, Failure::ambiguous("no answer"));
        drop(failed.expect("it was under way"));
        self.note();
    }

    /// A commit of one token.
    pub(crate) fn tell(&mut self, token: &str, price: u64) {
        self.store.tokens().upsert(&update(token, price)).expect("a sound store");
        self.note();
    }

    /// The same, for which nobody waits until it is synced.
    pub(crate) fn tell_unsynced(&mut self, token: &str, price: u64) {
        let told = self.store.write_with(Durability::Written, |tx| {
            tx.tokens().upsert(&update(token, price)).map_err(Error::from)
        });
        told.expect("a sound store");
        self.note();
    }
}

fn started(begun: Result<Begun, Error>, store: &Store) -> InProgress {
    match begun {
        Ok(Begun::New(pending)) => pending.start(store).expect("it was just begun"),
        other => panic!("{other:?}"),
    }
}

fn update(token: &str, price: u64) -> Update {
    let key = TokenKey::new("solana", token).expect("a plain key");
    let price = price.to_string().parse().expect("a whole number");
    Update::new(key).price(price, at(price_time(&price))).source("venue").symbol("T", at(1))
}

fn price_time(price: &highwater::Price) -> i64 {
    price.to_string().parse().expect("a whole number")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000)
}

pub(crate) fn usd(cents: i128) -> Money {
    let asset = Asset::new("fiat", "USD", 2).expect("a plain asset");
    Money::new(asset, highwater::Amount::from_units(cents))
}

pub(crate) fn coins(units: i128) -> Money {
    Money::new(coin(), highwater::Amount::from_units(units))
}

fn coin() -> Asset {
    Asset::new("solana", "bonk", 2).expect("a plain asset")
}

/// The tables of a store that is read.
pub(crate) struct Shown<'a> {
    pub(crate) tokens: Tokens<'a>,
    pub(crate) ledger: Ledger<'a>,
    pub(crate) operations: Operations<'a>,
    pub(crate) claims: Claims<'a>,
    pub(crate) cursors: Cursors<'a>,
}

/// Everything that a store shows, as text.
pub(crate) fn show(shown: Shown<'_>) -> Result<String, Error> {
    let Shown { tokens, ledger, operations, claims, cursors } = shown;
    let mut text = String::new();
    all(&mut text, tokens.iter())?;
    one(&mut text, ledger.all_accounts()?);
    one(&mut text, ledger.holds()?);
    for position in ledger.positions() {
        let position = position?;
        one(&mut text, ledger.attributes(position.id)?);
        one(&mut text, position);
    }
    all(&mut text, ledger.entries())?;
    one(&mut text, ledger.halted()?);
    for operation in operations.all() {
        let mut operation = operation?;
        one(&mut text, operations.events(operation.id)?);
        let by_key = match operations.by_key(&operation.key)? {
            Some(KeyState::Known(known)) => format!("{}, {}", known.id, *known == operation),
            state => format!("{state:?}"),
        };
        one(&mut text, by_key);
        operation.payload = in_short(&operation.payload).into();
        one(&mut text, operation);
    }
    all(&mut text, claims.all())?;
    for cursor in cursors.iter() {
        let cursor = cursor?;
        one(&mut text, (&cursor.name, in_short(&cursor.value), cursor.set_at));
    }
    Ok(text)
}

/// Bytes that would make a long text.
fn in_short(bytes: &[u8]) -> Vec<u8> {
    [&crc32fast::hash(bytes).to_le_bytes()[..], &bytes.len().to_le_bytes()].concat()
}

fn one(text: &mut String, what: impl Debug) {
    writeln!(text, "{what:?}").expect("a string takes it");
}

fn all<T: Debug, E: Into<Error>>(
    text: &mut String,
    rows: impl Iterator<Item = Result<T, E>>,
) -> Result<(), Error> {
    for row in rows {
        one(text, row.map_err(Into::into)?);
    }
    Ok(())
}
