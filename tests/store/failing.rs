//! A disk that fails under an open store: what the calls in flight answer, and what still works.
#![cfg(feature = "simulation")]

use std::sync::Arc;

use highwater::disk::{Call, Fault, FaultPlan, SimulatedDisk};
use highwater::{Durability, Error};

use crate::{key, manual, state, update};

/// A sync fails. The commit in flight is unknown, later ones are never tried, reads go on, and the
/// store is not sealed; after a restart it is whole again.
#[test]
fn a_failed_sync_poisons_the_store() {
    let disk = SimulatedDisk::new(1);
    let store = manual().open_on(Arc::new(disk.clone())).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    let before = state(&store);
    let staged = store.write_ticket(Durability::Synced, |tx| {
        tx.tokens().upsert(&update(2, 2)).map_err(Error::from)
    });
    let (_, ticket) = staged.unwrap();
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync).within("journal/"));

    let unknown = store.tokens().upsert(&update(3, 3)).unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown:?}");
    assert!(unknown.is_outcome_unknown() && !unknown.is_refused());
    let unknown = ticket.wait().unwrap_err();
    assert!(unknown.is_outcome_unknown(), "{unknown:?}");

    for poisoned in [
        store.tokens().upsert(&update(4, 4)).map(drop),
        store
            .write_finishing(|tx| Ok(tx.tokens().upsert(&update(4, 4))?))
            .map(|_: highwater::Merged| ()),
        store.write(|_| Ok::<(), Error>(())),
        store.checkpoint().map(drop),
        store.sync(),
    ] {
        let error = poisoned.unwrap_err();
        assert!(matches!(error, Error::Poisoned { .. }), "{error:?}");
        assert!(!error.is_outcome_unknown());
        let cause = std::iter::successors(std::error::Error::source(&error), |e| e.source());
        assert!(cause.map(ToString::to_string).any(|text| text.contains("could not sync")));
    }
    assert_eq!(state(&store), before, "reads go on, and show nothing that may be taken back");
    assert!(matches!(store.close(), Err(Error::Poisoned { .. })));

    let store = manual().open_on(Arc::new(disk)).unwrap();
    assert!(!store.opening().clean, "a poisoned store is never sealed");
    assert!(store.tokens().get(&key(1)).unwrap().is_some());
    let found = state(&store).1.len();
    assert!((1..=3).contains(&found));
    store.tokens().upsert(&update(4, 4)).unwrap();
}

/// A closure reads what is in flight, and the sync fails. It must not be told "you have it already":
/// what it read may be gone after the restart.
#[test]
fn a_reader_of_what_is_in_flight_is_told() {
    let disk = SimulatedDisk::new(2);
    let store = manual().open_on(Arc::new(disk.clone())).unwrap();
    let staged = store.write_ticket(Durability::Synced, |tx| {
        tx.tokens().upsert(&update(1, 1)).map_err(Error::from)
    });
    let _in_flight = staged.unwrap();
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync));
    let read = store.write(|tx| Ok::<_, Error>(tx.tokens().get(&key(1))?.is_some()));
    assert!(matches!(read, Err(Error::Poisoned { .. })), "{read:?}");
}

/// The base's disk fails under a checkpoint, once. The checkpoint says so, nothing is lost, writes and
/// reads go on, and the next one succeeds with everything that came meanwhile.
#[test]
fn a_failed_checkpoint_is_tried_again() {
    for call in [Call::Write, Call::Sync] {
        let disk = SimulatedDisk::new(3);
        let store = manual().open_on(Arc::new(disk.clone())).unwrap();
        for number in 1..=50 {
            store.tokens().upsert(&update(number, 1)).unwrap();
        }
        let held = store.snapshot();
        disk.inject(FaultPlan::new(Fault::Io).on(call).within("base"));
        let failed = store.checkpoint().unwrap_err();
        assert!(matches!(failed, Error::Io { .. }), "{failed:?}");
        assert_eq!(store.stats().checkpoint_failures, 1);
        let read = held.tokens().get(&key(1)).map_err(Error::from);
        assert!(matches!(read, Err(Error::SnapshotLost)), "the base was reopened: {read:?}");
        drop(held);
        assert_eq!(state(&store).1.len(), 50);
        store.tokens().upsert(&update(51, 1)).unwrap();
        assert_eq!(store.checkpoint().unwrap(), 51, "everything committed so far");
        assert_eq!(store.stats().checkpoint_failures, 0);
        store.close().unwrap();
        let store = manual().open_on(Arc::new(disk)).unwrap();
        assert!(store.opening().clean);
        assert_eq!(state(&store).1.len(), 51);
    }
}
