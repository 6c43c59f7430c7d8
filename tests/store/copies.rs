//! Backups and loaded stores against the stores they were made of: any life of a bot, row by row.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fastrand::Rng;
use highwater::copies::{self, BareRow, Contents, NotLoaded};
use highwater::disk::{Disk, MemoryDisk, Within};
use highwater::inspect::verify_on;
use highwater::{
    Background, Effect, Error, Failure, Fill, History, Intent, Money, NewPosition, Options,
    ReadOnly, Store, Timestamp,
};
use proptest::prelude::*;

use crate::{key, options, price, update, usd};

/// Some of everything that a bot does, drawn from `seed`.
fn live(store: &Store, seed: u64, steps: usize) {
    let mut rng = Rng::with_seed(seed);
    let dollars = |number: u64| Money::parse(&usd(), &number.to_string()).unwrap();
    let _ = store.skip_recovery();
    for step in 0..steps {
        let name = format!("{seed}-{step}");
        let money = dollars(rng.u64(1..50));
        match rng.u8(..9) {
            0 => drop(store.ledger().deposit("main", &money).unwrap()),
            1 | 2 => {
                let (number, at) = (rng.u64(..20), rng.u64(1..1_000));
                drop(store.tokens().upsert(&update(number, at)).unwrap());
            }
            3 => drop(store.claims().claim(
                "seen",
                name.as_bytes(),
                Timestamp::from_micros(step as i64),
            )),
            4 => drop(store.cursors().set(&name, None, &[7; 30])),
            5 => drop(store.operations().begin(&Intent::deduct(name, "main", money))),
            6 => {
                let position = NewPosition::new(
                    "main",
                    highwater::Asset::new("solana", "B", 2).unwrap(),
                    usd(),
                );
                let intent = Intent::open(&name, position.tag(&*name).fifo()).hold(money.clone());
                let Ok(begun) = store.operations().begin(&intent) else { continue };
                let order = begun.into_handle().unwrap().start(store).unwrap();
                let held = order.position().unwrap();
                let units =
                    Money::parse(&highwater::Asset::new("solana", "B", 2).unwrap(), "3").unwrap();
                let effect = Effect::new().buy(held, Fill::new("venue", name, units, money));
                if rng.bool() {
                    order.complete(store, &effect).unwrap();
                } else {
                    order.record(store, &effect).unwrap();
                    drop(order.fail(store, Failure::ambiguous("no answer")));
                }
            }
            7 => drop(store.checkpoint().unwrap()),
            _ => drop(store.maintain()),
        }
    }
}

fn bot(disk: &MemoryDisk, with_history: bool) -> Store {
    let mut options: Options = options().background(Background::Manual).seed(5);
    if with_history {
        options = options.history(History::new());
    }
    options.open_on(Arc::new(inside(disk, "bot"))).unwrap()
}

fn inside(disk: &MemoryDisk, name: &str) -> Within {
    Within::new(Arc::new(disk.clone()), name)
}

fn above(disk: &MemoryDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn all_rows(store: &ReadOnly) -> Vec<BareRow> {
    let all = (0..=u8::MAX).flat_map(|table| copies::rows(store, table).collect::<Vec<_>>());
    all.map(Result::unwrap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever a bot did: the backup that it made, the one that was made offline, and the store that is
    /// loaded from its rows hold the same rows and the same last commit, are sound, and open.
    #[test]
    fn copies_hold_every_row(seed in any::<u64>(), steps in 0_usize..60, with_history in any::<bool>()) {
        let disk = MemoryDisk::new();
        let store = bot(&disk, with_history);
        live(&store, seed, steps);
        let lsn = store.backup_on(above(&disk), "running").unwrap();
        prop_assert_eq!(lsn, store.snapshot().lsn());
        store.close().unwrap();

        let source = ReadOnly::open_on(&inside(&disk, "bot")).unwrap();
        prop_assert_eq!(source.backup_on(above(&disk), "offline").unwrap(), lsn);
        let (rows, contents) = (all_rows(&source), Contents::of(&source));
        let exported = rows.iter().cloned().map(Ok::<_, Error>);
        let found = copies::load_on(above(&disk), "loaded", &contents, exported).unwrap();
        prop_assert_eq!((found.base_rows, found.last_lsn), (rows.len() as u64, lsn));
        for operation in source.operations().all() {
            let epoch = operation.unwrap().epoch;
            prop_assert!(epoch < contents.segment, "the copy's next opening may be {epoch} again");
        }
        for name in ["running", "offline", "loaded"] {
            let place = inside(&disk, name);
            prop_assert_eq!(verify_on(&place).unwrap().flaws, []);
            let copy = ReadOnly::open_on(&place).unwrap();
            prop_assert!(all_rows(&copy) == rows, "{} holds other rows", name);
            prop_assert_eq!(copy.identity(), source.identity());
            let said = Contents::of(&copy);
            prop_assert_eq!((said.store_id, said.last_lsn), (contents.store_id, lsn));
            prop_assert!(said.segment >= contents.segment, "an opening may get a number again");
            drop(copy);
            let opened = options().background(Background::Manual).open_on(Arc::new(place)).unwrap();
            prop_assert!(opened.opening().clean);
            live(&opened, seed ^ 1, 5);
            prop_assert_eq!(opened.snapshot().verify().unwrap(), []);
        }
    }

    /// A row that is missing, twice, out of its place or of another table makes no store that is not sound,
    /// whatever row it is.
    #[test]
    fn what_does_not_add_up_is_not_loaded(seed in any::<u64>(), at in any::<prop::sample::Index>(), how in 0_u8..4) {
        let disk = MemoryDisk::new();
        let store = bot(&disk, seed.is_multiple_of(2));
        live(&store, seed, 30);
        store.close().unwrap();
        let source = ReadOnly::open_on(&inside(&disk, "bot")).unwrap();
        let (mut rows, contents) = (all_rows(&source), Contents::of(&source));
        prop_assume!(rows.len() > 1);
        let at = at.index(rows.len());
        match how {
            0 => drop(rows.remove(at)),
            1 => rows.insert(at, rows[at].clone()),
            2 => {
                let next = (at + 1) % rows.len();
                rows.swap(at, next);
            }
            _ => rows[at].row = rows[at].row[1..].into(),
        }
        let loaded = copies::load_on(above(&disk), "loaded", &contents, rows.into_iter().map(Ok::<_, Error>));
        let is_there = disk.list("loaded").unwrap().contains(&"base.redb".to_owned());
        match loaded {
            Ok(found) => prop_assert!(found.is_sound() && is_there),
            Err(error) => {
                prop_assert!(!is_there);
                prop_assert!(disk.list("loaded.partial").unwrap().is_empty());
                // A row that lost its first byte may say that it is of a later version.
                let (NotLoaded::Row { .. }
                | NotLoaded::Unsound(_)
                | NotLoaded::Store(Error::Version { .. })) = error
                else {
                    return Err(TestCaseError::fail(format!("{error:?}")));
                };
            }
        }
    }
}

/// Others go on writing while a backup is made. It is the store as of one commit: two cursors that every
/// commit moves together are the same in it.
#[test]
fn a_backup_is_of_one_moment() {
    let directory = tempfile::TempDir::new().unwrap();
    let store = options().open(directory.path().join("bot")).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut last: Option<Vec<u8>> = None;
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let next = number.to_be_bytes().to_vec();
                let moved: Result<(), Error> = store.write(|tx| {
                    tx.cursors().set("left", last.as_deref(), &next)?;
                    tx.tokens().upsert(&update(number % 50, number))?;
                    Ok(tx.cursors().set("right", last.as_deref(), &next)?)
                });
                moved.unwrap();
                last = Some(next);
            }
        });
        for round in 0..5 {
            let path = directory.path().join(format!("backup {round}"));
            while store.snapshot().lsn() < 10 * (round + 1) {
                std::thread::yield_now();
            }
            let lsn = store.backup(&path).unwrap();
            let copy = ReadOnly::open(&path).unwrap();
            assert_eq!(copy.lsn(), lsn);
            let cursor = |name| copy.cursors().get(name).unwrap().unwrap();
            assert_eq!(cursor("left"), cursor("right"));
            assert!(copy.tokens().get(&key(1)).unwrap().unwrap().max.unwrap().price >= price(1));
            let taken = store.backup(&path).unwrap_err();
            assert!(matches!(taken, Error::Io { .. }), "{taken:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
    let nested: Result<(), Error> = store.write(|_| {
        let inner = store.backup(directory.path().join("nested"));
        assert!(matches!(inner, Err(Error::Nested)), "{inner:?}");
        Ok(())
    });
    nested.unwrap();
    let entries = std::fs::read_dir(directory.path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.ends_with(".partial") && name != "nested"));
}
