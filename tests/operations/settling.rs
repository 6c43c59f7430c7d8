//! Failing, retrying, rolling back: what each needs, and what it leaves.

use std::collections::BTreeSet;
use std::time::Duration;

use highwater::{
    Attention, Call, Durability, Effect, Error, Failure, FailureClass, Intent, NewPosition,
    Operation, OperationId, Options, RollBack, Status, Store,
};

use crate::{World, assert_sound, begin, cash_is, dollars, fill, no_effect, position, units, usd};

fn operation(store: &Store, id: OperationId) -> Operation {
    store.snapshot().operations().get(id).unwrap().unwrap()
}

/// A venue that refused once may be asked again under another order id; one that may have heard us
/// only under the same, and only where asking twice does no harm. All ids are kept.
#[test]
fn an_attempt_is_known_outside_under_an_id_that_tells_them_apart() {
    let (world, store) = World::with("100");
    let intent = Intent::deduct("k", "main", dollars("10")).max_attempts(10).idempotent();
    let running = begin(&store, &intent).start(&store).unwrap();
    let (id, first) = (running.id(), running.external_id());
    let failed = running.fail(&store, Failure::ambiguous("no answer")).unwrap();
    let running = failed.retry(&store).unwrap();
    assert_eq!((running.external_id(), running.attempt()), (first, 2));
    let failed = running.fail(&store, Failure::definite("refused")).unwrap();
    let running = failed.retry(&store).unwrap();
    let second = running.external_id();
    assert_ne!(second, first);
    let shown = operation(&store, id);
    assert_eq!(
        (shown.external_ids, shown.external_id, shown.tries),
        (vec![first, second], second, 3)
    );
    cash_is(&store, "100", "10", "90");
    drop(store);

    // The same seed, another opening: no id comes twice.
    let store = world.open();
    store.skip_recovery().unwrap();
    let mut seen = BTreeSet::from([first, second]);
    for number in 0..100 {
        let intent = Intent::deduct(format!("n{number}"), "main", dollars("0.01"));
        assert!(seen.insert(begin(&store, &intent).external_id()), "number {number}");
    }
}

/// The story: after a timeout the order was sent again, and both were filled.
#[test]
fn an_ambiguous_failure_is_retried_only_where_that_does_no_harm() {
    let (_world, store) = World::with("100");
    let running = begin(&store, &Intent::deduct("k", "main", dollars("1"))).start(&store).unwrap();
    let id = running.id();
    let failed = running.fail(&store, Failure::ambiguous("no answer")).unwrap();
    let lsn = store.stats().visible_lsn;
    let refused = failed.retry(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::NotIdempotent { operation } if operation == id));
    let error = store.operations().retry(id).unwrap_err();
    assert!(matches!(error, Error::NotIdempotent { .. }), "nor by number");
    assert_eq!(store.stats().visible_lsn, lsn);
    // Nor is it rolled back without saying how it is known that nothing happened.
    let refused = refused.handle.roll_back(&store, RollBack::new("timeout")).unwrap_err();
    assert!(matches!(*refused.error, Error::EvidenceNeeded { operation } if operation == id));
    assert_eq!(store.stats().visible_lsn, lsn);
    let evidence = RollBack::new("timeout").evidence("the venue lists no such order");
    refused.handle.roll_back(&store, evidence).unwrap();
    cash_is(&store, "100", "0", "100");
    let events = store.snapshot().operations().events(id).unwrap();
    let last = events.last().unwrap();
    assert_eq!(last.call, Call::RollBack);
    assert_eq!(last.evidence.as_deref(), Some("timeout; the venue lists no such order"));
    assert_sound(&store);
}

/// An order that fails again and again must not be tried for ever, and must not lose its hold to a
/// machine's guess: a human decides, by number.
#[test]
fn attempts_that_are_used_up_wait_for_a_human() {
    let (_world, store) = World::with("100");
    let intent = Intent::deduct("k", "main", dollars("10")).max_attempts(2);
    let running = begin(&store, &intent).start(&store).unwrap();
    let id = running.id();
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    let running = failed.retry(&store).unwrap();
    let failed = running.fail(&store, Failure::definite("no again")).unwrap();
    let refused = failed.retry(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::AttemptsUsedUp { operation } if operation == id));
    assert!(!refused.error.is_refused(), "this did change something");
    let shown = operation(&store, id);
    assert_eq!(shown.status, Status::Failed);
    assert_eq!(shown.failure, Some((FailureClass::Ambiguous, "no again".into())));
    let used_up = Attention::AttemptsUsedUp { was: FailureClass::Definite };
    assert_eq!(shown.needs_attention, Some(used_up));
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);

    // The handle gets no further, a call by number does.
    assert!(refused.handle.retry(&store).is_err());
    let running = store.operations().retry(id).unwrap();
    let shown = operation(&store, id);
    assert_eq!((shown.needs_attention, shown.tries, shown.external_ids.len()), (None, 3, 3));
    drop(running.fail(&store, Failure::definite("still no")).unwrap());
    let error = store.operations().retry(id).unwrap_err();
    assert!(matches!(error, Error::AttemptsUsedUp { .. }), "nobody looked in between");
    let rolled_back = store.operations().roll_back(id, RollBack::new("enough").evidence("asked"));
    rolled_back.unwrap();
    assert_eq!(operation(&store, id).needs_attention, None);
    cash_is(&store, "100", "0", "100");
    assert_sound(&store);
}

/// A venue that asked for patience is not asked again before its time.
#[test]
fn a_retry_waits_for_its_time() {
    let (world, store) = World::with("100");
    let running = begin(&store, &Intent::deduct("k", "main", dollars("1"))).start(&store).unwrap();
    let not_before = world.now().saturating_add_micros(5_000_000);
    let failure = Failure::definite("rate limit").not_before(not_before);
    let failed = running.fail(&store, failure).unwrap();
    world.pass(Duration::from_micros(4_999_999));
    let refused = failed.retry(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::TooEarly { not_before: at, .. } if at == not_before));
    world.pass(Duration::from_micros(1));
    drop(refused.handle.retry(&store).unwrap());
    assert_sound(&store);
}

/// Trading was halted between begin and start: what raises risk does not start or go on, what
/// reduces it does.
#[test]
fn a_halt_stops_what_raises_risk_and_nothing_else() {
    let (_world, store) = World::with("100");
    let held = store
        .ledger()
        .import_position(&position(), &units("10"), &dollars("5"), crate::at(1))
        .unwrap();
    let open = |key: &str, tag: &str| Intent::open(key, position().tag(tag)).hold(dollars("5"));
    let opening = begin(&store, &open("open", "a"));
    let failed = begin(&store, &open("failed", "b")).start(&store).unwrap();
    let failed = failed.fail(&store, Failure::definite("no")).unwrap();
    let closing = begin(&store, &Intent::close("close", held));
    store.ledger().halt("drawdown").unwrap();
    let is_halted =
        |error: &Error| matches!(error, Error::Halted { reason } if &**reason == "drawdown");
    assert!(is_halted(&store.operations().begin(&open("other", "c")).unwrap_err()));
    let opening = opening.start(&store).unwrap_err();
    assert!(is_halted(&opening.error));
    let failed = failed.retry(&store).unwrap_err();
    assert!(is_halted(&failed.error));
    let closing = closing.start(&store).unwrap();
    closing.complete(&store, &Effect::new().sell(held, fill("s", "10", "6", "0"))).unwrap();
    let taken = Intent::deduct("d", "main", dollars("1"));
    drop(begin(&store, &taken).start(&store).unwrap());
    store.ledger().resume().unwrap();
    drop(opening.handle.start(&store).unwrap());
    drop(failed.handle.retry(&store).unwrap());
    assert_sound(&store);
}

/// What a venue filled cannot be rolled back, however the operation ends: it is completed, with what
/// was recorded.
#[test]
fn an_operation_with_fills_is_not_rolled_back() {
    let (_world, store) = World::with("100");
    let pending = begin(&store, &Intent::open("k", position()).hold(dollars("50")));
    let (id, bought) = (pending.id(), pending.position().unwrap());
    let running = pending.start(&store).unwrap();
    running.record(&store, &Effect::new().buy(bought, fill("F1", "1", "10", "0"))).unwrap();
    let failed = running.fail(&store, Failure::definite("the rest was refused")).unwrap();
    let lsn = store.stats().visible_lsn;
    let refused = failed.roll_back(&store, RollBack::new("no")).unwrap_err();
    assert!(matches!(*refused.error, Error::HasFills { operation } if operation == id));
    assert_eq!(store.stats().visible_lsn, lsn);
    // A late fill of a failed attempt is a fact as well.
    let failed = refused.handle;
    failed.record(&store, &Effect::new().buy(bought, fill("F2", "1", "11", "0"))).unwrap();
    cash_is(&store, "79", "29", "50");
    failed.resolve_complete(&store, &no_effect()).unwrap();
    cash_is(&store, "79", "0", "79");
    assert!(store.snapshot().ledger().position(bought).unwrap().is_open());
    assert_sound(&store);
}

/// Fills that were all reversed are none: the operation can be rolled back, and the position that it
/// opened is closed.
#[test]
fn an_operation_whose_fills_were_reversed_can_be_rolled_back() {
    let (_world, store) = World::with("100");
    let pending = begin(&store, &Intent::open("k", position()).hold(dollars("50")));
    let bought = pending.position().unwrap();
    let running = pending.start(&store).unwrap();
    let effect = Effect::new().buy(bought, fill("F1", "1", "10", "0"));
    let posted = running.record(&store, &effect).unwrap();
    let failed = running.fail(&store, Failure::definite("busted")).unwrap();
    store.ledger().reverse(posted.entries[0], "the venue busted the trade").unwrap();
    failed.roll_back(&store, RollBack::new("busted")).unwrap();
    cash_is(&store, "100", "0", "100");
    assert!(!store.snapshot().ledger().position(bought).unwrap().is_open());
    // The place is free again.
    let again = begin(&store, &Intent::open("l", NewPosition::new("main", crate::bonk(), usd())));
    assert_ne!(again.position(), Some(bought));
    assert_sound(&store);
}

/// The store is opened for speed, and loses its last commits when the power goes. What says that
/// something is about to act outside is not among them.
#[test]
fn what_precedes_the_outside_is_synced_whatever_the_durability() {
    let world = World::new();
    let written = |options: Options| options.durability(Durability::Written);
    let store = world.open_with(written);
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let synced = |store: &Store| store.stats().synced_lsn == store.stats().visible_lsn;
    let intent = |key: &str| Intent::deduct(key, "main", dollars("1")).idempotent();
    let pending = begin(&store, &intent("a"));
    assert!(!synced(&store), "nothing waits for the sync by itself");
    let running = pending.start(&store).unwrap();
    assert!(synced(&store), "start");
    store.ledger().deposit("main", &dollars("1")).unwrap();
    running.checkpoint(&store, b"order").unwrap();
    assert!(synced(&store), "checkpoint");
    let failed = running.fail(&store, Failure::ambiguous("lost")).unwrap();
    assert!(!synced(&store));
    let running = failed.retry(&store).unwrap();
    assert!(synced(&store), "retry");
    store.ledger().deposit("main", &dollars("1")).unwrap();
    let taken = store.operations().take_over(running.id()).unwrap();
    assert!(synced(&store), "take over");
    taken.complete(&store, &no_effect()).unwrap();
    assert!(!synced(&store));
    drop(store.operations().begin_and_start(&intent("b")).unwrap());
    assert!(synced(&store), "begin and start");
    drop(store);

    let store = world.open_with(written);
    store.ledger().deposit("main", &dollars("1")).unwrap();
    let mut recovery = store.recovery().unwrap();
    recovery.next().unwrap().unwrap();
    assert!(synced(&store), "presenting");
}

/// The life of an operation can be read long after: what was called when, in which attempt. Of many
/// events the first and the last are kept, and all are counted.
#[test]
fn the_events_of_an_operation_tell_its_life() {
    let (world, store) = World::with("100");
    let running = begin(&store, &Intent::deduct("k", "main", dollars("1"))).start(&store).unwrap();
    let id = running.id();
    for number in 0..70_u8 {
        world.pass(Duration::from_secs(1));
        running.checkpoint(&store, &[number]).unwrap();
    }
    let checkpoints = store.snapshot().operations().checkpoints(id).unwrap();
    assert_eq!(checkpoints.len(), 70);
    assert_eq!((&*checkpoints[69].reference, checkpoints[69].at), (&[69][..], world.now()));
    running.complete(&store, &no_effect()).unwrap();
    let events = store.snapshot().operations().events(id).unwrap();
    let calls: Vec<Call> = events.iter().map(|event| event.call).collect();
    assert_eq!(events.len(), 64);
    assert_eq!(calls[..3], [Call::Begin, Call::Start, Call::Checkpoint]);
    assert_eq!((calls[63], events[63].number), (Call::Complete, 72));
    assert_eq!(operation(&store, id).events, 73);
    assert!(events.windows(2).all(|two| two[0].at <= two[1].at));
    assert_sound(&store);
}
