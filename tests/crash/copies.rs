//! A backup that is cut short anywhere is none, and the store that it is made of never notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::copies::{BareRow, Contents, rows};
use highwater::disk::{CrashStyle, SimulatedDisk, Within};
use highwater::inspect::verify_on;
use highwater::{Asset, Error, Intent, Money, ReadOnly, Store, Timestamp, TokenKey, Update};

use crate::setup::Setup;

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random];

fn inside(disk: &SimulatedDisk, name: &str) -> Within {
    Within::new(Arc::new(disk.clone()), name)
}

fn open(disk: &SimulatedDisk) -> Store {
    let bot = inside(disk, "bot");
    Setup::new(4).options().open_on(Arc::new(bot)).expect("a sound disk")
}

/// A bot's store with something in every part of it: a base, commits above it, and an order under way.
fn live(store: &Store) {
    let usd = Asset::new("fiat", "USD", 6).expect("a plain asset");
    let dollars = |text| Money::parse(&usd, text).expect("a number");
    for number in 0..40 {
        let key = TokenKey::new("solana", &format!("coin{number}")).expect("a plain key");
        let at = Timestamp::from_micros(1_699_000_000_000_000 + number);
        let price = (number + 1).to_string().parse().expect("a number");
        store.tokens().upsert(&Update::new(key).price(price, at)).expect("a sound disk");
    }
    store.ledger().deposit("main", &dollars("10")).expect("a sound disk");
    store.checkpoint().expect("a sound disk");
    let order = store.operations().begin_and_start(&Intent::deduct("pay", "main", dollars("1")));
    drop(order.expect("there is money"));
}

fn all_rows(disk: &Within) -> (u64, Vec<BareRow>) {
    let store = ReadOnly::open_on(disk).expect("a sound store");
    let all = (0..=u8::MAX).flat_map(|table| rows(&store, table).collect::<Vec<_>>());
    let all = all.map(|row| row.expect("a sound store")).collect();
    (Contents::of(&store).last_lsn, all)
}

/// The files of the bot, but for its lock.
fn files(disk: &SimulatedDisk) -> BTreeMap<String, Option<Vec<u8>>> {
    let names = disk.names().into_iter().filter(|name| name.starts_with("bot/"));
    names.map(|name| (name.clone(), disk.read_file(&name))).collect()
}

/// What is left after a cut is the bot as it was, and a whole backup or none at all; the next try makes it.
fn none_or_whole(image: &SimulatedDisk, expected: &(u64, Vec<BareRow>), what: &str) -> bool {
    let copy = inside(image, "copy");
    let is_there = image.names().iter().any(|name| name.starts_with("copy/"));
    if is_there {
        let found = verify_on(&copy).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.flaws, [], "{what}");
        assert!(all_rows(&copy) == *expected, "{what}: the backup holds something else");
    } else {
        assert!(matches!(verify_on(&copy), Err(Error::Missing { .. })), "{what}");
        let again = ReadOnly::open_on(&inside(image, "bot")).expect("the bot is as it was");
        again
            .backup_on(Arc::new(image.clone()), "copy")
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(all_rows(&copy) == *expected, "{what}: the second try holds something else");
    }
    is_there
}

/// The power goes out at every call of a backup that is made offline.
#[test]
fn a_backup_cut_at_any_call_is_none_or_whole() {
    let disk = SimulatedDisk::new(9);
    let store = open(&disk);
    live(&store);
    let sound = disk.process_killed_image().crash_image(9, CrashStyle::KeepAll);
    disk.crash();
    drop(store);
    let (expected, before) = (all_rows(&inside(&sound, "bot")), files(&sound));
    let backup = |disk: &SimulatedDisk| {
        let store = ReadOnly::open_on(&inside(disk, "bot"))?;
        store.backup_on(Arc::new(disk.clone()), "copy")
    };
    let trial = sound.fork();
    let first = trial.calls();
    assert_eq!(backup(&trial).expect("a sound disk"), expected.0);
    let calls = trial.calls() - first;
    assert!(calls > 10, "{calls}");
    let mut made = [0, 0];
    for call in 0..=calls {
        for style in STYLES {
            let cut = sound.fork();
            cut.crash_at(cut.calls() + call);
            let answer = backup(&cut);
            let image = cut.crash_image(call, style);
            let what = format!("cut at call {call} of {calls}, {style:?}");
            assert!(files(&image) == before, "{what}: the source changed");
            let is_there = none_or_whole(&image, &expected, &what);
            assert!(is_there || answer.is_err(), "{what}: it answered that all is well");
            made[usize::from(is_there)] += 1;
        }
    }
    assert!(made[0] > 0 && made[1] > 0, "{made:?}");
}

/// The same under a running bot, which goes on afterwards as if nothing had been; and a disk without room
/// leaves nothing behind.
#[test]
fn a_running_bot_outlives_every_cut_and_every_full_disk() {
    let trial = SimulatedDisk::new(9);
    let store = open(&trial);
    live(&store);
    let first = trial.calls();
    store.backup_on(Arc::new(trial.clone()), "copy").expect("a sound disk");
    let calls = trial.calls() - first;
    let expected = all_rows(&inside(&trial, "copy"));
    trial.crash();
    drop(store);
    for call in (0..calls).step_by(5) {
        let disk = SimulatedDisk::new(9);
        let store = open(&disk);
        live(&store);
        assert_eq!(disk.calls(), first, "one seed gives one run");
        disk.crash_at(first + call);
        assert!(store.backup_on(Arc::new(disk.clone()), "copy").is_err(), "{call}");
        drop(store);
        let image = disk.crash_image(call, STYLES[(call % 3) as usize]);
        none_or_whole(&image, &expected, &format!("running, cut at call {call}"));
    }
    let disk = SimulatedDisk::new(9);
    let store = open(&disk);
    live(&store);
    let used: u64 =
        disk.names().iter().filter_map(|name| disk.read_file(name)).map(|b| b.len() as u64).sum();
    disk.set_capacity(Some(used + 200 * 1024));
    let answer = store.backup_on(Arc::new(disk.clone()), "copy");
    assert!(matches!(answer, Err(Error::Full { .. })), "{answer:?}");
    assert!(disk.names().iter().all(|name| name.starts_with("bot/")), "{:?}", disk.names());
    disk.set_capacity(None);
    live_on(&store);
    assert_eq!(
        store.backup_on(Arc::new(disk.clone()), "copy").expect("there is room"),
        store.snapshot().lsn()
    );
    store.close().expect("a sound disk");
}

fn live_on(store: &Store) {
    let usd = Asset::new("fiat", "USD", 6).expect("a plain asset");
    let money = Money::parse(&usd, "5").expect("a number");
    store.ledger().deposit("main", &money).expect("a sound disk");
}
