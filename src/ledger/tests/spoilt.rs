//! What verification has to see of rows that follow from others: each lost, changed, and made twice.

use super::altered::{put, rich, rows_of};
use super::*;
use crate::engine::Table;
use crate::ledger;
use crate::ledger::AccountKind;
use crate::ledger::entry::EntryRecord;
use crate::ledger::holds::HoldRow;
use crate::ledger::rows;

/// The tables of which every row follows from the entries, the positions and the holds.
const DERIVED: [Table; 10] = [
    ledger::ACCOUNTS,
    ledger::ENTRIES_BY_ACCOUNT,
    ledger::ENTRIES_BY_OPERATION,
    ledger::ENTRIES_BY_POSITION,
    ledger::REVERSALS,
    ledger::SLOTS,
    ledger::LOTS,
    ledger::HOLDS,
    ledger::OWNERS,
    ledger::CLOSED,
];

fn is_sound(book: &Book) -> bool {
    matches!(book.store.snapshot().verify(), Ok(found) if found.is_empty())
}

/// An update that forgets one row of many is the commonest mistake there is: a list that lacks an entry,
/// a counter that was not raised, a hold without its sum. Whatever row it is, verification has to say so.
#[test]
fn no_derived_row_is_lost_unseen() {
    let book = rich();
    for table in DERIVED.into_iter().chain([ledger::ENTRIES, ledger::POSITIONS]) {
        let rows = rows_of(&book, table);
        assert!(!rows.is_empty(), "the example has no rows in {}", ledger::table_name(table));
        for (key, row) in rows {
            put(&book, table, &key, None);
            let at = key.escape_ascii();
            assert!(!is_sound(&book), "{} {at} was lost unseen", ledger::table_name(table));
            put(&book, table, &key, Some(&row));
        }
    }
    assert!(is_sound(&book));
}

/// The same for a row that should have been taken away and was not: a copy of each under a key that
/// nothing stands behind.
#[test]
fn no_row_too_many_is_unseen() {
    let book = rich();
    for table in DERIVED.into_iter().chain([ledger::ENTRIES, ledger::POSITIONS, ledger::FILLS]) {
        for (key, row) in rows_of(&book, table) {
            let mut other = key.clone();
            *other.last_mut().unwrap() ^= 64;
            put(&book, table, &other, Some(&row));
            let at = other.escape_ascii();
            assert!(!is_sound(&book), "{} {at} appeared unseen", ledger::table_name(table));
            put(&book, table, &other, None);
        }
    }
    assert!(is_sound(&book));
}

/// And for one that says something else than it should. What a hold was at first follows from nothing;
/// what remains of it does.
#[test]
fn no_derived_row_is_changed_unseen() {
    let book = rich();
    for table in DERIVED {
        for (key, row) in rows_of(&book, table) {
            for changed in changed(table, &row) {
                put(&book, table, &key, Some(&changed));
                let (of, table) = (key.escape_ascii(), ledger::table_name(table));
                assert!(!is_sound(&book), "{table} {of} was changed unseen to {changed:?}");
            }
            put(&book, table, &key, Some(&row));
        }
    }
    assert!(is_sound(&book));
}

/// Everything that the row could say instead.
fn changed(table: Table, row: &[u8]) -> Vec<Vec<u8>> {
    if table == ledger::HOLDS {
        let hold: HoldRow = rows::decode(table, &[], row).unwrap();
        let with = |remaining| rows::encode(&HoldRow { remaining, ..hold });
        return vec![with(hold.remaining - 1), with(hold.remaining + 1), with(-hold.remaining)];
    }
    let bytes = 1..row.len();
    bytes.map(|at| row.iter().enumerate().map(|(i, b)| b ^ u8::from(i == at)).collect()).collect()
}

/// Two entries that each say they did something else than they did, so that together they come out right:
/// every balance is what it should be, and only the entries themselves can show it.
#[test]
fn two_wrong_entries_that_make_up_for_each_other_are_found() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    for id in ["A", "B"] {
        book.post(1, &Effect::new().buy(position, fill(id, 5, "10"))).unwrap();
    }
    for kinds in [[AccountKind::Units, AccountKind::World], [AccountKind::Cash, AccountKind::Cost]]
    {
        let entries = rows_of(&book, ledger::ENTRIES);
        for ((key, row), more) in entries[1..].iter().zip([1, -1]) {
            let mut record = EntryRecord::decode(key, row).unwrap();
            for (kind, more) in kinds.into_iter().zip([more, -more]) {
                let leg = record.legs.iter_mut().find(|(account, _)| account.kind == kind);
                leg.unwrap().1 += more;
            }
            put(&book, ledger::ENTRIES, key, Some(&record.encode()));
        }
        let found = book.store.snapshot().verify().unwrap();
        let told = found.iter().filter(|found| found.problem.contains("other legs")).count();
        assert_eq!((found.len(), told), (2, 2), "{found:?}");
        for (key, row) in &entries {
            put(&book, ledger::ENTRIES, key, Some(row));
        }
    }
    assert!(is_sound(&book));
}

/// One leg that was changed leaves money that came from nowhere.
#[test]
fn an_entry_that_does_not_sum_to_zero_is_found() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let (key, row) = rows_of(&book, ledger::ENTRIES).remove(0);
    let mut record = EntryRecord::decode(&key, &row).unwrap();
    record.legs[0].1 += 1;
    put(&book, ledger::ENTRIES, &key, Some(&record.encode()));
    let found = book.store.snapshot().verify().unwrap();
    assert!(found.iter().any(|found| found.problem.contains("sum to zero")), "{found:?}");
}
