//! Claims that were let go: what an operation is told that comes too late, and what one keeps that is
//! under way or was rolled back.

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::MemoryDisk;
use highwater::{
    Background, Begun, BegunStarted, Claim, ClaimBounds, ClaimOutcome, ClaimState, Effect, Intent,
    ManualClock, Mode, Options, Status, Store,
};

use crate::{assert_sound, at, begin, cash_is, dollars, usd};

/// A store that keeps so many claims on trades, with 100 dollars.
fn keeping(count: u64) -> Store {
    let options = Options::new(Mode::Paper, usd()).seed(1).background(Background::Manual);
    let options = options.claims("trades", ClaimBounds::new().count(count));
    let store = options.open_on(Arc::new(MemoryDisk::new())).unwrap();
    store.ledger().deposit("main", &dollars("100")).unwrap();
    store
}

fn copy(key: &str, event: &[u8], seconds: i64) -> Intent {
    Intent::deduct(key, "main", dollars("10")).claim("trades", event, at(seconds))
}

fn state(store: &Store, event: &[u8]) -> Option<ClaimState> {
    store.claims().get("trades", event).unwrap().map(|claim| claim.state)
}

/// The story: a listener told of a trade of yesterday. Its claim had been let go, so the bot took it for
/// new, set the money aside and copied it again.
#[test]
fn what_is_too_old_is_not_begun() {
    let store = keeping(1);
    let done = begin(&store, &copy("a", b"A", 1)).start(&store).unwrap();
    done.complete(&store, &Effect::new()).unwrap();
    store.claims().claim("trades", b"B", at(2)).unwrap();
    assert_eq!(state(&store, b"A"), None, "it was let go");
    let lsn = store.snapshot().lsn();
    // Another operation for the same trade, and one for a trade that nobody ever told of.
    for event in [b"A", b"Z"] {
        let begun = store.operations().begin(&copy("b", event, 1)).unwrap();
        assert!(matches!(begun, Begun::TooOld), "{begun:?}");
        assert!(begun.into_handle().is_none());
        let begun = store.operations().begin_and_start(&copy("b", event, 1)).unwrap();
        assert!(matches!(begun, BegunStarted::TooOld), "{begun:?}");
        assert!(begun.into_handle().is_none());
    }
    assert_eq!(store.snapshot().lsn(), lsn, "nothing was changed");
    cash_is(&store, "100", "0", "100");
    // The operation itself is known by its key, and a later trade is a new one.
    let known = store.operations().begin(&copy("a", b"A", 1)).unwrap().into_existing().unwrap();
    assert_eq!(known.status(), Status::Completed);
    let _later = begin(&store, &copy("b", b"C", 3));
    assert_sound(&store);
}

/// The story: a moment's flood of trades let the claims of orders go that were still at the venue, and
/// a second listener copied them once more.
#[test]
fn the_claim_of_an_unfinished_operation_stays_whatever_comes() {
    let store = keeping(2);
    let pending = begin(&store, &copy("pending", b"P", 1));
    let order = begin(&store, &copy("order", b"O", 1)).start(&store).unwrap();
    for event in 10..60_u8 {
        assert_eq!(store.claims().claim("trades", &[event], at(event.into())).unwrap(), Claim::New);
    }
    let stats = store.claims().stats("trades").unwrap();
    assert_eq!((stats.size, stats.in_flight, stats.pruned), (4, 2, 48));
    for (event, id) in [(b"P", pending.id()), (b"O", order.id())] {
        let begun = store.operations().begin(&copy("second", event, 1)).unwrap();
        match begun {
            Begun::Duplicate(ClaimState::InFlight(by)) => assert_eq!(by, id.get()),
            other => panic!("{other:?}"),
        }
    }
    assert_sound(&store);
    // At their end they are the oldest there are.
    order.complete(&store, &Effect::new()).unwrap();
    pending.cancel(&store).unwrap();
    assert_eq!((state(&store, b"O"), state(&store, b"P")), (None, None));
    let begun = store.operations().begin(&copy("second", b"O", 1)).unwrap();
    assert!(matches!(begun, Begun::TooOld), "{begun:?}");
    assert_sound(&store);
}

/// The story: an operation was rolled back and its claim let go before it was begun again. It was told
/// that its own trade was too old, and the trade was lost; or it ran without a claim, and the trade was
/// somebody else's as well.
#[test]
fn what_was_rolled_back_is_begun_again_although_its_claim_is_gone() {
    let store = keeping(1);
    let intent = copy("a", b"A", 1);
    begin(&store, &intent).cancel(&store).unwrap();
    store.claims().claim("trades", b"B", at(2)).unwrap();
    assert_eq!(state(&store, b"A"), None, "it was let go");
    let other = store.operations().begin(&copy("b", b"A", 1)).unwrap();
    assert!(matches!(other, Begun::TooOld), "nobody else gets it: {other:?}");

    let unnamed = Intent::deduct("a", "main", dollars("10"));
    let again = store.operations().begin_again(&unnamed).unwrap().into_handle().unwrap();
    assert_eq!(state(&store, b"A"), Some(ClaimState::InFlight(again.id().get())));
    let other = store.operations().begin(&copy("b", b"A", 1)).unwrap();
    assert!(matches!(other, Begun::Duplicate(ClaimState::InFlight(_))), "{other:?}");
    assert_sound(&store);
    let order = again.start(&store).unwrap();
    order.complete(&store, &Effect::new()).unwrap();
    let error = store.operations().begin_again(&intent).unwrap_err();
    assert!(matches!(error, highwater::Error::IllegalTransition { .. }), "{error}");
    assert_sound(&store);
}

/// The story: as before, but somebody had told of the trade with a later time, and was given it. Beginning
/// the first operation again took it away from them, in the middle of their order.
#[test]
fn a_trade_that_somebody_else_got_under_a_later_time_is_theirs() {
    let store = keeping(1);
    begin(&store, &copy("a", b"A", 1)).cancel(&store).unwrap();
    store.claims().claim("trades", b"B", at(2)).unwrap();
    let theirs = begin(&store, &copy("b", b"A", 3)).start(&store).unwrap();
    let id = theirs.id().get();
    let again = || store.operations().begin_again(&copy("a", b"A", 1)).unwrap();
    match again() {
        Begun::Duplicate(ClaimState::InFlight(by)) => assert_eq!(by, id),
        other => panic!("{other:?}"),
    }
    theirs.complete(&store, &Effect::new()).unwrap();
    match again() {
        Begun::Duplicate(ClaimState::Done(ClaimOutcome::Completed)) => {}
        other => panic!("{other:?}"),
    }
    cash_is(&store, "100", "0", "100");
    assert_sound(&store);
}

/// The story: the trade that a claim stood for was asked about after two days, and the claim named an
/// operation that was purged after one.
#[test]
fn operations_are_kept_as_long_as_the_longest_horizon() {
    let hours = |hours: i64| Duration::from_secs(3600 * hours as u64);
    let clock = ManualClock::new(at(0));
    let options = Options::new(Mode::Paper, usd()).background(Background::Manual);
    let options = options.clock(Arc::new(clock.clone()));
    let short = ClaimBounds::new().horizon(hours(1));
    let long = ClaimBounds::new().horizon(hours(48));
    for (bounded, kept) in [
        (options.clone(), 24),
        (options.clone().claims("trades", short), 24),
        (options.clone().claims("trades", short).claims("signals", long), 48),
        (options.clone().other_claims(long), 48),
        (options.clone().other_claims(long).operation_retention(hours(72)), 72),
    ] {
        clock.set(at(0));
        let store = bounded.open_on(Arc::new(MemoryDisk::new())).unwrap();
        store.ledger().deposit("main", &dollars("100")).unwrap();
        begin(&store, &copy("a", b"A", 0)).cancel(&store).unwrap();
        clock.set(at(kept * 3600));
        assert_eq!(store.operations().purge(9).unwrap(), 0, "{kept} hours");
        clock.advance_micros(1);
        assert_eq!(store.operations().purge(9).unwrap(), 1, "{kept} hours");
        assert_sound(&store);
    }
}

/// The story: the bot was told to act on trades of the last day and to forget them after an hour.
#[test]
fn a_store_is_not_opened_with_a_horizon_shorter_than_the_window() {
    let (hour, day) = (Duration::from_secs(3600), Duration::from_secs(24 * 3600));
    let bounds = ClaimBounds::new().horizon(hour).acceptance_window(day);
    let disk = Arc::new(MemoryDisk::new());
    let options = Options::new(Mode::Paper, usd());
    let open = |options: &Options| options.open_on(disk.clone());
    let error = open(&options.clone().claims("trades", bounds)).unwrap_err();
    assert!(error.is_refused(), "{error}");
    let told = error.to_string();
    assert!(told.contains("trades") && told.contains("3600s") && told.contains("86400s"), "{told}");
    let error = open(&options.clone().other_claims(bounds)).unwrap_err();
    assert!(
        matches!(error, highwater::Error::ClaimHorizonTooShort { namespace: None, .. }),
        "{error}"
    );
    let error = open(&options.clone().create(false)).unwrap_err();
    assert!(matches!(error, highwater::Error::Missing { .. }), "nothing was made: {error}");
    open(&options.claims("trades", bounds.horizon(day))).unwrap();
}
