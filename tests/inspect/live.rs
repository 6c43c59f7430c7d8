//! Beside a bot that has the store open: what comes is told, and nothing is disturbed.

use highwater::inspect::{Log, LogBase, LogEntry, StoreVerdict};

use super::world::{live, log, open, options, read};
use highwater::disk::SimulatedDisk;
use highwater::{Durability, Store, Timestamp, TokenKey, Update};

/// The lock belongs to the bot. The log can be read all the same, and a clean answer comes out.
#[test]
fn a_log_is_read_while_the_store_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let store = options(41).open(directory.path()).unwrap();
    live(&store, 1, 5);
    let log = Log::open(directory.path()).unwrap();
    assert_eq!(*log.base(), LogBase::InUse);
    let verdict = log.verify().unwrap();
    assert_eq!(verdict.store, StoreVerdict::InUse);
    assert!(!verdict.is_damaged() && !verdict.has_torn_tail(), "{verdict:?}");
    assert!(verdict.commits > 8);
    live(&store, 20, 5);
    assert!(log.verify().unwrap().commits > verdict.commits);
    store.close().unwrap();
    // The same from its segments alone, by a directory and by files.
    let whole = log.entries().unwrap().count();
    let journal = directory.path().join("journal");
    let alone = Log::open(&journal).unwrap();
    assert_eq!(*alone.base(), LogBase::NotAsked);
    assert_eq!(alone.entries().unwrap().count(), whole);
    let one = Log::open(journal.join("00000000000000000001.wal")).unwrap();
    assert_eq!((one.segment_count(), one.verify().unwrap().store), (1, StoreVerdict::NotAsked));
    assert!(Log::open(directory.path().join("nothing")).is_err());
}

/// What there is to be heard now.
fn listen(
    follower: &mut impl Iterator<Item = Result<LogEntry, highwater::Error>>,
    heard: &mut Vec<u64>,
) {
    for entry in follower {
        match entry.unwrap() {
            LogEntry::Commit(commit) => heard.push(commit.lsn),
            LogEntry::Break(found) => panic!("{found:?}"),
            _ => {}
        }
    }
}

/// Prices that become one batch: planned as one for each, they may need the next segment and then leave it empty.
fn commit_together(store: &Store, from: u64, prices: u64) {
    let name = "n".repeat(if prices > 1 { 200 } else { 1 });
    let tickets = (from..from + prices).map(|number| {
        let (key, at) =
            (format!("token {number}"), Timestamp::from_micros(store.stats().commits as i64));
        let update = Update::new(TokenKey::new("test", &key).unwrap());
        let update = update.price("1.25".parse().unwrap(), at).name(name.clone(), at);
        let staged = store.write_ticket(Durability::Synced, |tx| {
            tx.tokens().upsert(&update).map_err(highwater::Error::from)
        });
        staged.unwrap().1
    });
    tickets.collect::<Vec<_>>().into_iter().for_each(|ticket| ticket.wait().unwrap());
}

/// The next segments are made ready ahead. Whoever begins to follow while they are empty hears what still comes
/// before them.
#[test]
fn a_follower_may_come_at_any_time() {
    let disk = SimulatedDisk::new(44);
    let store = open(&disk, 44);
    let mut followers = Vec::new();
    for round in 0..150 {
        commit_together(&store, 12 * round, 12);
        let (mut follower, mut heard) = (log(&disk).follow().unwrap(), Vec::new());
        listen(&mut follower, &mut heard);
        followers.push((follower, heard));
        // It may still have room before the segment that is ready.
        commit_together(&store, round, 1);
    }
    followers.iter_mut().for_each(|(follower, heard)| listen(follower, heard));
    let last = *read(&disk).lsns().last().unwrap();
    assert!(read(&disk).segments.len() > 2, "it has to go over the ends of segments");
    for (begun, (_, heard)) in followers.iter().enumerate() {
        assert_eq!(*heard, (1..=last).collect::<Vec<_>>(), "follower {begun}");
    }
    drop(store);
}

/// Whoever follows hears every commit once: over the ends of segments, a crash, and the next opening.
#[test]
fn a_follower_hears_every_commit_once() {
    let disk = SimulatedDisk::new(42);
    let store = open(&disk, 42);
    let mut follower = log(&disk).follow().unwrap();
    let mut heard = Vec::new();
    for from in 0..6 {
        live(&store, 100 * from + 1, 80);
        if from == 3 {
            store.checkpoint().unwrap();
        }
        listen(&mut follower, &mut heard);
        assert_eq!(*heard.last().unwrap(), read(&disk).lsns().into_iter().max().unwrap());
    }
    store.close().unwrap();
    let store = open(&disk, 43);
    live(&store, 1_000, 3);
    listen(&mut follower, &mut heard);
    let last = *heard.last().unwrap();
    assert_eq!(heard, (1..=last).collect::<Vec<_>>());
    assert_eq!(last, *read(&disk).lsns().last().unwrap());
    drop(store);
}
