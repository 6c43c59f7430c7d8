//! Room: a full disk is met before a commit has an LSN, takes nothing that was acknowledged, and is
//! over as soon as there is room again.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::disk::{Disk, MemoryDisk};
use crate::engine::{Durability, Engine, Error as EngineError, Lsn, Reader};

use super::super::group::Goal;
use super::super::{DIRECTORY, Journal, Listing, Room, RoomOptions, segment::Segment};
use super::disk::TestDisk;
use super::{
    Purpose, STORE_ID, TABLE, anchor, commit_bytes, open_store, options, put, put_for, read,
};

const KIB: usize = 1024;

fn is_full<T: std::fmt::Debug>(result: Result<T, EngineError>) -> bool {
    match result {
        Ok(_) => false,
        Err(EngineError::Full { .. }) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// A store on a disk that has no more room than it has taken.
fn store_without_room() -> (TestDisk, Arc<Engine>) {
    let disk = TestDisk::new();
    let engine = open_store(&disk.shared()).expect("a new store");
    let used = disk.used();
    disk.set(|controls| controls.capacity = Some(used));
    (disk, engine)
}

/// Writes until the disk is full; answers the last commit that was acknowledged.
fn fill(engine: &Arc<Engine>, purpose: Purpose) -> Lsn {
    for round in 0..100_u8 {
        let row = vec![round; 10 * KIB];
        let staged = engine.journal.group.staged();
        if is_full(put_for(engine, Durability::Synced, purpose, &[round], row)) {
            assert_eq!(engine.journal.group.staged(), staged, "a refused commit has an LSN");
            return staged;
        }
    }
    panic!("the disk is never full");
}

fn reopened(disk: &TestDisk) -> Arc<Engine> {
    open_store(&disk.copy().shared()).expect("sound")
}

/// The disk runs full under a bot that has things under way. It can still finish them; new ones
/// wait until there is room, and then go on without anybody reopening anything.
#[test]
fn a_full_disk_lets_finish_what_is_under_way() {
    let (disk, engine) = store_without_room();
    let ordinary = fill(&engine, Purpose::Ordinary);
    assert!(ordinary > 0);
    assert_eq!(reopened(&disk).opening().last, ordinary);
    let (_, reserve) = engine.journal.disk_bytes();
    assert!(reserve > 0);

    let finish = || {
        let row = vec![0; 10 * KIB];
        put_for(&engine, Durability::Synced, Purpose::Finishing, b"finish", row)
    };
    let finished = finish().expect("passes through the reserve");
    assert_eq!(engine.journal.disk_bytes().1, 0, "health shows that it is used");
    // There is room in the segment that the reserve became, but it is not for everybody.
    assert!(is_full(put(&engine, Durability::Synced, b"small", vec![1])));
    assert_eq!(reopened(&disk).opening().last, finished);
    let last = fill(&engine, Purpose::Finishing);
    assert!(last > finished);
    assert!(is_full(finish()), "the reserve has an end");
    assert_eq!(reopened(&disk).opening().last, last);

    // Room for one segment: the reserve comes first.
    let used = disk.used();
    disk.set(|controls| controls.capacity = Some(used + 64 * 1024));
    assert!(is_full(put(&engine, Durability::Synced, b"large", vec![1; 10 * KIB])));
    assert_eq!(engine.journal.disk_bytes().1, 64 * 1024);
    disk.set(|controls| controls.capacity = None);
    let after = put(&engine, Durability::Synced, b"small", vec![2]).expect("there is room");
    assert_eq!(after, last + 1);
    let again = reopened(&disk);
    assert_eq!(again.opening().last, after);
    let row = again.snapshot().get(TABLE, b"small").expect("readable");
    assert_eq!(row.as_deref(), Some(&[2][..]));
}

/// Refusing is not poisoning: reads, checkpoints in what room there is, and a close that seals.
#[test]
fn a_full_store_closes_clean() {
    let (disk, engine) = store_without_room();
    let last = fill(&engine, Purpose::Ordinary);
    disk.set(|controls| controls.capacity = None);
    assert_eq!(engine.checkpoint().expect("the base has room"), last);
    assert_eq!(engine.snapshot().lsn(), last);
    drop(engine);
    assert_eq!(reopened(&disk).opening().last, last);
}

/// What lies in the directory that counts: temporary files are nobody's.
fn counted(disk: &TestDisk) -> BTreeMap<String, Vec<u8>> {
    let mut picture = disk.picture();
    picture.retain(|name, _| !name.ends_with(".tmp"));
    picture
}

/// The disk is full when the bot comes back. The store says so and is as it was: a recovery that is
/// half done on a full disk is the last thing anybody needs. With room it opens and has everything.
#[test]
fn an_opening_without_room_changes_nothing() {
    for closed in [false, true] {
        let disk = TestDisk::new();
        let engine = open_store(&disk.shared()).expect("a new store");
        let mut last = 0;
        for round in 0..20_u8 {
            last = put(&engine, Durability::Synced, &[round], vec![round; 10 * KIB])
                .expect("there is room");
        }
        if closed {
            crate::engine::Running::start(Arc::into_inner(engine).expect("nobody else"))
                .expect("no threads")
                .close()
                .expect("closes");
        } else {
            drop(engine);
        }
        let mut refused = 0;
        for more in (0..64).map(|step| step * 16 * KIB as u64) {
            let copy = disk.copy();
            let before = counted(&copy);
            copy.set(|controls| controls.capacity = Some(disk.used() + more));
            let opened = open_store(&copy.shared());
            if let Ok(engine) = opened {
                assert_eq!(engine.opening().last, last);
                assert_eq!(engine.opening().clean, closed);
                break;
            }
            assert!(is_full(opened));
            assert!(before == counted(&copy), "{more} more bytes: changed {closed}");
            refused += 1;
            copy.set(|controls| controls.capacity = None);
            let engine = open_store(&copy.shared()).expect("there is room now");
            assert_eq!(engine.opening().last, last);
        }
        println!("closed {closed}: {refused} openings without room");
        assert!((1..64).contains(&refused), "{refused}");
    }
}

/// One commit can be larger than the segment that is ready, and than any that the options ask for.
#[test]
fn a_commit_larger_than_the_ready_segment() {
    let disk = TestDisk::new();
    let engine = open_store(&disk.shared()).expect("a new store");
    let lens = [100, 70 * KIB, 10, 300 * KIB, 65_400, 65_500, 1 << 20, 1];
    for (key, len) in (0..).zip(lens) {
        put(&engine, Durability::Synced, &[key], vec![key; len]).expect("there is room");
    }
    let again = reopened(&disk);
    assert_eq!(again.opening().last, lens.len() as Lsn);
    let snapshot = again.snapshot();
    for (key, len) in (0..).zip(lens) {
        let row = snapshot.get(TABLE, &[key]).expect("readable");
        assert_eq!(row.map(|row| row.to_vec()), Some(vec![key; len]));
    }
}

/// What a writer and a leader do, in an order that threads can bring about.
#[derive(Clone, Debug)]
enum Step {
    /// A commit of about so many bytes, admitted and queued.
    Commit(usize),
    /// A turn: everything queued is written, and synced where that is true.
    Turn(bool),
    /// A turn between a commit's admission and its queueing.
    TurnInside(usize),
    Mark,
}

fn step() -> impl Strategy<Value = Step> {
    let len = || {
        prop_oneof![
            4 => 0..300_usize,
            3 => 300..20_000_usize,
            2 => 60_000..66_000_usize,
            1 => 66_000..300_000_usize,
        ]
    };
    prop_oneof![
        6 => len().prop_map(Step::Commit),
        2 => any::<bool>().prop_map(Step::Turn),
        2 => len().prop_map(Step::TurnInside),
        1 => Just(Step::Mark),
    ]
}

fn journal(disk: &Arc<dyn Disk>) -> (Journal, (u64, u64)) {
    disk.make_dir(DIRECTORY).expect("memory takes it");
    let room_options = RoomOptions { segment_max_bytes: 128 * 1024, ..options().room };
    let listing = Listing::default();
    let random = fastrand::Rng::with_seed(1);
    let mut room = Room::new(disk.clone(), STORE_ID, room_options, random, &listing);
    let first: Segment = room.prepare(0).expect("memory has room");
    let mark = (first.number, first.salt);
    (Journal::new(room, first, 0), mark)
}

fn bytes_of(lsn: Lsn, len: usize) -> Vec<u8> {
    use crate::engine::journal::format::{CommitHeader, encode_commit};
    use crate::engine::row::RowRef;
    if len == 0 {
        return commit_bytes(lsn);
    }
    let header = CommitHeader { time_micros: 0, synced: true, finishing: false, note: "" };
    let row = vec![lsn as u8; len];
    let mut bytes = Vec::new();
    encode_commit(&mut bytes, &header, [RowRef { table: TABLE, key: &[1], row: Some(&row) }]);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// What was admitted finds its room, however commits are grouped and turns fall: the leader
    /// never looks for a segment that is not there, and the log has every commit.
    #[test]
    fn what_was_admitted_finds_its_room(steps in prop::collection::vec(step(), 1..60)) {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let (journal, first) = journal(&disk);
        let group = &journal.group;
        let mut staged = 0;
        for step in steps {
            match step {
                Step::Commit(len) => {
                    staged += 1;
                    let bytes = bytes_of(staged, len);
                    journal.admit(bytes.len() as u64, Purpose::Ordinary).expect("memory has room");
                    group.push(staged, &bytes, len % 2 == 0);
                }
                Step::TurnInside(len) => {
                    let bytes = bytes_of(staged + 1, len);
                    journal.admit(bytes.len() as u64, Purpose::Ordinary).expect("memory has room");
                    group.wait(Goal::Visible(staged)).expect("what was admitted fits");
                    staged += 1;
                    group.push(staged, &bytes, true);
                }
                Step::Turn(true) => {
                    group.wait(Goal::Synced(staged)).expect("what was admitted fits");
                }
                Step::Turn(false) => {
                    group.wait(Goal::Visible(staged)).expect("what was admitted fits");
                }
                Step::Mark => group.mark(),
            }
        }
        group.wait(Goal::Synced(staged)).expect("what was admitted fits");
        let anchor = super::Anchor { segment: first, ..anchor(0, 1, 1) };
        let found = read(&*disk, &anchor).verdict.expect("sound");
        prop_assert_eq!(found.last, staged);
    }
}
