//! What health says of disk and memory: each reason is brought about, told, and gone with its cause.
#![cfg(feature = "simulation")]

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::{Call, Fault, FaultPlan, SimulatedDisk};
use highwater::{Durability, Error, HealthLimits, KeepLog, Level, Options, Reason, Store};

use crate::{manual, update};

fn reasons(store: &Store) -> Vec<&'static str> {
    store.health().reasons.iter().map(Reason::name).collect()
}

fn open(disk: &SimulatedDisk, options: impl FnOnce(Options) -> Options) -> Store {
    options(manual()).open_on(Arc::new(disk.clone())).unwrap()
}

/// Every name is explained to whoever is on call.
#[test]
fn every_reason_is_in_the_handbook() {
    let handbook = include_str!("../../docs/operating.md");
    let source = include_str!("../../src/store/health/reason.rs");
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\",")
        })
        .collect();
    assert!(names.len() >= 19, "{names:?}");
    for name in names {
        assert!(handbook.contains(&format!("`{name}`")), "{name} is not in docs/operating.md");
    }
}

/// A sync fails: the store takes no writes, and says so with the cause until it is reopened.
#[test]
fn a_poisoned_store_is_critical_until_it_is_reopened() {
    let disk = SimulatedDisk::new(1);
    let store = open(&disk, |options| options);
    assert_eq!(reasons(&store), [""; 0]);
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync).within("journal/"));
    store.tokens().upsert(&update(1, 1)).unwrap_err();
    let health = store.health();
    assert_eq!((health.level, reasons(&store)), (Level::Critical, vec!["poisoned"]));
    assert!(health.to_string().contains("could not sync"), "{health}");
    drop(store);
    assert_eq!(reasons(&open(&disk, |options| options)), [""; 0]);
}

/// The base's disk fails under checkpoints: a warning, from the fifth on critical; over with the next
/// one that succeeds. A full disk is critical at once.
#[test]
fn failing_checkpoints_are_told() {
    for (fault, critical_from) in [(Fault::Io, 5), (Fault::Full, 1)] {
        let disk = SimulatedDisk::new(2);
        let store = open(&disk, |options| options);
        store.tokens().upsert(&update(1, 1)).unwrap();
        for failed in 1..=6 {
            disk.inject(FaultPlan::new(fault).on(Call::Write).within("base"));
            store.checkpoint().unwrap_err();
            let health = store.health();
            let level = if failed >= critical_from { Level::Critical } else { Level::Warning };
            assert_eq!(
                (health.level, reasons(&store)[0]),
                (level, "checkpoints_failing"),
                "{health}"
            );
        }
        store.checkpoint().unwrap();
        assert!(!reasons(&store).contains(&"checkpoints_failing"), "{}", store.health());
    }
}

/// Nobody checkpoints: memory fills up, a warning at the budget of one generation of rows, critical at
/// twice that, and nothing once they are in the base.
#[test]
fn memory_against_its_budget() {
    let disk = SimulatedDisk::new(3);
    let store = open(&disk, |options| options.memory_bytes(256 * 1024));
    let (mut levels, mut number) = (vec![Level::Healthy], 0);
    while number < 100_000 {
        number += 1;
        let written = store.write_with(Durability::Written, |tx| {
            Ok::<_, Error>(tx.tokens().upsert(&update(number, 1))?)
        });
        if let Err(error) = written {
            assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
            break;
        }
        let health = store.health();
        let budget = 64 * 1024;
        let bytes = health.stats.uncheckpointed_bytes;
        assert_eq!(health.level >= Level::Warning, bytes >= budget, "{health}");
        assert_eq!(health.level == Level::Critical, bytes >= 2 * budget, "{health}");
        if levels.last() != Some(&health.level) {
            levels.push(health.level);
        }
    }
    assert!(number < 100_000, "nobody was made to wait");
    assert_eq!(levels, [Level::Healthy, Level::Warning, Level::Critical]);
    store.checkpoint().unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}

/// The disk is full and a finishing write had to take the reserve: critical until it is there again.
#[test]
fn a_used_reserve_is_told() {
    let disk = SimulatedDisk::new(4);
    let store = open(&disk, |options| options.segment_bytes(64 * 1024, 64 * 1024));
    disk.inject(FaultPlan::new(Fault::Full).on(Call::Create).within("journal/").for_ever());
    let mut number = 0;
    let finishing = loop {
        number += 1;
        if store.tokens().upsert(&update(number, 1)).is_err() {
            break store
                .write_finishing(|tx| Ok::<_, Error>(tx.tokens().upsert(&update(number, 1))?));
        }
    };
    finishing.unwrap();
    assert_eq!((reasons(&store), store.health().level), (vec!["reserve_used"], Level::Critical));
    disk.clear_faults();
    store.tokens().upsert(&update(number + 1, 1)).unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}

/// A snapshot is held for longer than is usual, syncs take longer than is usual: both are told with
/// their measure. The limits are the bot's own.
#[test]
fn old_snapshots_and_slow_syncs() {
    let disk = SimulatedDisk::new(5);
    let limits = HealthLimits::new().snapshot(Duration::ZERO).sync(Duration::MAX);
    let store = open(&disk, |options| options.health_limits(limits));
    assert_eq!(reasons(&store), [""; 0], "what health itself reads is not held");
    let (one, other) = (store.snapshot(), store.snapshot());
    let health = store.health();
    assert!(matches!(&health.reasons[..], [Reason::SnapshotOld { snapshots: 2, .. }]), "{health}");
    drop((one, other));
    assert_eq!(reasons(&store), [""; 0]);
    drop(store);

    let limits = HealthLimits::new().sync(Duration::ZERO);
    let store = open(&disk, |options| options.health_limits(limits));
    store.tokens().upsert(&update(1, 1)).unwrap();
    assert_eq!((reasons(&store), store.health().level), (vec!["syncs_slow"], Level::Critical));
}

/// Rows that wait for a checkpoint which does not come about are told after a while: here it fails
/// once, and then nobody tries again.
#[test]
fn a_checkpoint_that_does_not_come_about() {
    let disk = SimulatedDisk::new(6);
    let limits = HealthLimits::new().checkpoint(Duration::ZERO);
    let store = open(&disk, |options| options.health_limits(limits));
    store.tokens().upsert(&update(1, 1)).unwrap();
    assert_eq!(reasons(&store), [""; 0], "nothing waits for a checkpoint that nobody began");
    disk.inject(FaultPlan::new(Fault::Io).on(Call::Write).within("base"));
    store.checkpoint().unwrap_err();
    assert_eq!(reasons(&store), ["checkpoints_failing"]);
    store.checkpoint().unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}

/// A journal that is longer than anything explains is told. Nothing is kept of the past here, and one
/// commit is larger than all that is expected.
#[test]
fn a_journal_of_unusual_length() {
    let disk = SimulatedDisk::new(7);
    let keep = KeepLog { bytes: 0, age: Duration::ZERO };
    let store = open(&disk, |options| {
        options.keep_log(keep).memory_bytes(256 * 1024).segment_bytes(64 * 1024, 64 * 1024)
    });
    assert_eq!(reasons(&store), [""; 0]);
    // Written as one, finishing: it waits for no memory, and nobody checkpoints.
    let mut number = 0;
    while !reasons(&store).contains(&"journal_long") {
        let commit = store.write_finishing(|tx| {
            for _ in 0..20_000 {
                number += 1;
                tx.tokens().upsert(&update(number, 1))?;
            }
            Ok::<_, Error>(())
        });
        commit.unwrap();
        assert!(number < 2_000_000, "{}", store.health());
    }
    store.checkpoint().unwrap();
    store.tokens().upsert(&update(number + 1, 1)).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(reasons(&store), [""; 0]);
}
