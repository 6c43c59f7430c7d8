//! Prediction markets: cash is split into outcomes, merged back, and one outcome pays.

use super::*;
use crate::Error;

fn outcome(name: &str) -> Asset {
    Asset::new("polygon", name, 2).unwrap()
}

fn units(name: &str, text: &str) -> Money {
    Money::parse(&outcome(name), text).unwrap()
}

fn open(book: &Book, name: &str) -> PositionId {
    book.open(&NewPosition::new(MAIN, outcome(name), usd()))
}

/// Ten dollars and a cent are split into three outcomes: the odd cent goes to the first.
#[test]
fn a_split_costs_what_it_takes_and_a_merge_gives_it_back() {
    let book = Book::new();
    book.deposit(&dollars("20"));
    let positions = ["yes", "no", "maybe"].map(|name| open(&book, name));
    let split = Effect::new().split(dollars("10.01"), positions.map(|position| (position, None)));
    book.post(1, &split).unwrap();
    let costs = positions.map(|position| book.position(position).cost);
    assert_eq!(costs, [dollars("3.35"), dollars("3.33"), dollars("3.33")]);
    assert_eq!(book.cash(&usd()), (999, 0));
    assert_eq!(book.position(positions[1]).quantity, units("no", "10.01"));
    book.post(1, &Effect::new().merge(dollars("10.01"), positions)).unwrap();
    assert_eq!(book.cash(&usd()), (2_000, 0));
    for position in positions {
        let now = book.position(position);
        assert_eq!((now.cost, now.realized), (dollars("0"), dollars("0")));
    }
}

/// Costs of the caller's own add up to the cash or are refused; one outcome pays, the other dies.
#[test]
fn stated_costs_add_up_and_a_payout_is_a_reduction() {
    let book = Book::new();
    book.deposit(&dollars("10"));
    let (yes, no) = (open(&book, "yes"), open(&book, "no"));
    let split = |costs: [&str; 2]| {
        let [first, second] = costs.map(dollars);
        Effect::new().split(dollars("10"), [(yes, Some(first)), (no, Some(second))])
    };
    assert!(matches!(book.post(1, &split(["6", "3"])), Err(Error::EffectMismatch { .. })));
    book.post(1, &split(["6.40", "3.60"])).unwrap();
    let redeem = |name: &str, gross| Fill::new("chain", name, units(name, "10"), dollars(gross));
    book.post(1, &Effect::new().redeem(yes, redeem("yes", "10"))).unwrap();
    book.post(1, &Effect::new().redeem(no, redeem("no", "0"))).unwrap();
    assert_eq!(book.position(yes).realized, dollars("3.60"));
    assert_eq!(book.position(no).realized, dollars("-3.60"));
    assert_eq!(book.cash(&usd()), (1_000, 0));
}

/// Outcomes of a merge share what it brings by what they cost; free ones share it equally.
#[test]
fn a_merge_shares_its_proceeds_by_cost() {
    let book = Book::new();
    book.deposit(&dollars("30"));
    let (yes, no) = (open(&book, "yes"), open(&book, "no"));
    let buy = |position, name, id: &str, gross| {
        let fill = Fill::new("venue", id, units(name, "10"), dollars(gross));
        Effect::new().buy(position, fill)
    };
    book.post(1, &buy(yes, "yes", "Y", "7")).unwrap();
    book.post(1, &buy(no, "no", "N", "2")).unwrap();
    book.post(1, &Effect::new().merge(dollars("5"), [yes, no])).unwrap();
    // Half of the costs went: 3.50 and 1.00. Of 5.00 the first gets 3.88, the last the rest.
    assert_eq!(book.position(yes).realized, dollars("0.38"));
    assert_eq!(book.position(no).realized, dollars("0.12"));
    for wrong in [
        Effect::new().merge(dollars("1"), [yes, yes]),
        Effect::new().merge(dollars("0"), [yes, no]),
        Effect::new().merge(dollars("5.01"), [yes, no]),
        Effect::new().split(dollars("1"), []),
    ] {
        assert!(book.post(1, &wrong).is_err(), "{wrong:?}");
    }
}
