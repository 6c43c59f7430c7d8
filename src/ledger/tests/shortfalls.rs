//! Facts that the books have no money or units for.

use super::super::AccountKind::{Adjustment, Units, World};
use super::*;
use crate::Error;

/// A wrong scale, the commonest mistake of a first day: the venue's fill asks for a hundred times
/// what there is. It is refused and changes nothing, until the caller says that it did happen.
#[test]
fn cash_that_is_missing_is_refused_or_booked_from_adjustment() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    let position = book.open(&new_position());
    let effect = Effect::new().buy(position, fill("F", 1, "1000"));
    let Err(Error::Insufficient { short, .. }) = book.post(1, &effect) else {
        panic!("it was not refused")
    };
    assert_eq!(short, dollars("990"));
    let posted = book.post(1, &effect.cover_shortfall("wrong scale at the venue")).unwrap();
    assert_eq!(posted.shortfalls, [dollars("990")]);
    assert_eq!(book.cash(&usd()), (0, 0));
    assert_eq!(book.balance(&usd(), Adjustment), -99_000);
    let snapshot = book.store.snapshot();
    let entry = snapshot.ledger().entry(posted.entries[0]).unwrap();
    assert_eq!(entry.reason.as_deref(), Some("wrong scale at the venue"));
    assert_eq!(snapshot.ledger().shortfalls().unwrap().len(), 1);
    book.store.ledger().write_off(MAIN, &usd(), "explained").unwrap();
    assert!(book.store.snapshot().ledger().shortfalls().unwrap().is_empty());
}

/// The bot sold five, the books have three, of which one is set aside for somebody else.
#[test]
fn units_that_are_missing_come_at_no_cost() {
    let book = Book::new();
    book.deposit(&dollars("30"));
    for new in [new_position(), new_position().tag("fifo").fifo()] {
        let position = book.open(&new);
        let name = |name: &str| format!("{name}{position}");
        book.post(1, &Effect::new().buy(position, fill(&name("B"), 3, "9"))).unwrap();
        book.write(|ledger| ledger.reserve_units(operation(2), position, &tokens(1))).unwrap();
        let sale = Effect::new().sell(position, fill(&name("S"), 5, "10"));
        let Err(Error::Insufficient { short, .. }) = book.post(1, &sale) else {
            panic!("it was not refused")
        };
        assert_eq!(short, tokens(3));
        let posted = book.post(1, &sale.cover_shortfall("sold by hand")).unwrap();
        assert_eq!(posted.shortfalls, [tokens(3)]);
        let now = book.position(position);
        assert_eq!((now.quantity, now.reserved), (tokens(1), tokens(1)));
        book.write(|ledger| ledger.release(operation(2))).unwrap();
    }
    assert_eq!(book.balance(&token(), Adjustment), -6);
    assert_eq!(book.balance(&token(), Units), 2);
    assert_eq!(book.balance(&token(), World), 4);
}

/// What somebody else has set aside is never used, however a fact is covered.
#[test]
fn a_shortfall_never_takes_what_others_hold() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    book.write(|ledger| ledger.reserve_cash(operation(2), MAIN, &dollars("8"))).unwrap();
    let position = book.open(&new_position());
    let effect = Effect::new().buy(position, fill("F", 1, "5")).cover_shortfall("why");
    assert_eq!(book.post(1, &effect).unwrap().shortfalls, [dollars("3")]);
    assert_eq!(book.cash(&usd()), (0, 800));
}

/// The venue's figures are compared with the books, and only the differences are booked.
#[test]
fn reconciling_names_differences_and_adjusting_books_them() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("F", 2, "4"))).unwrap();
    let external = [dollars("6.50"), tokens(2)];
    let differences = book.store.snapshot().ledger().reconcile(MAIN, &external).unwrap();
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].difference, dollars("0.50"));
    let entries = book.store.ledger().adjust(MAIN, &external, "interest").unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(book.cash(&usd()), (650, 0));
    assert!(book.store.ledger().adjust(MAIN, &external, "again").unwrap().is_empty());
    let fewer = [tokens(1)];
    assert!(matches!(
        book.store.ledger().adjust(MAIN, &fewer, "lost"),
        Err(Error::Insufficient { .. })
    ));
    assert_eq!(book.store.snapshot().ledger().verify().unwrap(), []);
}
