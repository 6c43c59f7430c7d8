//! Tests of the history by itself: a store with one feed, looked at through its rows and its reads.

mod examples;
mod lives;
mod model;
mod moves;
mod quarantine;
mod rows;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{CANDLES, HISTORY, HISTORY_SETTINGS, History, QUARANTINE, RETRACTED, Recorded, TICKS};
use crate::clock::{ManualClock, Timestamp};
use crate::disk::MemoryDisk;
use crate::engine::{Background, KeyRange};
use crate::money::{Asset, Price, TokenKey};
use crate::store::{Mode, Options, Store};
use crate::tokens::{Merged, TOKENS, Tick, Token, Update};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Later than everything that is observed here.
const NOW: i64 = 1_000 * DAY;

/// A store of which only the tokens are used.
struct World {
    store: Store,
    disk: Arc<MemoryDisk>,
    clock: ManualClock,
}

/// Every row of the tokens and of their history.
type Rows = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

impl World {
    fn new(history: History) -> Self {
        let disk = Arc::new(MemoryDisk::new());
        let clock = ManualClock::new(at(NOW));
        let store = open(&disk, &clock, Some(history));
        Self { store, disk, clock }
    }

    /// A store that keeps everything.
    fn whole() -> Self {
        Self::new(everything())
    }

    /// The same store, opened again with another history or without naming one.
    fn opened_again(self, history: Option<History>) -> Self {
        let Self { store, disk, clock } = self;
        store.close().unwrap();
        let store = open(&disk, &clock, history);
        Self { store, disk, clock }
    }

    fn see(&self, tick: &Tick) -> Recorded {
        self.merge(tick).recorded
    }

    fn merge(&self, tick: &Tick) -> Merged {
        self.store.tokens().upsert(&update(tick)).unwrap()
    }

    fn see_all<'t>(&self, ticks: impl IntoIterator<Item = &'t Tick>) {
        for tick in ticks {
            self.see(tick);
        }
    }

    fn token(&self) -> Token {
        self.store.tokens().get(&key()).unwrap().unwrap()
    }

    fn ticks(&self) -> Vec<Tick> {
        self.store.snapshot().tokens().ticks(&key(), ..).collect::<Result<_, _>>().unwrap()
    }

    /// Purges as if it were `now`, at most `limit` rows at once.
    fn purge(&self, now: i64, limit: usize) {
        let rules = self.store.tokens().history().unwrap().clone();
        loop {
            let snapshot = self.store.snapshot();
            let due = snapshot.tokens().due_for_purge(None, &rules, at(now), 10).unwrap();
            if due.keys.is_empty() {
                return;
            }
            let step = |tx: &mut crate::Tx<'_>| {
                Ok::<_, crate::Error>(tx.tokens().purge_history(&due.keys, at(now), limit)?)
            };
            let (done, purged) = self.store.write(step).unwrap();
            assert!(done > 0 || purged.ticks + purged.candles > 0, "a step without an effect");
            assert!(purged.ticks + purged.candles <= limit as u64);
            self.assert_sound();
        }
    }

    fn assert_sound(&self) {
        let snapshot = self.store.snapshot();
        assert_eq!(snapshot.verify().unwrap(), []);
        assert_eq!(snapshot.tokens().integrity().count(), 0);
    }

    fn rows(&self) -> Rows {
        let snapshot = self.store.snapshot();
        let tables = [TOKENS, TICKS, CANDLES, HISTORY, QUARANTINE, RETRACTED, HISTORY_SETTINGS];
        let mut rows = Rows::new();
        for table in tables {
            for stored in snapshot.reader().scan(table, KeyRange::all()) {
                let (key, row) = stored.unwrap();
                rows.insert((table.0, key.into_vec()), row.to_vec());
            }
        }
        rows
    }
}

fn open(disk: &Arc<MemoryDisk>, clock: &ManualClock, history: Option<History>) -> Store {
    let dollar = Asset::new("fiat", "USD", 2).unwrap();
    let mut options = Options::new(Mode::Paper, dollar)
        .background(Background::Manual)
        .clock(Arc::new(clock.clone()))
        .seed(1);
    if let Some(history) = history {
        options = options.history(history);
    }
    options.open_on(disk.clone()).unwrap()
}

fn everything() -> History {
    use super::{Resolution, Retention};
    let history = History::new().ticks(Retention::EVERYTHING);
    Resolution::ALL
        .into_iter()
        .fold(history, |history, each| history.candles(each, Retention::EVERYTHING))
}

fn key() -> TokenKey {
    TokenKey::new("chain", "token").unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn price(units: u128) -> Price {
    Price::from_units(units)
}

/// A tick of the venue "a".
fn tick(micros: i64, seq: u64, units: u128) -> Tick {
    Tick { observed_at: at(micros), seq: Some(seq), source: "a".into(), price: price(units) }
}

fn update(tick: &Tick) -> Update {
    let update = Update::new(key()).price(tick.price, tick.observed_at).source(tick.source.clone());
    match tick.seq {
        Some(seq) => update.seq(seq),
        None => update,
    }
}

/// Ticks of few values, so that they tie and share their candles, on both sides of midnight.
fn tied_tick() -> impl Strategy<Value = Tick> {
    let day = prop_oneof![Just(0), Just(DAY), Just(2 * DAY)];
    let hour = prop_oneof![Just(0), Just(HOUR)];
    let minute = prop_oneof![Just(0), Just(MINUTE)];
    let seq = prop::option::of(0..2u64);
    let source = prop_oneof![Just("a"), Just("b"), Just("")];
    (day, hour, minute, 0..2i64, seq, source, 0..4u128).prop_map(
        |(day, hour, minute, micros, seq, source, units)| Tick {
            observed_at: at(day + hour + minute + micros - MINUTE),
            seq,
            source: source.into(),
            price: price(units),
        },
    )
}
