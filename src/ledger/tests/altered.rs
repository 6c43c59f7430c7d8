//! What verification has to see, and what rows must not do.

use super::*;
use crate::engine::{KeyRange, Reader, Table};
use crate::{Failure, Intent, Leg};

pub(super) fn rich() -> Book {
    let book = Book::new();
    let store = &book.store;
    store.ledger().deposit(MAIN, &dollars("1000")).unwrap();
    store.ledger().deposit("other", &dollars("10")).unwrap();
    store.ledger().opening_balance(MAIN, &Money::new(gas(), Amount::from_units(500))).unwrap();
    let fifo = NewPosition::new(MAIN, token(), usd()).tag("fifo").fifo();
    let first = store
        .ledger()
        .import_position(&fifo, &tokens(9), &dollars("9"), Timestamp::from_micros(5))
        .unwrap();
    let begun = store.operations().begin_and_start(
        &Intent::trade("a", MAIN).increase(first).hold(dollars("50")).touches(gas()),
    );
    let handle = begun.unwrap().into_handle().unwrap();
    let buy = |id: &str| {
        Effect::new().buy(
            first,
            fill(id, 10, "20").fee(dollars("1")).fee(Money::new(gas(), Amount::from_units(3))),
        )
    };
    store.operations().record(handle.id(), &buy("F1")).unwrap();
    store.operations().record(handle.id(), &buy("F2")).unwrap();
    let reduce =
        store.operations().begin_and_start(&Intent::close("b", first).quantity(tokens(12)));
    let reduce = reduce.unwrap().into_handle().unwrap();
    store
        .operations()
        .record(reduce.id(), &Effect::new().sell(first, fill("S1", 10, "30")))
        .unwrap();
    book.clock.advance_micros(77);
    // A closed position, a reversal, a custom entry, attributes, equity, a failed one.
    let begun = store
        .operations()
        .begin_and_start(&Intent::open("c", NewPosition::new(MAIN, token(), usd())));
    let opened = begun.unwrap().into_handle().unwrap();
    let p = opened.position().unwrap();
    store.operations().complete(opened.id(), &Effect::new().buy(p, fill("F3", 4, "4"))).unwrap();
    let close =
        store.operations().begin_and_start(&Intent::close("d", p)).unwrap().into_handle().unwrap();
    store.operations().complete(close.id(), &Effect::new().sell(p, fill("S3", 4, "5"))).unwrap();
    let wrong = store.ledger().deposit(MAIN, &dollars("3")).unwrap();
    store.ledger().reverse(wrong, "typo").unwrap();
    let custom = store.operations().begin_and_start(
        &Intent::custom("e", "x", MAIN).hold(dollars("5")).account("other").touches(usd()),
    );
    let custom = custom.unwrap().into_handle().unwrap();
    let leg = |account: &str, text: &str| Leg {
        account: account.into(),
        kind: super::super::AccountKind::Cash,
        money: dollars(text),
    };
    store
        .operations()
        .apply(custom.id(), &Effect::new().entry([leg(MAIN, "-2"), leg("other", "2")]))
        .unwrap();
    let _ = store.operations().fail(custom.id(), Failure::ambiguous("lost")).unwrap();
    let expected =
        store.operations().begin_and_start(&Intent::add("f", MAIN, dollars("8"))).unwrap();
    store.ledger().set_attribute(first, "stop", Some(b"12"), None).unwrap();
    store.ledger().adjust("other", &[dollars("13")], "why").unwrap();
    store
        .write(|tx| {
            tx.tokens()
                .upsert(
                    &crate::Update::new(token().key().clone())
                        .price("2".parse().unwrap(), Timestamp::from_micros(9)),
                )
                .map(drop)
                .map_err(crate::Error::from)
        })
        .unwrap();
    store
        .write(|tx| {
            tx.tokens()
                .upsert(
                    &crate::Update::new(gas().key().clone())
                        .price("2".parse().unwrap(), Timestamp::from_micros(9)),
                )
                .map(drop)
                .map_err(crate::Error::from)
        })
        .unwrap();
    store.ledger().record_equity(MAIN).unwrap();
    drop(expected);
    assert_eq!(store.snapshot().verify().unwrap(), []);
    book
}

pub(super) fn put(book: &Book, table: Table, key: &[u8], row: Option<&[u8]>) {
    let outcome: Result<(), crate::Error> = book.store.write(|tx| {
        let mut ledger = tx.ledger_tx();
        match row {
            Some(row) => ledger.tx().put(table, key, row.to_vec()),
            None => ledger.tx().delete(table, key),
        }
        Ok(())
    });
    outcome.unwrap();
}

/// The story: the row of an asset was lost. The next deposit registered it anew under another number
/// and, as it happened, another scale; the old balance read zero, and verification found nothing.
///
/// Every row of the tables that everything else leans on is lost once, and each of its bytes changed
/// once: assets by key and by number, the operation that has a fill, the next numbers and what the
/// book was opened with, and the number of a position's oldest lot.
#[test]
fn verification_sees_what_everything_leans_on() {
    let book = rich();
    let mut blind = Vec::new();
    let is_sound = || matches!(book.store.snapshot().verify(), Ok(found) if found.is_empty());
    for table in [
        super::super::ASSETS,
        super::super::ASSET_KEYS,
        super::super::POSITIONS,
        super::super::FILLS,
        super::super::BOOK,
    ] {
        for (key, row) in rows_of(&book, table) {
            let is_position = table == super::super::POSITIONS;
            let first = if is_position { row.len() - 1 } else { 1 };
            if is_position && !row.windows(4).any(|text| text == b"fifo") {
                continue;
            }
            put(&book, table, &key, None);
            if is_sound() {
                blind.push(format!("{table:?} {} lost", key.escape_ascii()));
            }
            for at in first..row.len() {
                let mut changed = row.clone();
                changed[at] ^= 1;
                put(&book, table, &key, Some(&changed));
                if is_sound() {
                    blind.push(format!("{table:?} {} changed at {at}", key.escape_ascii()));
                }
            }
            put(&book, table, &key, Some(&row));
        }
    }
    assert!(blind.is_empty(), "{blind:#?}");
}

pub(super) fn rows_of(book: &Book, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows: Result<_, crate::Error> = book.store.write(|tx| {
        let mut ledger = tx.ledger_tx();
        let rows = ledger.tx().scan(table, KeyRange::all()).map(Result::unwrap);
        Ok(rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect())
    });
    rows.unwrap()
}

/// The story: a row with an absurd number of its oldest lot, good checksum and all, made a debug build
/// panic in a sale. No bytes on disk may.
#[test]
fn no_number_of_the_oldest_lot_panics() {
    let book = rich();
    let id = PositionId::new(1);
    let key = id.get().to_be_bytes();
    let mut state = super::super::position::PositionState::decode(
        &key,
        &rows_of(&book, super::super::POSITIONS)[0].1,
    )
    .unwrap();
    state.first_lot = u64::MAX;
    put(&book, super::super::POSITIONS, &key, Some(&state.encode()));
    let sale = Effect::new().sell(id, fill("S9", 1, "1"));
    let _ = book.store.operations().record(OperationId::new(2), &sale);
}
