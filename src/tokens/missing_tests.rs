//! Tests of verification: a missing price that one table has and another has not, or should not have.

use std::sync::Arc;

use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::{KeyRange, Table, Tx};
use crate::money::{Asset, Price, TokenKey};
use crate::price_status::{DUE, MISSING, PriceBackoff};
use crate::processed::CLAIMS;
use crate::store::{Error, Mode, Options, Store};
use crate::tokens::{TOKENS, Update};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn key() -> TokenKey {
    TokenKey::new("chain", "token").unwrap()
}

/// A store in which the price of a token and that of a claimed event are missing since `at(5)`.
fn store() -> Store {
    let options = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6).unwrap());
    let backoff = PriceBackoff::new().jitter_percent(0);
    let options = options.clock(Arc::new(ManualClock::new(at(10)))).price_backoff(backoff);
    let store = options.open_on(Arc::new(MemoryDisk::new())).unwrap();
    store.tokens().upsert(&Update::new(key()).unavailable("no pool", at(5))).unwrap();
    store.claims().claim("swaps", b"1", at(5)).unwrap();
    store.claims().price_unavailable("swaps", b"1", at(5)).unwrap().unwrap();
    assert_eq!(found(&store), [""; 0]);
    store
}

/// Keys and rows of a table.
fn rows(store: &Store, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let snapshot = store.snapshot();
    let rows = snapshot.reader().scan(table, KeyRange::all());
    rows.map(|row| row.map(|(key, row)| (key.to_vec(), row.to_vec())).unwrap()).collect()
}

fn spoil(store: &Store, spoil: impl FnOnce(&mut Tx)) {
    let spoilt = store.write(|tx| {
        spoil(tx.tokens().tx);
        Ok::<_, Error>(())
    });
    spoilt.unwrap();
}

/// What is found of missing prices once the row of `table` under its `nth` key is gone.
fn without(table: Table, nth: usize) -> Vec<String> {
    let store = store();
    let (row_key, _) = rows(&store, table).swap_remove(nth);
    spoil(&store, |tx| tx.delete(table, &row_key));
    found(&store)
}

fn found(store: &Store) -> Vec<String> {
    let found = store.snapshot().verify().unwrap();
    let found = found.iter().map(ToString::to_string);
    found.filter(|one| one.contains("price")).collect()
}

/// The story: the list of what is due had lost a token, and nobody ever asked for its price again.
#[test]
fn what_is_in_one_table_only_is_found() {
    for (table, problem) in [
        (DUE, "is not listed for its next attempt"),
        (MISSING, "is listed for another time than its own"),
    ] {
        for (nth, of) in ["chain:token", "1 in swaps"].into_iter().enumerate() {
            let found = without(table, nth);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(of) && found[0].contains(problem), "{found:?}");
        }
    }
    let [token, claim] = [without(TOKENS, 0), without(CLAIMS, 0)];
    assert!(token.len() == 1 && token[0].contains("is of no token"), "{token:?}");
    assert!(claim.len() == 1 && claim[0].contains("is of no claim"), "{claim:?}");
}

/// What is listed and not missing is damage to whoever asks what is due, not an empty answer.
#[test]
fn what_is_due_and_not_missing_is_an_error() {
    let store = store();
    let (row_key, _) = rows(&store, MISSING).swap_remove(0);
    spoil(&store, |tx| tx.delete(MISSING, &row_key));
    let error = store.snapshot().due_price_updates(at(i64::MAX), 10).unwrap_err();
    assert!(error.is_corrupt() && error.to_string().contains("chain:token"), "{error}");
    spoil(&store, |tx| tx.put(MISSING, &row_key, vec![9]));
    let error = store.tokens().upsert(&Update::new(key()).decimals(3)).unwrap_err();
    assert!(error.is_corrupt(), "{error}");
    assert!(store.snapshot().verify().unwrap_err().is_corrupt());
}

/// A price was there, and the bot went on asking for it.
#[test]
fn a_price_that_is_there_and_missing_is_found() {
    for (observed, is_found) in [(4, false), (5, true), (9, true)] {
        let (store, other) = (store(), store());
        let update = Update::new(key()).price(Price::from_units(1), at(observed));
        other.tokens().upsert(&update).unwrap();
        let (row_key, row) = rows(&other, TOKENS).swap_remove(0);
        spoil(&store, |tx| tx.put(TOKENS, &row_key, row));
        let found = found(&store);
        assert_eq!(found.len(), usize::from(is_found), "{observed}: {found:?}");
        assert!(found.iter().all(|one| one.contains("is known since it was missing")), "{found:?}");
    }
}
