//! Tests of the verification: rows that no call writes, each found by what it contradicts.

use std::sync::Arc;

use super::begin::NEXT;
use super::row::{self, KeyRow};
use super::{Intent, KEYS, OPERATION_STATE, OperationsMut};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::Background;
use crate::money::{Amount, Asset, Money};
use crate::store::{Mode, Options, Store};

fn store() -> Store {
    let usd = Asset::new("fiat", "USD", 2).unwrap();
    let money = |units| Money::new(usd.clone(), Amount::from_units(units));
    let store = Options::new(Mode::Paper, usd.clone())
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000))))
        .seed(1)
        .open_on(Arc::new(MemoryDisk::new()))
        .unwrap();
    store.ledger().deposit("main", &money(100)).unwrap();
    for key in ["first", "second"] {
        let intent =
            Intent::deduct(key, "main", money(1)).claim(key, b"event", Timestamp::from_micros(1));
        store.operations().begin(&intent).unwrap();
    }
    assert_eq!(store.snapshot().verify().unwrap(), []);
    store
}

fn spoil(store: &Store, spoil: impl FnOnce(&mut OperationsMut<'_>)) -> Vec<String> {
    let written: Result<(), crate::Error> = store.write(|tx| {
        spoil(&mut tx.operations());
        Ok(())
    });
    written.unwrap();
    let findings = store.snapshot().verify().unwrap();
    findings.iter().map(ToString::to_string).collect()
}

/// The next operation would get the number of one there was, and its rows.
#[test]
fn a_next_number_that_was_given_is_found() {
    for (next, sound) in [(1_u64, false), (2, false), (3, true), (9, true)] {
        let store = store();
        let found = spoil(&store, |operations| {
            operations.tx().put(OPERATION_STATE, NEXT, row::encode(&next));
        });
        assert_eq!(found.is_empty(), sound, "{found:?}");
        assert!(found.iter().all(|finding| finding.contains("#2")), "{found:?}");
    }
    let found = spoil(&store(), |operations| operations.tx().delete(OPERATION_STATE, NEXT));
    assert_eq!(found.len(), 1, "{found:?}");
}

/// A key with the claim of another operation would hand that to whoever begins again.
#[test]
fn a_key_with_a_claim_that_is_not_its_operations_is_found() {
    let store = store();
    let found = spoil(&store, |operations| {
        let of = |key: &[u8]| row::key_row(operations.reader(), key).unwrap().unwrap();
        let spoilt = KeyRow { claim: of(b"second").claim, ..of(b"first") };
        operations.tx().put(KEYS, b"first", row::encode(&spoilt));
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("another claim"), "{found:?}");
}
