//! Damaged, missing, exchanged and outdated files, on closed and on crashed stores.
//!
//! Either the store does not open and says what is damaged, and then nothing was changed; or it
//! opens with everything that was acknowledged. Nothing is lost in silence and nothing panics.

use std::collections::BTreeMap;

use fastrand::Rng;
use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{Error, ReadOnly};

use super::bot::Bot;
use super::history::History;
use super::seeds::each_seed;
use super::setup::Setup;
use super::workload::{self, Step};

const STORES: u64 = 150;
const DAMAGES_PER_STORE: u64 = 12;

/// A store that nobody has open, and everything it held was acknowledged and marked as durable.
struct Whole {
    setup: Setup,
    history: History,
    disk: SimulatedDisk,
    commits: u64,
    /// The base as it was in the middle of the store's life.
    old_base: Vec<u8>,
    closed: bool,
}

impl Whole {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (setup, history) = (Setup::new(seed), History::new(seed));
        let mut bot = Bot::new(setup, history, SimulatedDisk::new(seed));
        assert_eq!(bot.run(&workload::random(&mut rng, 30)), Ok(()));
        assert_eq!(bot.close(), Ok(()));
        let old_base = bot.disk.read_file("base.redb").expect("it was just closed");
        assert_eq!(bot.run(&workload::random(&mut rng, 30)), Ok(()));
        // A commit behind everything, so that there is one; then all of it is marked as durable.
        for step in [Step::Commit(highwater::Durability::Synced), Step::Sync] {
            assert_eq!(bot.step(step), Ok(()));
        }
        let closed = rng.bool();
        if closed {
            assert_eq!(bot.close(), Ok(()));
        }
        let commits = bot.promises.staged();
        let disk = bot.disk.crash_image(seed, CrashStyle::LoseAll);
        bot.abandon();
        Self { setup, history, disk, commits, old_base, closed }
    }

    /// What opening `damaged` came to, held against the rules.
    fn refuses_or_has_everything(&self, damaged: &SimulatedDisk, what: &str) -> Verdict {
        let before = files(damaged);
        let offline = ReadOnly::open_on(damaged).map(drop);
        match self.setup.open(damaged) {
            Ok(store) => {
                let found = self.history.commits_in(store.snapshot().tokens());
                assert_eq!(found.expect(what), self.commits, "{what}: lost in silence");
                assert!(offline.is_ok(), "{what}: opened, and refused offline: {offline:?}");
                store.close().expect(what);
                Verdict::Whole
            }
            Err(error) => {
                let told = matches!(error, Error::Corrupt { .. } | Error::Version { .. });
                assert!(told, "{what}: {error:?}");
                assert!(offline.is_err(), "{what}: refused, and read offline");
                assert!(before == files(damaged), "{what}: refused, and changed files");
                Verdict::Refused
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Whole,
    Refused,
}

fn files(disk: &SimulatedDisk) -> BTreeMap<String, Vec<u8>> {
    let names = disk.names().into_iter().filter(|name| name != "LOCK");
    names.map(|name| (name.clone(), disk.read_file(&name).unwrap_or_default())).collect()
}

/// Disks flip bits, and people delete, cut, exchange and restore files.
#[test]
fn damage_is_told_or_does_no_harm() {
    each_seed("damage", STORES, |seed| {
        let whole = Whole::new(seed);
        let mut rng = Rng::with_seed(seed);
        for _ in 0..DAMAGES_PER_STORE {
            let damaged = whole.disk.fork();
            let what = damage(&mut rng, &damaged, whole.closed);
            whole.refuses_or_has_everything(&damaged, &what);
        }
    });
}

/// Damages one file, or two where they are exchanged; says how.
fn damage(rng: &mut Rng, disk: &SimulatedDisk, closed: bool) -> String {
    let names: Vec<_> = disk.names().into_iter().filter(|name| name != "LOCK").collect();
    let name = &names[rng.usize(..names.len())];
    let mut bytes = disk.read_file(name).unwrap_or_default();
    // Where there are bytes at all: most of a file is room for later.
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let at = rng.usize(..used);
    match rng.u8(..6) {
        0 | 1 => {
            let bit = rng.u8(..8);
            disk.flip_bit(name, at as u64, bit);
            format!("bit {bit} of byte {at} of {name} flipped")
        }
        2 => {
            let len = rng.usize(..=bytes.len());
            bytes.truncate(len);
            disk.write_file(name, &bytes);
            format!("{name} cut to {len} bytes")
        }
        3 => {
            disk.remove_file(name);
            format!("{name} deleted")
        }
        4 => {
            let other = &names[rng.usize(..names.len())];
            disk.write_file(name, &disk.read_file(other).unwrap_or_default());
            disk.write_file(other, &bytes);
            format!("{name} and {other} exchanged")
        }
        // Together with what marks it as durable, a last batch can vanish without a trace.
        _ if !closed && name.starts_with("journal") => {
            disk.flip_bit(name, at as u64, 0);
            format!("bit 0 of byte {at} of {name} flipped")
        }
        _ => {
            let end = (at + rng.usize(1..5_000)).min(bytes.len());
            let fill = if rng.bool() { 0 } else { rng.u8(..) };
            bytes[at..end].fill(fill);
            disk.write_file(name, &bytes);
            format!("{fill} in bytes {at} to {end} of {name}")
        }
    }
}

/// Somebody deletes the base, or all of the journal, or puts another store's files in their place.
/// None of these is a store; yesterday's base is one only where nothing is lost by it.
#[test]
fn files_that_do_not_belong_together_are_refused() {
    each_seed("mixed", 40, |seed| {
        let whole = Whole::new(seed);
        let other = Whole::new(seed + 1_000_000);
        let refused = |what: &str, change: &dyn Fn(&SimulatedDisk)| {
            let damaged = whole.disk.fork();
            change(&damaged);
            let verdict = whole.refuses_or_has_everything(&damaged, what);
            assert_eq!(verdict, Verdict::Refused, "{what}");
        };
        // Yesterday's base is as good as today's where the journal still has everything since.
        let restored = whole.disk.fork();
        restored.write_file("base.redb", &whole.old_base);
        whole.refuses_or_has_everything(&restored, "yesterday's base");
        refused("no base", &|disk| delete(&["base.redb".to_owned()], disk));
        refused("another store's base", &|disk| copy("base.redb", &other.disk, disk));
        refused("no journal", &|disk| delete(&journal(disk), disk));
        refused("another store's journal", &|disk| {
            delete(&journal(disk), disk);
            for name in journal(&other.disk) {
                copy(&name, &other.disk, disk);
            }
        });
    });
}

fn journal(disk: &SimulatedDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| name.starts_with("journal/")).collect()
}

fn copy(name: &str, from: &SimulatedDisk, to: &SimulatedDisk) {
    to.write_file(name, &from.read_file(name).unwrap_or_default());
}

fn delete(names: &[String], disk: &SimulatedDisk) {
    for name in names {
        disk.remove_file(name);
    }
}
