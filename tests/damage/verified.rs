//! Every bit of every file of a small store, flipped: `inspect::verify` finds it, or nobody uses it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use highwater::disk::{CrashStyle, SimulatedDisk};
use highwater::inspect::{Severity, verify_on};
use highwater::{
    Background, Error, KeepLog, Lsn, ManualClock, Mode, Options, ReadOnly, Store, Timestamp,
};

use crate::effort::{Effort, effort, seed, try_all};
use crate::history::{Life, Shown, show, usd};
use crate::layout::Layout;
use crate::reads::Reads;

/// A small store that nobody has open, and where its last batch begins.
struct Small {
    what: &'static str,
    disk: SimulatedDisk,
    shown: (Lsn, String),
    last_batch: (String, u64),
}

/// A bit of a file.
#[derive(Clone, Debug)]
struct Flip {
    name: String,
    at: u64,
    bit: u8,
}

fn open(disk: SimulatedDisk) -> Result<Store, Error> {
    open_on(Arc::new(disk))
}

fn open_on(disk: Arc<dyn highwater::disk::Disk>) -> Result<Store, Error> {
    let clock = ManualClock::new(Timestamp::from_micros(1_700_000_100_000_000));
    Options::new(Mode::Paper, usd(0).asset().clone())
        .background(Background::Manual)
        .clock(Arc::new(clock))
        .seed(5)
        .segment_bytes(64 * 1024, 64 * 1024)
        .keep_log(KeepLog { bytes: 0, age: Duration::ZERO })
        .open_on(disk)
}

fn shown(disk: &SimulatedDisk) -> Result<(Lsn, String), Error> {
    let store = ReadOnly::open_on(disk)?;
    let text = show(Shown {
        tokens: store.tokens(),
        ledger: store.ledger(),
        operations: store.operations(),
        claims: store.claims(),
        cursors: store.cursors(),
    })?;
    Ok((store.lsn(), text))
}

impl Small {
    fn closed() -> Self {
        let disk = lived();
        open(disk.clone()).expect("it was closed").close().expect("a sound store");
        Self::of("closed", disk.crash_image(5, CrashStyle::LoseAll))
    }

    /// Killed with commits above its checkpoint, of which nothing behind the last confirms it.
    fn killed() -> Self {
        let disk = lived();
        let store = open(disk.clone()).expect("it was closed");
        let mut life = Life::new(&store);
        life.tell("wif", 7);
        store.checkpoint().expect("a sound store");
        life.tell("wif", 8);
        life.tell("bonk", 9);
        drop(life);
        let image = disk.process_killed_image();
        disk.crash();
        drop(store);
        Self::of("killed", image.crash_image(5, CrashStyle::KeepAll))
    }

    fn of(what: &'static str, disk: SimulatedDisk) -> Self {
        let shown = shown(&disk).expect("a sound store");
        let layout = Layout::of(&disk);
        let segment = layout.segments.values().next_back().expect("it has a segment");
        let last = segment.batches().last().expect("it has a batch");
        let last_batch = (segment.name.clone(), last.at);
        let found = verify_on(&disk).expect("a sound store");
        assert_eq!((found.flaws.as_slice(), found.last_lsn), (&[][..], shown.0), "{what}");
        Self { what, disk, shown, last_batch }
    }

    /// The bytes that verification or an opening reads, of each file.
    fn read(&self) -> Vec<(String, Vec<bool>)> {
        let reads = Reads::of(self.disk.fork());
        verify_on(&reads).expect("a sound store");
        let opened = Arc::new(Reads::of(self.disk.fork()));
        drop(open_on(opened.clone()).expect("a sound store"));
        let names = self.disk.names().into_iter();
        let maps = names.map(|name| {
            let len = self.disk.read_file(&name).expect("it was listed").len() as u64;
            let both = reads.map(&name, len).into_iter().zip(opened.map(&name, len));
            let map = both.map(|(verified, opened)| verified || opened).collect();
            (name, map)
        });
        maps.collect()
    }
}

/// A store that was made, lived in, and closed.
fn lived() -> SimulatedDisk {
    let disk = SimulatedDisk::new(5);
    let store = open(disk.clone()).expect("an empty disk");
    let mut life = Life::new(&store);
    life.begin();
    life.tell("bonk", 3);
    life.leave_something_unfinished();
    drop(life);
    store.close().expect("a sound store");
    disk
}

/// The story: a disk flipped a bit, and the check that was to find it looked at everything but that.
/// Whichever bit of whichever file it is, it is found; or it is in bytes that neither a verification nor
/// an opening reads; or in bytes of no meaning, which can then all be flipped together and the store
/// holds what it held. Only the last batch, which nothing behind it confirms, reads as a torn tail.
#[test]
fn every_bit_is_found_or_of_no_use() {
    for small in [Small::closed(), Small::killed()] {
        let mut rng = Rng::with_seed(seed());
        let (mut flips, mut unread) = (Vec::new(), 0_u64);
        for (name, map) in small.read() {
            let bytes = small.disk.read_file(&name).expect("it was listed");
            for (at, is_read) in (0_u64..).zip(map) {
                if !is_read {
                    unread += 8;
                    continue;
                }
                let bits = drawn(&mut rng, &bytes, at);
                flips.extend(bits.map(|bit| Flip { name: name.clone(), at, bit }));
            }
        }
        println!("{}: {} bits are tried, {unread} are read by nobody", small.what, flips.len());
        let silent = Mutex::new(Vec::new());
        let class = |flip: &Flip| flip.name.clone();
        let words = try_all(&format!("bits, {}", small.what), &flips, class, |flip| {
            try_one(&small, flip, &silent)
        });
        for word in ["damage", "torn tail", "no use"] {
            assert!(words.contains(word), "{word} never came about in the {} one", small.what);
        }
        let silent = silent.into_inner().unwrap_or_else(PoisonError::into_inner);
        of_no_use(&small, &silent);
    }
}

fn try_one(small: &Small, flip: &Flip, silent: &Mutex<Vec<Flip>>) -> &'static str {
    let damaged = small.disk.fork();
    assert!(damaged.flip_bit(&flip.name, flip.at, flip.bit));
    let found = verify_on(&damaged);
    let read = || shown(&damaged);
    match found.as_ref().map(|found| found.worst()) {
        Ok(Some(Severity::Damage)) => "damage",
        Ok(Some(Severity::TornTail)) => {
            let (name, at) = &small.last_batch;
            assert!(flip.name == *name && flip.at >= *at, "a torn tail, {found:?}");
            "torn tail"
        }
        Ok(Some(Severity::Harmless)) => {
            assert_eq!(read().expect("it is harmless"), small.shown, "{found:?}");
            "harmless"
        }
        Ok(None) => {
            assert_eq!(read().expect("nothing was found"), small.shown);
            silent.lock().unwrap_or_else(PoisonError::into_inner).push(flip.clone());
            "no use"
        }
        other => panic!("{other:?}"),
    }
}

/// All bits that nothing was found of, flipped together; but for redb's own header, which it mends after a
/// crash where one field of it is wrong, and not where all are.
fn of_no_use(small: &Small, silent: &[Flip]) {
    let scrambled = small.disk.fork();
    let is_header = |flip: &&Flip| flip.name == "base.redb" && flip.at < 4096;
    for flip in silent.iter().filter(|flip| !is_header(flip)) {
        assert!(scrambled.flip_bit(&flip.name, flip.at, flip.bit));
    }
    let found = verify_on(&scrambled).expect("a sound store");
    assert_eq!(found.flaws, [], "{}: {} bits together", small.what, silent.len());
    assert_eq!(shown(&scrambled).expect("a sound store"), small.shown);
    println!("{}: {} bits of no use, flipped together", small.what, silent.len());
}

/// Which bits of a byte are tried: of bytes that are zero among zeros few.
fn drawn(rng: &mut Rng, bytes: &[u8], at: u64) -> std::ops::Range<u8> {
    let place = usize::try_from(at).expect("a small file");
    let around = &bytes[place.saturating_sub(64)..bytes.len().min(place + 64)];
    let is_bare = around.iter().all(|byte| *byte == 0);
    let bit = rng.u8(..8);
    let one_in = match (effort(), is_bare) {
        (Effort::EveryBit, _) | (Effort::All, false) => return 0..8,
        (Effort::All, true) => 16,
        (Effort::Part, true) => 20_000,
        (Effort::Part, false) => 80,
    };
    if rng.u64(..one_in) == 0 { bit..bit + 1 } else { 0..0 }
}
