//! Rows of a store that keeps a history of prices and lacks some, with something of everything in it.

use std::sync::Arc;

use super::row_codecs;
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::{Background, KeyRange, Table};
use crate::money::{Asset, Price, Ratio, TokenKey};
use crate::store::{Error, Mode, Options};
use crate::tokens::{History, Retention, Tick, Update};

const BEGIN_MICROS: i64 = 1_723_161_255_342_000;

/// Every row and every key of that store, with their tables.
///
/// # Panics
///
/// Where the store refuses something.
pub(super) fn rows() -> Vec<(u8, Vec<u8>)> {
    match written() {
        Ok(rows) => rows,
        Err(error) => panic!("a store with a history: {error}"),
    }
}

fn written() -> Result<Vec<(u8, Vec<u8>)>, Error> {
    let history =
        History::new().ticks(Retention::EVERYTHING.count(4)).quarantine(Ratio::percent(1050));
    let clock = ManualClock::new(Timestamp::from_micros(BEGIN_MICROS));
    let store = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?)
        .background(Background::Manual)
        .clock(Arc::new(clock))
        .seed(1)
        .history(history)
        .open_on(Arc::new(MemoryDisk::new()))?;
    let key = TokenKey::new("solana", "coin")?;
    for number in 0..8u64 {
        let tick = tick(number, u128::from(100 + 7 * number % 5));
        let update = Update::new(key.clone()).price(tick.price, tick.observed_at);
        store.tokens().upsert(&update.source(tick.source).seq(number))?;
    }
    let jump = tick(9, 5_000);
    store.tokens().upsert(&Update::new(key.clone()).price(jump.price, jump.observed_at))?;
    store.tokens().purge_history()?;
    let last = Tick { seq: Some(7), ..tick(7, 104) };
    store.tokens().retract(&key, &last, "a wrong one")?;
    let asked = Timestamp::from_micros(BEGIN_MICROS);
    store.tokens().upsert(&Update::new(key).unavailable("no pool", asked))?;
    store.claims().claim("swaps", b"0xab:1", asked)?;
    store.claims().price_unavailable("swaps", b"0xab:1", asked)?;
    let snapshot = store.snapshot();
    let mut rows = Vec::new();
    for table in row_codecs::tables() {
        for (key, row) in snapshot.reader().scan(Table(table), KeyRange::all()).flatten() {
            rows.extend([(table, row.to_vec()), (table, key.to_vec())]);
        }
    }
    Ok(rows)
}

fn tick(number: u64, units: u128) -> Tick {
    Tick {
        observed_at: Timestamp::from_micros(BEGIN_MICROS - 1_000_000 * (9 - number as i64)),
        seq: None,
        source: ["venue", ""][(number % 2) as usize].into(),
        price: Price::from_units(units << 70),
    }
}
