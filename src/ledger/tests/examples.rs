//! The examples that were worked by hand.

use super::super::AccountKind::{Cash, Cost, Fees, RealizedPnl, Units, World};
use super::*;

/// A buy that costs more than was held for it, because the fee came on top: the hold is used first,
/// the rest comes from what is available.
#[test]
fn a_buy_beyond_its_hold_takes_the_rest_from_what_is_available() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    book.write(|ledger| ledger.reserve_cash(operation(1), MAIN, &dollars("50"))).unwrap();
    assert_eq!(book.cash(&usd()), (5_000, 5_000));
    let effect = Effect::new().buy(position, fill("F1", 10, "52").fee(dollars("1")));
    book.post(1, &effect).unwrap();
    assert_eq!(book.cash(&usd()), (4_700, 0));
    assert_eq!(book.balance(&usd(), Cost), 5_200);
    assert_eq!(book.balance(&usd(), Fees), 100);
    let released = book.write(|ledger| ledger.release(operation(1))).unwrap();
    assert_eq!(released[0].money, dollars("0"));
}

/// An order was half filled when the bot lost sight of it, and the venue reports both fills again:
/// the first is left out, the second uses the rest of the hold and fifty cents more.
#[test]
fn a_fill_that_was_recorded_is_left_out_when_it_comes_again() {
    let book = Book::new();
    book.deposit(&dollars("200"));
    let position = book.open(&new_position());
    book.write(|ledger| ledger.reserve_cash(operation(1), MAIN, &dollars("100"))).unwrap();
    let first = fill("F1", 4, "40").fee(dollars("0.40"));
    book.post(1, &Effect::new().buy(position, first.clone())).unwrap();
    assert_eq!(book.cash(&usd()), (10_000, 5_960));
    let second = fill("F2", 6, "59.50").fee(dollars("0.60"));
    let effect = Effect::new().buy(position, first).buy(position, second);
    let posted = book.post(1, &effect).unwrap();
    assert_eq!((posted.entries.len(), posted.skipped.len()), (1, 1));
    assert!(!posted.skipped[0].differs);
    assert_eq!(book.cash(&usd()), (9_950, 0));
    let position = book.position(position);
    assert_eq!(position.quantity, tokens(10));
    assert_eq!(position.cost, dollars("99.50"));
    assert_eq!(position.quote_fees, dollars("1"));
    book.write(|ledger| ledger.release(operation(1))).unwrap();
    assert!(book.store.snapshot().ledger().holds().unwrap().is_empty());
}

/// A fee in the token itself takes units and leaves their cost with the others.
#[test]
fn a_sale_with_a_fee_in_the_token_leaves_its_cost_behind() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("B", 10, "100"))).unwrap();
    let sale = fill("S1", 4, "60").fee(tokens(1));
    book.post(1, &Effect::new().sell(position, sale)).unwrap();
    let now = book.position(position);
    assert_eq!((now.realized, now.quantity, now.cost), (dollars("20"), tokens(5), dollars("60")));
    book.post(1, &Effect::new().sell(position, fill("S2", 5, "50"))).unwrap();
    let now = book.position(position);
    assert_eq!((now.realized, now.quantity, now.cost), (dollars("10"), tokens(0), dollars("0")));
    assert_eq!(book.balance(&usd(), RealizedPnl), -1_000);
    assert_eq!(book.balance(&usd(), Cash), 11_000);
    assert_eq!(book.balance(&token(), Units), 0);
    assert_eq!(book.balance(&token(), World), -1);
}

/// Three units for a dollar, sold one by one: each takes its cost rounded down, and the last takes what
/// is left. Rounded to the nearest, the second would take a cent of the third's.
#[test]
fn a_cost_is_rounded_down_and_the_last_unit_takes_the_rest() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    for (number, new) in [(1, new_position()), (2, new_position().tag("fifo").fifo())] {
        let position = book.open(&new);
        let id = |text: &str| format!("{text}{number}");
        book.post(number, &Effect::new().buy(position, fill(&id("B"), 3, "1.00"))).unwrap();
        for (sale, cost_left) in [("S1", "0.67"), ("S2", "0.34"), ("S3", "0")] {
            book.post(number, &Effect::new().sell(position, fill(&id(sale), 1, "1"))).unwrap();
            assert_eq!(book.position(position).cost, dollars(cost_left), "{sale}");
        }
        assert_eq!(book.position(position).realized, dollars("2"));
    }
}

/// Bought cheap and then dear: first in, first out sells the cheap ones first.
#[test]
fn the_lot_that_was_bought_first_leaves_first() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position().fifo());
    for (id, cost) in [("B1", "10"), ("B2", "30"), ("B3", "50")] {
        book.post(1, &Effect::new().buy(position, fill(id, 10, cost))).unwrap();
    }
    for (id, quantity, cost_left) in [("S1", 10, "80"), ("S2", 15, "25"), ("S3", 5, "0")] {
        book.post(1, &Effect::new().sell(position, fill(id, quantity, "1"))).unwrap();
        assert_eq!(book.position(position).cost, dollars(cost_left), "{id}");
    }
}

/// What one operation has set aside no other can, whether it asks to hold it, to move it or to take
/// it out.
#[test]
fn money_is_set_aside_once() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    book.write(|ledger| ledger.reserve_cash(operation(1), MAIN, &dollars("70"))).unwrap();
    let hold = book.write(|ledger| ledger.reserve_cash(operation(2), MAIN, &dollars("31")));
    let take = book.write(|ledger| ledger.withdraw(MAIN, &dollars("31"))).map(drop);
    let move_it = book.write(|ledger| ledger.transfer(MAIN, "aside", &dollars("31"))).map(drop);
    for refused in [hold, take, move_it] {
        let Err(crate::Error::Insufficient { short, .. }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(short, dollars("1"));
    }
    book.write(|ledger| ledger.reserve_cash(operation(2), MAIN, &dollars("30"))).unwrap();
    let balance = book.store.snapshot().ledger().balance(MAIN, &usd()).unwrap();
    assert_eq!((balance.reserved, balance.available), (dollars("100"), dollars("0")));
}

/// A fee in a third asset, a rebate, and a fee above the proceeds of dust.
#[test]
fn fees_of_every_kind_end_on_the_fees_account() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    book.deposit(&Money::parse(&gas(), "1").unwrap());
    let position = book.open(&new_position());
    let bought =
        fill("B", 10, "10").fee(Money::parse(&gas(), "0.000005").unwrap()).fee(dollars("-0.05"));
    book.post(1, &Effect::new().buy(position, bought)).unwrap();
    assert_eq!(book.balance(&gas(), Fees), 5_000);
    assert_eq!(book.balance(&gas(), Cash), 1_000_000_000 - 5_000);
    assert_eq!(book.balance(&usd(), Fees), -5);
    assert_eq!(book.balance(&usd(), Cash), 9_005);
    let dust = fill("S", 10, "0.01").fee(dollars("0.03"));
    book.post(1, &Effect::new().sell(position, dust)).unwrap();
    assert_eq!(book.balance(&usd(), Cash), 9_003);
    assert_eq!(book.position(position).quote_fees, dollars("-0.02"));
}

/// An airdrop costs nothing, a dead token brings nothing: both are trades.
#[test]
fn nothing_paid_and_nothing_received_are_legal() {
    let book = Book::new();
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("airdrop", 7, "0"))).unwrap();
    book.post(1, &Effect::new().sell(position, fill("burnt", 7, "0"))).unwrap();
    assert_eq!(book.position(position).realized, dollars("0"));
}

/// The fee took every unit of a buy: what it cost is lost at once, and no cost stays without units.
#[test]
fn a_buy_whose_fee_takes_all_units_is_a_loss_at_once() {
    let book = Book::new();
    book.deposit(&dollars("5"));
    for (number, new) in [(1, new_position()), (2, new_position().tag("fifo").fifo())] {
        let position = book.open(&new);
        let all = fill(&number.to_string(), 3, "2").fee(tokens(3));
        book.post(number, &Effect::new().buy(position, all)).unwrap();
        let now = book.position(position);
        assert_eq!((now.cost, now.realized), (dollars("0"), dollars("-2")));
    }
}

/// Two reductions side by side, and money that a third party expects: each hold is its own.
#[test]
fn holds_of_several_operations_do_not_touch_each_other() {
    let book = Book::new();
    book.deposit(&dollars("100"));
    let position = book.open(&new_position());
    book.post(1, &Effect::new().buy(position, fill("B", 10, "40"))).unwrap();
    book.write(|ledger| ledger.reserve_units(operation(2), position, &tokens(6))).unwrap();
    book.write(|ledger| ledger.reserve_units(operation(3), position, &tokens(4))).unwrap();
    let refused = book.write(|ledger| ledger.reserve_units(operation(4), position, &tokens(1)));
    let Err(crate::Error::Insufficient { short, position: Some(short_of), .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((short, short_of), (tokens(1), position));
    // The third sells more than it holds: the second's units are not its own.
    let too_much = Effect::new().sell(position, fill("S3", 5, "1"));
    assert!(matches!(book.post(3, &too_much), Err(crate::Error::Insufficient { .. })));
    book.post(3, &Effect::new().sell(position, fill("S3", 4, "20"))).unwrap();
    book.post(2, &Effect::new().sell(position, fill("S2", 6, "30"))).unwrap();
    assert_eq!(book.position(position).quantity, tokens(0));
    book.write(|ledger| ledger.expect_cash(operation(5), MAIN, &dollars("7"))).unwrap();
    let balance = book.store.snapshot().ledger().balance(MAIN, &usd()).unwrap();
    assert_eq!((balance.expected, balance.available), (dollars("7"), dollars("110")));
    book.post(5, &Effect::new().deposit(MAIN, dollars("5"))).unwrap();
    let released = book.write(|ledger| ledger.release(operation(5))).unwrap();
    assert_eq!(released[0].money, dollars("2"));
}
