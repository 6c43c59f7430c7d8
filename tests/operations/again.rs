//! Begun again: what was rolled back is begun under its key once more, with its own claim and beside
//! its own cursor.

use std::time::Duration;

use highwater::{Begun, ClaimOutcome, ClaimState, Error, Intent, KeyState, Pending, Status, Store};

use crate::{World, assert_sound, at, begin, cash_is, dollars};

const ROLLED_BACK: ClaimState = ClaimState::Done(ClaimOutcome::RolledBack);

fn plain(key: &str) -> Intent {
    Intent::deduct(key, "main", dollars("10"))
}

fn claimed(key: &str, event: &[u8]) -> Intent {
    plain(key).claim("trades", event, at(1_600_000_000))
}

fn claim(store: &Store, event: &[u8]) -> Option<ClaimState> {
    store.claims().get("trades", event).unwrap().map(|claim| claim.state)
}

fn again(store: &Store, intent: &Intent) -> Pending {
    store.operations().begin_again(intent).unwrap().into_handle().unwrap()
}

/// Operation `a` for trade X and `b` for trade Y, both rolled back, and purged if asked for.
fn two_rolled_back(purged: bool) -> (World, Store) {
    let (world, store) = World::with("100");
    for (key, event) in [("a", b"X"), ("b", b"Y")] {
        begin(&store, &claimed(key, event)).cancel(&store).unwrap();
    }
    if purged {
        world.pass(Duration::from_secs(25 * 3600));
        assert_eq!(store.operations().purge(100).unwrap(), 2);
        let state = store.snapshot().operations().by_key("a").unwrap().unwrap();
        assert!(matches!(state, KeyState::Purged { status: Status::RolledBack, .. }));
    }
    (world, store)
}

/// The story: a bot that had mixed up its trades began `a` again with the trade of `b`, and got its
/// claim: `b` could never be begun again, and the trade of `a` was claimed by nobody.
#[test]
fn the_claim_of_another_operation_is_a_conflict() {
    for purged in [false, true] {
        let (_world, store) = two_rolled_back(purged);
        let lsn = store.stats().visible_lsn;
        let intents = [claimed("a", b"Y"), claimed("a", b"Z")];
        for intent in intents {
            let error = store.operations().begin_again(&intent).unwrap_err();
            assert!(matches!(error, Error::Conflict { which: "claim", .. }), "{error:?}");
        }
        assert_eq!(store.stats().visible_lsn, lsn);
        let other = again(&store, &claimed("b", b"Y"));
        assert_eq!(claim(&store, b"X"), Some(ROLLED_BACK));
        assert_eq!(claim(&store, b"Y"), Some(ClaimState::InFlight(other.id().get())));
        assert_sound(&store);
    }
}

/// The story: long after, the bot began the trade again by key and content, and did not name the claim,
/// which is no part of the content. The trade was processed, and its claim said for ever that it had
/// been rolled back. And again: the claim goes along from one to the next.
#[test]
fn the_claim_is_taken_over_also_where_the_intent_does_not_name_it() {
    for purged in [false, true] {
        let (world, store) = two_rolled_back(purged);
        let first = again(&store, &plain("a"));
        assert_eq!(claim(&store, b"X"), Some(ClaimState::InFlight(first.id().get())));
        assert_sound(&store);
        first.cancel(&store).unwrap();
        assert_eq!(claim(&store, b"X"), Some(ROLLED_BACK));
        if purged {
            world.pass(Duration::from_secs(25 * 3600));
            store.operations().purge(100).unwrap();
        }
        let second = again(&store, &plain("a"));
        assert_eq!(claim(&store, b"X"), Some(ClaimState::InFlight(second.id().get())));
        assert_eq!(claim(&store, b"Y"), Some(ROLLED_BACK));
        assert_sound(&store);
    }
}

/// The story: the bot learned which trade an operation stood for after that was rolled back, and named
/// it when it began anew. The claim was passed over in silence, and another operation for the same
/// trade was let through beside it.
#[test]
fn a_claim_named_only_when_begun_again_is_made() {
    let (_world, store) = World::with("100");
    begin(&store, &plain("a")).cancel(&store).unwrap();
    begin(&store, &plain("c")).cancel(&store).unwrap();
    let first = again(&store, &claimed("a", b"X"));
    let in_flight = ClaimState::InFlight(first.id().get());
    assert_eq!(claim(&store, b"X"), Some(in_flight));
    let refuse = |begun: Result<Begun, Error>| match begun.unwrap() {
        Begun::Duplicate(state) => assert_eq!(state, in_flight),
        other => panic!("two operations for one trade: {other:?}"),
    };
    refuse(store.operations().begin(&claimed("b", b"X")));
    refuse(store.operations().begin_again(&claimed("c", b"X")));
    cash_is(&store, "100", "10", "90");
    first.cancel(&store).unwrap();
    let second = again(&store, &plain("a"));
    assert_eq!(claim(&store, b"X"), Some(ClaimState::InFlight(second.id().get())));
    assert_sound(&store);
}

/// The story: a deal moves the height cursor when it begins. It was rolled back, and the very same
/// intent was refused for ever: the cursor stood where the first begin had put it. Where somebody else
/// moved it on since it is refused, and so is another deal that would move it to where it is.
#[test]
fn a_cursor_that_the_first_begin_moved_counts_as_moved() {
    let (_world, store) = World::with("100");
    let intent = |key: &str| plain(key).cursor("height", None, b"17");
    begin(&store, &intent("p")).cancel(&store).unwrap();
    let moved = |begun: Result<Begun, Error>| {
        let error = begun.unwrap_err();
        assert!(matches!(error, Error::CursorMoved { .. }), "{error:?}");
    };
    moved(store.operations().begin(&intent("other")));
    again(&store, &intent("p")).cancel(&store).unwrap();
    assert_eq!(store.cursors().get("height").unwrap(), Some(b"17".to_vec()));
    store.cursors().set("height", Some(b"17"), b"18").unwrap();
    moved(store.operations().begin_again(&intent("p")));
    assert_eq!(store.cursors().get("height").unwrap(), Some(b"18".to_vec()));
    assert_sound(&store);
}
