//! The store that the tests look at: every kind of row, several segments, the same bytes every time.

use std::sync::Arc;

use highwater::disk::{Disk, SimulatedDisk};
use highwater::inspect::{Log, LogBreak, LogCommit, LogEntry, LogSegment};
use highwater::tokens::Update;
use highwater::{
    Asset, Background, Effect, Fill, History, Intent, ManualClock, Mode, Money, NewPosition,
    Options, Store, Timestamp, TokenKey,
};

pub(crate) fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).unwrap()
}

pub(crate) fn bonk() -> Asset {
    Asset::new("solana", "BONK", 5).unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000)
}

pub(crate) fn options(seed: u64) -> Options {
    Options::new(Mode::Paper, usd())
        .background(Background::Manual)
        .clock(Arc::new(ManualClock::new(at(1_000))))
        .history(History::new())
        .segment_bytes(64 * 1024, 64 * 1024)
        .seed(seed)
}

pub(crate) fn open(disk: &SimulatedDisk, seed: u64) -> Store {
    options(seed).open_on(Arc::new(disk.clone())).expect("the store opens")
}

/// A day of a bot: money, prices, a trade that goes through and one that does not.
pub(crate) fn live(store: &Store, from: i64, prices: i64) {
    let money = |asset: &Asset, text| Money::parse(asset, text).unwrap();
    store.ledger().deposit("main", &money(&usd(), "100")).unwrap();
    let token = TokenKey::new("solana", "BONK").unwrap();
    for second in from..from + prices {
        let price = format!("0.0000{second}").parse().unwrap();
        let update = Update::new(token.clone()).symbol("BONK", at(second)).price(price, at(second));
        store.tokens().upsert(&update.source("venue").seq(second as u64)).unwrap();
    }
    let position = || NewPosition::new("main", bonk(), usd()).tag(format!("copy {from}"));
    let key = format!("copy {from}");
    let intent = Intent::open(&*key, position()).hold(money(&usd(), "50")).claim(
        "copied",
        key.as_bytes(),
        at(from),
    );
    let order = store.operations().begin(&intent).unwrap().into_handle().unwrap();
    let order = order.start(store).unwrap();
    let position = order.position().unwrap();
    let fill =
        Fill::new("raydium", &*format!("F{from}"), money(&bonk(), "1400000"), money(&usd(), "52"));
    let bought = fill.fee(money(&usd(), "1"));
    order.complete(store, &Effect::new().buy(position, bought)).unwrap();
    let cursor = store.cursors().get("height").unwrap();
    let height = from.to_be_bytes();
    let set = store.write(|tx| {
        tx.cursors().set("height", cursor.as_deref(), &height)?;
        Ok::<_, highwater::Error>(())
    });
    set.unwrap();
}

/// A store whose process was killed, and what it was when it died.
pub(crate) fn killed(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let store = open(&disk, seed);
    live(&store, 1, 12);
    disk.process_killed_image()
}

/// A store whose process was killed soon.
pub(crate) fn killed_young(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let store = open(&disk, seed);
    live(&store, 1, 1);
    disk.process_killed_image()
}

/// A store that was closed.
pub(crate) fn closed(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let store = open(&disk, seed);
    live(&store, 1, 12);
    store.close().unwrap();
    disk
}

/// A store that was opened four times, killed each time, and checkpointed in between.
pub(crate) fn lived(seed: u64) -> SimulatedDisk {
    let mut disk = killed(seed);
    for opening in 0..3 {
        let store = open(&disk, seed + opening);
        live(&store, 100 + 20 * opening as i64, 5);
        if opening == 1 {
            store.checkpoint().unwrap();
            live(&store, 400, 5);
        }
        disk = disk.process_killed_image();
    }
    disk
}

/// A store with several segments of commits, two checkpoints behind it, and kept segments.
pub(crate) fn grown(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::new(seed);
    let store = open(&disk, seed);
    for from in 0..5 {
        live(&store, 80 * from + 1, 70);
        if from % 2 == 1 {
            store.checkpoint().unwrap();
        }
    }
    disk.process_killed_image()
}

pub(crate) fn log(disk: &SimulatedDisk) -> Log {
    Log::open_on(Arc::new(disk.clone())).expect("there is a log")
}

/// Everything that a log holds, by kind.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) commits: Vec<LogCommit>,
    pub(crate) breaks: Vec<LogBreak>,
    pub(crate) segments: Vec<LogSegment>,
}

impl Read {
    pub(crate) fn of(entries: impl Iterator<Item = Result<LogEntry, highwater::Error>>) -> Self {
        let mut read = Self::default();
        for entry in entries {
            match entry.expect("the disk reads") {
                LogEntry::Commit(commit) => read.commits.push(commit),
                LogEntry::Break(found) => read.breaks.push(found),
                LogEntry::Segment(segment) => read.segments.push(segment),
                _ => {}
            }
        }
        read
    }

    pub(crate) fn lsns(&self) -> Vec<u64> {
        self.commits.iter().map(|commit| commit.lsn).collect()
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        self.commits.iter().map(|commit| &*commit.note).collect()
    }
}

pub(crate) fn read(disk: &SimulatedDisk) -> Read {
    Read::of(log(disk).entries().expect("the headers read"))
}

/// The only `.wal` with commits, and the place of its `nth` batch.
pub(crate) fn wal(disk: &SimulatedDisk) -> String {
    let names = Disk::list(disk, "journal").unwrap();
    let name = names.into_iter().rfind(|name| name.ends_with(".wal")).expect("a segment");
    format!("journal/{name}")
}
