//! The durable lock of positions: who may work beside whom, and when a position closes.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use highwater::ledger::ShareOfEquity;
use highwater::{Begun, Effect, Error, Failure, Intent, Limits, PositionId, RollBack, Store};

use crate::{World, assert_sound, begin, cash_is, dollars, fill, no_effect, position, units};

fn held(store: &Store) -> PositionId {
    store.ledger().import_position(&position(), &units("10"), &dollars("5"), crate::at(1)).unwrap()
}

/// Who may begin on a position beside whom: reductions beside anything, of all others one at a time.
#[test]
fn reductions_run_beside_anything_and_everything_else_alone() {
    type Build = fn(&str, PositionId) -> Intent;
    let intents: [(&str, Build); 5] = [
        ("close", |key, position| Intent::close(key, position).quantity(units("1"))),
        ("reduce", |key, position| Intent::trade(key, "main").reduce(position, units("1"))),
        ("update", |key, position| Intent::update(key, position)),
        ("increase", |key, position| {
            Intent::trade(key, "main").increase(position).hold(dollars("1"))
        }),
        ("custom", |key, position| {
            Intent::custom(key, "both", "main").increase(position).reduce(position, units("1"))
        }),
    ];
    for (first_name, first) in intents {
        for (second_name, second) in intents {
            for restarted in [false, true] {
                let (world, store) = World::with("100");
                let position = held(&store);
                let running = begin(&store, &first("a", position)).start(&store).unwrap();
                let id = running.id();
                let store = if restarted {
                    drop(store);
                    let store = world.open();
                    store.skip_recovery().unwrap();
                    store
                } else {
                    store
                };
                let reduces = |name: &str| matches!(name, "close" | "reduce");
                let free = reduces(first_name) || reduces(second_name);
                let lsn = store.stats().visible_lsn;
                match store.operations().begin(&second("b", position)) {
                    Ok(Begun::New(_)) => assert!(free, "{second_name} beside {first_name}"),
                    Err(Error::PositionBusy { position: at, operation }) => {
                        assert!(!free, "{second_name} beside {first_name}");
                        assert_eq!((at, operation), (position, id));
                        assert_eq!(store.stats().visible_lsn, lsn);
                    }
                    other => panic!("{second_name} beside {first_name}: {other:?}"),
                }
                assert_sound(&store);
            }
        }
    }
}

/// The lock goes with the operation, however it ends, and not before.
#[test]
fn the_lock_goes_with_the_operation() {
    let (_world, store) = World::with("100");
    let position = held(&store);
    let update = |key: &str| Intent::update(key, position);
    let busy = |key: &str| {
        let error = store.operations().begin(&update(key)).unwrap_err();
        assert!(matches!(error, Error::PositionBusy { .. }), "{error:?}");
    };
    let pending = begin(&store, &update("a"));
    busy("b");
    pending.cancel(&store).unwrap();
    let running = begin(&store, &update("b")).start(&store).unwrap();
    busy("c");
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    busy("c");
    failed.roll_back(&store, RollBack::new("no")).unwrap();
    let running = begin(&store, &update("c")).start(&store).unwrap();
    running.complete(&store, &Effect::new().set(position, "stop", *b"1")).unwrap();
    drop(begin(&store, &update("d")));
    assert_sound(&store);
}

/// Units that one sale holds are not offered to another. A closing takes what is left.
#[test]
fn reductions_hold_their_units() {
    let (_world, store) = World::with("100");
    let position = held(&store);
    let first = begin(&store, &Intent::close("a", position).quantity(units("4")));
    let rest = begin(&store, &Intent::close("b", position));
    let reserved = |store: &Store| store.snapshot().ledger().position(position).unwrap().reserved;
    assert_eq!(reserved(&store), units("10"));
    for intent in [Intent::close("c", position), Intent::close("c", position).quantity(units("1"))]
    {
        let error = store.operations().begin(&intent).unwrap_err();
        assert!(matches!(error, Error::Insufficient { position: Some(_), .. }), "{error:?}");
    }
    first.cancel(&store).unwrap();
    assert_eq!(reserved(&store), units("6"));
    let running = rest.start(&store).unwrap();
    running.complete(&store, &Effect::new().sell(position, fill("s", "6", "9", "0"))).unwrap();
    let shown = store.snapshot().ledger().position(position).unwrap();
    assert_eq!((shown.quantity, shown.reserved), (units("4"), units("0")));
    assert_sound(&store);
}

/// The last unit is sold while an increase is under way: the position stays open for it, and closes
/// when the increase brings nothing.
#[test]
fn a_position_closes_when_it_is_empty_and_nobody_fills_it() {
    let (_world, store) = World::with("100");
    let position = held(&store);
    let is_open = || store.snapshot().ledger().position(position).unwrap().is_open();
    let increase = Intent::trade("more", "main").increase(position).hold(dollars("5"));
    let increase = begin(&store, &increase).start(&store).unwrap();
    let close = begin(&store, &Intent::close("close", position)).start(&store).unwrap();
    close.complete(&store, &Effect::new().sell(position, fill("s", "10", "9", "0"))).unwrap();
    assert!(is_open(), "an increase is under way");
    let failed = increase.fail(&store, Failure::definite("no")).unwrap();
    failed.roll_back(&store, RollBack::new("no")).unwrap();
    assert!(!is_open());
    assert_sound(&store);
    let error = store.operations().begin(&Intent::update("late", position)).unwrap_err();
    assert!(error.is_refused(), "{error:?}");
}

/// The one slot, eight threads: one opens the position, seven are told which it is, and money is held
/// once.
#[test]
fn of_eight_threads_one_gets_the_slot() {
    let (_world, store) = World::with("100");
    let barrier = Barrier::new(8);
    let outcomes: Vec<Result<Begun, Error>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|number| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    let key = format!("thread {number}");
                    let intent = Intent::open(key, position()).hold(dollars("10"));
                    barrier.wait();
                    store.operations().begin(&intent)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut opened = Vec::new();
    let mut refused = Vec::new();
    for outcome in &outcomes {
        match outcome {
            Ok(Begun::New(pending)) => opened.push(pending.position().unwrap()),
            Err(Error::DuplicatePosition { position }) => refused.push(*position),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(opened.len(), 1);
    assert_eq!(refused, [opened[0]; 7]);
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);
}

/// The same key from eight threads is one operation.
#[test]
fn of_eight_threads_with_one_key_one_begins() {
    let (_world, store) = World::with("100");
    let barrier = Barrier::new(8);
    let begun: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (store, barrier) = (&store, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    let intent = Intent::deduct("one", "main", dollars("10"));
                    match store.operations().begin(&intent).unwrap() {
                        Begun::New(pending) => {
                            drop(pending.start(store).unwrap());
                            1
                        }
                        _ => 0,
                    }
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(begun, 1);
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);
}

/// Limits are held against what is begun, a position being opened included, and block nothing that
/// reduces.
#[test]
fn limits_are_for_what_raises_risk() {
    let world = World::new();
    let limits = Limits::new().open_positions(2).position_cost(dollars("10"));
    let store = world.open_with(|options| options.limits(limits));
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let open = |tag: &str, hold: &str| Intent::open(tag, position().tag(tag)).hold(dollars(hold));
    let limited = |intent: &Intent| {
        let error = store.operations().begin(intent).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { .. }), "{error:?}");
    };
    limited(&open("a", "10.01"));
    let first = begin(&store, &open("a", "10"));
    let second = begin(&store, &open("b", "1"));
    limited(&open("c", "1"));
    let bought = first.position().unwrap();
    let running = first.start(&store).unwrap();
    running.complete(&store, &Effect::new().buy(bought, fill("F", "1", "8", "0"))).unwrap();
    limited(&Intent::trade("more", "main").increase(bought).hold(dollars("2.01")));
    drop(begin(&store, &Intent::trade("more", "main").increase(bought).hold(dollars("2"))));
    let close = begin(&store, &Intent::close("close", bought)).start(&store).unwrap();
    // Facts are never refused: the venue took more than the limit allows.
    let third = second.position().unwrap();
    let running = second.start(&store).unwrap();
    running.complete(&store, &Effect::new().buy(third, fill("G", "1", "30", "0"))).unwrap();
    close.complete(&store, &no_effect()).unwrap();
    assert_sound(&store);
}

/// The story: a position may cost 50 at most. An opening stated its hold in two pieces of 40, one for
/// the price and one for slippage, and was let through: only the first piece was looked at.
#[test]
fn all_holds_count_against_the_limit() {
    let world = World::new();
    let limits = Limits::new().position_cost(dollars("50"));
    let store = world.open_with(|options| options.limits(limits));
    store.ledger().deposit("main", &dollars("1000")).unwrap();
    let open = |key: &str| Intent::open(key, position());
    let two = |key: &str| open(key).hold(dollars("40")).hold(dollars("10"));
    for intent in [open("whole").hold(dollars("50.01")), two("pieces").hold(dollars("0.01"))] {
        let error = store.operations().begin(&intent).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { .. }), "{error:?}");
    }
    let _within = begin(&store, &two("within"));
    assert_sound(&store);
}

/// The story: an opening held nothing, which is less than every limit, and then cost 900 where 50 were
/// allowed. Where the cost of a position is limited, what raises it has to hold what it may cost.
#[test]
fn what_holds_nothing_is_not_within_a_limit_on_cost() {
    let share = ShareOfEquity { basis_points: 500, max_mark_age: Duration::from_secs(60) };
    for limits in [Limits::new().position_cost(dollars("50")), Limits::new().share_of_equity(share)]
    {
        let world = World::new();
        let store = world.open_with(|options| options.limits(limits));
        store.ledger().deposit("main", &dollars("1000")).unwrap();
        store.ledger().deposit("main", &units("5")).unwrap();
        let ours = held(&store);
        let intents = [
            Intent::open("open", position().tag("new")),
            Intent::open("in another asset", position().tag("new")).hold(units("5")),
            Intent::trade("trade", "main").increase(ours),
            Intent::custom("custom", "swap", "main").opens(position().tag("new")),
        ];
        for intent in intents {
            let error = store.operations().begin(&intent).unwrap_err();
            assert!(error.is_refused(), "{error:?}");
            assert!(error.to_string().contains("needs a hold in the quote asset"), "{error}");
        }
        // What lowers risk or raises none needs no hold; what raises it within the limit has one.
        drop(begin(&store, &Intent::close("close", ours)));
        drop(begin(&store, &Intent::update("update", ours)));
        assert_sound(&store);
    }
    // In a quote asset of which nothing is limited none is needed, either.
    let world = World::new();
    let other = Limits::new().position_cost(units("50")).open_positions(1);
    let store = world.open_with(|options| options.limits(other));
    drop(begin(&store, &Intent::open("open", position())));
}
