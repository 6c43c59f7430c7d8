//! Power cuts: a bot, a venue that remembers what it did, and a cut at the calls to the disk, of the
//! work and of the recovery too. Every order is placed once, and the books are what the venue did.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{
    AccountKind, Asset, Background, Begun, Case, Durability, Effect, Error, Failure, Fill, Intent,
    KeepLog, Leg, ManualClock, Mode, Money, NewPosition, Options, Status, Store, Timestamp,
    Verdict,
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
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 128 * 1024)
        .keep_log(KeepLog { bytes: 0, age: std::time::Duration::ZERO })
}

/// What the venue did, by client order id: how many of the two fills.
#[derive(Default, Clone, Debug)]
struct Venue {
    orders: BTreeMap<String, (u32, u32)>,
}

const KEYS: u32 = 5;

/// Of so many calls to the disk one is cut.
const STEP: usize = 7;

fn fill(id: &str, n: u32) -> Fill {
    Fill::new("venue", format!("{id}-{n}"), units("1"), dollars("10")).fee(dollars("0.10"))
}

fn fills(id: &str, count: u32, position: highwater::PositionId) -> Effect {
    (0..count).fold(Effect::new(), |effect, n| effect.buy(position, fill(id, n)))
}

/// One pass of the bot over its five signals. Every third order is refused once and retried, every
/// fourth answers nothing.
fn work(store: &Store, venue: &mut Venue) -> Result<(), Error> {
    for key in 0..KEYS {
        let new = NewPosition::new("main", btc(), usd()).tag(format!("t{key}"));
        let intent = Intent::open(format!("k{key}"), new).hold(dollars("15")).claim(
            "signals",
            key.to_be_bytes(),
            at(5),
        );
        let pending = match store.operations().begin(&intent)? {
            Begun::New(pending) => pending,
            Begun::Existing(state) => match state.status() {
                Status::RolledBack => {
                    store.operations().begin_again(&intent)?.into_handle().unwrap()
                }
                Status::Completed => continue,
                other => panic!("{key} is {other} after recovery"),
            },
            other => panic!("{key}: {other:?}"),
        };
        let mut order = pending.start(store)?;
        if key % 3 == 1 {
            let failed = order.fail(store, Failure::definite("margin"))?;
            order = failed.retry(store)?;
        }
        let id = order.external_id().to_string();
        order.checkpoint(store, id.as_bytes())?;
        let position = order.position().unwrap();
        venue.orders.insert(id.clone(), (key, 1));
        order.record(store, &fills(&id, 1, position))?;
        venue.orders.insert(id.clone(), (key, 2));
        if key % 4 == 3 {
            let failed = order.fail(store, Failure::ambiguous("timeout"))?;
            failed.resolve_complete(store, &fills(&id, 2, position))?;
        } else {
            order.complete(store, &fills(&id, 2, position))?;
        }
        if key % 2 == 0 {
            store.checkpoint()?;
        }
    }
    Ok(())
}

fn judge(case: &Case, venue: &Venue) -> Result<Verdict, Error> {
    let ids: Vec<String> = case.operation.external_ids.iter().map(ToString::to_string).collect();
    let found = ids.iter().find_map(|id| venue.orders.get(id).map(|(_, n)| (id, *n)));
    Ok(match found {
        Some((id, n)) => Verdict::Complete(fills(id, n, case.operation.position().unwrap())),
        None => Verdict::roll_back("the venue knows none of its ids"),
    })
}

fn hold_against(store: &Store, venue: &Venue, what: &str) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.verify().unwrap(), [], "{what}");
    assert!(snapshot.operations().unfinished().unwrap().is_empty(), "{what}");
    assert!(snapshot.ledger().holds().unwrap().is_empty(), "{what}");
    let done: i128 = venue.orders.values().map(|(_, n)| i128::from(*n)).sum();
    let balance = snapshot.ledger().balance("main", &usd()).unwrap();
    let Ok(_) = snapshot.ledger().entry(highwater::EntryId::new(1)) else { return };
    assert_eq!(balance.total.amount().units(), 100_000 - 1_010 * done, "{what}");
    assert_eq!(balance.total, balance.available, "{what}");
    let mut keys: Vec<u32> = venue.orders.values().map(|(key, _)| *key).collect();
    keys.sort_unstable();
    let all = keys.len();
    keys.dedup();
    assert_eq!(all, keys.len(), "{what}: an order was placed twice: {venue:?}");
    for state in (0..KEYS).filter_map(|k| snapshot.operations().by_key(format!("k{k}")).unwrap()) {
        let known = state.operation().unwrap();
        let claim = &known.claim.clone().unwrap();
        let record = snapshot.claims().get(&claim.0, &claim.1).unwrap().unwrap();
        assert_eq!(record.operation, Some(known.id.get()), "{what}");
        assert!(matches!(record.state, highwater::ClaimState::Done(_)), "{what}");
    }
}

fn prepared(seed: u64, durability: Durability) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let store = options(durability).open_on(Arc::new(disk.clone())).unwrap();
    store.ledger().deposit("main", &dollars("1000")).unwrap();
    store.close().unwrap();
    disk
}

fn campaign(durability: Durability, first: u64) {
    for style in [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random] {
        for nth in (first..).step_by(STEP) {
            let disk = prepared(nth, durability);
            disk.crash_at(disk.calls() + nth);
            let mut venue = Venue::default();
            let opened = options(durability).open_on(Arc::new(disk.clone()));
            if let Ok(store) = opened {
                let _ = work(&store, &mut venue);
            }
            if !disk.is_powered_off() {
                break;
            }
            // The recovery is cut at every seventh call too.
            let mut image = disk.crash_image(nth, style);
            for again in 0..4 {
                let cut = image.fork();
                if again < 3 {
                    cut.crash_at(cut.calls() + 1 + (nth * 7 + again * 11) % 60);
                }
                let what = format!("{durability:?} {style:?} call {nth}, recovery {again}");
                let store = options(durability).open_on(Arc::new(cut.clone()));
                let outcome = store.and_then(|store| {
                    let report = store.recover(|case| judge(case, &venue))?;
                    assert_eq!(report.found(), report.outcomes(), "{what}");
                    assert_eq!(report.errors, 0, "{what}");
                    hold_against(&store, &venue, &what);
                    work(&store, &mut venue)?;
                    hold_against(&store, &venue, &what);
                    Ok(())
                });
                if outcome.is_ok() {
                    break;
                }
                assert!(again < 3, "{what}: {outcome:?}");
                assert!(cut.is_powered_off(), "{what}: {outcome:?}");
                image = cut.crash_image(nth + again, style);
            }
        }
    }
}

/// Every commit is synced before it is answered.
#[test]
fn every_order_is_placed_once_where_commits_are_synced() {
    campaign(Durability::Synced, 1);
}

/// Only what acts outside is synced before it is answered.
#[test]
fn every_order_is_placed_once_where_commits_are_written() {
    campaign(Durability::Written, 4);
}

/// A payment and a transfer carry no venue's id by which a second posting would be told: once they are
/// posted, the operation has to be over. So wherever the recovery that posts them is cut, the next one
/// finds each either posted and done, or neither.
#[test]
fn a_verdict_is_posted_once_wherever_the_recovery_is_cut() {
    let durability = Durability::Synced;
    let disk = prepared(1, durability);
    let store = options(durability).open_on(Arc::new(disk.clone())).unwrap();
    let transfer = Intent::custom("transfer", "move", "main").account("aside").touches(usd());
    for intent in [Intent::add("payment", "main", dollars("50")), transfer] {
        drop(store.operations().begin_and_start(&intent).unwrap());
    }
    store.close().unwrap();
    for style in [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random] {
        for nth in 1.. {
            let cut = disk.fork();
            cut.crash_at(cut.calls() + nth);
            let recovered = options(durability)
                .open_on(Arc::new(cut.clone()))
                .and_then(|store| store.recover(pay_or_move).map(drop));
            let is_cut = cut.is_powered_off();
            assert!(is_cut || recovered.is_ok(), "call {nth}: {recovered:?}");
            let image = cut.crash_image(nth, style);
            let store = options(durability).open_on(Arc::new(image)).unwrap();
            store.recover(pay_or_move).unwrap();
            let snapshot = store.snapshot();
            for (account, expected) in [("main", "1038"), ("aside", "12")] {
                let balance = snapshot.ledger().balance(account, &usd()).unwrap();
                assert_eq!(balance.available, dollars(expected), "{style:?} call {nth}: {account}");
            }
            assert!(snapshot.operations().unfinished().unwrap().is_empty());
            assert_eq!(snapshot.verify().unwrap(), [], "{style:?} call {nth}");
            if !is_cut {
                assert!(nth > 10, "the recovery took {nth} calls");
                break;
            }
        }
    }
}

fn pay_or_move(case: &Case) -> Result<Verdict, Error> {
    let leg = |account: &str, text: &str| Leg {
        account: account.into(),
        kind: AccountKind::Cash,
        money: dollars(text),
    };
    Ok(Verdict::Complete(match &*case.operation.key {
        b"payment" => Effect::new().deposit("main", dollars("50")),
        _ => Effect::new().entry([leg("main", "-12"), leg("aside", "12")]),
    }))
}
