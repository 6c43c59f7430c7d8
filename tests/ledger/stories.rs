//! Stories of money that went wrong, or could have, through the public interface.

use std::sync::Arc;

use highwater::disk::MemoryDisk;
use highwater::{
    AccountKind, Amount, Asset, Background, Effect, Error, Fill, Intent, Leg, Limits, ManualClock,
    Mode, Money, NewPosition, OperationId, Options, Position, PositionId, Store, Timestamp, Update,
};

const MAIN: &str = "main";

fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).unwrap()
}

fn coin(name: &str) -> Asset {
    Asset::new("test", name, 0).unwrap()
}

fn cents(units: i128) -> Money {
    Money::new(usd(), Amount::from_units(units))
}

fn coins(name: &str, units: i128) -> Money {
    Money::new(coin(name), Amount::from_units(units))
}

struct Bot {
    store: Store,
    keys: std::cell::Cell<u32>,
}

impl Bot {
    fn new() -> Self {
        Self::limited(Limits::new())
    }

    fn limited(limits: Limits) -> Self {
        let clock = ManualClock::new(Timestamp::from_micros(1_000_000));
        let store = Options::new(Mode::Paper, usd())
            .background(Background::Manual)
            .clock(Arc::new(clock))
            .limits(limits)
            .seed(1)
            .open_on(Arc::new(MemoryDisk::new()))
            .unwrap();
        Self { store, keys: 0.into() }
    }

    fn rich() -> Self {
        let bot = Self::new();
        bot.store.ledger().deposit(MAIN, &cents(1_000_000)).unwrap();
        bot
    }

    fn key(&self) -> String {
        self.keys.set(self.keys.get() + 1);
        format!("key-{}", self.keys.get())
    }

    fn started(&self, intent: Intent) -> (OperationId, Vec<PositionId>) {
        let begun = self.store.operations().begin_and_start(&intent).unwrap();
        let handle = begun.into_handle().unwrap();
        (handle.id(), handle.positions().to_vec())
    }

    fn opening(&self, new: NewPosition) -> (OperationId, PositionId) {
        let (id, positions) = self.started(Intent::open(self.key(), new));
        (id, positions[0])
    }

    /// A position of so many units that cost so much.
    fn bought(&self, new: NewPosition, quantity: Money, cost: i128) -> PositionId {
        let (id, position) = self.opening(new);
        let fill = Fill::new("venue", self.key(), quantity, cents(cost));
        self.store.operations().complete(id, &Effect::new().buy(position, fill)).unwrap();
        position
    }

    fn cash(&self, asset: &Asset) -> i128 {
        self.store.snapshot().ledger().balance(MAIN, asset).unwrap().total.amount().units()
    }

    fn balance(&self, asset: &Asset, kind: AccountKind) -> i128 {
        let snapshot = self.store.snapshot();
        let accounts = snapshot.ledger().accounts(MAIN).unwrap();
        let found = accounts.iter().find(|one| one.kind == kind && one.balance.asset() == asset);
        found.map_or(0, |one| one.balance.amount().units())
    }

    fn position(&self, id: PositionId) -> Position {
        self.store.snapshot().ledger().position(id).unwrap()
    }

    fn sound(&self) {
        let findings = self.store.snapshot().verify().unwrap();
        assert!(findings.is_empty(), "{findings:?}");
    }
}

fn in_coin(name: &str) -> NewPosition {
    NewPosition::new(MAIN, coin(name), usd())
}

/// A swap at a DEX is one transaction with one id: so much of one token went, so much of another
/// came. The bot told both legs under that id, and the second was dropped as "posted before".
#[test]
fn two_legs_of_one_swap_under_one_id_are_not_one_fill() {
    let bot = Bot::rich();
    let btc = bot.bought(in_coin("BTC"), coins("BTC", 10), 1_000);
    let intent = Intent::trade(bot.key(), MAIN).reduce(btc, coins("BTC", 4)).opens(in_coin("ETH"));
    let (id, positions) = bot.started(intent);
    let eth = positions[1];
    let effect = Effect::new()
        .sell(btc, Fill::new("dex", "0xswap", coins("BTC", 4), cents(500)))
        .buy(eth, Fill::new("dex", "0xswap", coins("ETH", 7), cents(500)));
    let outcome = bot.store.operations().complete(id, &effect);
    let held = bot.position(eth).quantity;
    assert!(
        outcome.is_err() || held == coins("ETH", 7),
        "completed, and the units that were bought are nowhere: {outcome:?}"
    );
}

/// The order poll says "10 in all" while the execution of the last 6 is still on its way over the
/// websocket. When it comes, it is booked a second time.
#[test]
fn an_execution_behind_a_total_that_holds_it_is_not_bought_twice() {
    let bot = Bot::rich();
    let (id, btc) = bot.opening(in_coin("BTC"));
    let operations = bot.store.operations();
    let buy = |fill| Effect::new().buy(btc, fill);
    operations.record(id, &buy(Fill::new("v", "F1", coins("BTC", 4), cents(40)))).unwrap();
    operations.record(id, &buy(Fill::cumulative("v", coins("BTC", 10), cents(100)))).unwrap();
    let late = operations.record(id, &buy(Fill::new("v", "F2", coins("BTC", 6), cents(60))));
    assert_eq!(bot.position(btc).quantity, coins("BTC", 10), "{late:?}");
}

/// The order endpoint of a venue gives totals of quantity and value, and no fees; the executions had
/// given them. A total without the fee gave the fee back: cash out of nothing.
#[test]
fn totals_that_name_no_fee_do_not_pay_the_fee_back() {
    let bot = Bot::rich();
    bot.store.ledger().deposit(MAIN, &coins("BNB", 10)).unwrap();
    let (id, positions) = bot.started(Intent::open(bot.key(), in_coin("BTC")).touches(coin("BNB")));
    let btc = positions[0];
    let operations = bot.store.operations();
    let fill = Fill::new("v", "F1", coins("BTC", 4), cents(40)).fee(cents(7)).fee(coins("BNB", 3));
    operations.record(id, &Effect::new().buy(btc, fill)).unwrap();
    let (dollars, bnb) = (bot.cash(&usd()), bot.cash(&coin("BNB")));
    let total = Fill::cumulative("v", coins("BTC", 4), cents(40));
    let outcome = operations.record(id, &Effect::new().buy(btc, total));
    assert_eq!((bot.cash(&usd()), bot.cash(&coin("BNB"))), (dollars, bnb), "{outcome:?}");
}

/// A venue takes its fee in the token when the order ends: the totals say the same quantity, and a
/// fee where there was none. The fact was refused, for ever.
#[test]
fn a_token_fee_that_is_told_later_than_its_quantity_is_booked() {
    let bot = Bot::rich();
    let (id, btc) = bot.opening(in_coin("BTC"));
    let operations = bot.store.operations();
    let total = || Fill::cumulative("v", coins("BTC", 10), cents(100));
    operations.record(id, &Effect::new().buy(btc, total())).unwrap();
    let outcome = operations.complete(id, &Effect::new().buy(btc, total().fee(coins("BTC", 1))));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(bot.position(btc).quantity, coins("BTC", 9));
}

/// Outcome tokens were merged at the venue, one of them more than the books had. With a shortfall
/// covered a sale goes through; the merge was refused all the same.
#[test]
fn a_merge_of_units_that_the_books_lack_can_be_covered() {
    let bot = Bot::rich();
    let (yes, no) = (
        bot.bought(in_outcome("YES"), outcome("YES", 10), 500),
        bot.bought(in_outcome("NO"), outcome("NO", 8), 500),
    );
    let intent =
        Intent::trade(bot.key(), MAIN).reduce(yes, outcome("YES", 10)).reduce(no, outcome("NO", 8));
    let (id, _) = bot.started(intent);
    let merge = Effect::new().merge(cents(10), [yes, no]).cover_shortfall("two came by gift");
    let done = bot.store.operations().complete(id, &merge);
    assert!(done.is_ok(), "{done:?}");
}

fn in_outcome(name: &str) -> NewPosition {
    NewPosition::new(MAIN, Asset::new("test", name, 2).unwrap(), usd())
}

fn outcome(name: &str, units: i128) -> Money {
    Money::new(Asset::new("test", name, 2).unwrap(), Amount::from_units(units))
}

/// An airdrop cost nothing and is sold: all of it is profit, and the summary showed none.
#[test]
fn the_summary_shows_what_was_given_for_nothing() {
    let bot = Bot::new();
    let (id, doge) = bot.opening(in_coin("DOGE"));
    let airdrop = Fill::new("chain", "A", coins("DOGE", 10), cents(0));
    bot.store.operations().complete(id, &Effect::new().buy(doge, airdrop)).unwrap();
    let (id, _) = bot.started(Intent::close(bot.key(), doge).quantity(coins("DOGE", 4)));
    let sale = Fill::new("v", "S", coins("DOGE", 4), cents(100));
    bot.store.operations().complete(id, &Effect::new().sell(doge, sale)).unwrap();
    assert_eq!(bot.position(doge).realized, cents(100));
    let snapshot = bot.store.snapshot();
    let summary = snapshot.ledger().summary(MAIN, None).unwrap();
    let realized: i128 = summary.quotes.iter().map(|line| line.realized.amount().units()).sum();
    assert_eq!(realized, 100, "{summary:?}");
}

/// Fees in the token itself are paid and shown nowhere, as there is no cash of that token.
#[test]
fn the_summary_shows_fees_in_tokens_that_are_no_cash() {
    let bot = Bot::rich();
    let (id, btc) = bot.opening(in_coin("BTC"));
    let fill = Fill::new("v", "F", coins("BTC", 10), cents(100)).fee(coins("BTC", 1));
    bot.store.operations().complete(id, &Effect::new().buy(btc, fill)).unwrap();
    assert_eq!(bot.balance(&coin("BTC"), AccountKind::Fees), 1);
    let snapshot = bot.store.snapshot();
    let summary = snapshot.ledger().summary(MAIN, None).unwrap();
    let shown = summary.fees.contains(&coins("BTC", 1));
    assert!(shown, "{summary:?}");
}

/// An entry of zeros, or of legs that cancel, is no entry: it has no legs.
#[test]
fn an_entry_of_nothing_is_refused() {
    let bot = Bot::rich();
    let (id, _) = bot.started(Intent::custom(bot.key(), "noop", MAIN).touches(usd()));
    let leg = |units| Leg { account: MAIN.into(), kind: AccountKind::Cash, money: cents(units) };
    let outcome = bot.store.operations().complete(id, &Effect::new().entry([leg(5), leg(-5)]));
    let entries = bot.store.snapshot().ledger().entries_of(id).count();
    assert!(outcome.is_err() && entries == 0, "{outcome:?}");
}

/// One deposit with the wrong scale, taken back at once, and the account takes nothing any more.
#[test]
fn an_absurd_deposit_that_was_taken_back_does_not_lock_the_account() {
    let bot = Bot::new();
    let wrong = bot.store.ledger().deposit(MAIN, &cents(i128::MAX)).unwrap();
    bot.store.ledger().reverse(wrong, "wrong scale").unwrap();
    assert_eq!(bot.cash(&usd()), 0);
    let outcome = bot.store.ledger().deposit(MAIN, &cents(1));
    assert!(outcome.is_ok(), "{outcome:?}");
}

/// One cash is split into two positions of the same token under two tags: twice the units that any
/// venue gives.
#[test]
fn a_split_needs_different_outcomes() {
    let bot = Bot::rich();
    let intent = Intent::trade(bot.key(), MAIN)
        .hold(cents(100))
        .opens(in_outcome("YES").tag("a"))
        .opens(in_outcome("YES").tag("b"));
    let (id, positions) = bot.started(intent);
    let split = Effect::new().split(cents(100), positions.iter().map(|one| (*one, None)));
    let done = bot.store.operations().complete(id, &split);
    assert!(done.is_err(), "200 units of one outcome for 100 of cash: {done:?}");
}

/// A total says that it corrects an entry which never was, and the immutable entry repeats it.
#[test]
fn a_total_cannot_correct_an_entry_that_never_was() {
    let bot = Bot::rich();
    let (id, btc) = bot.opening(in_coin("BTC"));
    let total =
        Fill::cumulative("v", coins("BTC", 1), cents(1)).corrects(highwater::EntryId::new(999));
    let outcome = bot.store.operations().record(id, &Effect::new().buy(btc, total));
    assert!(outcome.is_err(), "{outcome:?}");
}

/// One reversed fill is corrected twice, under two new ids, each as the one in its place.
#[test]
fn a_fill_is_corrected_once() {
    let bot = Bot::rich();
    let btc = bot.bought(in_coin("BTC"), coins("BTC", 10), 100);
    let bad = bot.bought(in_coin("BTC").tag("x"), coins("BTC", 1), 1);
    let entry = bot.position(bad).last_entry.unwrap();
    bot.store.ledger().reverse(entry, "bust").unwrap();
    let (id, _) = bot.started(Intent::trade(bot.key(), MAIN).increase(btc));
    let fill = |name: &str| {
        let fill = Fill::new("venue", name, coins("BTC", 1), cents(2)).corrects(entry);
        Effect::new().buy(btc, fill)
    };
    bot.store.operations().record(id, &fill("c1")).unwrap();
    let again = bot.store.operations().record(id, &fill("c2"));
    assert!(again.is_err(), "{again:?}");
}

/// The ledger holds a token at 0 decimals when the feed says that it has 9: from then on every value
/// is wrong by a billion, and nobody was told.
#[test]
fn decimals_that_contradict_the_ledger_are_told() {
    let bot = Bot::new();
    bot.store.ledger().deposit(MAIN, &coins("BTC", 5)).unwrap();
    let update = Update::new(coin("BTC").key().clone()).decimals(9);
    let outcome = bot.store.tokens().upsert(&update);
    assert!(outcome.is_err(), "{outcome:?}");
}

/// The story: a number at the end of its range came in by every door, and one of them had no lock.
#[test]
fn numbers_and_names_at_the_ends_of_their_ranges_are_refused_or_kept_whole() {
    let bot = Bot::rich();
    let t = Timestamp::from_micros;
    let snapshot = bot.store.snapshot();
    let ledger = snapshot.ledger();
    for (a, b) in [
        (0, 0),
        (5, 5),
        (i64::MIN, i64::MIN),
        (i64::MIN, i64::MAX),
        (i64::MAX, i64::MAX),
        (9, 3),
        (i64::MAX, i64::MIN),
        (1_000_000, 1_000_000),
        (1_000_000, 1_000_001),
    ] {
        ledger.pnl_between(MAIN, t(a), t(b)).unwrap();
        let _ = ledger.entries_between(t(a), t(b)).unwrap().count();
    }
    bot.store.checkpoint().unwrap();
    let snapshot = bot.store.snapshot();
    let ledger = snapshot.ledger();
    for (a, b) in [
        (0, 0),
        (5, 5),
        (i64::MIN, i64::MIN),
        (i64::MIN, i64::MAX),
        (i64::MAX, i64::MAX),
        (9, 3),
        (i64::MAX, i64::MIN),
        (1_000_000, 1_000_000),
        (1_000_000, 1_000_001),
    ] {
        ledger.pnl_between(MAIN, t(a), t(b)).unwrap();
        let _ = ledger.entries_between(t(a), t(b)).unwrap().count();
    }
    let count = |a, b| ledger.entries_between(t(a), t(b)).unwrap().count();
    assert_eq!(
        (count(1_000_000, 1_000_000), count(1_000_000, 1_000_001), count(0, 1_000_000)),
        (0, 1, 0)
    );
    // overflow at every door
    let max = cents(i128::MAX);
    let min = cents(i128::MIN);
    for money in [&max, &min] {
        assert!(bot.store.ledger().deposit(MAIN, money).unwrap_err().is_refused());
        assert!(bot.store.ledger().withdraw(MAIN, money).unwrap_err().is_refused());
        assert!(bot.store.ledger().transfer(MAIN, "b", money).unwrap_err().is_refused());
        assert!(bot.store.ledger().opening_balance(MAIN, money).unwrap_err().is_refused());
        let r = bot.store.operations().begin(&Intent::deduct(bot.key(), MAIN, money.clone()));
        assert!(r.unwrap_err().is_refused());
    }
    let (id, p) = bot.opening(in_coin("BTC"));
    for cover in [false, true] {
        for q in [0, 1, i128::MAX, i128::MIN, -1] {
            for g in [0, 1, i128::MAX, i128::MIN, -1] {
                for f in [0, 1, i128::MAX, i128::MIN, -1] {
                    for tf in [0, 1, i128::MAX, i128::MIN] {
                        for cum in [false, true] {
                            let fill = if cum {
                                Fill::cumulative("v", coins("BTC", q), cents(g))
                            } else {
                                Fill::new("v", bot.key(), coins("BTC", q), cents(g))
                            };
                            let fill = fill.fee(cents(f)).fee(coins("BTC", tf));
                            let effect = Effect::new().buy(p, fill);
                            let effect = if cover { effect.cover_shortfall("x") } else { effect };
                            let r = bot.store.write(|tx| {
                                let r = tx.operations().record(id, &effect).map_err(Error::from);
                                if r.is_ok() {
                                    return Err::<(), Error>(Error::Closed);
                                }
                                r.map(drop)
                            });
                            let e = r.unwrap_err();
                            assert!(matches!(e, Error::Closed) || e.is_refused(), "{e}");
                        }
                    }
                }
            }
        }
    }
    // names at their longest
    let name = "n".repeat(64);
    bot.store.ledger().deposit(&name, &cents(5)).unwrap();
    let new = NewPosition::new(
        name.clone(),
        Asset::new(&"c".repeat(128), &"a".repeat(128), 0).unwrap(),
        usd(),
    )
    .tag("t".repeat(64));
    let (id, ps) = bot.started(Intent::open("k".repeat(128), new.clone()));
    let fill = Fill::new(
        "v".repeat(64),
        "f".repeat(128),
        Money::new(
            Asset::new(&"c".repeat(128), &"a".repeat(128), 0).unwrap(),
            Amount::from_units(1),
        ),
        cents(1),
    );
    bot.store.operations().complete(id, &Effect::new().buy(ps[0], fill)).unwrap();
    bot.sound();
    for odd in ["", "\0", "a\0", "a\nb", &"é".repeat(33), "\u{7f}", "\u{85}"] {
        assert!(bot.store.ledger().deposit(odd, &cents(1)).unwrap_err().is_refused());
    }
    for odd in ["a", "a ", "A", "é", "\u{202e}x", "😀"] {
        bot.store.ledger().deposit(odd, &cents(1)).unwrap();
        assert_eq!(bot.store.snapshot().ledger().balance(odd, &usd()).unwrap().total, cents(1));
    }
    bot.sound();
}

/// A fee in the token empties the second lot: what that lot cost goes on to the third.
#[test]
fn a_lot_that_a_fee_empties_leaves_its_cost_to_the_next() {
    let bot = Bot::rich();
    let btc = bot.bought(in_coin("BTC").fifo(), coins("BTC", 1), 10);
    for (units, cost) in [(2, 13), (5, 50)] {
        let (id, _) = bot.started(Intent::trade(bot.key(), MAIN).increase(btc));
        let fill = Fill::new("venue", bot.key(), coins("BTC", units), cents(cost));
        bot.store.operations().complete(id, &Effect::new().buy(btc, fill)).unwrap();
    }
    let (id, _) = bot.started(Intent::close(bot.key(), btc));
    let first = Fill::new("v", "S1", coins("BTC", 1), cents(40)).fee(coins("BTC", 3));
    bot.store.operations().record(id, &Effect::new().sell(btc, first)).unwrap();
    let position = bot.position(btc);
    assert_eq!((position.quantity, position.cost), (coins("BTC", 4), cents(63)));
    let second = Fill::new("v", "S2", coins("BTC", 2), cents(1));
    bot.store.operations().complete(id, &Effect::new().sell(btc, second)).unwrap();
    let position = bot.position(btc);
    assert_eq!((position.cost, position.realized), (cents(32), cents(30 + 1 - 31)));
    bot.sound();
}
