//! Operations that nobody starts: deadlines by either clock, and handles that were dropped.

use std::time::Duration;

use highwater::{Asset, Error, Failure, Intent, Status};

use crate::{World, assert_sound, begin, cash_is, dollars, position};

const MINUTE: Duration = Duration::from_secs(60);

/// A signal is worth something for a minute. What was not started by then never is, and its money is
/// free again.
#[test]
fn past_its_deadline_an_operation_is_rolled_back_instead_of_started() {
    let (world, store) = World::with("100");
    let in_a_minute = world.now().saturating_add_micros(60_000_000);
    let intent = |key: &str| Intent::deduct(key, "main", dollars("10")).deadline(in_a_minute);
    let (in_time, late, by_number) = (
        begin(&store, &intent("in time")),
        begin(&store, &intent("late")),
        begin(&store, &intent("n")),
    );
    world.pass(MINUTE);
    let running = in_time.start(&store).unwrap();
    world.pass(Duration::from_micros(1));
    let refused = late.start(&store).unwrap_err();
    assert!(
        matches!(*refused.error, Error::Expired { operation } if operation == refused.handle.id())
    );
    let error = store.operations().start(by_number.id()).unwrap_err();
    assert!(matches!(error, Error::Expired { .. }));
    cash_is(&store, "100", "10", "90");
    let shown = store.snapshot().operations().get(refused.handle.id()).unwrap().unwrap();
    assert_eq!(shown.status, Status::RolledBack);
    // Once it runs, the deadline matters no more.
    world.pass(MINUTE);
    running.complete(&store, &crate::no_effect()).unwrap();
    // A deadline that is past already leaves nothing begun.
    let error = store.operations().begin_and_start(&intent("too late")).unwrap_err();
    assert!(matches!(error, Error::TooLate { deadline } if deadline == in_a_minute), "{error:?}");
    assert!(error.is_refused(), "no operation was begun, so none was rolled back");
    assert!(store.snapshot().operations().by_key("too late").unwrap().is_none());
    assert_sound(&store);
}

/// The venue did not answer, and the offer's minute is long over. The orders may rest there all the
/// same: no sweep and no begin that lacks money may give back what is set aside for them, however late
/// it is, and whether somebody still has their handles or not.
#[test]
fn a_deadline_ends_nothing_that_was_started() {
    let (world, store) = World::with("100");
    let in_a_minute = world.now().saturating_add_micros(60_000_000);
    let intent = |key: &str| Intent::deduct(key, "main", dollars("40")).deadline(in_a_minute);
    let running = begin(&store, &intent("running")).start(&store).unwrap();
    let failed = begin(&store, &intent("failed")).start(&store).unwrap();
    let failed = failed.fail(&store, Failure::ambiguous("no answer within 10 s")).unwrap();
    let orders = [(running.id(), Status::InProgress), (failed.id(), Status::Failed)];
    let are_as_they_were = || {
        for (order, status) in orders {
            let shown = store.snapshot().operations().get(order).unwrap().unwrap();
            assert_eq!(shown.status, status);
        }
        cash_is(&store, "100", "80", "20");
    };
    world.pass(24 * 60 * MINUTE);
    world.clock.advance_monotonic(24 * 60 * MINUTE);
    let lacking = Intent::deduct("next", "main", dollars("30"));
    for handles in [Some((running, failed)), None] {
        assert_eq!(store.operations().sweep(10).unwrap(), 0);
        let refused = store.operations().begin(&lacking).unwrap_err();
        assert!(matches!(refused, Error::Insufficient { .. }), "{refused:?}");
        are_as_they_were();
        drop(handles);
    }
    assert_sound(&store);
}

/// The wall clock was set back by a day. By the clock that never jumps the minute is over all the
/// same.
#[test]
fn a_wall_clock_that_is_set_back_revives_nothing() {
    let (world, store) = World::with("100");
    let in_a_minute = world.now().saturating_add_micros(60_000_000);
    let pending = begin(&store, &Intent::deduct("k", "main", dollars("10")).deadline(in_a_minute));
    world.clock.set(world.now().saturating_add_micros(-86_400_000_000));
    world.clock.advance_monotonic(MINUTE);
    let pending = match pending.start(&store) {
        Ok(running) => running, // exactly at the deadline is in time
        Err(refused) => panic!("{refused:?}"),
    };
    drop(pending);
    let pending = begin(&store, &Intent::deduct("l", "main", dollars("10")).deadline(in_a_minute));
    world.clock.set(world.now().saturating_add_micros(-86_400_000_000));
    world.clock.advance_monotonic(2 * 24 * 60 * MINUTE);
    let refused = pending.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::Expired { .. }));
    assert_sound(&store);
}

/// The story: the wall clock was set back by an hour after an offer had been taken over, or forgotten
/// and found again by its number. It was good for a minute, and was started an hour late.
#[test]
fn a_deadline_outlives_the_handle_that_it_was_given_with() {
    let (world, store) = World::with("100");
    let begun = world.now();
    let in_a_minute = begun.saturating_add_micros(60_000_000);
    let intent = |key: &str| Intent::deduct(key, "main", dollars("10")).deadline(in_a_minute);
    let taken = begin(&store, &intent("taken")).id();
    let taken = store.operations().take_over_pending(taken).unwrap();
    let found = begin(&store, &intent("found")).id();
    world.pass(60 * MINUTE);
    world.clock.set(begun);
    let refused = taken.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::Expired { .. }), "{refused:?}");
    let error = store.operations().start(found).unwrap_err();
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
    cash_is(&store, "100", "0", "100");
    assert_sound(&store);
}

/// The monotonic clock starts anew with every process: what another opening took over has what is left
/// by the wall clock, counted from there.
#[test]
fn a_deadline_is_counted_anew_by_the_opening_that_takes_it_over() {
    let (world, store) = World::with("100");
    world.clock.advance_monotonic(1_000 * MINUTE);
    let in_a_minute = world.now().saturating_add_micros(60_000_000);
    let intent = |key: &str| Intent::deduct(key, "main", dollars("10")).deadline(in_a_minute);
    let ids = ["a", "b"].map(|key| begin(&store, &intent(key)).id());
    drop(store);
    world.clock.advance_monotonic(10 * MINUTE);
    let store = world.open();
    store.skip_recovery().unwrap();
    let [in_time, late] = ids.map(|id| store.operations().take_over_pending(id).unwrap());
    world.clock.advance_monotonic(MINUTE);
    drop(in_time.start(&store).unwrap());
    world.clock.advance_monotonic(Duration::from_micros(1));
    let refused = late.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::Expired { .. }), "{refused:?}");
    assert_sound(&store);
}

/// A task was cancelled between begin and start and dropped its handle. The next begin that lacks the
/// money gets it; what somebody still has a handle of is left alone, and so is what runs.
#[test]
fn a_begin_that_lacks_money_takes_it_from_what_was_dropped() {
    let (_world, store) = World::with("100");
    let intent = |key: &str, text: &str| Intent::deduct(key, "main", dollars(text));
    let kept = begin(&store, &intent("kept", "20"));
    let dropped = begin(&store, &intent("dropped", "30")).id();
    let running = begin(&store, &intent("running", "10")).start(&store).unwrap().id();
    let error = store.operations().begin(&intent("too much", "71")).unwrap_err();
    assert!(matches!(error, Error::Insufficient { .. }), "{error:?}");
    let status = |id| store.snapshot().operations().get(id).unwrap().unwrap().status;
    assert_eq!(status(dropped), Status::Pending, "what is refused changes nothing");
    let pending = begin(&store, &intent("enough", "70"));
    assert_eq!(status(dropped), Status::RolledBack);
    assert_eq!((status(kept.id()), status(running)), (Status::Pending, Status::InProgress));
    cash_is(&store, "100", "100", "0");
    drop(kept);
    drop(pending);
    assert_eq!(store.operations().sweep(1).unwrap(), 1, "in bounded steps");
    assert_eq!(store.operations().sweep(10).unwrap(), 1);
    assert_eq!(store.operations().sweep(10).unwrap(), 0);
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);
}

/// The same for a place: a position that is being opened by nobody any more.
#[test]
fn a_begin_that_lacks_a_place_takes_it_from_what_was_dropped() {
    let (world, store) = World::with("100");
    let first = begin(&store, &Intent::open("first", position()));
    let error = store.operations().begin(&Intent::open("second", position())).unwrap_err();
    let opening = first.position().unwrap();
    assert!(matches!(error, Error::DuplicatePosition { position } if position == opening));
    drop(first);
    let second = begin(&store, &Intent::open("second", position()));
    assert_ne!(second.position(), Some(opening));
    // And from one whose deadline has passed, although its handle is there.
    let until = world.now().saturating_add_micros(1_000_000);
    let held = begin(&store, &Intent::deduct("held", "main", dollars("90")).deadline(until));
    world.pass(MINUTE);
    let other = begin(&store, &Intent::deduct("other", "main", dollars("90")));
    let refused = held.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::IllegalTransition { status: Status::RolledBack, .. }));
    drop(other);
    assert_sound(&store);
}

/// The story: a strategy began hundreds of offers of one dollar and dropped them all. Nothing else held
/// money, and yet the next deal was refused for lack of it, again and again: each begin rolled back 256
/// of them, was still short, and took its own tidying back.
#[test]
fn a_begin_gets_the_money_of_any_number_of_forgotten_operations() {
    let (_world, store) = World::with("600");
    let intent = |key: &str, text: &str| Intent::deduct(key, "main", dollars(text));
    let forget = |text: &str, from: usize| {
        for n in from..from + 600 {
            drop(begin(&store, &intent(&format!("forgotten {n}"), text)));
        }
    };
    forget("1", 0);
    begin(&store, &intent("deal", "600")).cancel(&store).unwrap();
    forget("1", 600);
    let started = store.operations().begin_and_start(&intent("now", "600")).unwrap();
    let done = started.into_handle().unwrap().complete(&store, &crate::no_effect()).unwrap();
    assert!(!done.is_already_done());
    forget("1", 1200);
    begin(&store, &intent("deal again", "600")).cancel(&store).unwrap();
    cash_is(&store, "600", "0", "600");
    assert_sound(&store);
}

/// A begin rolls back no more than it needs: the others may still be taken over.
#[test]
fn a_begin_rolls_back_what_it_needs_and_little_more() {
    let (_world, store) = World::with("200");
    let intent = |key: &str, text: &str| Intent::deduct(key, "main", dollars(text));
    for n in 0..200 {
        drop(begin(&store, &intent(&format!("forgotten {n}"), "1")));
    }
    let kept = begin(&store, &intent("deal", "20"));
    let unfinished = store.snapshot().operations().unfinished().unwrap().len() - 1;
    assert!((168..=180).contains(&unfinished), "{unfinished} are left of 200");
    drop(kept);
    assert_sound(&store);
}

/// The story: forgotten operations with as much to them as there can be. To tidy all of them up in one
/// commit was more than that holds: every begin and every sweep was refused as too large.
#[test]
fn forgotten_operations_of_any_size_are_swept() {
    let world = World::new();
    let store = world.open_with(|options| options.memory_bytes(256 << 20));
    store.ledger().deposit("main", &dollars("1000")).unwrap();
    let name = |n: usize| format!("{n:0>60}");
    let large = |key: String| {
        let intent = Intent::custom(key, "large", "main").payload(vec![7; 64 * 1024]);
        let intent = (0..64).fold(intent, |intent, n| intent.account(name(n)));
        let intent = intent.hold(dollars("1"));
        (0..64).fold(intent, |intent, n| {
            intent.touches(Asset::new(&"c".repeat(128), &format!("{n:0>128}"), 0).unwrap())
        })
    };
    for n in 0..300 {
        drop(begin(&store, &large(format!("forgotten {n}"))));
    }
    let swept = store.operations().sweep(usize::MAX).unwrap();
    assert!((10..200).contains(&swept), "{swept} in one commit");
    begin(&store, &Intent::deduct("deal", "main", dollars("1000"))).cancel(&store).unwrap();
    cash_is(&store, "1000", "0", "1000");
    assert_sound(&store);
}
