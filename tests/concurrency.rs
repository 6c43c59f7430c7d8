//! Many threads on one store, through the public API: the mark never falls, snapshots show exactly
//! one commit's state, what was answered can be read, and writers that no checkpoint makes room for
//! give up instead of hanging.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use highwater::disk::{Disk, DiskFile, DiskLock, MemoryDisk};
use highwater::{
    Asset, Durability, Error, Mode, Options, Price, Store, Timestamp, Token, TokenKey, Update,
};

fn usd() -> Asset {
    Asset::new("fiat", "USD", 6).expect("an asset")
}

fn options() -> Options {
    Options::new(Mode::Paper, usd())
}

fn key(number: u64) -> TokenKey {
    TokenKey::new("test", &format!("token-{number}")).expect("a key")
}

fn price(number: u64) -> Price {
    number.to_string().parse().expect("a price")
}

/// A price in cents that was seen at a time of its own.
#[derive(Clone, Copy, Debug)]
struct Seen {
    token: u64,
    price: u64,
    micros: i64,
}

impl Seen {
    fn update(self) -> Update {
        Update::new(key(self.token))
            .price(price(self.price), Timestamp::from_micros(self.micros))
            .source("test")
            .seq(self.price)
    }
}

/// A hundred bots report random prices of three tokens at once, the first sight of each included.
/// Whatever the order in which they come in, the mark is the highest price that anybody sent.
#[test]
fn a_hundred_threads_and_the_mark_is_the_highest_price() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let tokens = 3;
    let sent: Vec<Vec<Seen>> = (0..100)
        .map(|_| {
            let seen = |_| Seen {
                token: random.u64(0..tokens),
                price: random.u64(1..1_000_000),
                micros: random.i64(0..1_000_000),
            };
            (0..40).map(seen).collect()
        })
        .collect();

    let store = options().open_on(Arc::new(MemoryDisk::new())).expect("a store");
    let start = std::sync::Barrier::new(sent.len());
    std::thread::scope(|scope| {
        for sent in &sent {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                let mut highest = [0; 3];
                for seen in sent {
                    let token = store.tokens().upsert(&seen.update()).expect("taken in").token;
                    let highest = &mut highest[seen.token as usize];
                    *highest = seen.price.max(*highest);
                    let max = token.max.expect("a price is known").price;
                    assert!(max >= price(*highest), "the mark fell: {max} below {highest}");
                }
            });
        }
    });

    for token in 0..tokens {
        let all = sent.iter().flatten().filter(|seen| seen.token == token);
        let highest = all.clone().map(|seen| seen.price).max().expect("somebody sent one");
        let found = store.tokens().get(&key(token)).expect("readable").expect("known");
        let max = found.max.clone().expect("a price is known");
        assert_eq!(max.price, price(highest), "seed {seed}");
        // The same updates one after the other, in three orders: the same record each time.
        let mut all: Vec<Seen> = all.copied().collect();
        for order in 0..3 {
            match order {
                0 => {}
                1 => all.reverse(),
                _ => random.shuffle(&mut all),
            }
            assert_eq!(one_after_the_other(&all), found, "seed {seed}, order {order}");
        }
    }
    store.close().expect("closes");
}

fn one_after_the_other(all: &[Seen]) -> Token {
    let store = Store::memory(Mode::Paper, usd()).expect("a store");
    let token = store.write(|tx| {
        let mut token = None;
        for seen in all {
            token = Some(tx.tokens().upsert(&seen.update())?.token);
        }
        Ok::<_, Error>(token)
    });
    token.expect("taken in").expect("there was one")
}

const ROWS: u64 = 4;

/// Writes the commit's own LSN into every row.
fn write_own_lsn(store: &Store, durability: Durability) -> Result<u64, Error> {
    store.write_with(durability, |tx| {
        let lsn = tx.lsn();
        for token in 0..ROWS {
            let seen = Seen { token, price: lsn, micros: lsn as i64 };
            tx.tokens().upsert(&seen.update())?;
        }
        Ok(lsn)
    })
}

/// The LSN that a token's row carries: the number of its latest tick.
fn lsn_of(token: Token) -> Option<u64> {
    token.current.and_then(|tick| tick.seq)
}

/// The LSNs that the rows of a snapshot carry, read one by one and by a scan.
fn lsns_in(snapshot: &highwater::Snapshot) -> Result<Vec<u64>, Error> {
    let tokens = snapshot.tokens();
    let mut found = Vec::new();
    for token in 0..ROWS {
        found.extend(tokens.get(&key(token))?.and_then(lsn_of));
    }
    for token in tokens.iter() {
        found.extend(lsn_of(token?));
    }
    Ok(found)
}

/// Every commit writes its own LSN into all rows. Whatever writers, freezes and checkpoints do in
/// between, a snapshot shows the rows of one commit, and it is the one that its LSN names.
///
/// A snapshot has to load the view before the visible LSN. The other way round, a whole checkpoint
/// or a commit that prunes can come in between, and the snapshot shows rows from behind its LSN or
/// none. Memory is tiny and checkpoints never rest so that this happens.
#[test]
fn a_snapshot_is_exactly_one_prefix() {
    let store = options()
        .memory_bytes(256 * 1024)
        .snapshot_limit_bytes(u64::MAX)
        .open_on(Arc::new(MemoryDisk::new()))
        .expect("a store");
    write_own_lsn(&store, Durability::Written).expect("there is room");
    let (done, snapshots) = (AtomicBool::new(false), AtomicU64::new(0));
    let keys: Vec<TokenKey> = (0..16).map(|number| key(number % ROWS)).collect();
    let started = Instant::now();
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                let durability = [Durability::Written, Durability::Synced][writer];
                while !done.load(Ordering::Relaxed) {
                    let lsn = write_own_lsn(store, durability).expect("there is room");
                    assert!(store.snapshot().lsn() >= lsn, "a writer does not see its own");
                }
            });
        }
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                // One without anything to write down would only take the writers' time.
                match store.stats().visible_lsn {
                    visible if visible > last => {
                        last = store.checkpoint().expect("memory takes it");
                    }
                    _ => std::thread::yield_now(),
                }
            }
        });
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) && started.elapsed() < RUN {
                        let checked = check_some(&store, &keys);
                        snapshots.fetch_add(checked, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let torn = readers.into_iter().any(|reader| reader.join().is_err());
        done.store(true, Ordering::Relaxed);
        assert!(!torn, "a snapshot was torn");
    });
    let (snapshots, stats) = (snapshots.into_inner(), store.stats());
    println!(
        "{snapshots} snapshots, {} commits, {} syncs of the base",
        stats.commits, stats.base_syncs
    );
    assert!(snapshots > 2_000 && stats.commits > 200 && stats.base_syncs > 100);
}

/// How long the readers look.
const RUN: Duration = Duration::from_secs(4);

/// Many snapshots by one of their rows, the last by all: what goes wrong between two loads is found
/// by taking snapshots, not by reading them.
fn check_some(store: &Store, keys: &[TokenKey]) -> u64 {
    for key in keys {
        let snapshot = store.snapshot();
        let found = snapshot.tokens().get(key).expect("readable");
        assert_eq!(found.and_then(lsn_of), Some(snapshot.lsn()), "a row of {key}");
    }
    check_whole(&store.snapshot());
    keys.len() as u64 + 1
}

fn check_whole(snapshot: &highwater::Snapshot) {
    let found = lsns_in(snapshot).expect("readable");
    let wanted = vec![snapshot.lsn(); 2 * ROWS as usize];
    assert_eq!(found, wanted, "the rows are of another commit");
}

/// A snapshot that is held shows the same for ever, while hundreds of commits and checkpoints go by.
#[test]
fn a_held_snapshot_does_not_change() {
    let store = options()
        .memory_bytes(256 * 1024)
        .snapshot_limit_bytes(u64::MAX)
        .open_on(Arc::new(MemoryDisk::new()))
        .expect("a store");
    let mut held = Vec::new();
    for round in 0..200 {
        write_own_lsn(&store, Durability::Written).expect("there is room");
        if round % 10 == 0 {
            held.push(store.snapshot());
        }
        if round % 7 == 0 {
            store.checkpoint().expect("memory takes it");
        }
    }
    for snapshot in held {
        check_whole(&snapshot);
    }
}

/// Once a call has returned, everybody sees what it did: the caller, and whoever the caller tells.
#[test]
fn what_was_answered_can_be_read() {
    let store = options().open_on(Arc::new(MemoryDisk::new())).expect("a store");
    std::thread::scope(|scope| {
        for thread in 0..16_u64 {
            let store = &store;
            scope.spawn(move || {
                for round in 1..60 {
                    let durability = match (thread + round) % 2 {
                        0 => Durability::Synced,
                        _ => Durability::Written,
                    };
                    let seen = Seen { token: thread, price: round, micros: round as i64 };
                    let lsn = store.write_with(durability, |tx| {
                        tx.tokens().upsert(&seen.update())?;
                        Ok::<_, Error>(tx.lsn())
                    });
                    let snapshot = store.snapshot();
                    assert!(snapshot.lsn() >= lsn.expect("taken in"));
                    // Told to another thread.
                    let found = std::thread::scope(|inner| {
                        inner.spawn(|| store.tokens().get(&key(thread))).join()
                    });
                    let found = found.expect("no panic").expect("readable").expect("known");
                    assert_eq!(found.max.map(|max| max.price), Some(price(round)));
                }
            });
        }
    });
    store.close().expect("closes");
}

/// A disk in memory on which writes of the base can be held.
#[derive(Clone, Debug, Default)]
struct HeldDisk {
    memory: MemoryDisk,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl HeldDisk {
    fn hold(&self, held: bool) {
        *self.held.0.lock().unwrap_or_else(PoisonError::into_inner) = held;
        self.held.1.notify_all();
    }

    fn wrap(&self, name: &str, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        match name.ends_with(".redb") {
            true => Arc::new(HeldFile { file, held: self.held.clone() }),
            false => file,
        }
    }
}

impl Disk for HeldDisk {
    fn make_root(&self) -> io::Result<()> {
        self.memory.make_root()
    }
    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.memory.make_dir(name)
    }
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(name, self.memory.create(name)?))
    }
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.wrap(name, self.memory.open(name)?))
    }
    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.memory.open_read_only(name)
    }
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.memory.list(dir)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.memory.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.memory.remove(name)
    }
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.memory.sync_dir(dir)
    }
    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.memory.lock(name)
    }
    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.memory.lock_shared(name)
    }
    fn label(&self) -> String {
        "<held>".to_owned()
    }
}

#[derive(Debug)]
struct HeldFile {
    file: Arc<dyn DiskFile>,
    held: Arc<(Mutex<bool>, Condvar)>,
}

impl DiskFile for HeldFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, buffer)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let held = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.held.1.wait_while(held, |held| *held));
        self.file.write_at(offset, bytes)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// The checkpoint hangs on a slow disk while sixteen threads write. Memory stays inside its budget:
/// the writers wait, and give up with an error that says so; when the disk comes back they go on, and
/// everything that was acknowledged is there.
#[test]
fn writers_behind_a_stalled_checkpoint_give_up() {
    let disk = HeldDisk::default();
    let store = options()
        .memory_bytes(256 * 1024)
        .stall_limit(Duration::from_millis(300))
        .durability(Durability::Written)
        .open_on(Arc::new(disk.clone()))
        .expect("a store");
    disk.hold(true);
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..16_u64 {
            let (store, written) = (&store, &written);
            scope.spawn(move || {
                for round in 0..1_000 {
                    let seen = Seen { token: thread * 1_000 + round, price: 1, micros: 1 };
                    match store.tokens().upsert(&seen.update()) {
                        Ok(_) => written.fetch_add(1, Ordering::Relaxed),
                        Err(Error::Stalled { waited }) => {
                            assert!(waited >= Duration::from_millis(300), "{waited:?}");
                            return;
                        }
                        Err(error) => panic!("{error:?}"),
                    };
                }
                panic!("memory never filled");
            });
        }
    });
    let memory = store.stats().memory_bytes;
    // Two memtables of a quarter each, the cache of another, and a commit per thread.
    assert!(memory <= 256 * 1024 + 32 * 1024, "{memory} bytes");
    disk.hold(false);
    let seen = Seen { token: 1_000_000, price: 1, micros: 1 };
    let limit = Instant::now() + Duration::from_secs(60);
    while let Err(error) = store.tokens().upsert(&seen.update()) {
        assert!(matches!(error, Error::Stalled { .. }), "{error:?}");
        assert!(Instant::now() < limit, "it never goes on");
    }
    let all = written.into_inner() + 1;
    // Nothing is left to write down, so no checkpoint ends the snapshot while it is read.
    store.checkpoint().expect("a checkpoint");
    let snapshot = store.snapshot();
    let tokens: Vec<_> = snapshot.tokens().iter().map(|token| token.expect("a token")).collect();
    assert_eq!(tokens.len() as u64, all);
    drop(snapshot);
    store.close().expect("closes");
}
