//! What the store says of itself: syncs, bytes, memory and disk, held against what was done.

use highwater::{Durability, Error, Stats};
use tempfile::TempDir;

use crate::{files, manual, options, state, update};

const MIB: u64 = 1024 * 1024;

/// A durable commit costs one sync and about its own bytes; there is nothing hidden beside it.
#[test]
fn a_synced_commit_costs_one_sync() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    let before = store.stats();
    assert_eq!((before.commits, before.visible_lsn, before.synced_lsn), (0, 0, 0));
    for number in 1..=200 {
        store.tokens().upsert(&update(number, number)).unwrap();
    }
    let after = store.stats();
    assert_eq!((after.commits, after.visible_lsn, after.synced_lsn), (200, 200, 200));
    assert_eq!(after.syncs - before.syncs, 200);
    assert_eq!(after.journal_syncs - before.journal_syncs, 200);
    assert_eq!(after.base_syncs, before.base_syncs);
    assert_eq!(after.directory_syncs, before.directory_syncs);
    let bytes = after.journal_bytes_written - before.journal_bytes_written;
    assert_eq!(after.bytes_written - before.bytes_written, bytes);
    println!("{} bytes per commit", bytes / 200);
    assert!((100..=300).contains(&(bytes / 200)), "{bytes} bytes for 200 commits");
}

/// The same tick comes twice, as it does after every reconnect. The second costs nothing.
#[test]
fn an_update_that_says_nothing_new_costs_nothing() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    let before: Stats = store.stats();
    for _ in 0..10 {
        let merged = store.tokens().upsert(&update(1, 1)).unwrap();
        assert!(merged.changes.is_empty());
        store.write(|_| Ok::<(), Error>(())).unwrap();
    }
    assert_eq!(store.stats(), before);
}

/// Threads that commit at the same time share syncs.
#[test]
fn commits_at_the_same_time_share_syncs() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    let tickets: Vec<_> = (1..=100)
        .map(|number| {
            let staged = store.write_ticket(Durability::Synced, |tx| {
                tx.tokens().upsert(&update(number, 1)).map_err(Error::from)
            });
            staged.unwrap().1
        })
        .collect();
    let before = store.stats().journal_syncs;
    std::thread::scope(|scope| {
        for ticket in tickets {
            scope.spawn(|| ticket.wait().unwrap());
        }
    });
    assert_eq!(store.stats().journal_syncs, before + 1);
}

/// A bot with ten thousand small stores must not pay for room that it does not use.
#[test]
fn a_fresh_store_is_small() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    let size = || {
        let metadata = files(&path).into_keys().map(|file| file.metadata().unwrap());
        metadata.fold((0, 0), |(lengths, blocks), file| {
            (lengths + file.len(), blocks + allocated(&file))
        })
    };
    let check = |when: &str, (lengths, blocks): (u64, u64)| {
        println!("{when}: {lengths} bytes long, {blocks} bytes allocated");
        assert!(lengths < 2 * MIB && blocks < 2 * MIB, "{when}: {lengths}, {blocks}");
    };
    let store = options().open(&path).unwrap();
    let stats = store.stats();
    check("created", size());
    assert!(stats.journal_disk_bytes + stats.base_disk_bytes <= size().0);
    let base = std::fs::metadata(path.join("base.redb")).unwrap().len();
    assert_eq!(stats.base_disk_bytes, base);
    assert!(stats.reserve_bytes > 0, "room for finishing writes is set aside from the start");
    store.tokens().upsert(&update(1, 1)).unwrap();
    check("with one commit", size());
    store.close().unwrap();
    check("closed", size());
    for _ in 0..3 {
        options().open(&path).unwrap().tokens().upsert(&update(1, 2)).unwrap();
    }
    check("opened three times more", size());
}

#[cfg(unix)]
fn allocated(file: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(file) * 512
}

#[cfg(not(unix))]
fn allocated(file: &std::fs::Metadata) -> u64 {
    file.len()
}

/// Sixty thousand ticks of a hundred tokens: memory stays in its budget, and disk at what is live and kept.
#[test]
fn a_long_run_stays_in_its_bounds() {
    let directory = TempDir::new().unwrap();
    let store = options()
        .memory_bytes(MIB)
        .durability(Durability::Written)
        .keep_log(highwater::KeepLog { bytes: MIB, age: std::time::Duration::from_secs(3600) })
        .open(directory.path().join("store"))
        .unwrap();
    let mut most = Stats::default();
    for at in 1..=60_000 {
        store.tokens().upsert(&update(at % 100, at)).unwrap();
        if at % 500 == 0 {
            let stats = store.stats();
            most.memory_bytes = most.memory_bytes.max(stats.memory_bytes);
            most.journal_disk_bytes = most.journal_disk_bytes.max(stats.journal_disk_bytes);
            most.base_disk_bytes = most.base_disk_bytes.max(stats.base_disk_bytes);
        }
    }
    let stats = store.stats();
    println!("{most:?} at most; {} checkpoints", stats.checkpoints);
    assert!(stats.checkpoints > 0);
    assert!(most.memory_bytes <= MIB, "{} bytes of memory", most.memory_bytes);
    assert!(most.base_disk_bytes <= 4 * MIB, "{} bytes of base", most.base_disk_bytes);
    assert_eq!(state(&store).1.len(), 100);
}

/// The price of one coin ticks a million times. It is one row: memory does not grow with its past, and the
/// journal does not either, for what is due is checkpointed by the journal's length.
#[test]
fn a_hot_key_costs_the_same_after_a_million_updates() {
    let directory = TempDir::new().unwrap();
    let store = options()
        .memory_bytes(MIB)
        .durability(Durability::Written)
        .keep_log(highwater::KeepLog { bytes: 0, age: std::time::Duration::ZERO })
        .open(directory.path().join("store"))
        .unwrap();
    let mut most = Stats::default();
    for commit in 0..10_000 {
        let first = commit * 100 + 1;
        crate::write(&store, |tx| {
            for at in first..first + 100 {
                tx.tokens().upsert(&update(1, at))?;
            }
            Ok(())
        })
        .unwrap();
        let stats = store.stats();
        most.uncheckpointed_bytes = most.uncheckpointed_bytes.max(stats.uncheckpointed_bytes);
        most.memory_bytes = most.memory_bytes.max(stats.memory_bytes);
        most.base_disk_bytes = most.base_disk_bytes.max(stats.base_disk_bytes);
    }
    let stats = store.stats();
    println!("{most:?} at most; {} checkpoints, {:?}", stats.checkpoints, stats.journal_disk_bytes);
    assert!(most.uncheckpointed_bytes <= 8 * 1024, "{} bytes of rows", most.uncheckpointed_bytes);
    assert!(most.memory_bytes <= MIB, "{} bytes of memory", most.memory_bytes);
    assert!(most.base_disk_bytes <= 2 * MIB, "{} bytes of base", most.base_disk_bytes);
    assert!(stats.checkpoints > 0, "the journal grew to {}", stats.journal_disk_bytes);
    let token = store.tokens().get(&crate::key(1)).unwrap().unwrap();
    assert_eq!(token.max.unwrap().price, crate::price(1_000_000));
}

/// A commit that need not be synced is not, before the interval that its writer agreed to is over.
#[test]
fn a_written_commit_is_not_synced_before_its_time() {
    let directory = TempDir::new().unwrap();
    let store = options()
        .durability(Durability::Written)
        .sync_interval(std::time::Duration::from_secs(3600))
        .open(directory.path().join("store"))
        .unwrap();
    let before = store.stats();
    // As many as the first segment takes: the end of a segment is always synced.
    for at in 1..=500 {
        store.tokens().upsert(&update(1, at)).unwrap();
    }
    let after = store.stats();
    assert_eq!(after.synced_lsn, before.synced_lsn);
    assert_eq!(after.visible_lsn, before.visible_lsn + 500);
}

/// Nothing was committed since the last checkpoint: another one has nothing to write.
#[test]
fn a_checkpoint_of_nothing_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let store = manual().open(directory.path().join("store")).unwrap();
    store.tokens().upsert(&update(1, 1)).unwrap();
    assert_eq!(store.checkpoint().unwrap(), 1);
    let before = store.stats();
    assert_eq!(store.checkpoint().unwrap(), 1);
    let after = store.stats();
    assert_eq!((after.syncs, after.bytes_written), (before.syncs, before.bytes_written));
}
