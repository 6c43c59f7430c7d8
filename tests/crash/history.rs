//! The model: a history of commits, each of which is a function of its number alone.
//!
//! Commit `n` sets the counter to `n` and gives a few tokens a price and a name of their own. So
//! what a store holds is told by its counter, and the state it must then have is known to the last
//! byte: a hole, half a commit or a commit of another life shows as a difference.
//!
//! This module must not know how a store keeps any of it.

use std::collections::BTreeMap;

use fastrand::Rng;
use highwater::{Error, Snapshot, Timestamp, Token, TokenKey, Tokens, Tx, Update};

/// So many tokens there are beside the counter.
const TOKENS: u64 = 40;

/// A history of commits; one seed is one history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    seed: u64,
}

/// What one commit says of one token.
struct Change {
    token: u64,
    price: u64,
    name_len: usize,
}

/// What is to be found of one token.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    /// The number of the last commit that spoke of it.
    seq: u64,
    price: u64,
    highest: u64,
    name: String,
}

impl History {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    fn changes(self, number: u64) -> Vec<Change> {
        let mut rng = Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // From a part of a sector to a good part of a segment.
        let (rows, longest) = match rng.u8(..20) {
            0..=8 => (40, 250),
            9..=11 => (12, 250),
            12..=14 => (4, 200),
            _ => (1, 20),
        };
        let mut changes = BTreeMap::new();
        for _ in 0..rows {
            let change = Change {
                token: rng.u64(..TOKENS),
                price: rng.u64(1..1_000_000),
                name_len: rng.usize(longest / 2..=longest),
            };
            changes.insert(change.token, change);
        }
        changes.into_values().collect()
    }

    /// Stages commit `number`.
    pub(crate) fn write(self, tx: &mut Tx<'_>, number: u64) -> Result<(), Error> {
        let at = Timestamp::from_micros(number as i64);
        let mut tokens = tx.tokens();
        for Change { token, price, name_len } in self.changes(number) {
            let update = Update::new(key(token))
                .price(price.to_string().parse()?, at)
                .seq(number)
                .symbol("s".repeat(name_len / 2), at)
                .name(name(number, token, name_len), at);
            tokens.upsert(&update)?;
        }
        let count = Update::new(counter()).price(number.to_string().parse()?, at).seq(number);
        tokens.upsert(&count)?;
        Ok(())
    }

    fn state_after(self, last: u64) -> BTreeMap<TokenKey, Row> {
        let mut newest: BTreeMap<u64, (u64, u64, Change)> = BTreeMap::new();
        for number in 1..=last {
            for change in self.changes(number) {
                let highest = newest.get(&change.token).map_or(0, |(_, highest, _)| *highest);
                newest.insert(change.token, (number, highest.max(change.price), change));
            }
        }
        let rows = newest.into_values().map(|(seq, highest, change)| {
            let Change { token, price, name_len } = change;
            (key(token), Row { seq, price, highest, name: name(seq, token, name_len) })
        });
        let mut state: BTreeMap<_, _> = rows.collect();
        if last > 0 {
            let row = Row { seq: last, price: last, highest: last, name: String::new() };
            state.insert(counter(), row);
        }
        state
    }

    /// Reads everything and answers how many commits it is; panics where it is no prefix of the
    /// history.
    pub(crate) fn commits_in(self, tokens: Tokens<'_>) -> Result<u64, Error> {
        let mut found = BTreeMap::new();
        for token in tokens.iter() {
            let token = token.map_err(Error::from)?;
            found.insert(token.key.clone(), row_of(&token));
        }
        let last = found.get(&counter()).map_or(0, |row| row.seq);
        let expected = self.state_after(last);
        for (key, row) in &expected {
            assert_eq!(
                found.get(key),
                Some(row),
                "{key} after commit {last}: found and expected differ"
            );
        }
        assert_eq!(found.len(), expected.len(), "tokens of no commit up to {last}");
        Ok(last)
    }
}

/// The number of the last commit that `snapshot` shows.
pub(crate) fn count(snapshot: &Snapshot) -> Result<u64, Error> {
    counted(snapshot.tokens().get(&counter()).map_err(Error::from)?)
}

/// The number of the last commit that a transaction sees.
pub(crate) fn count_in(tx: &mut Tx<'_>) -> Result<u64, Error> {
    counted(tx.tokens().get(&counter()).map_err(Error::from)?)
}

fn counted(counter: Option<Token>) -> Result<u64, Error> {
    Ok(counter.map_or(0, |token| row_of(&token).seq))
}

fn row_of(token: &Token) -> Row {
    let price = |tick: &Option<highwater::Tick>| {
        let tick = tick.as_ref().expect("every token has a price");
        tick.price.to_string().parse().expect("prices are whole")
    };
    Row {
        seq: token.current.as_ref().and_then(|tick| tick.seq).unwrap_or(0),
        price: price(&token.current),
        highest: price(&token.max),
        name: token.name.as_ref().map_or(String::new(), |name| name.value.to_string()),
    }
}

fn counter() -> TokenKey {
    TokenKey::new("history", "counter").expect("a plain key")
}

fn key(token: u64) -> TokenKey {
    TokenKey::new("history", &format!("token-{token:02}")).expect("a plain key")
}

/// A name that no other commit gives, of about `len` bytes.
fn name(number: u64, token: u64, len: usize) -> String {
    let mut name = format!("{number}/{token}/");
    let mut rng = Rng::with_seed(number << 8 | token);
    while name.len() < len {
        name.push(rng.alphanumeric());
    }
    name
}
