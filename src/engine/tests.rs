//! Tests of the engine by itself: rows come and go, through checkpoints and openings.

use std::sync::{Arc, OnceLock};
use std::task::{Wake, Waker};
use std::time::Duration;

use super::journal::{Purpose, RoomOptions};
use super::offline::Offline;
use super::options::{Background, EngineOptions};
use super::{Durability, Engine, Error, KeyRange, Reader, Running, Table, Tx, open};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::{Disk, MemoryDisk};

pub(super) const ROWS: Table = Table(7);

pub(super) fn options() -> EngineOptions {
    EngineOptions {
        identity: b"test".to_vec(),
        memtable_bytes: 64 * 1024,
        cache_bytes: 64 * 1024,
        journal_bytes: 128 * 1024,
        snapshot_limit_bytes: 128 * 1024,
        sync_interval: Duration::from_millis(10),
        stall_limit: Duration::from_secs(1),
        room: RoomOptions {
            segment_min_bytes: 64 * 1024,
            segment_max_bytes: 64 * 1024,
            keep_bytes: 0,
            keep_micros: 0,
        },
        background: Background::Manual,
        clock: Arc::new(ManualClock::default()),
        seed: Some(1),
    }
}

fn start(disk: &MemoryDisk) -> Running {
    Running::start(open(Arc::new(disk.clone()), options(), true).unwrap()).unwrap()
}

/// The files as they are: what a killed process leaves behind.
fn copy(disk: &MemoryDisk) -> MemoryDisk {
    let copy = MemoryDisk::new();
    copy.make_dir("journal").unwrap();
    for dir in ["", "journal/"] {
        for name in disk.list(dir.trim_end_matches('/')).unwrap() {
            let name = format!("{dir}{name}");
            let file = disk.open(&name).unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read_at(0, &mut bytes).unwrap();
            copy.create(&name).unwrap().write_at(0, &bytes).unwrap();
        }
    }
    copy
}

fn write(engine: &Arc<Engine>, rows: &[(&str, Option<&str>)]) {
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx| {
        for (key, row) in rows {
            match row {
                Some(row) => tx.put(ROWS, key.as_bytes(), row.as_bytes().to_vec()),
                None => tx.delete(ROWS, key.as_bytes()),
            }
        }
        Ok::<_, Error>(())
    });
    staged.unwrap().ticket.wait().unwrap();
}

fn keys(reader: &dyn Reader) -> Vec<String> {
    let rows = reader.scan(ROWS, KeyRange::all());
    rows.map(|row| String::from_utf8(row.unwrap().0.into_vec()).unwrap()).collect()
}

/// A deleted row must not come back, whichever of the parts below it still has it: an older version
/// in memory, the base, or the journal at the next opening.
#[test]
fn a_deleted_row_stays_deleted() {
    let disk = MemoryDisk::new();
    let running = start(&disk);
    let engine = running.engine();
    write(engine, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    engine.checkpoint().unwrap();
    write(engine, &[("a", None), ("d", Some("1"))]);
    assert_eq!(keys(&engine.snapshot()), ["b", "c", "d"]);
    write(engine, &[("d", None)]);
    assert_eq!(keys(&engine.snapshot()), ["b", "c"]);
    engine.checkpoint().unwrap();
    write(engine, &[("b", None)]);
    // As a crash would have it: the journal has the deletion, the base the row.
    let crashed = copy(&disk);
    let recovered = start(&crashed);
    assert!(!recovered.engine().opening().clean);
    assert_eq!(keys(&recovered.engine().snapshot()), ["c"]);
    recovered.close().unwrap();
    drop(recovered);
    let reopened = start(&crashed);
    assert!(reopened.engine().opening().clean);
    assert_eq!(keys(&reopened.engine().snapshot()), ["c"]);
}

/// A report that counts a row twice because it was written again, or still counts what was deleted,
/// makes its reader look for money that is not there. Each row counts once, wherever its parts lie.
#[test]
fn a_report_counts_each_row_once() {
    let disk = MemoryDisk::new();
    let running = start(&disk);
    let engine = running.engine();
    write(engine, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    engine.checkpoint().unwrap();
    let count = || Offline::open(&copy(&disk)).unwrap().table_rows().unwrap();
    assert_eq!(count(), [(ROWS, 3)]);
    write(engine, &[("a", Some("2"))]);
    assert_eq!(count(), [(ROWS, 3)], "one that was written again");
    write(engine, &[("d", Some("1")), ("e", Some("1"))]);
    assert_eq!(count(), [(ROWS, 5)], "two that are new");
    write(engine, &[("b", None), ("c", None), ("d", None), ("never", None)]);
    assert_eq!(count(), [(ROWS, 2)], "two of the base and one of the journal deleted");
    let offline = Offline::open(&copy(&disk)).unwrap();
    assert_eq!(keys(&offline), ["a", "e"]);
    assert_eq!(offline.get(ROWS, b"a").unwrap().as_deref(), Some(b"2".as_slice()));
    assert!(offline.get(ROWS, b"b").unwrap().is_none());
}

/// A transaction sees what it staged, deletions included, and a commit that takes back what it staged
/// is still one commit.
#[test]
fn a_transaction_reads_its_own_rows() {
    let disk = MemoryDisk::new();
    let running = start(&disk);
    let engine = running.engine();
    write(engine, &[("a", Some("1")), ("b", Some("1"))]);
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx| {
        tx.delete(ROWS, b"a");
        tx.put(ROWS, b"c", b"2".to_vec());
        tx.put(ROWS, b"b", b"2".to_vec());
        assert!(tx.get(ROWS, b"a")?.is_none());
        assert_eq!(tx.get(ROWS, b"b")?.as_deref(), Some(b"2".as_slice()));
        Ok::<_, Error>(keys(tx))
    });
    let staged = staged.unwrap();
    assert_eq!(staged.outcome.unwrap(), ["b", "c"]);
    staged.ticket.wait().unwrap();
    assert_eq!(keys(&engine.snapshot()), ["b", "c"]);
}

/// Keys, rows and commits above their limit are refused before they have an LSN, and the next commit
/// gets the LSN that they would have had.
#[test]
fn what_is_too_large_leaves_no_trace() {
    let disk = MemoryDisk::new();
    let running = start(&disk);
    let engine = running.engine();
    let cases: [(&str, usize, usize, usize); 3] =
        [("a key", 1, 1025, 1), ("a row", 1, 1, 1024 * 1024 + 1), ("a commit", 9, 1, 1024 * 1024)];
    for (expected, count, key_len, row_len) in cases {
        let refused = engine.stage(Durability::Synced, Purpose::Ordinary, |tx| {
            for n in 0..count {
                let mut key = vec![b'k'; key_len];
                key[0] = n as u8;
                tx.put(ROWS, &key, vec![0; row_len]);
            }
            Ok::<_, Error>(())
        });
        match refused.map(|_| ()) {
            Err(Error::TooLarge { what, .. }) => assert_eq!(what, expected),
            other => panic!("{expected} was not refused: {other:?}"),
        }
    }
    write(engine, &[("a", Some("1"))]);
    assert_eq!(engine.snapshot().lsn(), 1);
    // The largest that are allowed pass, although the first segment is far smaller.
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx| {
        for n in 0..7 {
            tx.put(ROWS, &[n; 1024], vec![n; 1024 * 1024]);
        }
        Ok::<_, Error>(())
    });
    staged.unwrap().ticket.wait().unwrap();
    assert_eq!(keys_of_len(engine, 1024), 7);
    drop(running);
    assert_eq!(keys_of_len(start(&disk).engine(), 1024), 7);
}

/// An order is about to go out, and the bot's own commits are `Written` because they are many. The one
/// that says "it goes out" must be on the disk all the same before the call answers.
#[test]
fn a_commit_can_insist_on_its_sync() {
    let disk = MemoryDisk::new();
    let running = start(&disk);
    let engine = running.engine();
    let commit = |body: fn(&mut Tx)| {
        let staged = engine.stage(Durability::Written, Purpose::Ordinary, |tx| {
            body(tx);
            Ok::<_, Error>(())
        });
        staged.unwrap().ticket.wait().unwrap();
        let stats = engine.stats();
        (stats.visible, stats.synced)
    };
    let put = |tx: &mut Tx| tx.put(ROWS, b"a", b"1".to_vec());
    assert_eq!(commit(put), (1, 0), "nothing waits for the sync by itself");
    assert_eq!(
        commit(|tx| {
            tx.require_sync();
            tx.put(ROWS, b"b", b"1".to_vec());
        }),
        (2, 2)
    );
    assert_eq!(commit(put), (3, 2), "only that one commit insisted");
    assert_eq!(commit(|_| {}), (3, 2));
    assert_eq!(commit(|tx| tx.require_sync()), (3, 3), "what was read is synced too");
    // Nobody waited: it is for the sync that the next one to wait does.
    let staged = engine.stage(Durability::Written, Purpose::Ordinary, |tx| {
        tx.require_sync();
        tx.put(ROWS, b"c", b"1".to_vec());
        Ok::<_, Error>(())
    });
    drop(staged.unwrap().ticket);
    assert_eq!(commit(put), (5, 5));
}

/// The clock is set back by an hour. What is stored afterwards must not look older than what was
/// stored before, also when the store was closed in between.
#[test]
fn stored_times_never_run_backwards() {
    let disk = MemoryDisk::new();
    let clock = ManualClock::new(Timestamp::from_micros(5_000));
    let options = || EngineOptions { clock: Arc::new(clock.clone()), ..options() };
    let open = || Running::start(open(Arc::new(disk.clone()), options(), true).unwrap()).unwrap();
    let micros = |running: &Running| {
        let staged = running.engine().stage(Durability::Synced, Purpose::Ordinary, |tx| {
            tx.put(ROWS, b"a", tx.micros().to_le_bytes().to_vec());
            Ok::<_, Error>(tx.micros())
        });
        staged.unwrap().outcome.unwrap()
    };
    let running = open();
    assert_eq!(micros(&running), 5_000);
    clock.set(Timestamp::from_micros(1_000));
    assert_eq!(micros(&running), 5_000);
    drop(running);
    // The second opening finds no commit in the journal any more, but what the base says of its last.
    drop(open());
    let running = open();
    assert_eq!(micros(&running), 5_000);
    clock.set(Timestamp::from_micros(6_000));
    assert_eq!(micros(&running), 6_000);
}

/// The page of limits is what users read; it must say what the code does.
#[test]
fn the_page_of_limits_is_true() {
    let page = include_str!("../../docs/limits.md");
    for (what, limit) in [
        ("a key", super::options::MAX_KEY_BYTES),
        ("a row", super::options::MAX_ROW_BYTES),
        ("a commit, all its rows together", super::options::MAX_COMMIT_BYTES),
    ] {
        let digits = limit.to_string();
        let groups: Vec<_> =
            digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
        let line = format!("| {what} | | {} bytes |", groups.join(","));
        assert!(page.contains(&line), "{line}");
    }
}

fn keys_of_len(engine: &Arc<Engine>, len: usize) -> usize {
    let snapshot = engine.snapshot();
    snapshot.scan(ROWS, KeyRange::all()).filter(|row| row.as_ref().unwrap().0.len() == len).count()
}

/// The story: staging a commit failed, and the tasks that waited were woken under the writer's lock; one
/// of them wrote to the store right there, and waited for the lock that its own thread held.
#[test]
fn a_staging_that_failed_wakes_tasks_outside_of_the_writers_lock() {
    struct Writes {
        engine: Arc<Engine>,
        found: OnceLock<String>,
    }
    impl Wake for Writes {
        fn wake(self: Arc<Self>) {
            let found = match self
                .engine
                .refuse_nested()
                .and_then(|()| self.engine.lock_writer().map(drop))
            {
                Ok(()) => "a store that goes on".to_owned(),
                Err(error) => error.to_string(),
            };
            let _ = self.found.set(found);
        }
    }
    let running = start(&MemoryDisk::new());
    let engine = running.engine().clone();
    write(&engine, &[("a", Some("1"))]);
    let task = Arc::new(Writes { engine: engine.clone(), found: OnceLock::new() });
    let waker = Waker::from(task.clone());
    let goal = super::journal::Goal::Synced(u64::MAX);
    assert!(engine.journal.group.poll(goal, &mut None, &waker).is_pending());
    // A row from a commit that is yet to come: our own code finds that it cannot be.
    let pins = super::memtable::Pins { visible: 0, snapshots: &[] };
    engine.view().active.insert(u64::MAX - 1, ROWS, b"a", None, &pins);
    let staged = engine.stage(Durability::Synced, Purpose::Ordinary, |tx| {
        tx.put(ROWS, b"a", b"2".to_vec());
        Ok::<_, Error>(())
    });
    let answer = staged.expect("it has an LSN").ticket.wait();
    assert!(matches!(answer, Err(Error::Unknown { .. })), "{answer:?}");
    let poisoned = engine.lock_writer().map(drop).expect_err("poisoned").to_string();
    assert_eq!(task.found.get(), Some(&poisoned));
}
