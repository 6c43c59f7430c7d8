//! Undo: what `apply` did is taken back by its inverse, or not at all.

use highwater::{
    AccountKind, Amount, Asset, Attention, Effect, Error, Failure, Intent, Leg, Money, PositionId,
    RollBack, RolledBack, Status, Store,
};

use crate::{World, assert_sound, begin, cash_is, dollars, position, units};

fn held(store: &Store) -> PositionId {
    store.ledger().import_position(&position(), &units("10"), &dollars("5"), crate::at(1)).unwrap()
}

fn attribute(store: &Store, position: PositionId, name: &str) -> Option<Vec<u8>> {
    let attributes = store.snapshot().ledger().attributes(position).unwrap();
    attributes.into_iter().find(|one| &*one.name == name).map(|one| one.value.into())
}

fn failed(store: &Store, intent: &Intent, effects: &[Effect]) -> highwater::Failed {
    let running = begin(store, intent).start(store).unwrap();
    for effect in effects {
        running.apply(store, effect).unwrap();
    }
    running.fail(store, Failure::definite("no")).unwrap()
}

/// A transfer was applied and then failed. Meanwhile other money moved: the inverse adds back what was
/// taken, it does not set the balance to what it was.
#[test]
fn money_is_taken_back_by_an_entry_that_reverses() {
    let (_world, store) = World::with("100");
    let leg = |account: &str, text| Leg {
        account: account.into(),
        kind: AccountKind::Cash,
        money: dollars(text),
    };
    let transfer = Effect::new().entry([leg("main", "-30"), leg("vault", "30")]);
    let intent = Intent::custom("k", "stash", "main").account("vault").hold(dollars("40"));
    let failed = failed(&store, &intent, &[transfer, Effect::new().withdraw("main", dollars("5"))]);
    cash_is(&store, "65", "5", "60");
    store.ledger().deposit("main", &dollars("1")).unwrap();
    let before = store.snapshot().ledger().entries().count();
    match failed.roll_back(&store, RollBack::new("stuck")).unwrap() {
        RolledBack::Now { undone, released } => {
            assert_eq!(undone.entries.len(), 2);
            assert_eq!((released.len(), &released[0].money), (1, &dollars("5")));
        }
        other => panic!("{other:?}"),
    }
    cash_is(&store, "101", "0", "101");
    assert_eq!(store.snapshot().ledger().entries().count(), before + 2, "history stays");
    assert_sound(&store);
}

/// What was applied was spent by somebody else since. It cannot be taken back without a negative
/// balance, so nothing of the undo happens and somebody has to look. By then the money may be back.
#[test]
fn an_inverse_that_does_not_fit_any_more_waits_for_a_human() {
    let (_world, store) = World::with("100");
    let position = held(&store);
    let intent = Intent::custom("k", "credit", "main").increase(position).hold(dollars("10"));
    let effects =
        [Effect::new().deposit("main", dollars("50")), Effect::new().set(position, "stop", *b"1")];
    let failed = failed(&store, &intent, &effects);
    let id = failed.id();
    store.ledger().withdraw("main", &dollars("140")).unwrap();
    cash_is(&store, "10", "10", "0");
    let refused = failed.roll_back(&store, RollBack::new("no")).unwrap_err();
    assert!(matches!(*refused.error, Error::UndoBlocked { operation, .. } if operation == id));
    assert!(!refused.error.is_refused());
    let shown = store.snapshot().operations().get(id).unwrap().unwrap();
    assert_eq!(shown.status, Status::Failed);
    assert!(matches!(shown.needs_attention, Some(Attention::UndoBlocked { .. })));
    assert_eq!(attribute(&store, position, "stop"), Some(b"1".to_vec()), "nothing was undone");
    cash_is(&store, "10", "10", "0");
    assert_sound(&store);

    store.ledger().deposit("main", &dollars("45")).unwrap();
    store.operations().roll_back(id, RollBack::new("no")).unwrap();
    cash_is(&store, "5", "0", "5");
    assert_eq!(attribute(&store, position, "stop"), None);
    assert_sound(&store);
}

/// Attributes get back what they held, also where the operation wrote them twice; but a value that
/// somebody wrote since is worth more than one from before.
#[test]
fn attributes_are_restored_unless_somebody_wrote_them_since() {
    let (_world, store) = World::with("100");
    let position = held(&store);
    let set = |name: &str, value: &[u8]| {
        store.ledger().set_attribute(position, name, Some(value), None).unwrap()
    };
    for name in ["twice", "theirs", "between", "cleared"] {
        set(name, b"before");
    }
    let running = begin(&store, &Intent::update("k", position)).start(&store).unwrap();
    let mine = |value: &[u8; 1]| {
        let effect = Effect::new().set(position, "twice", *value);
        let effect = effect.set(position, "theirs", *value).set(position, "between", *value);
        effect.set(position, "new", *value).clear(position, "cleared")
    };
    running.apply(&store, &mine(b"1")).unwrap();
    set("between", b"them");
    running.apply(&store, &mine(b"2")).unwrap();
    set("theirs", b"them");
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    match failed.roll_back(&store, RollBack::new("no")).unwrap() {
        RolledBack::Now { undone, .. } => {
            let names = |list: Vec<(PositionId, Box<str>)>| {
                let mut names: Vec<_> =
                    list.into_iter().map(|(_, name)| name.to_string()).collect();
                names.sort();
                names
            };
            assert_eq!(names(undone.restored), ["between", "cleared", "new", "twice"]);
            assert_eq!(names(undone.superseded), ["between", "theirs"]);
        }
        other => panic!("{other:?}"),
    }
    let value = |name: &str| attribute(&store, position, name);
    assert_eq!(value("twice"), Some(b"before".to_vec()));
    assert_eq!(value("cleared"), Some(b"before".to_vec()));
    assert_eq!(value("theirs"), Some(b"them".to_vec()), "the later value stays");
    assert_eq!(value("between"), Some(b"them".to_vec()), "theirs came before our second");
    assert_eq!(value("new"), None);
    assert_sound(&store);
}

/// Completed, what was applied stays, and there is nothing left to undo.
#[test]
fn completing_keeps_what_was_applied() {
    let (_world, store) = World::with("100");
    let intent = Intent::deduct("k", "main", dollars("40"));
    let running = begin(&store, &intent).start(&store).unwrap();
    running.apply(&store, &Effect::new().withdraw("main", dollars("30"))).unwrap();
    running.complete(&store, &Effect::new().withdraw("main", dollars("5"))).unwrap();
    cash_is(&store, "65", "0", "65");
    assert_sound(&store);
}

/// What an unfinished operation applied is its own to take back: reversed by hand under its feet, its
/// plan would not fit any more.
#[test]
fn what_was_applied_is_not_reversed_by_hand_before_the_end() {
    let (_world, store) = World::with("100");
    let running = begin(&store, &Intent::deduct("k", "main", dollars("40"))).start(&store).unwrap();
    let effect = Effect::new().withdraw("main", dollars("30"));
    let entry = running.apply(&store, &effect).unwrap().entries[0];
    let lsn = store.stats().visible_lsn;
    let refused = store.ledger().reverse(entry, "by hand").unwrap_err();
    assert!(refused.is_refused() && refused.to_string().contains(&running.id().to_string()));
    assert_eq!(store.stats().visible_lsn, lsn);
    running.complete(&store, &Effect::new()).unwrap();
    store.ledger().reverse(entry, "by hand").unwrap();
    cash_is(&store, "100", "0", "100");
    assert_sound(&store);
}

/// An entry of as many legs as a bot can name, each of which is a row of its own to take back.
fn wide(store: &Store) -> (highwater::InProgress, Effect) {
    let names: Vec<String> = (0..60).map(|n| format!("{n:0>60}")).collect();
    let assets: Vec<Asset> =
        (0..4).map(|n| Asset::new("chain", &format!("T{n}"), 0).unwrap()).collect();
    let intent = Intent::custom("k", "spread", "main");
    let intent = names.iter().fold(intent, |intent, name| intent.account(&**name));
    let intent = assets.iter().fold(intent, |intent, asset| intent.touches(asset.clone()));
    let legs = names.iter().enumerate().flat_map(|(n, name)| {
        let amount = Amount::from_units(if n % 2 == 0 { 1 } else { -1 });
        assets.iter().map(move |asset| Leg {
            account: name.as_str().into(),
            kind: AccountKind::Fees,
            money: Money::new(asset.clone(), amount),
        })
    });
    let effect = Effect::new().entry(legs.collect::<Vec<_>>());
    (begin(store, &intent).start(store).unwrap(), effect)
}

/// The operation applies `effect` until no more is taken, and is rolled back.
fn fill_and_roll_back(store: &Store, running: highwater::InProgress, effect: &Effect) -> usize {
    let mut applied = 0;
    let error = loop {
        match running.apply(store, effect) {
            Ok(_) => applied += 1,
            Err(error) => break error,
        }
    };
    assert!(error.is_refused(), "{error:?}");
    assert!(error.to_string().contains("applied"), "{error}");
    let failed = running.fail(store, Failure::definite("no")).unwrap();
    match failed.roll_back(store, RollBack::new("no")).unwrap() {
        RolledBack::Now { .. } => {}
        other => panic!("{other:?}"),
    }
    assert_sound(store);
    applied
}

/// The story: an operation applied many steps, each of them welcome. When it had to be rolled back, the
/// undo of all of them was more than one commit can hold: `TooLarge`, again and again, and not even
/// `needs_attention`. So a step that could not be taken back with the others is refused.
#[test]
fn a_full_plan_of_large_entries_can_be_rolled_back() {
    let world = World::new();
    let store = world.open_with(|options| options.memory_bytes(256 << 20));
    let (running, effect) = wide(&store);
    let applied = fill_and_roll_back(&store, running, &effect);
    assert!((20..600).contains(&applied), "{applied} entries of 240 legs");
}

/// As above, with attributes: what they held before comes back in one commit.
#[test]
fn a_full_plan_of_large_attributes_can_be_rolled_back() {
    let world = World::new();
    let store = world.open_with(|options| options.memory_bytes(256 << 20));
    let position = held(&store);
    let names = |round: usize| (0..50).map(move |n| format!("{}", round * 50 + n));
    for round in 0..22 {
        for name in names(round) {
            store.ledger().set_attribute(position, &name, Some(&[7; 4096]), None).unwrap();
        }
    }
    let running = begin(&store, &Intent::update("k", position)).start(&store).unwrap();
    let mut refused = None;
    for round in 0..22 {
        let effect = names(round).fold(Effect::new(), |e, name| e.set(position, name, *b"1"));
        if let Err(error) = running.apply(&store, &effect) {
            refused = Some((round, error));
            break;
        }
    }
    let (round, error) = refused.unwrap();
    assert!(round > 15 && error.is_refused(), "{round}: {error:?}");
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    match failed.roll_back(&store, RollBack::new("no")).unwrap() {
        RolledBack::Now { undone, .. } => assert_eq!(undone.restored.len(), round * 50),
        other => panic!("{other:?}"),
    }
    assert_eq!(attribute(&store, position, "0"), Some(vec![7; 4096]));
    assert_sound(&store);
}

/// Small steps are bounded by their number.
#[test]
fn a_thousand_small_steps_can_be_applied_and_rolled_back() {
    let world = World::new();
    let store = world.open_with(|options| options.memory_bytes(256 << 20));
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let intent = Intent::custom("k", "drip", "main").account("vault").hold(dollars("50"));
    let running = begin(&store, &intent).start(&store).unwrap();
    let leg = |account: &str, text| Leg {
        account: account.into(),
        kind: AccountKind::Cash,
        money: dollars(text),
    };
    let drip = Effect::new().entry([leg("main", "-0.01"), leg("vault", "0.01")]);
    assert_eq!(fill_and_roll_back(&store, running, &drip), 1_000);
    cash_is(&store, "100", "0", "100");
}
