//! Who owns an operation: not a write that was refused, and nobody of another store.

use highwater::{Effect, Error, Failure, InProgress, Intent, RollBack, Started, Store, Verdict};

use crate::{World, assert_sound, begin, cash_is, dollars};

fn pay(key: &str) -> Intent {
    Intent::deduct(key, "main", dollars("10"))
}

fn paid() -> Effect {
    Effect::new().withdraw("main", dollars("10"))
}

fn started(store: &Store, key: &str) -> InProgress {
    store.operations().begin_and_start(&pay(key)).unwrap().into_handle().unwrap()
}

/// Runs `body` in a write that is refused in the end, and answers what the body kept.
fn out_of_a_refused_write<T>(
    store: &Store,
    body: impl FnOnce(&mut highwater::OperationsMut<'_>) -> Result<T, Error>,
) -> T {
    let mut kept = None;
    let refused: Result<(), Error> = store.write(|tx| {
        kept = Some(body(&mut tx.operations())?);
        Err(Error::Closed)
    });
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    kept.unwrap()
}

/// The story: a task started an operation in a write of its own, kept the handle, and the write was
/// refused for another reason. Another task started the operation for good. Both had a handle of
/// attempt 1, and the one that never was completed the operation under the feet of the one that was
/// talking to the venue.
#[test]
fn a_start_that_was_refused_leaves_no_owner() {
    let (_world, store) = World::with("100");
    let pending = begin(&store, &pay("k"));
    let kept = out_of_a_refused_write(&store, |all| match all.start(&pending)? {
        Started::InProgress(handle) => Ok(handle),
        Started::Expired => panic!("it has no deadline"),
    });
    let owner = pending.start(&store).unwrap();
    assert_eq!((kept.attempt(), kept.external_id()), (owner.attempt(), owner.external_id()));
    let stale = kept.complete(&store, &paid()).unwrap_err();
    assert!(matches!(*stale.error, Error::StaleOwner { .. }), "{stale:?}");
    owner.complete(&store, &paid()).unwrap();
    assert_sound(&store);
}

/// The story: as above with a take over; the commit was too large, so the write was refused after its
/// closure had succeeded, and the handle had been sent to a worker already.
#[test]
fn a_take_over_that_was_too_large_leaves_no_owner() {
    let (_world, store) = World::with("100");
    let id = started(&store, "k").id();
    let mut kept = None;
    let refused: Result<(), Error> = store.write(|tx| {
        kept = Some(tx.operations().take_over(id)?);
        for n in 0..200u32 {
            let intent = Intent::custom(format!("big {n}"), "big", "main");
            drop(tx.operations().begin(&intent.payload(vec![0; 64 * 1024]))?);
        }
        Ok(())
    });
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    let owner = store.operations().take_over(id).unwrap();
    let error = kept.unwrap().checkpoint(&store, b"order 1").unwrap_err();
    assert!(matches!(error, Error::StaleOwner { .. }), "{error:?}");
    owner.checkpoint(&store, b"order 1").unwrap();
    assert_sound(&store);
}

/// The same for a retry, and for a failure that did not happen: its handle took the operation back
/// after the owner had failed for good, and wanted to try again.
#[test]
fn a_failure_or_a_retry_that_was_refused_leaves_no_owner() {
    let (_world, store) = World::with("100");
    let running = started(&store, "k");
    let refused = Failure::definite("refused");
    let kept = out_of_a_refused_write(&store, |all| Ok(all.fail(&running, &refused)?));
    let error = kept.record(&store, &Effect::new()).unwrap_err();
    assert!(matches!(error, Error::StaleOwner { .. }), "not failed at all: {error:?}");
    let failed = running.fail(&store, refused).unwrap();
    let stale = kept.roll_back(&store, RollBack::new("refused")).unwrap_err();
    assert!(matches!(*stale.error, Error::StaleOwner { .. }), "{stale:?}");
    let id = failed.id();
    let by_number = store.operations().retry(id).unwrap();
    drop(by_number.fail(&store, Failure::definite("again")).unwrap());
    let kept = out_of_a_refused_write(&store, |all| match all.retry(id)? {
        highwater::Retried::InProgress(handle) => Ok(handle),
        highwater::Retried::NeedsAttention => panic!("there are attempts left"),
    });
    let owner = store.operations().retry(id).unwrap();
    let stale = kept.complete(&store, &paid()).unwrap_err();
    assert!(matches!(*stale.error, Error::StaleOwner { .. }), "{stale:?}");
    owner.complete(&store, &paid()).unwrap();
    assert_sound(&store);
}

/// A fill is a fact: who listens for fills with the handle of an attempt books them also when
/// somebody else has noted meanwhile that the attempt failed.
#[test]
fn an_owner_books_fills_although_somebody_noted_a_failure() {
    let (_world, store) = World::with("100");
    let intent = Intent::open("k", crate::position()).hold(dollars("10"));
    let running = begin(&store, &intent).start(&store).unwrap();
    let failed = store.operations().fail(running.id(), Failure::ambiguous("no answer")).unwrap();
    let fill = crate::fill("F", "1", "5", "0");
    let bought = Effect::new().buy(running.position().unwrap(), fill);
    running.record(&store, &bought).unwrap();
    failed.resolve_complete(&store, &Effect::new()).unwrap();
    cash_is(&store, "95", "0", "95");
    assert_sound(&store);
}

/// The story: the handle of a refused take over was dropped, and the sweep took the operation of the
/// living owner for forgotten: what he was about to start was rolled back under him.
#[test]
fn dropping_the_handle_of_a_refused_write_forgets_nobody() {
    let (_world, store) = World::with("100");
    let id = begin(&store, &pay("k")).id();
    let kept = out_of_a_refused_write(&store, |all| Ok(all.take_over_pending(id)?));
    let owner = store.operations().take_over_pending(id).unwrap();
    drop(kept);
    assert_eq!(store.operations().sweep(10).unwrap(), 0, "the owner lives");
    drop(owner.start(&store).unwrap());
    assert_sound(&store);
}

/// The story: one bot has a paper store and a live one, both opened with the seed of its test setup.
/// The first order of the paper store was completed in the live one: its handle fitted there.
#[test]
fn a_handle_of_one_store_is_stale_in_another() {
    let ((_paper, paper), (_live, live)) = (World::with("100"), World::with("100"));
    let (order, owner) = (started(&paper, "paper"), started(&live, "live"));
    assert_eq!(order.external_id(), owner.external_id(), "they have the same seed");
    let stale = order.complete(&live, &paid()).unwrap_err();
    assert!(matches!(*stale.error, Error::StaleOwner { .. }), "{stale:?}");
    stale.handle.complete(&paper, &paid()).unwrap();
    owner.complete(&live, &paid()).unwrap();
}

/// The same for what recovery presents: two stores with the same orders, and the verdict about the one
/// was carried out in the other.
#[test]
fn a_case_of_one_store_is_stale_in_another() {
    let reopened = || {
        let (world, store) = World::with("100");
        drop(started(&store, "k"));
        drop(store);
        world.open()
    };
    let (paper, live) = (reopened(), reopened());
    let (mut of_paper, mut of_live) = (paper.recovery().unwrap(), live.recovery().unwrap());
    let case = of_paper.next().unwrap().unwrap();
    let own = of_live.next().unwrap().unwrap();
    let error = of_live.decide(case.clone(), Verdict::roll_back("none")).unwrap_err();
    assert!(matches!(error, Error::StaleOwner { .. }), "{error:?}");
    let error = of_live.give_up(case, "none").unwrap_err();
    assert!(matches!(error, Error::StaleOwner { .. }), "{error:?}");
    of_live.decide(own, Verdict::roll_back("none")).unwrap();
    assert_eq!(of_live.finish().unwrap().rolled_back, 1);
    assert_eq!(of_paper.finish().unwrap().left, 1);
}
