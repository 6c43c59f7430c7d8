//! Idempotency keys: one operation per key, whatever happens to it, and how it is begun again.

use std::time::Duration;

use highwater::{
    Begun, BegunStarted, Claim, ClaimOutcome, ClaimState, Error, Failure, Intent, KeyState,
    RollBack, Status, Store,
};

use crate::{World, assert_sound, at, begin, cash_is, dollars, no_effect, position, units};

fn state(store: &Store, key: &str) -> KeyState {
    store.snapshot().operations().by_key(key).unwrap().unwrap()
}

fn existing(store: &Store, intent: &Intent) -> KeyState {
    match store.operations().begin(intent).unwrap() {
        Begun::Existing(state) => *state,
        other => panic!("not there before: {other:?}"),
    }
}

/// The story: a signal was delivered twice, and the money was held twice. The second begin answers
/// the operation there is, in every state it comes to, and holds nothing.
#[test]
fn the_same_key_is_the_same_operation_in_every_state() {
    let (_world, store) = World::with("100");
    let intent = Intent::deduct("signal", "main", dollars("10"));
    let pending = begin(&store, &intent);
    let id = pending.id();
    let is = |status: Status| {
        let lsn = store.stats().visible_lsn;
        let known = existing(&store, &intent);
        assert_eq!((known.id(), known.status()), (id, status));
        assert_eq!(store.stats().visible_lsn, lsn);
    };
    is(Status::Pending);
    let running = pending.start(&store).unwrap();
    is(Status::InProgress);
    cash_is(&store, "100", "10", "90");
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    is(Status::Failed);
    let running = failed.retry(&store).unwrap();
    running.complete(&store, &no_effect()).unwrap();
    is(Status::Completed);
    cash_is(&store, "100", "0", "100");
    match store.operations().begin_and_start(&intent).unwrap() {
        BegunStarted::Existing(known) => assert_eq!(known.id(), id),
        other => panic!("{other:?}"),
    }
    // Deadline and attempts are no part of what makes two intents the same.
    let later = intent.clone().deadline(at(2_000_000_000)).max_attempts(9).idempotent();
    assert_eq!(existing(&store, &later).id(), id);
    assert_sound(&store);
}

/// A key was used for something else before. Which part differs is told; nothing is held.
#[test]
fn the_same_key_with_another_content_is_a_conflict() {
    let (world, store) = World::with("100");
    let intent =
        |payload: &str| Intent::custom("k", "move", "main").hold(dollars("10")).payload(payload);
    let first = begin(&store, &intent("a")).id();
    let others = [
        (Intent::custom("k", "other", "main").hold(dollars("10")).payload("a"), "kind"),
        (Intent::trade("k", "main").hold(dollars("10")).payload("a"), "kind"),
        (Intent::custom("k", "move", "b").hold(dollars("10")).payload("a"), "account"),
        (intent("a").account("b"), "account"),
        (intent("a").opens(position()), "positions"),
        (Intent::custom("k", "move", "main").hold(dollars("11")).payload("a"), "holds"),
        (intent("a").hold(units("1")), "holds"),
        (intent("b"), "payload"),
    ];
    let conflicts = |store: &Store| {
        let lsn = store.stats().visible_lsn;
        for (other, differs) in &others {
            match store.operations().begin(other).unwrap_err() {
                Error::Conflict { operation, which } => {
                    assert_eq!((operation, which), (first, *differs));
                }
                error => panic!("{error:?}"),
            }
        }
        assert_eq!(store.stats().visible_lsn, lsn);
    };
    conflicts(&store);
    store.operations().cancel(first).unwrap();
    world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(store.operations().purge(10).unwrap(), 1);
    conflicts(&store);
    assert_sound(&store);
}

/// A month later the same signal came in again. Its operation is long purged; its key still answers
/// what became of it.
#[test]
fn a_key_outlives_its_operation() {
    let (world, store) = World::with("100");
    let (done, gone) = (
        Intent::deduct("done", "main", dollars("10")),
        Intent::deduct("gone", "main", dollars("10")),
    );
    let running = begin(&store, &done).start(&store).unwrap();
    running.checkpoint(&store, b"order 7").unwrap();
    let id = running.id();
    running.complete(&store, &no_effect()).unwrap();
    let ended = world.now();
    begin(&store, &gone).cancel(&store).unwrap();
    let kept = begin(&store, &Intent::deduct("kept", "main", dollars("1")));

    world.pass(Duration::from_secs(24 * 3600));
    assert_eq!(store.operations().purge(10).unwrap(), 0, "not yet");
    world.pass(Duration::from_secs(1));
    assert_eq!(store.operations().purge(1).unwrap(), 1, "one at a time, the oldest first");
    assert_eq!(store.operations().purge(10).unwrap(), 1);
    assert_eq!(store.operations().purge(10).unwrap(), 0, "what is unfinished stays");

    drop(kept);
    drop(store);
    let store = world.open();
    let snapshot = store.snapshot();
    assert!(snapshot.operations().get(id).unwrap().is_none());
    assert!(snapshot.operations().events(id).unwrap().is_empty());
    assert!(snapshot.operations().checkpoints(id).unwrap().is_empty());
    match state(&store, "done") {
        KeyState::Purged { operation, status, finished_at } => {
            assert_eq!((operation, status, finished_at), (id, Status::Completed, ended));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(existing(&store, &done).id(), id);
    assert_eq!(existing(&store, &gone).status(), Status::RolledBack);
    cash_is(&store, "100", "1", "99");
    assert_sound(&store);
}

/// Rolled back is not for ever: the trade is begun again under its key, as a new operation that says
/// in whose place it stands, before and after the old one was purged.
#[test]
fn what_was_rolled_back_can_be_begun_again_and_nothing_else() {
    let (world, store) = World::with("100");
    let intent = Intent::deduct("k", "main", dollars("10"));
    let again = |intent: &Intent| store.operations().begin_again(intent);
    let error = again(&intent).unwrap_err();
    assert!(error.is_refused(), "no operation has the key: {error:?}");

    let first = begin(&store, &intent);
    let first_id = first.id();
    let refuses = |status: Status| match again(&intent).unwrap_err() {
        Error::IllegalTransition { status: found, .. } => assert_eq!(found, status),
        error => panic!("{error:?}"),
    };
    refuses(Status::Pending);
    let running = first.start(&store).unwrap();
    refuses(Status::InProgress);
    let first_name = running.external_id();
    let failed = running.fail(&store, Failure::definite("no")).unwrap();
    refuses(Status::Failed);
    failed.roll_back(&store, RollBack::new("given up")).unwrap();

    let differs = again(&Intent::deduct("k", "main", dollars("11"))).unwrap_err();
    assert!(matches!(differs, Error::Conflict { which: "holds", .. }));
    let second = again(&intent).unwrap().into_handle().unwrap();
    assert_ne!((second.id(), second.external_id()), (first_id, first_name));
    let shown = store.snapshot().operations().get(second.id()).unwrap().unwrap();
    assert_eq!(shown.retry_of, Some(first_id));
    assert_eq!(existing(&store, &intent).id(), second.id());
    cash_is(&store, "100", "10", "90");
    assert_sound(&store);

    // The first is purged while the second is under way, which has the key since.
    let second_id = second.id();
    world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(store.operations().purge(10).unwrap(), 1);
    assert_eq!(
        (existing(&store, &intent).id(), state(&store, "k").status()),
        (second_id, Status::Pending)
    );
    assert_sound(&store);
    second.cancel(&store).unwrap();
    world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(store.operations().purge(10).unwrap(), 1);
    assert_eq!(state(&store, "k").id(), second_id);
    let third = again(&intent).unwrap().into_handle().unwrap();
    assert_eq!(existing(&store, &intent).id(), third.id());
    third.start(&store).unwrap().complete(&store, &no_effect()).unwrap();
    refuses(Status::Completed);
    world.pass(Duration::from_secs(25 * 3600));
    assert_eq!(store.operations().purge(10).unwrap(), 1);
    refuses(Status::Completed);
    assert_sound(&store);
}

/// A swap seen on the chain is copied once. The claim goes with the operation: in flight, then done
/// as it ended, and taken over by the one that is begun again.
#[test]
fn a_claim_lives_and_ends_with_its_operation() {
    let (_world, store) = World::with("100");
    let intent = |key: &str| {
        Intent::deduct(key, "main", dollars("10")).claim("swaps", b"0xab:1", at(1_600_000_000))
    };
    let claim = |store: &Store| {
        store.snapshot().claims().get("swaps", b"0xab:1").unwrap().map(|claim| claim.state)
    };
    let pending = begin(&store, &intent("first"));
    let id = pending.id();
    assert_eq!(claim(&store), Some(ClaimState::InFlight(id.get())));
    let lsn = store.stats().visible_lsn;
    match store.operations().begin(&intent("second")).unwrap() {
        Begun::Duplicate(state) => assert_eq!(state, ClaimState::InFlight(id.get())),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.stats().visible_lsn, lsn);
    cash_is(&store, "100", "10", "90");
    pending.cancel(&store).unwrap();
    assert_eq!(claim(&store), Some(ClaimState::Done(ClaimOutcome::RolledBack)));
    assert_sound(&store);

    let again = store.operations().begin_again(&intent("first")).unwrap().into_handle().unwrap();
    assert_eq!(claim(&store), Some(ClaimState::InFlight(again.id().get())));
    assert_sound(&store);
    again.start(&store).unwrap().complete(&store, &no_effect()).unwrap();
    assert_eq!(claim(&store), Some(ClaimState::Done(ClaimOutcome::Completed)));
    let claimed = store.claims().claim("swaps", b"0xab:1", at(1_600_000_000)).unwrap();
    assert_eq!(claimed, Claim::Duplicate(ClaimState::Done(ClaimOutcome::Completed)));
    assert_sound(&store);
}

/// A bot numbers its keys. The first order's is how the tenth's begins, and neither is taken for the
/// other, whichever was there first.
#[test]
fn a_key_that_begins_like_another_is_another() {
    let (_world, store) = World::with("100");
    let intent = |key: &str| Intent::deduct(key, "main", dollars("10"));
    let keys = ["order-10", "order-1", "order-100", "order-11", "order"];
    let ids = keys.map(|key| begin(&store, &intent(key)).id());
    for (key, id) in keys.into_iter().zip(ids) {
        assert_eq!(state(&store, key).id(), id, "{key}");
        assert_eq!(existing(&store, &intent(key)).id(), id, "{key}");
    }
    assert!(store.snapshot().operations().by_key("orde").unwrap().is_none());
    assert_sound(&store);
}

/// Two feeds tell one swap, and each has a mark of how far it was read. A begin whose swap is claimed
/// already changes nothing, the mark included: what the bot then does instead may yet fail, and behind
/// the mark nobody looks again.
#[test]
fn a_duplicate_moves_no_cursor() {
    let (_world, store) = World::with("100");
    let intent = |key: &str, block: &[u8]| {
        Intent::deduct(key, "main", dollars("10"))
            .claim("swaps", b"0xab:1", at(1_600_000_000))
            .cursor(key, None, block)
    };
    let first = begin(&store, &intent("feed a", b"7"));
    let lsn = store.stats().visible_lsn;
    let second = store.operations().begin(&intent("feed b", b"9")).unwrap();
    assert!(matches!(second, Begun::Duplicate(_)), "{second:?}");
    assert_eq!(store.cursors().get("feed b").unwrap(), None);
    let started = store.operations().begin_and_start(&intent("feed b", b"9")).unwrap();
    assert!(started.into_handle().is_none());
    assert_eq!(store.cursors().get("feed b").unwrap(), None);
    assert_eq!(store.cursors().get("feed a").unwrap(), Some(b"7".to_vec()));
    assert_eq!(store.stats().visible_lsn, lsn, "nothing was changed");
    drop(first);
    assert_sound(&store);
}

/// A begin that is refused has claimed nothing and moved no cursor, also where the closure goes on
/// after the refusal.
#[test]
fn a_refused_begin_leaves_nothing_behind() {
    let (_world, store) = World::with("100");
    let intent = |text: &str| {
        Intent::custom("k", "move", "main")
            .opens(position())
            .hold(dollars(text))
            .hold(units("1"))
            .claim("swaps", b"1", at(1_600_000_000))
            .cursor("block", None, *b"1")
    };
    let went_on: Result<(), Error> = store.write(|tx| {
        let error = tx.operations().begin(&intent("10")).unwrap_err();
        assert!(error.to_string().contains("BONK"), "the second hold is refused: {error}");
        tx.ledger().deposit("main", &dollars("1"))?;
        Ok(())
    });
    went_on.unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.operations().all().count(), 0);
    assert_eq!(snapshot.claims().get("swaps", b"1").unwrap(), None);
    assert_eq!(store.cursors().get("block").unwrap(), None);
    assert!(snapshot.ledger().open_positions("main").unwrap().is_empty());
    cash_is(&store, "101", "0", "101");

    store.ledger().deposit("main", &units("1")).unwrap();
    let pending = begin(&store, &intent("10"));
    assert_eq!(store.cursors().get("block").unwrap(), Some(b"1".to_vec()));
    // The next one believes the cursor to be where it was.
    let stale = Intent::deduct("l", "main", dollars("1")).cursor("block", None, *b"2");
    let error = store.operations().begin(&stale).unwrap_err();
    assert!(matches!(error, Error::CursorMoved { .. }), "{error:?}");
    drop(pending);
    assert_sound(&store);
}

/// The story: a bot was changed while a begin was sent again: where it sold 5 units it now sells all
/// and holds 5 units of cash for the fee. The store took the two for the same operation. So it is with
/// a quantity that moves from one position to the next.
#[test]
fn a_quantity_and_a_hold_are_two_things_to_a_key() {
    let (_world, store) = World::with("100");
    store.ledger().deposit("main", &units("9")).unwrap();
    let import = |tag: &str| {
        let new = position().tag(tag);
        store.ledger().import_position(&new, &units("10"), &dollars("5"), at(1)).unwrap()
    };
    let (first, second) = (import("a"), import("b"));
    let _sale = begin(&store, &Intent::close("sale", first).quantity(units("5")));
    let _trade = begin(
        &store,
        &Intent::trade("trade", "main").reduce(second, units("1")).reduce(second, units("2")),
    );
    let others = [
        Intent::close("sale", first).hold(units("5")),
        Intent::trade("trade", "main").reduce(second, units("2")).reduce(second, units("1")),
        Intent::trade("trade", "main")
            .reduce(second, units("1"))
            .reduce(second, units("2"))
            .hold(units("1")),
    ];
    for other in others {
        let error = store.operations().begin(&other).unwrap_err();
        assert!(matches!(error, Error::Conflict { which: "holds", .. }), "{error:?}");
    }
    assert_sound(&store);
}
