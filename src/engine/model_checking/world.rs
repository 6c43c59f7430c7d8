//! A store on the model's disk, writers whose rows say which commits there are, and what has to be
//! true of every answer and of every snapshot.
//!
//! Each commit writes a row under its own LSN and its LSN under one hot key, and counts on the hot key
//! to hold the LSN before. So a snapshot has to show the rows from 1 up to its LSN and that LSN under
//! the hot key, or something was lost, seen twice, torn or taken from another state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shuttle::thread::{self, JoinHandle};

use super::disk::ModelDisk;
use crate::clock::ManualClock;
use crate::engine::journal::{Purpose, RoomOptions};
use crate::engine::{
    Background, Durability, Engine, EngineOptions, Error, KeyRange, Lsn, Reader, Running, Snapshot,
    Table, Ticket, open,
};

pub(super) const ROWS: Table = Table(7);
const NEWEST: &[u8] = b"newest";

/// A wait of this length never runs out in the model, whatever was waited before.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);

/// A store that has room for all that a scenario does, with nobody in the background.
pub(super) fn options() -> EngineOptions {
    EngineOptions {
        identity: b"model".to_vec(),
        memtable_bytes: 64 * 1024,
        cache_bytes: 64 * 1024,
        journal_bytes: 1024 * 1024,
        snapshot_limit_bytes: 1024 * 1024,
        sync_interval: Duration::from_millis(10),
        stall_limit: FOR_EVER,
        room: RoomOptions {
            segment_min_bytes: 64 * 1024,
            segment_max_bytes: 64 * 1024,
            keep_bytes: 0,
            keep_micros: 0,
        },
        background: Background::Manual,
        clock: Arc::new(ManualClock::default()),
        seed: Some(1),
    }
}

/// One run's store and what is known of it.
pub(super) struct World {
    pub(super) disk: ModelDisk,
    pub(super) running: Running,
    /// What the writers of the commits asked for.
    asked: Mutex<BTreeMap<Lsn, Durability>>,
}

impl World {
    /// A new store with nobody in the background.
    pub(super) fn new() -> Arc<Self> {
        Self::with(|_| ())
    }

    pub(super) fn with(change: impl FnOnce(&mut EngineOptions)) -> Arc<Self> {
        let mut options = options();
        change(&mut options);
        Self::open(ModelDisk::default(), options)
    }

    /// The store of another life, opened again.
    pub(super) fn again(disk: ModelDisk) -> Arc<Self> {
        disk.look_away();
        Self::open(disk, options())
    }

    fn open(disk: ModelDisk, options: EngineOptions) -> Arc<Self> {
        let engine = open(Arc::new(disk.clone()), options, true).expect("the store opens");
        disk.watch();
        let running = Running::start(engine).expect("threads start");
        Arc::new(Self { disk, running, asked: Mutex::default() })
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.running.engine()
    }

    /// Runs `body` beside the others.
    pub(super) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        body: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let world = self.clone();
        thread::spawn(move || body(&world))
    }

    /// One commit with a row of `row_bytes`, waited for. Where it is acknowledged, it has to be what
    /// was promised.
    pub(super) fn write_row(&self, durability: Durability, row_bytes: usize) -> Result<Lsn, Error> {
        let (lsn, ticket) = self.stage_row(durability, row_bytes, Purpose::Ordinary)?;
        ticket.wait()?;
        self.is_safe(lsn, durability);
        Ok(lsn)
    }

    /// One commit with a row of `row_bytes` that is on its way to the disk.
    pub(super) fn stage_row(
        &self,
        durability: Durability,
        row_bytes: usize,
        purpose: Purpose,
    ) -> Result<(Lsn, Ticket), Error> {
        let staged = self.engine().stage(durability, purpose, |tx| {
            let lsn = tx.lsn();
            assert_eq!(newest(tx)?, lsn - 1, "a transaction reads the newest state");
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(lsn, durability);
            tx.put(ROWS, &key(lsn), vec![0; row_bytes]);
            tx.put(ROWS, NEWEST, lsn.to_le_bytes().to_vec());
            Ok::<_, Error>(lsn)
        })?;
        let lsn = staged.outcome?;
        assert_eq!(staged.ticket.lsn(), lsn);
        self.disk.waits_for(lsn);
        Ok((lsn, staged.ticket))
    }

    /// Where this commit is acknowledged, it is what was promised.
    pub(super) fn is_safe(&self, lsn: Lsn, durability: Durability) {
        let safe = match durability {
            Durability::Synced => self.disk.durable(),
            Durability::Written => self.disk.written(),
        };
        assert!(safe >= lsn, "{lsn} is acknowledged and {durability:?} reaches to {safe}");
    }

    pub(super) fn write(&self, durability: Durability) -> Result<Lsn, Error> {
        self.write_row(durability, 1)
    }

    /// A write that finds something there and changes nothing.
    pub(super) fn refuse(&self) -> Result<Lsn, Error> {
        let staged = self.engine().stage(Durability::Synced, Purpose::Ordinary, |tx| {
            Err::<(), Lsn>(newest(tx).expect("a transaction's base is not closed"))
        })?;
        let found = staged.outcome.expect_err("it refuses");
        // It may lead for what it read, and for nothing behind it.
        self.disk.waits_for(found);
        staged.ticket.wait()?;
        self.holds_promises(found);
        Ok(found)
    }

    /// What is seen up to `lsn` is as safe as its writers asked.
    fn holds_promises(&self, lsn: Lsn) {
        let (written, durable) = (self.disk.written(), self.disk.durable());
        assert!(lsn <= written, "{lsn} is seen and only {written} is written");
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = asked.range(..=lsn);
        let taken_back = seen.find(|(at, asked)| **asked == Durability::Synced && **at > durable);
        assert_eq!(taken_back, None, "{lsn} is seen, and a power cut leaves {durable}");
    }

    /// A snapshot, looked at.
    pub(super) fn look(&self) -> Snapshot {
        let snapshot = self.engine().snapshot();
        self.holds_promises(snapshot.lsn());
        match is_one_prefix(&snapshot) {
            Ok(()) => {}
            Err(Error::SnapshotLost) if self.disk.base_has_failed() => {}
            Err(error) => panic!("a snapshot was told {error:?}"),
        }
        snapshot
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.disk.complaint(), None);
        }
    }
}

/// The newest commit that a reader sees.
fn newest(reader: &dyn Reader) -> Result<Lsn, Error> {
    let row = reader.get(ROWS, NEWEST)?;
    Ok(row.map_or(0, |row| Lsn::from_le_bytes(row[..].try_into().expect("eight bytes"))))
}

fn key(lsn: Lsn) -> [u8; 9] {
    let mut key = [b'0'; 9];
    key[1..].copy_from_slice(&lsn.to_be_bytes());
    key
}

/// The rows are those of the commits up to the snapshot's LSN, each once.
pub(super) fn is_one_prefix(snapshot: &Snapshot) -> Result<(), Error> {
    let mut keys = Vec::new();
    for row in snapshot.scan(ROWS, KeyRange::all()) {
        keys.push(row?.0);
    }
    let lsn = snapshot.lsn();
    let mut expected: Vec<Box<[u8]>> = (1..=lsn).map(|lsn| key(lsn).as_slice().into()).collect();
    expected.extend((lsn > 0).then(|| NEWEST.into()));
    assert_eq!(keys, expected, "a snapshot at {lsn}");
    assert_eq!(newest(snapshot)?, lsn, "a snapshot at {lsn}");
    Ok(())
}
