//! Group commit: who waits for what, how many syncs that takes, and what becomes of everybody when
//! the disk fails.
//!
//! Nothing here waits for time to pass: a held sync is let go when the queue has come to where the
//! test wants it, and whoever would hang is found by the test's own time limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::engine::options::MAX_COMMIT_BYTES;
use crate::engine::{
    Background, Durability, Engine, EngineOptions, Error as EngineError, Lsn, Reader, Running, Tx,
    open,
};

use super::super::group::{Goal, GroupCommit};
use super::super::scan::Ending;
use super::super::{Findings, Listing, Poison, Purpose, SteppedOver, scan};
use super::disk::{Mishap, TestDisk};
use super::{TABLE, disk_with, open_store, options, put, segment};

const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so that another thread brings about.
fn until(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        thread::yield_now();
    }
}

fn store() -> (TestDisk, Arc<Engine>) {
    let disk = TestDisk::new();
    let engine = open_store(&disk.shared()).expect("a new store");
    disk.set(|controls| controls.syncs = 0);
    (disk, engine)
}

fn row(engine: &Arc<Engine>, key: &[u8]) -> Option<Vec<u8>> {
    let row = engine.snapshot().get(TABLE, key).expect("readable");
    row.map(|row| row.to_vec())
}

/// Starts a commit on a thread of its own.
fn start<'s>(
    scope: &'s thread::Scope<'s, '_>,
    engine: &Arc<Engine>,
    durability: Durability,
    key: u8,
) -> ScopedJoinHandle<'s, Result<Lsn, EngineError>> {
    let engine = engine.clone();
    scope.spawn(move || {
        let lsn = put(&engine, durability, &[key], vec![key])?;
        // Read your writes: whoever is told sees it.
        assert!(engine.journal.group.visible() >= lsn);
        assert_eq!(row(&engine, &[key]), Some(vec![key]));
        Ok(lsn)
    })
}

/// What the journal on a disk holds: the findings and the number of commits of each batch.
fn log(disk: &TestDisk) -> (Findings, Vec<u32>) {
    let crate::engine::recover::Examination::Store(found) =
        crate::engine::recover::examine(disk).expect("sound")
    else {
        panic!("no store");
    };
    let mut batches = Vec::new();
    let listing = Listing::read(disk).expect("memory lists");
    let findings = scan(disk, &listing, &found.anchor(), &mut |batch| {
        batches.push(batch.header.commits);
        Ok::<(), super::Error>(())
    });
    (findings.expect("sound"), batches)
}

/// Thirty-two bots write at once to a disk that takes a millisecond per sync. If each paid for its
/// own, a second would bring a thousand commits and no more.
#[test]
fn many_writers_share_a_sync() {
    let (disk, engine) = store();
    disk.set(|controls| controls.sync_delay = Duration::from_millis(1));
    let (threads, each) = (32, 40);
    thread::scope(|scope| {
        for writer in 0..threads {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..each {
                    put(engine, Durability::Synced, &[writer], vec![round]).expect("durable");
                }
            });
        }
    });
    let commits = u64::from(threads) * u64::from(each);
    let controls = disk.controls();
    println!("{commits} commits, {} syncs", controls.syncs);
    assert!(controls.syncs * 8 <= commits, "{} syncs for {commits} commits", controls.syncs);
    assert_eq!(controls.most_syncing, 1);
    assert_eq!(engine.journal.group.synced(), commits);
}

/// Four bots that have nothing to do but to commit share every sync. If each pair of them had its own,
/// as happens where the next sync begins as soon as the one before ends, there would be half as many
/// syncs as commits. A machine that is busy elsewhere can keep them from coming back in time, so it may
/// be tried again.
#[test]
fn whoever_comes_back_shares_the_next_sync() {
    let syncs_per_100_commits = || {
        let (disk, engine) = store();
        disk.set(|controls| controls.sync_delay = Duration::from_millis(2));
        thread::scope(|scope| {
            for bot in 0..4 {
                let engine = &engine;
                scope.spawn(move || {
                    for round in 0..25 {
                        put(engine, Durability::Synced, &[bot], vec![round]).expect("durable");
                    }
                });
            }
        });
        disk.controls().syncs
    };
    assert!((0..10).any(|_| {
        let syncs = syncs_per_100_commits();
        println!("{syncs} syncs");
        syncs <= 35
    }));
}

/// While one sync is under way, everybody else queues, and all of them become one batch and one
/// sync.
#[test]
fn what_queues_behind_a_sync_becomes_one_batch() {
    let (disk, engine) = store();
    disk.set(|controls| controls.hold_syncs = true);
    thread::scope(|scope| {
        let first = start(scope, &engine, Durability::Synced, 0);
        disk.until_syncing();
        let others: Vec<_> =
            (1..=10).map(|key| start(scope, &engine, Durability::Synced, key)).collect();
        until("ten queue", || engine.journal.group.staged() == 11);
        assert_eq!(row(&engine, &[0]), None, "shown before it was durable");
        assert!(engine.journal.group.longest_wait().is_zero(), "nobody's wait has ended");
        disk.set(|controls| controls.hold_syncs = false);
        for commit in others.into_iter().chain([first]) {
            commit.join().expect("no panic").expect("durable");
        }
    });
    assert_eq!(disk.controls().syncs, 2);
    assert_eq!(log(&disk).1, [1, 10]);
    let waited = engine.journal.group.longest_wait();
    assert!(!waited.is_zero());
    put(&engine, Durability::Synced, b"alone", vec![1]).expect("the disk is well");
    assert_eq!(engine.journal.group.longest_wait(), waited, "it waited for nobody");
}

/// A tick does not wait for the disk, but it may not overtake a commit that does: nobody can see the
/// one without the other.
#[test]
fn a_written_commit_waits_for_the_synced_one_before_it() {
    let (disk, engine) = store();
    disk.set(|controls| controls.hold_syncs = true);
    thread::scope(|scope| {
        let synced = start(scope, &engine, Durability::Synced, 1);
        disk.until_syncing();
        let written = start(scope, &engine, Durability::Written, 2);
        until("both staged", || engine.journal.group.staged() == 2);
        assert_eq!((row(&engine, &[1]), row(&engine, &[2])), (None, None));
        assert_eq!(engine.journal.group.visible(), 0);
        disk.set(|controls| controls.hold_syncs = false);
        written.join().expect("no panic").expect("written");
        synced.join().expect("no panic").expect("synced");
    });
    // By itself it costs no sync.
    let before = disk.controls().syncs;
    put(&engine, Durability::Written, &[3], vec![3]).expect("written");
    assert_eq!(disk.controls().syncs, before);
    assert_eq!(row(&engine, &[3]), Some(vec![3]));
}

fn running(disk: &TestDisk, options: EngineOptions) -> Running {
    let engine = open(disk.shared(), options, true).expect("a store");
    Running::start(engine).expect("threads")
}

/// The system reports a failed writeback once per file. Two syncs at a time, or a write beside one,
/// and the wrong one hears of it. Writers of both kinds, the background, checkpoints and marks all
/// at once come to one after the other.
#[test]
fn at_most_one_sync_is_in_flight() {
    let disk = TestDisk::new();
    disk.set(|controls| controls.sync_delay = Duration::from_micros(200));
    let store = running(
        &disk,
        EngineOptions {
            background: Background::Threads,
            sync_interval: Duration::from_millis(1),
            memtable_bytes: 64 * 1024,
            ..options()
        },
    );
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..8_u8)
            .map(|writer| {
                let engine = store.engine();
                scope.spawn(move || {
                    for round in 0..150_u32 {
                        let durability = match (u32::from(writer) + round) % 3 {
                            0 => Durability::Synced,
                            _ => Durability::Written,
                        };
                        put(engine, durability, &[writer, round as u8], vec![0; 500])
                            .expect("goes on");
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.engine().checkpoint().expect("goes on");
                store.engine().sync().expect("goes on");
            }
        });
        for writer in writers {
            writer.join().expect("no panic");
        }
        done.store(true, Ordering::Relaxed);
    });
    let syncs = disk.controls().syncs;
    let checkpoints = store.engine().stats().checkpoints.totals.completed;
    println!("1200 commits, {syncs} syncs, {checkpoints} checkpoints");
    store.close().expect("closes");
    let controls = disk.controls();
    assert_eq!(controls.most_syncing, 1);
    assert_eq!(controls.writes_beside_syncs, 0);
    assert!(checkpoints > 2);
}

/// Five commits are in flight when the disk fails the first of them. Nobody may be told that it is
/// durable, nobody may wait for ever, and nothing may be written behind a sync that failed.
fn everybody_hears_of(prepare: impl Fn(&TestDisk)) {
    let (disk, engine) = store();
    put(&engine, Durability::Synced, b"old", vec![1]).expect("the disk is well");
    disk.set(|controls| controls.hold_syncs = true);
    let asked = AtomicBool::new(false);
    thread::scope(|scope| {
        let first = start(scope, &engine, Durability::Synced, 1);
        disk.until_syncing();
        prepare(&disk);
        let mut others: Vec<_> =
            (2..=4).map(|key| start(scope, &engine, Durability::Synced, key)).collect();
        others.push(start(scope, &engine, Durability::Written, 5));
        let refused = scope.spawn(|| {
            until("all are staged", || engine.journal.group.staged() == 6);
            let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx: &mut Tx| {
                assert!(tx.get(TABLE, &[1]).expect("readable").is_some());
                asked.store(true, Ordering::Release);
                Err::<(), _>("a duplicate")
            });
            let staged = staged.expect("the store was well");
            (staged.outcome, staged.ticket.wait())
        });
        until("all wait", || asked.load(Ordering::Acquire));
        disk.set(|controls| controls.hold_syncs = false);
        for commit in others.into_iter().chain([first]) {
            let error = commit.join().expect("no panic").expect_err("nobody knows");
            assert!(matches!(error, EngineError::Unknown { .. }), "{error:?}");
        }
        // What it read may be gone tomorrow, so its answer is none.
        let (outcome, waited) = refused.join().expect("no panic");
        assert_eq!(outcome, Err("a duplicate"));
        assert!(matches!(waited, Err(EngineError::Poisoned { .. })), "{waited:?}");
    });

    let error = put(&engine, Durability::Written, b"new", vec![1]).expect_err("takes no more");
    assert!(matches!(error, EngineError::Poisoned { .. }), "{error:?}");
    let error = engine.sync().expect_err("takes no more");
    assert!(matches!(error, EngineError::Poisoned { .. }), "{error:?}");
    let error = engine.checkpoint().expect_err("takes no more");
    assert!(matches!(error, EngineError::Poisoned { .. }), "{error:?}");
    assert_eq!(engine.journal.group.visible(), 1);
    assert_eq!(engine.snapshot().lsn(), 1);
    assert_eq!((row(&engine, b"old"), row(&engine, &[1])), (Some(vec![1]), None));

    let again = open_store(&disk.copy().shared()).expect("opens");
    assert!(again.opening().last >= 1);
    assert_eq!(row(&again, b"old"), Some(vec![1]));
    put(&again, Durability::Synced, b"new", vec![2]).expect("takes writes");
}

#[test]
fn a_failed_sync_is_final() {
    everybody_hears_of(|disk| disk.set(|controls| controls.sync = Mishap::Error));
}

#[test]
fn a_panic_in_the_sync_wakes_everybody() {
    everybody_hears_of(|disk| disk.set(|controls| controls.sync = Mishap::Panic));
}

/// The same of a write, where the leader itself is the one that hears.
#[test]
fn a_failed_write_is_final() {
    for mishap in [Mishap::Error, Mishap::Panic] {
        let (disk, engine) = store();
        put(&engine, Durability::Synced, b"old", vec![1]).expect("the disk is well");
        disk.set(|controls| controls.write = mishap);
        let error = put(&engine, Durability::Written, b"new", vec![1]).expect_err("in flight");
        match error {
            EngineError::Unknown { cause } => {
                assert_eq!(matches!(*cause, Poison::Panic(_)), mishap == Mishap::Panic, "{cause:?}")
            }
            other => panic!("{other:?}"),
        }
        let error = put(&engine, Durability::Written, b"new", vec![1]).expect_err("poisoned");
        assert!(matches!(error, EngineError::Poisoned { .. }), "{error:?}");
        assert_eq!(row(&engine, b"old"), Some(vec![1]));
    }
}

/// A panic in a leader that others wait for: the first write behind a held sync panics, with three
/// more in the queue.
#[test]
fn a_panic_in_a_write_wakes_everybody() {
    let (disk, engine) = store();
    disk.set(|controls| controls.hold_syncs = true);
    thread::scope(|scope| {
        let first = start(scope, &engine, Durability::Synced, 1);
        disk.until_syncing();
        let others: Vec<_> =
            (2..=4).map(|key| start(scope, &engine, Durability::Synced, key)).collect();
        until("all are staged", || engine.journal.group.staged() == 4);
        disk.set(|controls| {
            controls.write = Mishap::Panic;
            controls.hold_syncs = false;
        });
        first.join().expect("no panic").expect("was before it");
        for commit in others {
            let error = commit.join().expect("no panic").expect_err("nobody knows");
            assert!(matches!(error, EngineError::Unknown { .. }), "{error:?}");
        }
    });
}

/// The process dies a while after its last commit. Nothing was written behind it, so only the mark
/// tells that it was synced: without it, damage to it would look like a torn tail.
#[test]
fn the_mark_follows_within_two_intervals() {
    let interval = Duration::from_millis(250);
    let disk = TestDisk::new();
    let store = running(
        &disk,
        EngineOptions { background: Background::Threads, sync_interval: interval, ..options() },
    );
    let lsn = put(store.engine(), Durability::Synced, b"key", vec![1]).expect("durable");
    let started = Instant::now();
    assert_eq!(log(&disk).0.durable, 0);
    until("the mark", || log(&disk).0.durable == lsn);
    println!("the mark came after {:?}", started.elapsed());
    assert!(started.elapsed() < 4 * interval, "{:?}", started.elapsed());
    // And once told it is not told again.
    assert_eq!(log(&disk).1, [1, 0]);
    assert!(!store.engine().journal.group.has_background_work());
}

/// A bot drops its ticket, or never waits for more than `Written`. The background makes it durable.
#[test]
fn dropped_tickets_become_durable() {
    let disk = TestDisk::new();
    let store = running(&disk, EngineOptions { background: Background::Threads, ..options() });
    let engine = store.engine();
    for durability in [Durability::Synced, Durability::Written] {
        let staged = engine.stage(durability, Purpose::Ordinary, |tx: &mut Tx| {
            tx.put(TABLE, b"key", vec![1]);
            Ok::<(), EngineError>(())
        });
        let lsn = staged.expect("staged").ticket.lsn();
        until("the background syncs", || engine.journal.group.synced() >= lsn);
        assert!(engine.journal.group.visible() >= lsn);
    }
    let lsn = put(engine, Durability::Written, b"key", vec![2]).expect("written");
    until("the background syncs", || engine.journal.group.synced() >= lsn);
}

/// A bot asks whether an order was placed, hears "yes, a duplicate", and goes on. If a power cut
/// could still take back what it read, it would have placed nothing.
#[test]
fn a_refusal_waits_for_what_it_read() {
    let (disk, engine) = store();
    disk.set(|controls| controls.hold_syncs = true);
    thread::scope(|scope| {
        let placed = start(scope, &engine, Durability::Synced, 1);
        disk.until_syncing();
        let asked = scope.spawn(|| {
            let staged = engine.stage(Durability::Written, Purpose::Ordinary, |tx: &mut Tx| {
                let known = tx.get(TABLE, &[1]).expect("readable");
                Err::<(), _>(known.map(|row| row.to_vec()))
            });
            let staged = staged.expect("the store is well");
            assert_eq!(staged.ticket.lsn(), 1);
            staged.ticket.wait().expect("durable");
            assert!(engine.journal.group.synced() >= 1, "told before it was durable");
            staged.outcome
        });
        assert_eq!(engine.journal.group.visible(), 0);
        disk.set(|controls| controls.hold_syncs = false);
        assert_eq!(asked.join().expect("no panic"), Err(Some(vec![1])));
        placed.join().expect("no panic").expect("durable");
    });
}

/// A write inside a write would wait for itself. It is refused, and the outer one goes on.
#[test]
fn a_write_inside_a_write_is_refused() {
    let (_disk, engine) = store();
    let (_other_disk, other) = store();
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx: &mut Tx| {
        let nested = put(&engine, Durability::Synced, b"inner", vec![1]);
        assert!(matches!(nested, Err(EngineError::Nested)), "{nested:?}");
        let nested = engine.checkpoint();
        assert!(matches!(nested, Err(EngineError::Nested)), "{nested:?}");
        put(&other, Durability::Synced, b"elsewhere", vec![1]).expect("another store");
        tx.put(TABLE, b"outer", vec![1]);
        Ok::<(), EngineError>(())
    });
    staged.expect("staged").ticket.wait().expect("durable");
    assert_eq!(row(&engine, b"outer"), Some(vec![1]));
    assert_eq!(row(&engine, b"inner"), None);
    put(&engine, Durability::Synced, b"after", vec![1]).expect("not inside any more");
}

/// A closure that panics leaves nothing behind, not even the note that this thread is writing.
#[test]
fn a_panic_in_a_closure_leaves_nothing() {
    let (_disk, engine) = store();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        engine.stage(Durability::Synced, Purpose::Ordinary, |tx: &mut Tx| {
            tx.put(TABLE, b"key", vec![1]);
            if tx.lsn() == 1 {
                panic!("the bot's own");
            }
            Ok::<(), EngineError>(())
        })
    }));
    assert!(panic.is_err());
    assert_eq!(row(&engine, b"key"), None);
    assert_eq!(put(&engine, Durability::Synced, b"key", vec![2]).expect("goes on"), 1);
}

/// What is above a limit is refused before it has an LSN: the next commit takes that number, and the
/// log has no hole.
#[test]
fn too_large_leaves_no_lsn() {
    let (disk, engine) = store();
    let commit = |rows: usize, key_len: usize, row_len: usize| {
        let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx: &mut Tx| {
            for row in 0..rows {
                let mut key = vec![0; key_len];
                key[0] = row as u8;
                tx.put(TABLE, &key, vec![7; row_len]);
            }
            Ok::<(), EngineError>(())
        });
        staged.and_then(|staged| {
            let lsn = staged.ticket.lsn();
            staged.ticket.wait().map(|()| lsn)
        })
    };
    for (rows, key_len, row_len, what) in
        [(1, 1_025, 1, "a key"), (1, 1, (1 << 20) + 1, "a row"), (9, 1, 1 << 20, "a commit")]
    {
        match commit(rows, key_len, row_len) {
            Err(EngineError::TooLarge { what: found, len, limit }) => {
                assert_eq!(found, what);
                assert!(len > limit);
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(engine.journal.group.staged(), 0);
    }
    assert_eq!(commit(1, 1_024, 1 << 20).expect("at the limits"), 1);
    // The largest commit there can be: its header, eight rows of eight and one byte and their keys.
    let rest = MAX_COMMIT_BYTES as usize - 18 - 8 * (8 + 1) - 7 * (1 << 20);
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx: &mut Tx| {
        for key in 0..8_u8 {
            tx.put(TABLE, &[key], vec![7; if key == 0 { rest } else { 1 << 20 }]);
        }
        Ok::<(), EngineError>(())
    });
    let ticket = staged.expect("at the limit").ticket;
    assert_eq!(ticket.lsn(), 2);
    ticket.wait().expect("durable");
    assert_eq!(log(&disk).0.last, 2);
}

/// A close says in the log that nothing is missing behind it.
#[test]
fn a_close_seals() {
    let disk = TestDisk::new();
    let store = running(&disk, options());
    let lsn = put(store.engine(), Durability::Written, b"key", vec![1]).expect("written");
    store.close().expect("closes");
    assert!(matches!(store.close(), Err(EngineError::Closed)));
    let (findings, _) = log(&disk);
    assert_eq!((findings.ending, findings.last), (Ending::Closed, lsn));
    drop(store);
    let engine = open_store(&disk.shared()).expect("opens");
    assert!(engine.opening().clean);
    assert_eq!(engine.opening().stepped_over, Vec::<SteppedOver>::new());
}

/// After a failed sync nobody knows what the disk has. An end batch would say that all is well.
#[test]
fn a_poisoned_store_is_never_sealed() {
    let disk = TestDisk::new();
    let store = running(&disk, options());
    put(store.engine(), Durability::Synced, b"key", vec![1]).expect("durable");
    disk.set(|controls| controls.sync = Mishap::Error);
    put(store.engine(), Durability::Synced, b"key", vec![2]).expect_err("fails");
    let written = disk.picture();
    assert!(matches!(store.close(), Err(EngineError::Poisoned { .. })));
    drop(store);
    let segments = |mut picture: std::collections::BTreeMap<String, Vec<u8>>| {
        picture.retain(|name, _| name.ends_with(".wal"));
        picture
    };
    assert_eq!(segments(disk.picture()), segments(written), "written after the failure");
    assert_ne!(log(&disk).0.ending, Ending::Closed);
    assert!(!open_store(&disk.shared()).expect("opens").opening().clean);
}

/// A turn ends between the moment a commit is admitted and the moment it is queued, and everything
/// is planned anew. Where the commit on its way is forgotten, the next one is admitted into room
/// that is not there, and the leader finds no segment to go on in.
#[test]
fn a_turn_that_ends_behind_an_admission_forgets_no_room() {
    let disk = TestDisk::over(disk_with(&[]));
    let group = GroupCommit::new(segment(&disk, 1, 1_000), 0);
    let commit = |len: usize| vec![0; len];
    assert!(group.admit(100));
    group.push(1, &commit(100), true);
    assert!(group.admit(300), "there is room");
    group.wait(Goal::Synced(1)).expect("memory syncs");
    group.push(2, &commit(300), true);
    assert!(!group.admit(400), "there is none");
    group.wait(Goal::Synced(2)).expect("what was admitted fits");
    assert!(group.admit(200), "there is some again");
}

/// A checkpoint freezes between the moment a writer looks at the journal's length and the moment it
/// asks whether a checkpoint is due.
#[test]
fn a_checkpoint_that_overtakes_a_writer_is_no_panic() {
    let (_disk, engine) = store();
    engine.pressure.frozen(2_000);
    engine.pressure.request_if_due(1_000);
}

/// A wait for a commit that somebody else made durable, by many at once, ends for everybody.
#[test]
fn many_wait_for_one_commit() {
    let (disk, engine) = store();
    disk.set(|controls| controls.hold_syncs = true);
    let woken = AtomicU64::new(0);
    thread::scope(|scope| {
        let first = start(scope, &engine, Durability::Synced, 1);
        disk.until_syncing();
        for _ in 0..20 {
            scope.spawn(|| {
                engine.sync().expect("durable");
                woken.fetch_add(1, Ordering::Relaxed);
            });
        }
        disk.set(|controls| controls.hold_syncs = false);
        first.join().expect("no panic").expect("durable");
    });
    assert_eq!(woken.load(Ordering::Relaxed), 20);
}
