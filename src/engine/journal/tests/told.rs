//! What the journal does beside keeping commits: room made ready in time and given back once, segments
//! that grow, and figures that say what the queue takes; and what an opening does about a machine that
//! answers one thing now and another one later.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::disk::{Disk, MemoryDisk};
use crate::engine::base::FILE_NAME as BASE;
use crate::engine::offline::Offline;
use crate::engine::{BaseError, Damage, Durability, Error as EngineError};

use super::super::format::{BATCH_HEADER_LEN, looks_like_batch};
use super::super::{DIRECTORY, Journal, Listing, Room, RoomOptions};
use super::disk::TestDisk;
use super::{Draft, STORE_ID, open_store, options, put, read_file, salt};

const KIB: u64 = 1024;

fn room(disk: &Arc<dyn Disk>, segment_max_bytes: u64) -> Room {
    disk.make_dir(DIRECTORY).expect("memory takes it");
    let room_options = RoomOptions { segment_max_bytes, ..options().room };
    let random = fastrand::Rng::with_seed(1);
    Room::new(disk.clone(), STORE_ID, room_options, random, &Listing::default())
}

fn files(disk: &Arc<dyn Disk>) -> Vec<String> {
    disk.list(DIRECTORY).expect("memory lists")
}

/// The background makes the next segment ready before a commit needs it, one and no more.
#[test]
fn one_segment_is_ready_ahead() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut room = room(&disk, 64 * KIB);
    let first = room.prepare(0).expect("memory has room");
    let journal = Journal::new(room, first, 0);
    assert_eq!(journal.group.ready_ahead(), 0);
    for _ in 0..3 {
        journal.prepare_ahead().expect("memory has room");
        assert_eq!((journal.group.ready_ahead(), files(&disk).len()), (1, 2));
    }
}

/// A store that writes little has small files, one that writes much has few.
#[test]
fn segments_double_up_to_the_largest() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut room = room(&disk, 512 * KIB);
    let mut total = 0;
    let lens: Vec<u64> = (0..5)
        .map(|_| {
            room.prepare(0).expect("memory has room");
            let before = total;
            total = room.disk_bytes();
            total - before
        })
        .collect();
    assert_eq!(lens, [64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, 512 * KIB]);
}

/// Of the segments that nothing needs any more one is kept to be written again. The others are gone from
/// the disk, and from the figures.
#[test]
fn of_retired_segments_one_becomes_the_spare() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let mut room = room(&disk, 64 * KIB);
    let segments: Vec<_> = (0..5).map(|_| room.prepare(0).expect("memory has room")).collect();
    let last = segments.last().expect("five").number;
    room.retire_below(last, Timestamp::default()).expect("memory renames");
    assert_eq!(files(&disk).len(), 2, "the last one and a spare: {:?}", files(&disk));
    assert_eq!(room.disk_bytes(), 2 * 64 * KIB);
    room.prepare(0).expect("memory has room");
    assert_eq!(files(&disk).len(), 2, "the spare was used: {:?}", files(&disk));
}

/// What is kept for inspection counts.
#[test]
fn kept_segments_count() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    disk.make_dir(DIRECTORY).expect("memory takes it");
    let keep = RoomOptions { keep_bytes: 1 << 30, ..options().room };
    let random = fastrand::Rng::with_seed(1);
    let mut room = Room::new(disk.clone(), STORE_ID, keep, random, &Listing::default());
    let segments: Vec<_> = (0..3).map(|_| room.prepare(0).expect("memory has room")).collect();
    let before = room.disk_bytes();
    room.retire_below(segments[2].number, Timestamp::default()).expect("memory renames");
    assert_eq!((room.disk_bytes(), files(&disk).len()), (before, 3));
}

/// A large commit has been queued: the queue's buffer is part of what the store takes.
#[test]
fn the_queue_counts() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let engine = open_store(&disk).expect("a new store");
    let before = engine.journal.group.queue_bytes();
    put(&engine, Durability::Synced, b"large", vec![7; 100_000]).expect("written");
    let after = engine.journal.group.queue_bytes();
    assert!(after >= before + 100_000, "{before} bytes, then {after}");
    assert!(engine.stats().memory_bytes >= after as u64);
}

/// The first bytes of a batch that was torn behind its salt say that something was written there.
#[test]
fn a_header_torn_behind_its_salt_is_heard() {
    let draft = Draft::new(1, 5).commits(1, 0);
    let begin = (draft.end() - super::one_commit_batch_len()) as usize;
    let header = &draft.bytes[begin..begin + BATCH_HEADER_LEN as usize];
    assert!(looks_like_batch(header, salt(1), 5));
    assert!(looks_like_batch(&header[..32], salt(1), 5));
    assert!(!looks_like_batch(&header[..31], salt(1), 5));
    assert!(!looks_like_batch(&[0; 48], salt(1), 5));
}

/// A base turns out to be an older one than the examination saw: the journal behind it may be gone, so it
/// is not taken up.
#[test]
fn a_base_that_falls_back_is_refused() {
    let disk = TestDisk::new();
    let engine = open_store(&disk.shared()).expect("a new store");
    put(&engine, Durability::Synced, b"one", vec![1]).expect("written");
    engine.checkpoint().expect("the disk works");
    let older = read_file(&disk.memory, BASE);
    put(&engine, Durability::Synced, b"two", vec![2]).expect("written");
    engine.checkpoint().expect("the disk works");
    drop(engine);
    disk.set(|controls| controls.other_base = Some(older));
    let refused = open_store(&disk.shared()).expect_err("another base");
    let is_told = matches!(refused, EngineError::Base(BaseError::Corrupt { damage: Damage::Meta }));
    assert!(is_told, "{refused:?}");
}

/// Where no lock can be had nobody knows whether the store is open: it is not read as if it were not.
#[test]
fn a_lock_that_cannot_be_had_is_an_error() {
    let disk = TestDisk::new();
    drop(open_store(&disk.shared()).expect("a new store"));
    disk.set(|controls| controls.locks_fail = true);
    let refused = Offline::open(&disk).map(drop).expect_err("no lock");
    assert!(matches!(refused, EngineError::Io { action: "lock", .. }), "{refused:?}");
}
