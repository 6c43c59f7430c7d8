//! Several at once: threads that want the same, an owner and who takes over, recovery and calls by
//! number.

use std::sync::Arc;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{
    Asset, Background, Begun, Durability, Effect, Error, Failure, Fill, Intent, ManualClock, Mode,
    Money, NewPosition, Options, RollBack, Status, Store, Timestamp, Verdict,
};

use crate::{dollars, usd};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn btc() -> Asset {
    Asset::new("bitcoin", "BTC", 2).unwrap()
}

fn units(text: &str) -> Money {
    Money::parse(&btc(), text).unwrap()
}

fn options(durability: Durability) -> Options {
    Options::new(Mode::Paper, usd())
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(at(1_700_000_000_000_000))))
        .seed(3)
        .durability(durability)
}

fn memory() -> Store {
    let store = Store::memory(Mode::Paper, usd()).unwrap();
    store.ledger().deposit("main", &dollars("1000")).unwrap();
    store
}

/// Eight threads want the one position that there can be: one has it at any time, and nothing is left
/// of those that had it.
#[test]
fn one_of_eight_threads_has_the_position() {
    let store = Arc::new(memory());
    let won: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let store = &store;
                scope.spawn(move || {
                    let mut won = 0;
                    for round in 0..30 {
                        let new = NewPosition::new("main", btc(), usd());
                        let intent = Intent::open(format!("{n}-{round}"), new).hold(dollars("900"));
                        match store.operations().begin(&intent) {
                            Ok(Begun::New(pending)) => {
                                let order = pending.start(store).unwrap();
                                let failed = order.fail(store, Failure::definite("no")).unwrap();
                                failed.roll_back(store, RollBack::new("no")).unwrap();
                                won += 1;
                            }
                            Err(Error::DuplicatePosition { .. } | Error::Insufficient { .. }) => {}
                            other => panic!("{other:?}"),
                        }
                    }
                    won
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert!(won > 0);
    assert_eq!(store.snapshot().verify().unwrap(), []);
    assert!(store.snapshot().ledger().holds().unwrap().is_empty());
    assert!(store.snapshot().ledger().open_positions("main").unwrap().is_empty());
}

/// Eight threads were told of the same event: one deals with it.
#[test]
fn one_of_eight_threads_deals_with_a_key() {
    let store = memory();
    for round in 0..20 {
        let news: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    let store = &store;
                    scope.spawn(move || {
                        let intent = Intent::deduct(format!("{round}"), "main", dollars("5"))
                            .claim("x", format!("{round}"), at(1));
                        match store.operations().begin_and_start(&intent).unwrap().into_handle() {
                            Some(order) => {
                                let effect = Effect::new().withdraw("main", dollars("5"));
                                order.complete(store, &effect).unwrap();
                                1
                            }
                            None => 0,
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(news, 1);
    }
    let total = store.snapshot().ledger().balance("main", &usd()).unwrap().total;
    assert_eq!(total, dollars("900"));
    assert_eq!(store.snapshot().verify().unwrap(), []);
}

/// A supervisor takes over what its owner is about to complete: one of the two completes it.
#[test]
fn a_take_over_while_the_owner_acts_leaves_one_owner() {
    let store = memory();
    for round in 0..60 {
        let intent = Intent::deduct(format!("{round}"), "main", dollars("3"));
        let order = store.operations().begin_and_start(&intent).unwrap().into_handle().unwrap();
        let id = order.id();
        let effect = Effect::new().withdraw("main", dollars("3"));
        let (first, second) = std::thread::scope(|scope| {
            let a = scope.spawn(|| {
                let _ = order.checkpoint(&store, b"x");
                order.complete(&store, &effect).is_ok()
            });
            let b = scope.spawn(|| match store.operations().take_over(id) {
                Ok(mine) => mine.complete(&store, &effect).is_ok(),
                Err(Error::IllegalTransition { .. }) => false,
                Err(other) => panic!("{other}"),
            });
            (a.join().unwrap(), b.join().unwrap())
        });
        assert!(first ^ second, "{first} {second}");
    }
    let total = store.snapshot().ledger().balance("main", &usd()).unwrap().total;
    assert_eq!(total, dollars("820"));
    assert_eq!(store.snapshot().verify().unwrap(), []);
}

/// While recovery decides, in any order, others settle the same operations by number: the report adds
/// up, and the money is what was completed.
#[test]
fn recovery_races_with_calls_by_number() {
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        let store = options(Durability::Synced).open_on(Arc::new(disk.clone())).unwrap();
        store.ledger().deposit("main", &dollars("1000")).unwrap();
        let mut ids = vec![];
        for n in 0..12 {
            let intent = Intent::deduct(format!("{n}"), "main", dollars("10")).idempotent();
            let order = store.operations().begin_and_start(&intent).unwrap().into_handle().unwrap();
            ids.push(order.id());
            if n % 2 == 0 {
                drop(order.fail(&store, Failure::ambiguous("?")).unwrap());
            }
        }
        drop(store);
        let store = options(Durability::Synced).open_on(Arc::new(disk.clone())).unwrap();
        let effect = Effect::new().withdraw("main", dollars("10"));
        let mut recovery = store.recovery().unwrap();
        std::thread::scope(|scope| {
            let ids = &ids;
            let (store, effect) = (&store, &effect);
            for thread in 0..2u64 {
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(seed * 2 + thread);
                    for _ in 0..40 {
                        let id = ids[rng.usize(..ids.len())];
                        let all = store.operations();
                        let outcome = match rng.u8(..6) {
                            0 => all.take_over(id).map(drop),
                            1 => all.complete(id, effect).map(drop),
                            2 => all.resolve_complete(id, effect).map(drop),
                            3 => all.retry(id).map(drop),
                            4 => all.roll_back(id, RollBack::new("r").evidence("e")).map(drop),
                            _ => all.fail(id, Failure::ambiguous("f")).map(drop),
                        };
                        match outcome {
                            Ok(()) | Err(Error::AttemptsUsedUp { .. }) => {}
                            Err(error) => assert!(error.is_refused(), "{error:?}"),
                        }
                    }
                });
            }
            let mut handles = vec![];
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut open = vec![];
            while let Some(case) = recovery.next().unwrap() {
                open.push(case);
                while open.len() > 2 || (rng.bool() && !open.is_empty()) {
                    let case = open.swap_remove(rng.usize(..open.len()));
                    let verdict = match rng.u8(..4) {
                        0 => Verdict::Complete(effect.clone()),
                        1 => Verdict::roll_back("none"),
                        2 => Verdict::Continue,
                        _ => Verdict::RetryLater { not_before: at(0) },
                    };
                    if let highwater::Decided::Continued(h) =
                        recovery.decide(case, verdict).unwrap()
                    {
                        handles.push(h);
                    }
                }
            }
            let report = recovery.finish().unwrap();
            assert_eq!((report.found(), report.outcomes()), (12, 12));
        });
        let snapshot = store.snapshot();
        assert_eq!(snapshot.verify().unwrap(), []);
        let all: Vec<_> = snapshot.operations().all().map(Result::unwrap).collect();
        let done = all.iter().filter(|o| o.status == Status::Completed).count() as i64;
        let open = all.iter().filter(|o| !o.status.is_finished()).count() as i64;
        let balance = snapshot.ledger().balance("main", &usd()).unwrap();
        assert_eq!(balance.total, dollars(&(1000 - 10 * done).to_string()), "seed {seed}");
        assert_eq!(balance.reserved, dollars(&(10 * open).to_string()), "seed {seed}");
    }
}

/// A crash inside a presentation, three times over: the next opening quarantines it.
#[test]
fn presentations_count_across_kills() {
    let mut disk = SimulatedDisk::new(1);
    let open = |disk: &SimulatedDisk| {
        options(Durability::Written).open_on(Arc::new(disk.clone())).unwrap()
    };
    let store = open(&disk);
    store.ledger().deposit("main", &dollars("1000")).unwrap();
    drop(store.operations().begin_and_start(&Intent::deduct("p", "main", dollars("5"))).unwrap());
    for (kill, quarantined) in [(0, false), (1, false), (2, false), (3, true)] {
        disk = disk.crash_image(kill, CrashStyle::LoseAll);
        let store = open(&disk);
        let mut recovery = store.recovery().unwrap();
        assert_eq!(recovery.next().unwrap().is_none(), quarantined, "{kill}");
        if quarantined {
            let report = recovery.finish().unwrap();
            assert_eq!((report.quarantined, report.outcomes()), (1, 1));
            let row = &store.snapshot().operations().unfinished().unwrap()[0];
            assert_eq!((row.status, row.needs_attention.is_some()), (Status::Failed, true));
            let balance = store.snapshot().ledger().balance("main", &usd()).unwrap();
            assert_eq!(balance.reserved, dollars("5"));
        }
    }
}

/// Between presentation and verdict somebody took the order over, or recorded a fill of a failed one:
/// the verdict is about something that is no more, and changes nothing.
#[test]
fn a_verdict_on_what_somebody_changed_is_raced() {
    let verdicts = [
        Verdict::Continue,
        Verdict::roll_back("none"),
        Verdict::Complete(Effect::new()),
        Verdict::RetryLater { not_before: at(0) },
        Verdict::Leave,
    ];
    for verdict in verdicts {
        let disk = SimulatedDisk::new(1);
        let open = || options(Durability::Synced).open_on(Arc::new(disk.clone())).unwrap();
        let store = open();
        store.ledger().deposit("main", &dollars("1000")).unwrap();
        let intent = Intent::open("p", NewPosition::new("main", btc(), usd())).hold(dollars("50"));
        let order = store.operations().begin_and_start(&intent).unwrap().into_handle().unwrap();
        let position = order.position().unwrap();
        drop(order.fail(&store, Failure::ambiguous("?")).unwrap());
        let intent = Intent::deduct("d", "main", dollars("5"));
        drop(store.operations().begin_and_start(&intent).unwrap());
        drop(store);
        let store = open();
        let mut recovery = store.recovery().unwrap();
        let failed = recovery.next().unwrap().unwrap();
        let running = recovery.next().unwrap().unwrap();
        let f1 = Fill::new("v", "F1", units("1"), dollars("10"));
        store.operations().record(failed.id(), &Effect::new().buy(position, f1)).unwrap();
        let owner = store.operations().take_over(running.id()).unwrap();
        for case in [failed, running] {
            let decided = recovery.decide(case, verdict.clone()).unwrap();
            assert!(matches!(decided, highwater::Decided::Raced), "{verdict:?}: {decided:?}");
        }
        assert_eq!(recovery.finish().unwrap().raced, 2);
        owner.complete(&store, &Effect::new().withdraw("main", dollars("5"))).unwrap();
        assert_eq!(store.snapshot().verify().unwrap(), []);
    }
}
