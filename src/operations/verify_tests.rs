//! Tests of the verification: rows that no call writes, each found by what it contradicts.

use std::sync::Arc;

use super::begin::NEXT;
use super::kind::Role;
use super::row::{self, EventRow, KeyRow, OperationRow};
use super::{
    Attention, CHECKPOINTS, EVENTS, FINISHED, Failure, Intent, KEYS, OPERATION_STATE, OPERATIONS,
    OperationId, OperationsMut, PAYLOADS, Status, UNDO, UNFINISHED, WORKING,
};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::{Background, KeyRange, Table};
use crate::ledger::{Effect, NewPosition};
use crate::money::{Amount, Asset, Money};
use crate::processed::CLAIMS;
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
            row::put(operations.tx(), OPERATION_STATE, NEXT, &next);
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
        row::put(operations.tx(), KEYS, b"first", &spoilt);
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("another claim"), "{found:?}");
}

/// A store with an operation in every state, with all the rows that operations can have.
fn busy_store() -> Store {
    let store = store();
    let (usd, now) = (Asset::new("fiat", "USD", 2).unwrap(), Timestamp::from_micros(1));
    let coin = Asset::new("test", "COIN", 0).unwrap();
    let money = |asset: &Asset, units| Money::new(asset.clone(), Amount::from_units(units));
    let new = NewPosition::new("main", coin.clone(), usd.clone());
    let held = store.ledger().import_position(&new, &money(&coin, 9), &money(&usd, 9), now);
    let held = held.unwrap();
    let operations = store.operations();
    let open = Intent::open("open", new.clone().tag("other")).payload("why").hold(money(&usd, 2));
    let _open = operations.begin_and_start(&open).unwrap().into_handle().unwrap();
    let reduce = Intent::close("reduce", held).quantity(money(&coin, 4));
    let reduce = operations.begin_and_start(&reduce).unwrap().into_handle().unwrap();
    operations.checkpoint(reduce.id(), b"order 17").unwrap();
    let note = Intent::custom("note", "note", "main").increase(held).claim("seen", "9", now);
    let note = operations.begin_and_start(&note).unwrap().into_handle().unwrap();
    operations.apply(note.id(), &Effect::new().set(held, "stop", *b"7")).unwrap();
    let _failed = operations.fail(note.id(), Failure::ambiguous("no answer")).unwrap();
    let done = Intent::deduct("done", "main", money(&usd, 3)).claim("seen", "10", now);
    let done = operations.begin_and_start(&done).unwrap().into_handle().unwrap();
    operations.complete(done.id(), &Effect::new().withdraw("main", money(&usd, 3))).unwrap();
    let cancelled = operations.begin(&Intent::deduct("cancelled", "main", money(&usd, 1))).unwrap();
    operations.cancel(cancelled.into_handle().unwrap().id()).unwrap();
    assert_eq!(store.snapshot().verify().unwrap(), []);
    store
}

const TABLES: [Table; 9] =
    [OPERATIONS, UNFINISHED, KEYS, EVENTS, CHECKPOINTS, UNDO, WORKING, FINISHED, PAYLOADS];

/// Every row of the table, and how it may be put.
fn rows_of(store: &Store, table: Table) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows: Result<_, crate::Error> = store.write(|tx| {
        let operations = tx.operations();
        let rows = operations.reader().scan(table, KeyRange::all()).map(Result::unwrap);
        Ok(rows.map(|(key, row)| (key.to_vec(), row.to_vec())).collect())
    });
    rows.unwrap()
}

fn put(store: &Store, table: Table, key: &[u8], row: Option<&[u8]>) {
    let written: Result<(), crate::Error> = store.write(|tx| {
        match row {
            Some(row) => tx.operations().tx().put(table, key, row.to_vec()),
            None => tx.operations().tx().delete(table, key),
        }
        Ok(())
    });
    written.unwrap();
}

fn is_sound(store: &Store) -> bool {
    matches!(store.snapshot().verify(), Ok(found) if found.is_empty())
}

/// A call that forgets one of the rows of an operation, or to take one of them away, would be seen.
/// Only a payload can be missing: an operation may have none.
#[test]
fn no_row_of_an_operation_is_lost_or_left_behind_unseen() {
    let store = busy_store();
    for table in TABLES {
        let rows = rows_of(&store, table);
        let name = row::table_name(table);
        assert!(!rows.is_empty(), "the example has nothing in {name}");
        for (key, row) in rows {
            let at = key.escape_ascii();
            put(&store, table, &key, None);
            assert!(table == PAYLOADS || !is_sound(&store), "{name} {at} was lost unseen");
            put(&store, table, &key, Some(&row));
            let mut other = key.clone();
            // The number of an operation that there never was, or another key.
            other[if table == FINISHED || table == WORKING { 14 } else { 0 }] ^= 64;
            put(&store, table, &other, Some(&row));
            assert!(!is_sound(&store), "{name} {at} appeared once more unseen");
            put(&store, table, &other, None);
        }
    }
    assert!(is_sound(&store));
}

/// An operation whose row contradicts itself, or says something else than the rows around it, is found.
#[test]
fn an_operation_that_contradicts_itself_is_found() {
    type Spoil = fn(&mut OperationRow);
    let cases: [(&[u8], &str, Spoil); 10] = [
        (b"done", "its end and its state differ", |row| row.finished_at = None),
        (b"reduce", "its end and its state differ", |row| row.finished_at = Some(9)),
        (b"done", "needs attention", |row| row.attention = Some(Attention::Quarantined)),
        (b"done", "a plan of undo", |row| row.undo = 1),
        (b"reduce", "has an effect", |row| row.effect = Some(7)),
        (b"reduce", "no external id", |row| row.external_ids.clear()),
        (b"reduce", "tried more often", |row| row.tries = row.attempt + 1),
        (b"reduce", "nothing ever happened", |row| row.events = 0),
        (b"reduce", "not among those", |row| row.accounts.clear()),
        (b"reduce", "rows, and 2 are counted", |row| row.checkpoints = 2),
    ];
    for (key, expected, change) in cases {
        let store = busy_store();
        let found = spoil(&store, |operations| {
            let id = row::key_row(operations.reader(), key).unwrap().unwrap().operation;
            let id = OperationId::new(id);
            let mut row = row::find(operations.reader(), id).unwrap().unwrap();
            change(&mut row);
            row::put_operation(operations.tx(), id, &row);
        });
        assert!(found.iter().any(|found| found.contains(expected)), "{expected}: {found:?}");
    }
}

/// An event of an attempt that has not begun, or beyond those that are counted, is no event of the
/// operation. The latest attempt and the last event are.
#[test]
fn an_event_that_has_not_happened_is_found() {
    let store = busy_store();
    let (key, bytes) = rows_of(&store, EVENTS).pop().unwrap();
    let event: EventRow = row::decode(EVENTS, &key, &bytes).unwrap();
    for (number, attempt) in [(event.number + 1, event.attempt), (event.number, event.attempt + 1)]
    {
        let wrong = EventRow { number, attempt, ..event.clone() };
        put(&store, EVENTS, &key, Some(&row::encode(&wrong)));
        let found = store.snapshot().verify().unwrap();
        assert!(found.iter().any(|found| found.problem.contains("has not had")), "{found:?}");
    }
}

/// A finding that names the wrong table sends its reader to the wrong place: every table has a name of
/// its own.
#[test]
fn every_table_has_a_name_of_its_own() {
    let names: Vec<_> = (32..=41).map(|number| row::table_name(Table(number))).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert!(!names.contains(&"") && !names.contains(&row::table_name(Table(1))));
}

/// Without its lock a position is open to a second operation; with one of nobody it is closed to all.
#[test]
fn a_lock_that_is_not_its_operations_is_found() {
    let locked = || {
        let store = store();
        let coin = Asset::new("test", "COIN", 0).unwrap();
        let usd = Asset::new("fiat", "USD", 2).unwrap();
        let opening = Intent::open("third", NewPosition::new("main", coin, usd));
        let begun = store.operations().begin(&opening).unwrap().into_handle().unwrap();
        let (operation, position) = (begun.id(), begun.position().unwrap().get());
        assert_eq!(store.snapshot().verify().unwrap(), []);
        (store, operation, position)
    };
    let (store, operation, position) = locked();
    let key = row::working_key(position, operation);
    let found = spoil(&store, |operations| operations.tx().delete(WORKING, &key));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("the lock and the operation differ"), "{found:?}");

    let (store, _, position) = locked();
    let key = row::working_key(position, OperationId::new(1));
    let found = spoil(&store, |operations| {
        row::put(operations.tx(), WORKING, &key, &vec![Role::Increases]);
    });
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("2 operations have the position for themselves"), "{found:?}");
}

/// Money that is held for an operation that is over would stay set aside for ever.
#[test]
fn a_hold_that_outlived_its_operation_is_found() {
    let store = busy_store();
    let found = spoil(&store, |operations| {
        let id = row::key_row(operations.reader(), b"open").unwrap().unwrap().operation;
        let id = OperationId::new(id);
        let mut row = row::find(operations.reader(), id).unwrap().unwrap();
        row.status = Status::Completed;
        row::put_operation(operations.tx(), id, &row);
    });
    assert!(found.iter().any(|found| found.contains("something is held for it")), "{found:?}");
}

/// A claim in the hands of an operation that holds another one of that name would never be decided.
#[test]
fn a_claim_that_its_operation_does_not_know_is_found() {
    let store = busy_store();
    let claims: Vec<_> = rows_of(&store, CLAIMS);
    let (key, row) = claims.into_iter().find(|(key, _)| key.ends_with(b"9")).unwrap();
    let mut other = key.clone();
    *other.last_mut().unwrap() = b'8';
    put(&store, CLAIMS, &other, Some(&row));
    let found = store.snapshot().verify().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].problem.contains("a claim is in its hands"), "{found:?}");
    assert!(found[1].problem.contains("has other claims than it says"), "{found:?}");
}
