//! Every call in every state, by number and by handle: what the table of moves allows happens, and
//! what it does not allow leaves no trace.

use highwater::{Call, Error, Failure, Intent, OperationId, RollBack, Status, Store};

use crate::{World, assert_sound, begin, cash_is, dollars, no_effect};

const STATES: [Status; 5] =
    [Status::Pending, Status::InProgress, Status::Failed, Status::Completed, Status::RolledBack];

/// An operation of this opening in this state, nobody holding a handle of it.
fn operation_in(store: &Store, key: &str, status: Status) -> OperationId {
    let operations = store.operations();
    let pending = begin(store, &Intent::deduct(key, "main", dollars("1")).max_attempts(5));
    let id = pending.id();
    match status {
        Status::Pending => drop(pending),
        Status::InProgress => drop(pending.start(store).unwrap()),
        Status::Failed => {
            drop(pending.start(store).unwrap());
            drop(operations.fail(id, Failure::definite("refused")).unwrap());
        }
        Status::Completed => {
            let running = pending.start(store).unwrap();
            running.complete(store, &no_effect()).unwrap();
        }
        Status::RolledBack => drop(pending.cancel(store).unwrap()),
    }
    assert_eq!(status_of(store, id), status);
    id
}

fn status_of(store: &Store, id: OperationId) -> Status {
    store.snapshot().operations().get(id).unwrap().unwrap().status
}

/// A call by number: which one it is, where it leads from which state, and how it is made.
type ByNumber = (Call, fn(&Store, OperationId) -> Result<(), Error>, fn(Status) -> Option<Status>);

fn calls() -> Vec<ByNumber> {
    use Status::{Completed, Failed, InProgress, Pending, RolledBack};
    fn only(from: Status, to: Status) -> impl Fn(Status) -> Option<Status> {
        move |status| (status == from).then_some(to)
    }
    vec![
        (
            Call::Start,
            |store, id| store.operations().start(id).map(drop),
            |status| only(Pending, InProgress)(status),
        ),
        (
            Call::Cancel,
            |store, id| store.operations().cancel(id).map(drop),
            |status| match status {
                Pending | RolledBack => Some(RolledBack),
                _ => None,
            },
        ),
        (
            Call::Checkpoint,
            |store, id| store.operations().checkpoint(id, b"order 1"),
            |status| only(InProgress, InProgress)(status),
        ),
        (
            Call::Record,
            |store, id| store.operations().record(id, &no_effect()).map(drop),
            |status| match status {
                InProgress | Failed => Some(status),
                _ => None,
            },
        ),
        (
            Call::Apply,
            |store, id| store.operations().apply(id, &no_effect()).map(drop),
            |status| only(InProgress, InProgress)(status),
        ),
        (
            Call::Complete,
            |store, id| store.operations().complete(id, &no_effect()).map(drop),
            |status| match status {
                InProgress | Completed => Some(Completed),
                _ => None,
            },
        ),
        (
            Call::Fail,
            |store, id| store.operations().fail(id, Failure::ambiguous("lost")).map(drop),
            |status| only(InProgress, Failed)(status),
        ),
        (
            Call::Retry,
            |store, id| store.operations().retry(id).map(drop),
            |status| only(Failed, InProgress)(status),
        ),
        (
            Call::RollBack,
            |store, id| store.operations().roll_back(id, RollBack::new("no")).map(drop),
            |status| match status {
                Failed | RolledBack => Some(RolledBack),
                _ => None,
            },
        ),
        (
            Call::ResolveComplete,
            |store, id| store.operations().resolve_complete(id, &no_effect()).map(drop),
            |status| match status {
                Failed | Completed => Some(Completed),
                _ => None,
            },
        ),
        (
            Call::TakeOver,
            |store, id| store.operations().take_over(id).map(drop),
            |status| only(InProgress, InProgress)(status),
        ),
        (
            Call::TakeOverPending,
            |store, id| store.operations().take_over_pending(id).map(drop),
            |status| only(Pending, Pending)(status),
        ),
    ]
}

/// The story: a script called `complete` by number on an operation that had been rolled back, and a
/// `start` on one that ran already. Each of the sixty pairs does what the table says, or is refused
/// without a commit.
#[test]
fn every_call_by_number_in_every_state() {
    let (_world, store) = World::with("1000");
    for (number, (call, make, leads_to)) in calls().into_iter().enumerate() {
        for status in STATES {
            let id = operation_in(&store, &format!("{number} {status}"), status);
            let (lsn, before) = (store.stats().visible_lsn, status);
            let outcome = make(&store, id);
            match leads_to(status) {
                Some(to) => {
                    outcome.unwrap_or_else(|error| panic!("{call} of {status}: {error}"));
                    assert_eq!(status_of(&store, id), to, "{call} of {status}");
                    let is_again = before.is_finished();
                    assert_eq!(store.stats().visible_lsn, lsn + u64::from(!is_again));
                }
                None => {
                    let error = outcome.expect_err("not legal");
                    assert!(error.is_refused(), "{error:?}");
                    match error {
                        Error::IllegalTransition { operation, status: found, call: refused } => {
                            assert_eq!((operation, found, refused), (id, status, call));
                        }
                        other => panic!("{call} of {status}: {other:?}"),
                    }
                    assert_eq!(status_of(&store, id), status);
                    assert_eq!(store.stats().visible_lsn, lsn, "{call} of {status} left a trace");
                }
            }
        }
    }
    assert_sound(&store);
}

/// After a restart nobody owns what was under way: calls by number are refused until it is taken
/// over, and what had failed is anybody's to settle.
#[test]
fn what_an_earlier_opening_left_is_nobodys() {
    for (call, make, leads_to) in calls() {
        for status in STATES {
            let (world, store) = World::with("1000");
            let id = operation_in(&store, "left", status);
            drop(store);
            let store = world.open();
            let lsn = store.stats().visible_lsn;
            let takes = matches!(call, Call::TakeOver | Call::TakeOverPending);
            let owned = matches!(status, Status::Pending | Status::InProgress);
            match (make(&store, id), leads_to(status)) {
                (Ok(()), Some(_)) => assert!(!owned || takes, "{call} of {status}"),
                (Err(Error::StaleOwner { operation }), Some(_)) => {
                    assert!(owned && !takes && operation == id, "{call} of {status}");
                    assert_eq!(store.stats().visible_lsn, lsn);
                }
                (Err(Error::IllegalTransition { .. }), None) => {}
                (outcome, _) => panic!("{call} of {status}: {outcome:?}"),
            }
        }
    }
}

/// Two parts of a bot believed that they owned one operation. The second took it over; whatever the
/// first does with its handle is refused, and its handle comes back with the error.
#[test]
fn a_handle_of_a_superseded_attempt_is_refused() {
    let (_world, store) = World::with("100");
    let pending = begin(&store, &Intent::deduct("one", "main", dollars("1")));
    let id = pending.id();
    let taken = store.operations().take_over_pending(id).unwrap();
    let refused = pending.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { operation } if operation == id));
    let refused = refused.handle.cancel(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { .. }));
    assert_eq!(refused.handle.id(), id);

    let first = taken.start(&store).unwrap();
    let second = store.operations().take_over(id).unwrap();
    assert_eq!(
        (first.attempt() + 1, first.external_id()),
        (second.attempt(), second.external_id())
    );
    let lsn = store.stats().visible_lsn;
    let is_stale = |error: &Error| matches!(error, Error::StaleOwner { .. });
    assert!(is_stale(&first.checkpoint(&store, b"x").unwrap_err()));
    assert!(is_stale(&first.record(&store, &no_effect()).unwrap_err()));
    assert!(is_stale(&first.apply(&store, &no_effect()).unwrap_err()));
    let first = first.complete(&store, &no_effect()).unwrap_err();
    assert!(is_stale(&first.error));
    let first = first.handle.fail(&store, Failure::definite("no")).unwrap_err();
    assert!(is_stale(&first.error));
    assert_eq!(store.stats().visible_lsn, lsn, "none of it left a trace");
    // The late end of the first handle does not end the second.
    drop(first);
    let failed = second.fail(&store, Failure::definite("no")).unwrap();
    drop(store.operations().retry(id).unwrap());
    let refused = failed.retry(&store).unwrap_err();
    assert!(is_stale(&refused.error));
    assert_sound(&store);
}

/// A handle that outlives its store is of no use to the next opening of it.
#[test]
fn a_handle_of_an_earlier_opening_is_refused() {
    let (world, store) = World::with("100");
    let pending = begin(&store, &Intent::deduct("one", "main", dollars("1")));
    let running =
        begin(&store, &Intent::deduct("two", "main", dollars("1"))).start(&store).unwrap();
    drop(store);
    let store = world.open();
    let refused = pending.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { .. }));
    let refused = running.complete(&store, &no_effect()).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { .. }));
    cash_is(&store, "100", "2", "98");
}

/// The closure refused after it had begun an operation, and kept the handle. The number was given to
/// another operation, which the handle must not touch.
#[test]
fn the_handle_of_a_refused_write_owns_nothing() {
    let (_world, store) = World::with("100");
    let mut kept = None;
    let refused: Result<(), Error> = store.write(|tx| {
        kept = tx.operations().begin(&Intent::deduct("a", "main", dollars("1")))?.into_handle();
        Err(Error::Nested)
    });
    refused.unwrap_err();
    let kept = kept.unwrap();
    let refused = kept.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { .. }), "nobody has the number");
    let other = begin(&store, &Intent::deduct("b", "main", dollars("2")));
    assert_eq!(other.id(), refused.handle.id(), "the number was given again");
    let refused = refused.handle.start(&store).unwrap_err();
    assert!(matches!(*refused.error, Error::StaleOwner { .. }));
    other.start(&store).unwrap().complete(&store, &no_effect()).unwrap();
}

/// An ending that is repeated to the letter was acknowledged and lost: it is told so. Any other
/// ending of the same operation is a mistake.
#[test]
fn an_ending_is_repeated_only_to_the_letter() {
    let (_world, store) = World::with("100");
    let operations = store.operations();
    let spent = highwater::Effect::new().withdraw("main", dollars("3"));
    let running = begin(&store, &Intent::deduct("k", "main", dollars("5"))).start(&store).unwrap();
    let id = running.id();
    assert!(!running.complete(&store, &spent).unwrap().is_already_done());
    let lsn = store.stats().visible_lsn;
    assert!(operations.complete(id, &spent).unwrap().is_already_done());
    assert!(operations.resolve_complete(id, &spent).unwrap().is_already_done());
    let other = highwater::Effect::new().withdraw("main", dollars("4"));
    for effect in [other, no_effect()] {
        let error = operations.complete(id, &effect).unwrap_err();
        assert!(matches!(error, Error::IllegalTransition { status: Status::Completed, .. }));
    }
    assert_eq!(store.stats().visible_lsn, lsn);
    cash_is(&store, "97", "0", "97");
    assert_sound(&store);
}

/// A number that was never given is named as such by every call.
#[test]
fn a_number_that_was_never_given_is_unknown() {
    let (_world, store) = World::with("1");
    for (call, make, _) in calls() {
        let error = make(&store, OperationId::new(99)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("#99"), "{call}: {error}");
    }
}
