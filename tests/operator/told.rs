//! What is told of a life of a store.

use highwater::{
    Asset, Effect, Error, Filter, Intent, Money, NewPosition, Store, TokenSync, Verdict,
};

use crate::operator::listener::{lines, listen};
use crate::{manual, tick, usd};

fn open(path: &std::path::Path) -> Store {
    manual().open(path).unwrap()
}

fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).unwrap()
}

fn bonk() -> Asset {
    Asset::new("solana", "mintA", 5).unwrap()
}

fn intent(key: &str) -> Intent {
    Intent::open(key, NewPosition::new("main", bonk(), usd()).tag(key)).hold(dollars("10"))
}

#[test]
fn a_quiet_life_is_told_in_a_few_lines() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("store");
    let ((), told) = listen(|| {
        let store = open(&path);
        store.tokens().upsert(&tick("1")).unwrap();
        store.checkpoint().unwrap();
        store.health();
        store.maintain().unwrap();
        store.close().unwrap();
    });
    let expected = [
        "INFO the store is open",
        "DEBUG a checkpoint begins",
        "DEBUG a checkpoint is done",
        "WARN health changed",
        "DEBUG maintenance ran",
        "DEBUG a checkpoint begins",
        "DEBUG a checkpoint is done",
        "INFO the store is closed",
    ];
    let lines: Vec<_> =
        lines(&told).into_iter().filter(|line| !line.contains("health changed")).collect();
    let expected: Vec<_> = expected.into_iter().filter(|line| !line.contains("health")).collect();
    assert_eq!(lines, expected);
    assert!(told[0].fields.contains(" created=true clean=true last=0 replayed=0"), "{told:?}");
    assert!(told[2].fields.contains(" lsn=1 rows="), "{told:?}");
}

/// What a commit decided is told once it is committed, whoever wrote it, and never where it was not.
#[test]
fn what_a_commit_decided_is_told_behind_it() {
    let store = Store::memory(highwater::Mode::Paper, usd()).unwrap();
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let (refused, told) = listen(|| {
        store.write(|tx| {
            tx.ledger().halt("the venue is down")?;
            Err::<(), Error>(Error::Nested)
        })
    });
    assert!(refused.is_err());
    assert_eq!(lines(&told), Vec::<String>::new(), "it did not happen");
    let ((), told) = listen(|| {
        store.write(|tx| Ok::<_, Error>(tx.ledger().halt("the venue is down")?)).unwrap();
        assert!(matches!(store.operations().begin(&intent("a")), Err(Error::Halted { .. })));
        store.ledger().resume().unwrap();
    });
    let expected = [
        "WARN trading is halted",
        "WARN a limit or a halt refused an operation",
        "INFO trading goes on",
    ];
    assert_eq!(lines(&told), expected);
    let (swept, told) = listen(|| {
        drop(store.operations().begin(&intent("b")).unwrap().into_handle());
        store.operations().sweep(10).unwrap()
    });
    assert_eq!((swept, lines(&told)), (1, vec!["INFO a pending operation was rolled back".into()]));
}

#[test]
fn a_recovery_is_told_case_by_case() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("store");
    let store = open(&path);
    store.ledger().deposit("main", &dollars("100")).unwrap();
    let begin = |key| store.operations().begin(&intent(key)).unwrap().into_handle().unwrap();
    let (pending, first, second) = (begin("a"), begin("b"), begin("c"));
    let first = first.start(&store).unwrap();
    let second = second.start(&store).unwrap();
    drop((pending, first, second));
    store.close().unwrap();
    let (store, told) = listen(|| {
        let store = open(&path);
        assert!(store.health().level > highwater::Level::Healthy);
        let report = store.recover(|case| {
            Ok::<_, Error>(match case.id().get() % 2 {
                0 => Verdict::Complete(Effect::new()),
                _ => Verdict::Leave,
            })
        });
        assert_eq!(report.unwrap().found(), 3);
        store
    });
    let expected = [
        "INFO the store is open",
        "ERROR health changed",
        "INFO recovery of operations begins",
        "INFO a pending operation was rolled back",
        "INFO recovery decided an operation",
        "INFO recovery decided an operation",
        "INFO recovery of operations is done",
    ];
    assert_eq!(lines(&told), expected);
    assert!(told[1].fields.contains("orphans"), "{told:?}");
    assert!(told[4].fields.contains("outcome="), "{told:?}");
    store.close().unwrap();
}

#[test]
fn a_sync_of_tokens_is_told_from_begin_to_end() {
    let store = Store::memory(highwater::Mode::Paper, usd()).unwrap();
    let (_, told) = listen(|| {
        let sync = TokenSync::new("lists", "monday", Filter::All);
        store.tokens().sync(sync, [tick("1")]).unwrap()
    });
    assert_eq!(lines(&told), ["INFO a sync of tokens begins", "INFO a sync of tokens ended"]);
    assert!(told[1].fields.contains("ending=Complete rows=1 new=1"), "{told:?}");
}

#[cfg(feature = "simulation")]
mod failing {
    use std::sync::Arc;

    use highwater::Durability;
    use highwater::disk::{Call, CrashStyle, Fault, FaultPlan, SimulatedDisk};

    use super::*;

    /// What cannot be synced poisons the store, and the line that says so names the call that failed.
    #[test]
    fn a_poisoned_store_says_why() {
        let disk = SimulatedDisk::new(1);
        let store = manual().open_on(Arc::new(disk.clone())).unwrap();
        store.tokens().upsert(&tick("1")).unwrap();
        disk.inject(FaultPlan::new(Fault::Io).on(Call::Sync).within("journal/"));
        let ((), told) = listen(|| {
            store.tokens().upsert(&tick("2")).unwrap_err();
            store.close().unwrap_err();
        });
        assert_eq!(lines(&told), ["ERROR the store is poisoned: no further write is accepted"]);
        assert!(told[0].fields.contains("could not sync journal/"), "{told:?}");
    }

    /// A checkpoint that finds no room is told and tried again; so is a write that finds none.
    #[test]
    fn a_full_disk_is_told() {
        let disk = SimulatedDisk::new(1);
        let store = manual().open_on(Arc::new(disk.clone())).unwrap();
        store.tokens().upsert(&tick("1")).unwrap();
        disk.inject(FaultPlan::new(Fault::Full).within("base").for_ever());
        let ((), told) = listen(|| {
            store.checkpoint().unwrap_err();
        });
        let lines = lines(&told);
        let failed = "WARN a checkpoint failed and will be tried again";
        assert!(lines.iter().any(|line| line == failed), "{lines:?}");
    }

    /// What was cut from a log is told at the opening, with file and length.
    #[test]
    fn a_torn_tail_is_told() {
        for seed in 0..64 {
            let disk = SimulatedDisk::new(seed);
            let store = manual().open_on(Arc::new(disk.clone())).unwrap();
            store.tokens().upsert(&tick("1")).unwrap();
            let written = |price| {
                let update = tick(price);
                let body =
                    |tx: &mut highwater::Tx<'_>| Ok::<_, Error>(tx.tokens().upsert(&update)?);
                store.write_with(Durability::Written, body).unwrap();
            };
            written("2");
            written("3");
            let image = disk.crash_image(seed, CrashStyle::Random);
            let (store, told) = listen(|| manual().open_on(Arc::new(image)).unwrap());
            if store.opening().cut.is_some() {
                assert_eq!(lines(&told), ["WARN a torn tail was cut", "INFO the store is open"]);
                assert!(told[0].fields.contains("file=\"journal/"), "{told:?}");
                return;
            }
            assert_eq!(lines(&told), ["INFO the store is open"]);
        }
        panic!("no crash left a torn tail");
    }
}
