//! Snapshots: one state of everything, for as long as it is held and not ended.

use std::sync::atomic::{AtomicBool, Ordering};

use highwater::{Error, Mode, Price, Snapshot, Store};
use tempfile::TempDir;

use crate::{key, manual, options, price, prices, state, update, usd, write};

fn lost(snapshot: &Snapshot) -> bool {
    match snapshot.tokens().get(&key(1)).map_err(Error::from) {
        Ok(_) => false,
        Err(Error::SnapshotLost) => true,
        Err(error) => panic!("{error:?}"),
    }
}

/// A report runs for a while. Whatever is committed, checkpointed and pruned meanwhile, it shows the
/// state it began with, by key, in order and backwards.
#[test]
fn a_snapshot_stays_as_it_was() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    let mut held: Vec<(Snapshot, std::collections::BTreeMap<u64, Price>)> = Vec::new();
    for round in 1..=6u64 {
        for number in 1..=round * 10 {
            store.tokens().upsert(&update(number, round)).unwrap();
        }
        let snapshot = store.snapshot();
        held.push((snapshot.clone(), (1..=round * 10).map(|n| (n, price(round))).collect()));
        if round % 2 == 0 {
            store.checkpoint().unwrap();
        }
    }
    for (snapshot, expected) in &held {
        assert_eq!(prices(snapshot), *expected, "as of {}", snapshot.lsn());
        let backwards = snapshot.tokens().chain("test").rev().map(|token| token.unwrap().key);
        assert!(backwards.eq(expected.keys().rev().map(|number| key(*number))));
        let behind = *expected.keys().last().unwrap() + 1;
        assert_eq!(snapshot.tokens().get(&key(behind)).unwrap(), None);
    }
    let stats = store.stats();
    assert_eq!((stats.snapshots, stats.oldest_snapshot_lsn), (6, Some(held[0].0.lsn())));
    drop(held);
    assert_eq!((store.stats().snapshots, store.stats().oldest_snapshot_lsn), (0, None));
}

/// An iterator that was begun before a checkpoint goes on through it in the same state.
#[test]
fn a_scan_goes_on_through_a_checkpoint() {
    let store = manual().open_on(std::sync::Arc::new(highwater::disk::MemoryDisk::new())).unwrap();
    for number in 1..=100 {
        store.tokens().upsert(&update(number, 1)).unwrap();
    }
    let snapshot = store.snapshot();
    let mut tokens = snapshot.tokens().iter();
    let mut seen: Vec<_> = tokens.by_ref().take(30).collect();
    for number in 1..=200 {
        store.tokens().upsert(&update(number, 2)).unwrap();
    }
    store.checkpoint().unwrap();
    store.tokens().upsert(&update(50, 3)).unwrap();
    seen.extend(tokens);
    assert_eq!(seen.len(), 100);
    assert!(seen.into_iter().all(|token| token.unwrap().current.unwrap().price == price(1)));
}

/// Two accounts that always move together, written in one commit, are never seen apart: by readers
/// beside writers, with checkpoints in between.
#[test]
fn no_reader_sees_half_a_commit() {
    let store = options()
        .memory_bytes(256 * 1024)
        .open_on(std::sync::Arc::new(highwater::disk::MemoryDisk::new()))
        .unwrap();
    let done = AtomicBool::new(false);
    let looked = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut looks, mut last) = (0u64, (0, price(0)));
                    while !done.load(Ordering::Acquire) {
                        let snapshot = store.snapshot();
                        let get = |number| snapshot.tokens().get(&key(number)).map_err(Error::from);
                        let (one, other) = match (get(1), get(2)) {
                            (Ok(one), Ok(other)) => (one, other),
                            // Ended because the base grew: take a new one.
                            (Err(Error::SnapshotLost), _) | (_, Err(Error::SnapshotLost)) => {
                                continue;
                            }
                            failed => panic!("{failed:?}"),
                        };
                        let of = |token: Option<highwater::Token>| {
                            token.map_or(price(0), |token| token.max.unwrap().price)
                        };
                        let (one, other) = (of(one), of(other));
                        assert_eq!(one, other, "torn at {}", snapshot.lsn());
                        // The n-th commit sets the price n.
                        assert_eq!(one, price(snapshot.lsn()), "another commit than it says");
                        let now = (snapshot.lsn(), one);
                        assert!(now >= last, "went back from {last:?} to {now:?}");
                        last = now;
                        looks += 1;
                    }
                    looks
                })
            })
            .collect();
        let checkpoints = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                store.checkpoint().unwrap();
            }
        });
        for at in 1..=20_000 {
            write(&store, |tx| {
                tx.tokens().upsert(&update(1, at))?;
                tx.tokens().upsert(&update(2 + at % 3000 * 10, at))?;
                tx.tokens().upsert(&update(2, at))?;
                Ok(())
            })
            .unwrap();
        }
        done.store(true, Ordering::Release);
        checkpoints.join().unwrap();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum::<u64>()
    });
    let stats = store.stats();
    println!("{looked} looks, {} checkpoints", stats.checkpoints);
    assert!(looked > 100 && stats.checkpoints > 10);
}

/// A forgotten snapshot must not let the base grow for ever: over its limit it is ended, says so, and
/// a new one is good.
#[test]
fn a_snapshot_above_its_limit_is_ended() {
    let directory = TempDir::new().unwrap();
    let store =
        manual().snapshot_limit_bytes(200_000).open(directory.path().join("store")).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    store.checkpoint().unwrap();
    let forgotten = store.snapshot();
    let scan = forgotten.tokens();
    let mut scan = scan.iter();
    let mut checkpoints = 0;
    while !lost(&forgotten) {
        for number in 1..=200 {
            store.tokens().upsert(&update(number, 2 + checkpoints)).unwrap();
        }
        store.checkpoint().unwrap();
        checkpoints += 1;
        assert!(checkpoints < 100, "it is never ended");
    }
    println!("ended after {checkpoints} checkpoints");
    assert!(checkpoints > 1, "ended before its limit");
    assert!(matches!(scan.next().unwrap().map_err(Error::from), Err(Error::SnapshotLost)));
    assert!(scan.next().is_none());
    assert!(!lost(&store.snapshot()));
    assert_eq!(state(&store).1.len(), 200);
}

/// A snapshot outlives its store's close. It answers that it was ended, and as long as it is held
/// nobody opens the store beside it.
#[test]
fn a_snapshot_held_over_a_close_is_ended_and_keeps_the_lock() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = options().open(&path).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    let snapshot = store.snapshot();
    store.close().unwrap();
    assert!(lost(&snapshot));
    let first = snapshot.tokens().iter().next().unwrap();
    assert!(matches!(first.map_err(Error::from), Err(Error::SnapshotLost)));
    assert!(matches!(options().open(&path), Err(Error::Locked { .. })));
    drop(snapshot);
    assert!(options().open(&path).unwrap().opening().clean);
}

/// Once a call has returned, its effect is there for everybody, at once.
#[test]
fn a_returned_write_is_read() {
    let store = Store::memory(Mode::Paper, usd()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4u64 {
            let store = &store;
            scope.spawn(move || {
                for at in 1..=200 {
                    store.tokens().upsert(&update(thread, at)).unwrap();
                    let token = store.tokens().get(&key(thread)).unwrap().unwrap();
                    assert_eq!(token.current.unwrap().price, price(at));
                }
            });
        }
    });
}
