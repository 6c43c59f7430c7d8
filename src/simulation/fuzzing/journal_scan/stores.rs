//! The stores that damage is done to: small, the same in every process, and with a digest of what
//! they showed after each of their commits.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::{ManualClock, Timestamp};
use crate::disk::SimulatedDisk;
use crate::engine::journal::{self, Anchor, Listing, scan};
use crate::engine::{Background, Durability, KeyRange, Lsn, Offline, Reader, Table, anchor};
use crate::ledger::{Effect, Fill, NewPosition};
use crate::money::{Asset, Money, Price, TokenKey};
use crate::operations::{Failure, Intent};
use crate::simulation::fuzzing::row_codecs;
use crate::store::{Error, KeepLog, Mode, Options, Store};
use crate::tokens::Update;

const BEGIN_MICROS: i64 = 1_700_000_000_000_000;

/// The files of a store as they were at one moment, and its past.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// What was going on, for messages.
    pub(super) name: &'static str,
    pub(super) disk: SimulatedDisk,
    /// What the store showed after each commit; the first one is before any.
    pub(super) shown: Vec<u64>,
    /// The base as it was once, earlier.
    pub(super) old_base: Vec<u8>,
    pub(super) store_id: [u8; 16],
    pub(super) anchor: Anchor,
    /// The bytes of every commit that was ever in its journal.
    pub(super) commits: BTreeMap<Lsn, Vec<u8>>,
}

pub(super) fn options() -> Options {
    let clock = ManualClock::new(Timestamp::from_micros(BEGIN_MICROS));
    Options::new(Mode::Paper, usd())
        .background(Background::Manual)
        .clock(Arc::new(clock))
        .seed(7)
        .memory_bytes(256 * 1024)
        .segment_bytes(64 * 1024, 64 * 1024)
        .keep_log(KeepLog { bytes: 0, age: Duration::ZERO })
        .create(false)
}

/// All stores; they are made once.
pub(super) fn images() -> &'static [Image] {
    static IMAGES: OnceLock<Vec<Image>> = OnceLock::new();
    IMAGES.get_or_init(|| match Life::whole() {
        Ok(images) => images,
        Err(error) => panic!("a store on a sound disk answered: {error}"),
    })
}

/// Every row and every key that a reader shows, with their tables.
pub(super) fn rows(reader: &dyn Reader) -> Vec<(u8, Vec<u8>)> {
    let mut rows = Vec::new();
    for table in row_codecs::tables() {
        for (key, row) in reader.scan(Table(table), KeyRange::all()).flatten() {
            rows.extend([(table, row.to_vec()), (table, key.to_vec())]);
        }
    }
    rows
}

/// A digest of every row that a reader shows, or the first error.
pub(super) fn digest(reader: &dyn Reader) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    for table in row_codecs::tables() {
        for row in reader.scan(Table(table), KeyRange::all()) {
            let (key, row) = row.map_err(|error| error.to_string())?;
            (table, key, &*row).hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn coin(chain: &str, id: &str, scale: u8) -> Asset {
    match Asset::new(chain, id, scale) {
        Ok(asset) => asset,
        Err(error) => panic!("a plain asset: {error}"),
    }
}

fn usd() -> Asset {
    coin("fiat", "USD", 6)
}

fn bonk() -> Asset {
    coin("solana", "BONK", 5)
}

/// A store that is being lived with.
struct Life {
    disk: SimulatedDisk,
    store: Option<Store>,
    shown: Vec<u64>,
    old_base: Vec<u8>,
    images: Vec<Image>,
    commits: BTreeMap<Lsn, Vec<u8>>,
}

impl Life {
    /// A life with everything in it that leaves traces in the files, and an image of each kind.
    fn whole() -> Result<Vec<Image>, Error> {
        let disk = SimulatedDisk::new(7);
        let store = options().create(true).open_on(Arc::new(disk.clone()))?;
        let mut life = Self {
            disk,
            store: Some(store),
            shown: Vec::new(),
            old_base: Vec::new(),
            images: Vec::new(),
            commits: BTreeMap::new(),
        };
        life.note();
        life.keep("new");
        life.trade("first")?;
        life.keep("killed before any checkpoint");
        life.checkpoint()?;
        life.tokens(3)?;
        life.keep("killed behind a checkpoint");
        life.reopen()?;
        life.trade("second")?;
        life.keep("killed behind a restart");
        life.checkpoint()?;
        life.tokens(2)?;
        life.list()?;
        life.close()?;
        life.keep("closed");
        life.open()?;
        life.fill(36)?;
        life.checkpoint()?;
        life.fill(36)?;
        life.keep("killed in a later segment");
        life.unsynced()?;
        life.keep("killed with commits that were not synced");
        Ok(life.images)
    }

    fn store(&self) -> &Store {
        match &self.store {
            Some(store) => store,
            None => panic!("the store is closed"),
        }
    }

    /// Keeps what the newest commit left.
    fn note(&mut self) {
        let snapshot = self.store().snapshot();
        let (lsn, shown) = (snapshot.lsn(), digest(snapshot.reader()));
        let shown = shown.unwrap_or_else(|error| panic!("a sound store cannot be read: {error}"));
        // A call that stages nothing makes no commit.
        self.shown.truncate(usize::try_from(lsn).unwrap_or(0));
        self.shown.push(shown);
        assert_eq!(self.shown.len() as u64, lsn + 1, "more than one commit went by");
    }

    fn keep(&mut self, name: &'static str) {
        let disk = self.disk.process_killed_image();
        // What has to be in the files is in what reads show; the damage is the fuzzer's.
        for file in disk.names() {
            let bytes = disk.read_file(&file).unwrap_or_default();
            disk.write_file(&file, &bytes);
        }
        let base = disk.read_file("base.redb").unwrap_or_default();
        if self.old_base.is_empty() {
            self.old_base.clone_from(&base);
        }
        let anchor = match Offline::open(&disk) {
            Ok(offline) => anchor(&offline.meta),
            Err(error) => panic!("{name}: {error}"),
        };
        self.remember(&disk, &anchor);
        let (shown, old_base) = (self.shown.clone(), self.old_base.clone());
        let (store_id, commits) = (anchor.store_id, self.commits.clone());
        self.images.push(Image { name, disk, shown, old_base, store_id, anchor, commits });
    }

    /// Keeps the bytes of the commits in the journal on `disk`.
    fn remember(&mut self, disk: &SimulatedDisk, anchor: &Anchor) {
        let commits = &mut self.commits;
        let scanned = Listing::read(disk).and_then(|listing| {
            scan(disk, &listing, anchor, &mut |batch| {
                let found = (batch.header.first_lsn..).zip(batch.commits);
                commits.extend(found.map(|(lsn, commit)| (lsn, commit.bytes.to_vec())));
                Ok::<(), journal::Error>(())
            })
        });
        if let Err(error) = scanned {
            panic!("a sound journal: {error}");
        }
    }

    fn checkpoint(&mut self) -> Result<(), Error> {
        self.store().checkpoint()?;
        self.old_base = self.disk.read_file("base.redb").unwrap_or_default();
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), Error> {
        let disk = self.disk.process_killed_image();
        self.store = None;
        self.disk = disk;
        self.open()
    }

    fn open(&mut self) -> Result<(), Error> {
        self.store = Some(options().open_on(Arc::new(self.disk.clone()))?);
        self.store().skip_recovery()
    }

    fn close(&mut self) -> Result<(), Error> {
        match self.store.take() {
            Some(store) => store.close(),
            None => Ok(()),
        }
    }

    /// Runs a call of one commit.
    fn call<T>(&mut self, call: impl FnOnce(&Store) -> Result<T, Error>) -> Result<T, Error> {
        let answer = call(self.store())?;
        self.note();
        Ok(answer)
    }

    fn tokens(&mut self, count: u64) -> Result<(), Error> {
        for number in 1..=count {
            let at = Timestamp::from_micros(BEGIN_MICROS + number as i64);
            let key = TokenKey::new("solana", &format!("coin{number}"))?;
            let price = Price::from_units(u128::from(number) << 70);
            let update = Update::new(key).symbol("COIN", at).decimals(5).price(price, at);
            self.call(|store| {
                store.tokens().upsert(&update.source("venue").seq(number)).map(drop)
            })?;
        }
        Ok(())
    }

    /// A source names a token, in a session that goes on.
    fn list(&mut self) -> Result<(), Error> {
        let named = Update::new(TokenKey::new("solana", "coin1")?);
        self.call(|store| {
            store.write(|tx| {
                let mut tokens = tx.tokens();
                let mut session = tokens.begin_session("lists", "monday", Some("liquid"))?;
                tokens.take_row(&mut session, 1, &named)?;
                tokens.save_session(&mut session);
                Ok(())
            })
        })
    }

    /// One operation that completes, one that fails, one in progress and one that is pending.
    fn trade(&mut self, word: &str) -> Result<(), Error> {
        let dollars = Money::parse(&usd(), "100")?;
        let bonks = Money::parse(&bonk(), "1400000")?;
        let seen = Timestamp::from_micros(BEGIN_MICROS);
        self.tokens(2)?;
        self.call(|store| store.ledger().deposit("main", &dollars).map(drop))?;
        let intent = |what: &str| {
            let position = NewPosition::new("main", bonk(), usd()).tag(format!("{word} {what}"));
            let hold = Money::parse(&usd(), "10")?;
            let key = format!("{word} {what}");
            Ok::<_, Error>(Intent::open(&key, position).hold(hold).claim("copied", &key, seen))
        };
        let begin = |life: &mut Self, what: &str| {
            let intent = intent(what)?;
            life.call(|store| Ok(store.operations().begin(&intent)?.into_handle()))
        };
        if let Some(pending) = begin(self, "done")? {
            let order = self.call(|store| Ok(pending.start(store)?))?;
            let paid = Money::parse(&usd(), "9")?;
            let fill = Fill::new("raydium", format!("{word} fill"), bonks, paid);
            if let Some(position) = order.position() {
                let effect = Effect::new().buy(position, fill);
                self.call(|store| Ok(order.complete(store, &effect)?))?;
            }
        }
        if let Some(pending) = begin(self, "failed")? {
            let order = self.call(|store| Ok(pending.start(store)?))?;
            let _ = self.call(|store| Ok(order.fail(store, Failure::ambiguous("no answer"))?))?;
        }
        if let Some(pending) = begin(self, "under way")? {
            let _ = self.call(|store| Ok(pending.start(store)?))?;
        }
        begin(self, "pending")?;
        self.call(|store| store.cursors().set("height", None, b"1").or(Ok(())))
    }

    /// Rows long enough to leave segments behind.
    fn fill(&mut self, commits: u64) -> Result<(), Error> {
        for _ in 0..commits {
            let next = self.shown.len() as u64;
            let value = vec![next as u8; 3_000];
            let before = self.store().cursors().get("long")?;
            self.call(|store| store.cursors().set("long", before.as_deref(), &value))?;
        }
        Ok(())
    }

    fn unsynced(&mut self) -> Result<(), Error> {
        for number in 0..4u8 {
            self.call(|store| {
                store.write_with(Durability::Written, |tx| {
                    let name = format!("written {number}");
                    tx.cursors().set(&name, None, &[number; 700]).map_err(Error::from)
                })
            })?;
        }
        Ok(())
    }
}
