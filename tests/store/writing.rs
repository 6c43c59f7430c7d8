//! Commits: all of it or nothing, in one order, and what a call that answers has promised.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use highwater::{Durability, Error, ManualClock, Mode, Store, Ticket, Timestamp, Update};

use crate::{key, manual, options, price, prices, state, update, usd, write};

/// What a bot refuses for reasons of its own.
#[derive(Debug)]
enum Refusal {
    TooRich,
    Store(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

fn memory() -> Store {
    Store::memory(Mode::Paper, usd()).unwrap()
}

/// A store moves between threads and is shared by them.
#[test]
fn a_store_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let store = Arc::new(memory());
    shared(&*store);
    shared(&store.snapshot());
    let threads: Vec<_> = (0..8)
        .map(|thread| {
            let store = store.clone();
            std::thread::spawn(move || {
                for at in 1..=50 {
                    store.tokens().upsert(&update(at % 5, thread * 50 + at)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let (lsn, prices) = state(&store);
    assert_eq!((lsn, prices.len()), (store.stats().commits, 5));
    let highest = store.tokens().get(&key(0)).unwrap().unwrap().max.unwrap().price;
    assert_eq!(highest, price(400), "no thread's mark is lost in a race");
}

/// The closure says no half-way through. Nothing of what it staged is there, and no LSN is used up.
#[test]
fn a_refused_write_changes_nothing() {
    let store = memory();
    store.tokens().upsert(&update(1, 1)).unwrap();
    let before = state(&store);
    let refused = store.write(|tx| {
        tx.tokens().upsert(&update(1, 100)).map_err(Error::from)?;
        tx.tokens().upsert(&update(2, 100)).map_err(Error::from)?;
        assert!(
            tx.tokens().get(&key(2)).map_err(Error::from)?.is_some(),
            "it reads what it staged"
        );
        Err::<(), _>(Refusal::TooRich)
    });
    assert!(matches!(refused, Err(Refusal::TooRich)));
    assert_eq!(state(&store), before);
    assert_eq!(store.stats().commits, 1);

    let from_the_store = store.write(|tx| {
        tx.tokens().upsert(&update(3, 1)).map_err(Error::from)?;
        tx.tokens().upsert(&Update::new(key(3)).decimals(200)).map_err(Error::from)?;
        Ok::<(), Refusal>(())
    });
    assert!(matches!(from_the_store, Err(Refusal::Store(error)) if error.is_refused()));
    assert_eq!(state(&store), before);
    store.tokens().upsert(&update(2, 2)).unwrap();
    assert_eq!(state(&store).0, before.0 + 1);
}

/// The bot's own code panics inside a write. Nothing happened, and everybody can go on writing, the
/// panicking thread as well.
#[test]
fn a_panic_in_a_write_changes_nothing() {
    let store = memory();
    store.tokens().upsert(&update(1, 1)).unwrap();
    let before = state(&store);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        write(&store, |tx| -> Result<(), Error> {
            tx.tokens().upsert(&update(2, 2))?;
            panic!("a bug in the bot");
        })
    }));
    assert!(panicked.is_err());
    assert_eq!(state(&store), before);
    store.tokens().upsert(&update(2, 2)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| store.tokens().upsert(&update(3, 3)).unwrap());
    });
    assert_eq!(state(&store).0, before.0 + 2);
    store.checkpoint().unwrap();
    store.close().unwrap();
}

/// A write inside a write would wait for itself. It is refused, and the outer one goes on; reading,
/// and writing to another store, is allowed.
#[test]
fn a_write_inside_a_write_is_refused() {
    let (store, other) = (memory(), memory());
    write(&store, |tx| {
        tx.tokens().upsert(&update(1, 1))?;
        for refused in [
            store.tokens().upsert(&update(2, 2)).map(drop),
            store.checkpoint().map(drop),
            store.write_ticket(Durability::Written, |_| Ok::<(), Error>(())).map(drop),
            store.write_finishing(|_| Ok::<(), Error>(())),
        ] {
            assert!(matches!(refused, Err(Error::Nested)), "{refused:?}");
            assert!(refused.unwrap_err().is_refused());
        }
        assert_eq!(store.tokens().get(&key(1))?, None, "not there before it is committed");
        other.tokens().upsert(&update(1, 1))?;
        Ok(())
    })
    .unwrap();
    assert_eq!(state(&store).1.len(), 1);
    assert_eq!(state(&other).1.len(), 1);
    store.tokens().upsert(&update(2, 2)).unwrap();
}

/// A ticket separates the place in the order from the wait for the disk. Until then nobody sees the
/// commit but the writers behind it.
#[test]
fn a_ticket_is_a_commit_on_its_way() {
    let store = manual().open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    let stage = |number| -> Ticket {
        let staged = store.write_ticket(Durability::Synced, |tx| {
            assert_eq!(tx.lsn(), number);
            tx.tokens().upsert(&update(number, number)).map_err(Error::from)
        });
        staged.unwrap().1
    };
    let (first, second, third) = (stage(1), stage(2), stage(3));
    assert_eq!((first.lsn(), second.lsn(), third.lsn()), (1, 2, 3));
    assert_eq!(state(&store).0, 0, "nobody has waited for the disk");

    drop(third);
    let synced_before = store.stats().journal_syncs;
    second.wait().unwrap();
    assert_eq!(store.stats().journal_syncs, synced_before + 1, "one sync carries them all");
    assert!(state(&store).0 >= 2);
    first.wait().unwrap();
    assert_eq!(store.stats().journal_syncs, synced_before + 1);
    store.sync().unwrap();
    assert_eq!(state(&store).1.len(), 3, "dropping a ticket takes nothing back");
}

/// A bot reads "already bought" inside a write and acts on it. That must not be taken back by a power
/// cut, so the call returns only once what it read is durable, though it wrote nothing itself.
#[test]
fn a_write_that_changes_nothing_waits_for_what_it_read() {
    let store = manual().open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    let stage = |number| {
        store.write_ticket(Durability::Synced, |tx| {
            tx.tokens().upsert(&update(number, number)).map_err(Error::from)
        })
    };
    let _unwaited = stage(1).unwrap();
    assert_eq!(state(&store).0, 0);
    let known = write(&store, |tx| Ok(tx.tokens().get(&key(1))?.is_some())).unwrap();
    assert!(known);
    assert_eq!((state(&store).0, store.stats().synced_lsn), (1, 1));

    let _unwaited = stage(2).unwrap();
    let refused = store.write(|tx| match tx.tokens().get(&key(2)).map_err(Error::from)? {
        Some(_) => Err(Refusal::TooRich),
        None => Ok(()),
    });
    assert!(matches!(refused, Err(Refusal::TooRich)));
    assert_eq!((state(&store).0, store.stats().synced_lsn), (2, 2));
}

/// A price tick need not wait for the disk: it is visible when the call returns, and is synced by the
/// next commit that waits.
#[test]
fn a_written_commit_is_visible_and_synced_later() {
    let store = manual().open_on(Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    let tick = |at| {
        store
            .write_with(Durability::Written, |tx| {
                tx.tokens().upsert(&update(1, at)).map_err(Error::from)
            })
            .unwrap()
    };
    let syncs = store.stats().journal_syncs;
    (1..=20).for_each(|at| drop(tick(at)));
    let stats = store.stats();
    assert_eq!((stats.visible_lsn, stats.synced_lsn, stats.journal_syncs), (20, 0, syncs));
    assert_eq!(prices(&store.snapshot())[&1], price(20));
    store.tokens().upsert(&update(2, 1)).unwrap();
    let stats = store.stats();
    assert_eq!((stats.visible_lsn, stats.synced_lsn, stats.journal_syncs), (21, 21, syncs + 1));
}

/// One source's clock is an hour ahead. Its price would be the latest for an hour, so it is refused,
/// whole, and the same update is fine once its time has come.
#[test]
fn an_observation_from_the_future_is_refused() {
    let minute = 60_000_000;
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000 * minute)));
    let store = options()
        .clock(clock.clone())
        .open_on(Arc::new(highwater::disk::MemoryDisk::new()))
        .unwrap();
    let at = |micros| {
        Update::new(key(1)).price(price(5), Timestamp::from_micros(micros)).source("venue")
    };
    store.tokens().upsert(&at(1_005 * minute)).unwrap();
    let before = state(&store);
    let early = at(1_005 * minute + 1).symbol("ABC", Timestamp::from_micros(minute));
    let error = store.tokens().upsert(&early).unwrap_err();
    assert!(error.is_refused() && !error.is_outcome_unknown());
    match error {
        Error::FromTheFuture { key: named, observed_at, latest } => {
            assert_eq!(named, key(1));
            assert_eq!(observed_at.as_micros(), 1_005 * minute + 1);
            assert_eq!(latest.as_micros(), 1_005 * minute);
        }
        error => panic!("{error:?}"),
    }
    assert_eq!(state(&store), before);
    assert_eq!(store.tokens().get(&key(1)).unwrap().unwrap().symbol, None);

    clock.advance_micros(1);
    let merged = store.tokens().upsert(&early).unwrap();
    assert!(merged.changes.current && merged.changes.symbol);
}

/// What was refused is told apart from what nobody knows and from what is damaged.
#[test]
fn errors_say_what_became_of_the_call() {
    let store = memory();
    store.tokens().upsert(&Update::new(key(1)).decimals(18)).unwrap();
    let conflict = store.tokens().upsert(&Update::new(key(1)).decimals(6)).unwrap_err();
    assert!(matches!(conflict, Error::DecimalsConflict { known: 18, given: 6, .. }));
    let too_many = store.tokens().upsert(&Update::new(key(1)).decimals(25)).unwrap_err();
    let too_long = "x".repeat(1 << 20);
    let long = Update::new(key(2)).name(too_long, Timestamp::from_micros(1));
    let too_long = store.tokens().upsert(&long).unwrap_err();
    for error in [conflict, too_many, too_long] {
        assert!(error.is_refused(), "{error:?}");
        assert!(!error.is_outcome_unknown() && !error.is_corrupt(), "{error:?}");
    }
    assert_eq!(store.stats().commits, 1);

    let snapshot = store.snapshot();
    store.close().unwrap();
    let error = Error::from(snapshot.tokens().get(&key(1)).unwrap_err());
    assert!(matches!(error, Error::SnapshotLost), "{error:?}");
    assert!(!error.is_outcome_unknown() && !error.is_corrupt());
}
