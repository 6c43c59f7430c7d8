//! Limits, the halt switch, and what they are measured with.

use std::time::Duration;

use super::super::{Increase, ShareOfEquity};
use super::*;
use crate::{Error, Update};

fn raise(position: Option<PositionId>, spend: &str) -> Increase {
    Increase { position, spend: dollars(spend) }
}

fn check(book: &Book, increase: Increase) -> Result<(), Error> {
    book.write(|ledger| ledger.check_limits(MAIN, std::slice::from_ref(&increase)))
}

fn price(book: &Book, text: &str) {
    let at = book.store.snapshot().ledger().now;
    let update = Update::new(token().key().clone()).price(text.parse().unwrap(), at);
    book.store.tokens().upsert(&update).unwrap();
}

/// A bot that averages down is stopped by what the position costs in all.
#[test]
fn the_cost_of_a_position_counts_what_is_in_it() {
    let book = Book::limited(Limits::new().position_cost(dollars("50")).open_positions(1));
    book.deposit(&dollars("100"));
    check(&book, raise(None, "50")).unwrap();
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("A", 1, "30"))).unwrap();
    check(&book, raise(Some(position), "20")).unwrap();
    let refused = check(&book, raise(Some(position), "20.01"));
    assert!(matches!(refused, Err(Error::LimitExceeded { limit, .. }) if limit.contains("cost")));
    let refused = check(&book, raise(None, "1"));
    assert!(matches!(refused, Err(Error::LimitExceeded { limit, .. }) if limit.contains("open")));
}

/// The share of equity is measured with prices that are young enough, or not at all.
#[test]
fn a_share_of_equity_needs_young_prices() {
    let share = ShareOfEquity { basis_points: 2_500, max_mark_age: Duration::from_secs(60) };
    let book = Book::limited(Limits::new().share_of_equity(share));
    book.deposit(&dollars("100"));
    check(&book, raise(None, "25")).unwrap();
    assert!(matches!(check(&book, raise(None, "25.01")), Err(Error::LimitExceeded { .. })));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("A", 10, "20"))).unwrap();
    assert!(
        matches!(check(&book, raise(None, "1")), Err(Error::Unmarked { asset }) if asset == token())
    );
    price(&book, "12");
    // 80 in cash and 120 in tokens.
    check(&book, raise(None, "50")).unwrap();
    assert!(check(&book, raise(None, "50.01")).is_err());
    book.clock.advance_micros(61_000_000);
    assert!(matches!(check(&book, raise(None, "1")), Err(Error::Unmarked { .. })));
}

/// A halt is kept over the commit and says why.
#[test]
fn a_halt_refuses_what_raises_risk_until_it_ends() {
    let book = Book::new();
    book.store.ledger().halt("drawdown").unwrap();
    let refused = check(&book, raise(None, "1"));
    assert!(matches!(refused, Err(Error::Halted { reason }) if &*reason == "drawdown"));
    book.store.ledger().resume().unwrap();
    check(&book, raise(None, "1")).unwrap();
}

/// The summary adds up, marks what has a price, and leaves out of sums what has none.
#[test]
fn the_summary_tells_everything_of_one_state() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("A", 10, "40").fee(dollars("1")))).unwrap();
    book.write(|ledger| ledger.reserve_units(operation(2), position, &tokens(4))).unwrap();
    let summary = book.store.snapshot().ledger().summary(MAIN, None).unwrap();
    assert_eq!(summary.open[0].market_value, None);
    assert_eq!((summary.positions_closing, summary.positions_open), (1, 0));
    price(&book, "5");
    let summary = book.store.snapshot().ledger().summary(MAIN, None).unwrap();
    let (cash, quote) = (&summary.cash[0], &summary.quotes[0]);
    assert_eq!((&cash.total, &summary.fees[..]), (&dollars("59"), &[dollars("1")][..]));
    assert_eq!(quote.cost, dollars("40"));
    assert_eq!((&quote.market_value, &quote.unrealized), (&dollars("50"), &dollars("10")));
    book.store.ledger().record_equity(MAIN).unwrap();
    book.clock.advance_micros(1);
    price(&book, "2");
    book.store.ledger().record_equity(MAIN).unwrap();
    book.clock.advance_micros(1);
    price(&book, "3");
    book.store.ledger().record_equity(MAIN).unwrap();
    let drawdown = book.store.snapshot().ledger().max_drawdown(MAIN).unwrap().unwrap();
    assert_eq!((drawdown.fall, drawdown.to.value), (dollars("30"), dollars("79")));
}

/// Profit is counted by the time of closing, and times before 1970 order too.
#[test]
fn profit_between_two_times_counts_positions_closed_then() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let at = |micros| Timestamp::from_micros(micros);
    for (number, (buy, sell)) in [("10", "15"), ("10", "8"), ("10", "10")].into_iter().enumerate() {
        book.clock.advance_micros(10);
        let position = book.open(&new_position());
        let name = |side| format!("{side}{number}");
        book.post(1, &Effect::new().buy(position, fill(&name("B"), 1, buy))).unwrap();
        book.post(1, &Effect::new().sell(position, fill(&name("S"), 1, sell))).unwrap();
        book.write(|ledger| ledger.close_if_empty(position)).unwrap();
    }
    let snapshot = book.store.snapshot();
    let pnl = |from, to| snapshot.ledger().pnl_between(MAIN, at(from), at(to)).unwrap();
    assert_eq!(pnl(i64::MIN, i64::MAX), [dollars("3")]);
    assert_eq!(pnl(1_000_011, 1_000_021), [dollars("-2")]);
    assert!(pnl(1_000_021, 1_000_011).is_empty());
    let summary = snapshot.ledger().summary(MAIN, None).unwrap();
    assert_eq!((summary.wins, summary.losses, summary.flat), (1, 1, 1));
    let entries = snapshot.ledger().entries_between(at(1_000_010), at(1_000_020)).unwrap();
    assert_eq!(entries.count(), 2);
}
