//! Every kind of operation with every kind of part: an effect holds what the kind may do to what was
//! named, and nothing else.

use highwater::ledger::Mismatch;
use highwater::{
    AccountKind, Asset, Effect, Error, Fill, Intent, Leg, Money, NewPosition, PositionId, Store,
};

use crate::{World, assert_sound, begin, bonk, dollars, fill, position, units, usd};

const PARTS: [&str; 9] =
    ["buy", "sell", "redeem", "split", "merge", "deposit", "withdraw", "entry", "attribute"];

fn outcome(name: &str) -> Asset {
    Asset::new("market", name, 2).unwrap()
}

fn yes_and_no(store: &Store) -> (PositionId, PositionId) {
    let open = |name: &str| {
        let new = NewPosition::new("main", outcome(name), usd());
        let quantity = Money::parse(&outcome(name), "10").unwrap();
        store.ledger().import_position(&new, &quantity, &dollars("5"), crate::at(1)).unwrap()
    };
    (open("yes"), open("no"))
}

/// What an effect of each kind of part does to `target`, `yes` and `no`.
fn effect(part: &str, target: PositionId, (yes, no): (PositionId, PositionId)) -> Effect {
    let fill = |id: &str| fill(id, "1", "2", "0");
    let effect = Effect::new();
    let leg = |kind, text| Leg { account: "main".into(), kind, money: dollars(text) };
    match part {
        "buy" => effect.buy(target, fill("b")),
        "sell" => effect.sell(target, fill("s")),
        "redeem" => effect.redeem(target, fill("r")),
        "split" => effect.split(dollars("1"), [(yes, None), (no, None)]),
        "merge" => effect.merge(dollars("1"), [yes, no]),
        "deposit" => effect.deposit("main", dollars("1")),
        "withdraw" => effect.withdraw("main", dollars("1")),
        "entry" => effect.entry([leg(AccountKind::Cash, "-1"), leg(AccountKind::Fees, "1")]),
        "attribute" => effect.set(target, "stop", *b"1"),
        other => panic!("{other}"),
    }
}

/// The story: an operation that was to change a stop loss also withdrew money, because nothing held
/// its effect against what it was begun for.
#[test]
fn every_kind_takes_its_parts_and_no_others() {
    let kinds: [(&str, &[&str]); 7] = [
        ("deduct", &["deposit", "withdraw"]),
        ("add", &["deposit", "withdraw"]),
        ("open", &["buy"]),
        ("close", &["sell", "redeem"]),
        ("update", &["attribute"]),
        ("trade", &["buy", "sell", "redeem", "split", "merge"]),
        ("custom", &PARTS),
    ];
    for (kind, allowed) in kinds {
        for part in PARTS {
            let (_world, store) = World::with("1000");
            let outcomes = yes_and_no(&store);
            let held = store
                .ledger()
                .import_position(&position(), &units("100"), &dollars("50"), crate::at(1))
                .unwrap();
            let one = |name: &str| Money::parse(&outcome(name), "1").unwrap();
            let both = |intent: Intent| {
                let (yes, no) = outcomes;
                let intent = intent.increase(held).reduce(held, units("2"));
                let intent = intent.increase(yes).increase(no);
                intent.reduce(yes, one("yes")).reduce(no, one("no")).hold(dollars("10"))
            };
            let other = position().tag("other");
            let intent = match kind {
                "deduct" => Intent::deduct("k", "main", dollars("5")),
                "add" => Intent::add("k", "main", dollars("5")),
                "open" => Intent::open("k", other).hold(dollars("10")),
                "close" => Intent::close("k", held),
                "update" => Intent::update("k", held),
                "trade" => both(Intent::trade("k", "main")),
                _ => both(Intent::custom("k", "rebalance", "main")),
            };
            let pending = begin(&store, &intent);
            let target = pending.position().filter(|_| kind == "open").unwrap_or(held);
            let running = pending.start(&store).unwrap();
            let effect = effect(part, target, outcomes);
            let lsn = store.stats().visible_lsn;
            match running.complete(&store, &effect) {
                Ok(_) => assert!(allowed.contains(&part), "{kind} took {part}"),
                Err(refused) => {
                    assert!(!allowed.contains(&part), "{kind}, {part}: {}", refused.error);
                    let is_mismatch = matches!(
                        *refused.error,
                        Error::EffectMismatch { reason: Mismatch::Part(_) }
                    );
                    assert!(is_mismatch, "{kind}, {part}: {:?}", refused.error);
                    assert_eq!(store.stats().visible_lsn, lsn);
                    drop(refused.handle);
                }
            }
            assert_sound(&store);
        }
    }
}

/// Record takes what a venue did and named, apply what can be taken back; neither takes the other's.
#[test]
fn record_and_apply_share_the_parts_between_them() {
    for part in PARTS {
        let (_world, store) = World::with("1000");
        let outcomes = yes_and_no(&store);
        let held = store
            .ledger()
            .import_position(&position(), &units("100"), &dollars("50"), crate::at(1))
            .unwrap();
        let (yes, no) = outcomes;
        let one = |name: &str| Money::parse(&outcome(name), "1").unwrap();
        let intent = Intent::custom("k", "all", "main").increase(held).reduce(held, units("2"));
        let intent = intent.increase(yes).increase(no);
        let intent = intent.reduce(yes, one("yes")).reduce(no, one("no")).hold(dollars("10"));
        let running = begin(&store, &intent).start(&store).unwrap();
        let effect = effect(part, held, outcomes);
        let recorded = running.record(&store, &effect).is_ok();
        let applied = running.apply(&store, &effect).is_ok();
        match part {
            "buy" | "sell" | "redeem" => assert!(recorded && !applied, "{part}"),
            // They carry no id by which a repeat would be known: they come with the end.
            "split" | "merge" => assert!(!recorded && !applied, "{part}"),
            _ => assert!(!recorded && applied, "{part}"),
        }
        assert_sound(&store);
    }
}

/// What was not named when the operation began cannot be touched when it ends: another account,
/// another asset, another position, or a position named for something else.
#[test]
fn an_effect_stays_within_what_was_named() {
    let (_world, store) = World::with("1000");
    store.ledger().deposit("other", &dollars("10")).unwrap();
    let held = store
        .ledger()
        .import_position(&position(), &units("100"), &dollars("50"), crate::at(1))
        .unwrap();
    let tagged = position().tag("b");
    let unnamed = store
        .ledger()
        .import_position(&tagged, &units("100"), &dollars("50"), crate::at(1))
        .unwrap();
    let euro = Asset::new("fiat", "EUR", 2).unwrap();
    let euros = Money::parse(&euro, "1").unwrap();
    let intent = Intent::custom("k", "all", "main")
        .reduce(held, units("1"))
        .increase(unnamed)
        .hold(dollars("9"));
    let running = begin(&store, &intent).start(&store).unwrap();
    let fill = |id: &str| fill(id, "1", "1", "0");
    let with_fee = Fill::new("venue", "x", units("1"), dollars("1")).fee(euros.clone());
    let leg = |account: &str, text| Leg {
        account: account.into(),
        kind: AccountKind::Cash,
        money: dollars(text),
    };
    type IsExpected = fn(&Mismatch) -> bool;
    let cases: [(Effect, IsExpected); 7] = [
        (
            Effect::new().withdraw("other", dollars("1")),
            |why| matches!(why, Mismatch::Account(name) if **name == *"other"),
        ),
        (
            Effect::new().withdraw("main", euros),
            |why| matches!(why, Mismatch::Asset(asset) if asset.id() == "EUR"),
        ),
        (Effect::new().sell(held, with_fee), |why| matches!(why, Mismatch::Asset(_))),
        (Effect::new().buy(held, fill("a")), |why| matches!(why, Mismatch::Position(_))),
        (Effect::new().sell(unnamed, fill("a")), |why| matches!(why, Mismatch::Position(_))),
        (
            Effect::new().set(PositionId::new(77), "a", *b"b"),
            |why| matches!(why, Mismatch::Position(position) if position.get() == 77),
        ),
        (Effect::new().entry([leg("main", "-1"), leg("other", "1")]), |why| {
            matches!(why, Mismatch::Account(_))
        }),
    ];
    let lsn = store.stats().visible_lsn;
    let mut running = running;
    for (effect, is_expected) in cases {
        let refused = running.complete(&store, &effect).unwrap_err();
        match &*refused.error {
            Error::EffectMismatch { reason } => assert!(is_expected(reason), "{reason:?}"),
            other => panic!("{other:?}"),
        }
        running = refused.handle;
    }
    assert_eq!(store.stats().visible_lsn, lsn);
    // A fee in a third asset is fine where the asset was named.
    store.ledger().deposit("main", &Money::parse(&euro, "5").unwrap()).unwrap();
    let intent = Intent::close("fee", held).touches(euro.clone());
    let running = begin(&store, &intent).start(&store).unwrap();
    let fee = Money::parse(&euro, "1").unwrap();
    let with_fee = Fill::new("venue", "y", units("1"), dollars("1")).fee(fee);
    running.complete(&store, &Effect::new().sell(held, with_fee)).unwrap();
    assert_eq!(bonk(), store.snapshot().ledger().position(held).unwrap().asset);
    assert_sound(&store);
}

/// An intent that asks for what its kind has not is refused before anything is looked at.
#[test]
fn an_intent_that_makes_no_sense_is_refused() {
    let (_world, store) = World::with("1000");
    let one = PositionId::new(1);
    let deduct = || Intent::deduct("k", "main", dollars("1"));
    let open = || Intent::open("k", position());
    let refused = [
        Intent::deduct("", "main", dollars("1")),
        Intent::deduct([7; 129], "main", dollars("1")),
        Intent::deduct("k", "", dollars("1")),
        Intent::deduct("k", "a\nb", dollars("1")),
        Intent::deduct("k", "main", dollars("0")),
        Intent::deduct("k", "main", dollars("-1")),
        Intent::custom("k", "", "main"),
        deduct().hold(dollars("1")),
        deduct().increase(one),
        deduct().account("other"),
        deduct().quantity(dollars("1")),
        deduct().max_attempts(0),
        deduct().max_attempts(1_001),
        deduct().payload(vec![0; 64 * 1024 + 1]),
        open().opens(position().tag("b")),
        open().reduce(one, units("1")),
        open().quantity(units("1")),
        Intent::update("k", one).hold(dollars("1")),
        Intent::trade("k", "main").quantity(units("1")),
        (0..65).fold(Intent::trade("k", "main"), |intent, number| {
            intent.increase(PositionId::new(number))
        }),
    ];
    let lsn = store.stats().visible_lsn;
    for intent in refused {
        let error = store.operations().begin(&intent).unwrap_err();
        assert!(error.is_refused(), "{error:?}");
    }
    assert_eq!(store.stats().visible_lsn, lsn);
    assert_eq!(store.snapshot().operations().all().count(), 0);
}
