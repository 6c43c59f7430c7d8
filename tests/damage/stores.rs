//! The stores that are damaged: one that was closed, one whose process was killed, one whose power
//! went out in the middle of a checkpoint.

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::{Background, Error, KeepLog, Lsn, ManualClock, Mode, Options, Store, Timestamp};

use crate::history::{Life, States, usd};
use crate::layout::Layout;

/// How a store came to be as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Closed,
    Killed,
    CrashedInACheckpoint,
}

/// A store that nobody has open.
pub(crate) struct Sound {
    pub(crate) fate: Fate,
    pub(crate) disk: SimulatedDisk,
    /// What it must show, by the last commit that is found.
    pub(crate) states: States,
    pub(crate) last: Lsn,
    pub(crate) layout: Layout,
    /// Its files, but for the lock.
    pub(crate) names: Vec<String>,
    /// The same store some commits earlier, after a close of its own.
    pub(crate) yesterday: SimulatedDisk,
}

impl Fate {
    pub(crate) const ALL: [Self; 3] = [Self::Closed, Self::Killed, Self::CrashedInACheckpoint];
}

pub(crate) fn open(disk: &SimulatedDisk, seed: u64) -> Result<Store, Error> {
    let clock = ManualClock::new(Timestamp::from_micros(1_700_000_100_000_000));
    Options::new(Mode::Paper, usd(0).asset().clone())
        .background(Background::Manual)
        .clock(Arc::new(clock))
        .seed(seed)
        .segment_bytes(64 * 1024, 64 * 1024)
        .keep_log(KeepLog { bytes: 100 * 1024, age: Duration::from_secs(3600) })
        .open_on(Arc::new(disk.clone()))
}

impl Sound {
    pub(crate) fn new(fate: Fate, seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed);
        let store = open(&disk, seed).expect("an empty disk");
        let mut life = Life::new(&store);
        life.begin();
        let mut states = life.states;
        store.close().expect("a sound store");
        let yesterday = disk.fork();

        let store = open(&disk, seed).expect("it was closed");
        let mut life = Life::new(&store);
        life.fill_a_segment();
        store.checkpoint().expect("a sound store");
        life.fill_a_segment();
        store.checkpoint().expect("a sound store");
        life.tell("wif", 3);
        life.leave_something_unfinished();
        if fate != Fate::Closed {
            // So that commits that are needed lie in two segments.
            life.fill_a_segment();
        }
        life.tell("bonk", 9);
        store.sync().expect("a sound store");
        life.tell("bonk", 4);
        states.append(&mut life.states);
        let disk = match fate {
            Fate::Closed => {
                drop(life);
                store.close().expect("a sound store");
                disk.crash_image(seed, CrashStyle::LoseAll)
            }
            Fate::Killed => {
                life.tell_unsynced("wif", 5);
                life.tell_unsynced("wif", 1);
                states.append(&mut life.states);
                drop(life);
                let image = disk.process_killed_image();
                disk.crash();
                drop(store);
                image.crash_image(seed, CrashStyle::KeepAll)
            }
            Fate::CrashedInACheckpoint => {
                drop(life);
                let (before, trial) = (disk.calls(), calls_of_a_checkpoint(&disk, seed));
                disk.crash_at(before + trial / 2);
                assert!(store.checkpoint().is_err(), "the power went out in it");
                drop(store);
                disk.crash_image(seed, CrashStyle::Random)
            }
        };
        let last = *states.keys().next_back().expect("there are commits");
        let layout = Layout::of(&disk);
        let names = disk.names().into_iter().filter(|name| name != "LOCK").collect();
        Self { fate, disk, states, last, layout, names, yesterday }
    }
}

/// How many calls a checkpoint of a store makes that is found like this: about as many as the one
/// that is to be cut short.
fn calls_of_a_checkpoint(disk: &SimulatedDisk, seed: u64) -> u64 {
    let copy = disk.process_killed_image();
    let store = open(&copy, seed).expect("a killed store opens");
    let before = copy.calls();
    store.checkpoint().expect("a sound store");
    let calls = copy.calls() - before;
    copy.crash();
    calls
}
