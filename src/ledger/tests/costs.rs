//! Costs telescope: whatever a position lives through, nothing is lost or made.

use proptest::prelude::*;

use super::super::AccountKind::{Cash, Fees, RealizedPnl, Units};
use super::*;

#[derive(Clone, Debug)]
struct Trade {
    buys: bool,
    /// In sixteenths of what is there, for a sale.
    share: i128,
    units: i128,
    gross: i128,
    fee: i128,
    token_fee: i128,
}

fn trade() -> impl Strategy<Value = Trade> {
    let fee = prop_oneof![Just(0), -20..20i128, 0..2_000i128];
    let sizes = (1..16i128, 1..1_000i128, 0..100_000i128);
    (any::<bool>(), sizes, fee, 0..5i128).prop_map(
        |(buys, (share, units, gross), fee, token_fee)| Trade {
            buys,
            share,
            units,
            gross,
            fee,
            token_fee,
        },
    )
}

fn cents(units: i128) -> Money {
    Money::new(usd(), Amount::from_units(units))
}

/// Lives one life and answers realized, proceeds and costs.
fn live(book: &Book, position: PositionId, life: u64, trades: &[Trade]) -> (i128, i128, i128) {
    let (mut proceeds, mut costs) = (0, 0);
    let mut number = 0;
    let mut post = |buys: bool, quantity, gross, fee, token_fee| {
        number += 1;
        let id = format!("{life}/{number}");
        let fill = Fill::new("venue", id, tokens(quantity), cents(gross))
            .fee(cents(fee))
            .fee(tokens(token_fee));
        let effect = Effect::new();
        let effect = match buys {
            true => effect.buy(position, fill),
            false => effect.sell(position, fill),
        };
        book.post(life, &effect).expect("there is enough of everything");
    };
    let held = || book.position(position).quantity.amount().units();
    for trade in trades {
        let token_fee = trade.token_fee;
        if trade.buys {
            post(true, trade.units, trade.gross, trade.fee, token_fee.min(trade.units));
            costs += trade.gross;
        } else {
            let held = held();
            let quantity = (held * trade.share / 16).max(1).min(held);
            if quantity > 0 {
                let token_fee = token_fee.min(held - quantity);
                post(false, quantity, trade.gross, trade.fee, token_fee);
                proceeds += trade.gross;
            }
        }
    }
    let rest = held();
    if rest > 0 {
        post(false, rest, 12_345, 0, 0);
        proceeds += 12_345;
    }
    let now = book.position(position);
    assert_eq!((now.cost, now.quantity), (cents(0), tokens(0)));
    assert_eq!((now.bought, now.proceeds), (cents(costs), cents(proceeds)));
    (now.realized.amount().units(), proceeds, costs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("HIGHWATER_COST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
    ))]

    /// Partial fills, token fees, rebates, dust, at average and lot by lot: after the last unit the
    /// cost is zero and the profit is exactly what came less what went.
    #[test]
    fn costs_telescope(
        fifo: bool,
        first in prop::collection::vec(trade(), 1..25),
        second in prop::collection::vec(trade(), 1..10),
    ) {
        let book = Book::new();
        book.deposit(&dollars("1000000"));
        let new = if fifo { new_position().fifo() } else { new_position() };
        let (mut realized, mut all_fees) = (0, 0);
        for (life, trades) in [(1, first), (2, second)] {
            let position = book.open(&new);
            let (made, proceeds, costs) = live(&book, position, life, &trades);
            prop_assert_eq!(made, proceeds - costs);
            realized += made;
            all_fees += book.position(position).quote_fees.amount().units();
            book.write(|ledger| ledger.close_if_empty(position)).unwrap();
        }
        prop_assert_eq!(book.balance(&usd(), RealizedPnl), -realized);
        prop_assert_eq!(book.balance(&usd(), Fees), all_fees);
        prop_assert_eq!(book.balance(&usd(), Cash), 100_000_000 + realized - all_fees);
        prop_assert_eq!(book.balance(&token(), Units), 0);
    }
}
