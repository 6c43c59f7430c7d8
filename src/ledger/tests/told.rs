//! What a venue or a caller says at the edges: nothing at all, less than before, too much, too long.

use std::cell::Cell;

use super::super::{FillId, Ledger, Mismatch};
use super::*;
use crate::engine::{self, KeyRange, Reader, Row, Scan, Table};
use crate::{Clock, Error};

/// A venue reports the totals of an order that nothing was done of yet. That is no mistake; an execution
/// of nothing is one.
#[test]
fn a_total_may_be_nothing_and_an_execution_may_not() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    let nothing = Fill::cumulative("venue", tokens(0), dollars("0"));
    let posted = book.post(1, &Effect::new().buy(position, nothing)).unwrap();
    assert_eq!((posted.entries.len(), &posted.skipped[0].fill), (0, &FillId::Cumulative));
    let refused = book.post(1, &Effect::new().buy(position, fill("F", 0, "1")));
    assert!(
        matches!(refused, Err(Error::EffectMismatch { reason: Mismatch::Zero("the quantity") })),
        "{refused:?}"
    );
}

/// Totals with a fee in a third asset, told three times: of the gas, too, only what is new is paid.
#[test]
fn totals_take_a_third_assets_fee_once() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let units = |units| Money::new(gas(), Amount::from_units(units));
    book.deposit(&units(10));
    let position = book.open(&new_position());
    let total = |quantity, gross: &str, fee, in_tokens| {
        let fill = Fill::cumulative("venue", tokens(quantity), dollars(gross));
        Effect::new().buy(position, fill.fee(units(fee)).fee(tokens(in_tokens)))
    };
    book.post(1, &total(4, "40", 3, 1)).unwrap();
    assert_eq!(book.cash(&gas()), (7, 0));
    let again = book.post(1, &total(4, "40", 3, 1)).unwrap();
    assert_eq!((again.entries.len(), again.skipped.len()), (0, 1));
    book.post(1, &total(6, "60", 5, 2)).unwrap();
    assert_eq!((book.cash(&gas()), book.position(position).quantity), ((5, 0), tokens(4)));
    let fell = book.post(1, &total(6, "60", 4, 2));
    assert!(matches!(fell, Err(Error::Ledger(super::super::Error::TotalFell { what: "fee", .. }))));
}

/// A maker's rebate comes after the fills it is for: where no fee was paid, the total of the fees goes
/// below zero.
#[test]
fn a_rebate_may_come_later() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    let total = |fee: i128| {
        let fee = Money::new(usd(), Amount::from_units(fee));
        Effect::new().buy(position, Fill::cumulative("venue", tokens(4), dollars("40")).fee(fee))
    };
    book.post(1, &total(0)).unwrap();
    let rebate = book.write(|ledger| ledger.post(operation(1), &total(-25)));
    assert_eq!(rebate.unwrap().entries.len(), 1);
    assert_eq!((book.cash(&usd()), book.position(position).quantity), ((6_025, 0), tokens(4)));
}

/// The reason for covering a shortfall stands in the entry that had one, also where only units were
/// missing, and in no other.
#[test]
fn the_reason_of_a_shortfall_stands_where_there_was_one() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    let buy = Effect::new().buy(position, fill("B", 3, "9")).cover_shortfall("just in case");
    let bought = book.post(1, &buy).unwrap().entries[0];
    let sale = Effect::new().sell(position, fill("S", 5, "10")).cover_shortfall("sold by hand");
    let sold = book.post(1, &sale).unwrap().entries[0];
    let snapshot = book.store.snapshot();
    let reason = |entry| snapshot.ledger().entry(entry).unwrap().reason;
    assert_eq!((reason(bought), reason(sold).as_deref()), (None, Some("sold by hand")));
}

/// A tag is a part of a key on the disk: one that is too long or holds a control character is refused,
/// before it makes two positions look like one. The longest name and none at all are fine.
#[test]
fn a_tag_that_no_key_can_hold_is_refused() {
    let book = Book::new();
    let open = |tag: &str| {
        book.write(|ledger| ledger.open_position(operation(1), &new_position().tag(tag)))
    };
    for bad in ["a\0b", "line\n", &"x".repeat(super::super::MAX_NAME_BYTES + 1)] {
        let refused = open(bad);
        let is_named =
            matches!(refused, Err(Error::Ledger(super::super::Error::InvalidName { .. })));
        assert!(is_named, "{bad:?}: {refused:?}");
    }
    open(&"x".repeat(super::super::MAX_NAME_BYTES)).unwrap();
    open("").unwrap();
}

/// Notes at a position have room for 4096 bytes, by whichever way they come, and for not one more.
#[test]
fn an_attribute_has_a_greatest_length() {
    let book = Book::new();
    let position = book.open(&new_position());
    let longest = vec![b'x'; super::super::MAX_ATTRIBUTE_BYTES];
    let too_long = vec![b'x'; super::super::MAX_ATTRIBUTE_BYTES + 1];
    let write = |value: &[u8]| {
        book.write(|ledger| ledger.write_attribute(position, "note", Some(value), None)).map(drop)
    };
    let post = |value: &[u8]| book.post(1, &Effect::new().set(position, "note", value)).map(drop);
    for set in [&write as &dyn Fn(&[u8]) -> Result<(), Error>, &post] {
        set(&longest).unwrap();
        let refused = set(&too_long);
        let is_named =
            matches!(refused, Err(Error::Ledger(super::super::Error::InvalidName { .. })));
        assert!(is_named, "{refused:?}");
    }
}

/// An error that names the wrong table sends its reader to the wrong place: every table has a name of
/// its own.
#[test]
fn every_table_has_a_name_of_its_own() {
    let names: Vec<_> =
        (2..=19).map(|number| super::super::table_name(crate::engine::Table(number))).collect();
    let different: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert!(
        !names.contains(&"") && !names.contains(&super::super::table_name(crate::engine::Table(1)))
    );
}

/// A position that was opened before the book was may be dated by a clock that runs five minutes ahead of
/// ours, and not a microsecond more.
#[test]
fn an_import_from_the_future_is_refused() {
    let book = Book::new();
    let latest = book.clock.now().as_micros() + 5 * 60 * 1_000_000;
    let import = |at| {
        let at = Timestamp::from_micros(at);
        book.write(|ledger| ledger.import_position(&new_position(), &tokens(3), &dollars("9"), at))
    };
    let refused = import(latest + 1);
    let is_future =
        matches!(refused, Err(Error::Ledger(super::super::Error::FromTheFuture { .. })));
    assert!(is_future, "{refused:?}");
    import(latest).unwrap();
}

/// The names of all owners are read without their accounts: of each one key, however much they hold.
#[test]
fn owners_are_named_once_each() {
    let book = Book::new();
    for owner in ["main", "mai", "main 2", "zoe", "a"] {
        for asset in 0..20 {
            let asset = Asset::new("chain", &format!("asset{asset}"), 2).unwrap();
            let one = Money::new(asset, Amount::from_units(1));
            book.write(|ledger| ledger.deposit(owner, &one)).unwrap();
        }
    }
    let snapshot = book.store.snapshot();
    let reader = Counting { reader: snapshot.reader(), rows: Cell::new(0) };
    let ledger = Ledger::new(&reader, None, Timestamp::from_micros(0));
    let named = |behind| ledger.owners(behind).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(named(None).join(","), "a,mai,main,main 2,zoe");
    assert!(reader.rows.get() <= 6, "{} rows", reader.rows.get());
    assert_eq!(named(Some("mai")).join(","), "main,main 2,zoe");
    assert_eq!(named(Some("zoe")).len(), 0);
}

/// Counts the rows that are drawn from its scans.
struct Counting<'a> {
    reader: &'a dyn Reader,
    rows: Cell<usize>,
}

impl Reader for Counting<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, engine::Error> {
        self.reader.get(table, key)
    }

    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_> {
        let rows = self.reader.scan(table, range);
        Box::new(rows.inspect(|_| self.rows.set(self.rows.get() + 1)))
    }
}
