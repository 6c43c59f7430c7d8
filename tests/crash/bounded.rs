//! A store on few tokens takes little room, however long it runs.

use std::sync::Arc;

use highwater::disk::SimulatedDisk;
use highwater::{Durability, Error, Store};

use super::history::{self, History};
use super::setup::Setup;

const COMMITS: u64 = 20_000;

/// A store of which a bot writes and never stops.
struct Endless {
    history: History,
    disk: SimulatedDisk,
    store: Store,
    written: u64,
}

impl Endless {
    fn new(seed: u64, snapshot_limit_bytes: Option<u64>) -> Self {
        let disk = SimulatedDisk::new(seed);
        let mut options = Setup::new(seed).options();
        if let Some(limit) = snapshot_limit_bytes {
            options = options.snapshot_limit_bytes(limit);
        }
        let store = options.open_on(Arc::new(disk.clone())).expect("the disk works");
        Self { history: History::new(seed), disk, store, written: 0 }
    }

    /// Commits, with a checkpoint every so often.
    fn write(&mut self, commits: u64) {
        for _ in 0..commits {
            let number = self.written + 1;
            let write =
                self.store.write_with(Durability::Written, |tx| self.history.write(tx, number));
            write.expect("the disk works");
            self.written = number;
            if number.is_multiple_of(100) {
                assert_eq!(self.store.checkpoint().expect("the disk works"), number);
            }
        }
    }

    fn bytes(&self) -> u64 {
        let len = |name: &String| self.disk.read_file(name).map_or(0, |bytes| bytes.len() as u64);
        self.disk.names().iter().map(len).sum()
    }

    fn base_bytes(&self) -> u64 {
        self.disk.read_file("base.redb").map_or(0, |bytes| bytes.len() as u64)
    }
}

/// A bot runs for months on the same few tokens. Its files are as large as the tokens need, not as
/// its past was long, whether retired segments are kept or not.
#[test]
fn files_do_not_grow_with_the_past() {
    for seed in 0..2 {
        let mut endless = Endless::new(seed, None);
        endless.write(COMMITS / 4);
        let after_a_quarter = endless.bytes();
        let mut most = 0;
        for _ in 0..30 {
            endless.write(COMMITS / 40);
            most = most.max(endless.bytes());
        }
        let kept = if seed == 0 { 0 } else { 1 << 20 };
        assert!(most <= kept + (3 << 20), "{most} bytes, {after_a_quarter} after a quarter");
        let memory = endless.store.stats().memory_bytes;
        assert!(memory <= 512 << 10, "{memory} bytes of memory");
        assert_eq!(
            endless.history.commits_in(endless.store.snapshot().tokens()).ok(),
            Some(COMMITS)
        );
    }
}

/// Somebody holds a snapshot and forgets it. It is ended before it makes the base grow without end;
/// one that is taken anew shows the newest state.
#[test]
fn a_forgotten_snapshot_is_ended() {
    let mut endless = Endless::new(1, None);
    endless.write(500);
    let forgotten = endless.store.snapshot();
    endless.write(COMMITS / 4);
    let answer = history::count(&forgotten);
    assert!(matches!(answer, Err(Error::SnapshotLost)), "{answer:?}");
    assert_eq!(history::count(&endless.store.snapshot()).ok(), Some(endless.written));

    let mut without = Endless::new(1, None);
    without.write(endless.written);
    let (with, without) = (endless.base_bytes(), without.base_bytes());
    assert!(
        with <= without + (1 << 20),
        "{with} bytes of base, and {without} without the snapshot"
    );
}

/// Within its limit a snapshot shows the state that it was taken of, however much is written.
#[test]
fn a_snapshot_within_its_limit_stays_whole() {
    let mut endless = Endless::new(1, Some(1 << 40));
    endless.write(300);
    let held = endless.store.snapshot();
    endless.write(1_000);
    assert_eq!(endless.history.commits_in(held.tokens()).ok(), Some(300));
}
