//! Operations as a bot uses them: through the public API of an open store.

mod operations {
    pub(crate) mod again;
    pub(crate) mod answers;
    pub(crate) mod asynchronous;
    pub(crate) mod books;
    pub(crate) mod examples;
    pub(crate) mod health;
    pub(crate) mod keys;
    pub(crate) mod kinds;
    pub(crate) mod old_claims;
    pub(crate) mod owners;
    pub(crate) mod positions;
    #[cfg(feature = "simulation")]
    pub(crate) mod power_cuts;
    #[cfg(feature = "simulation")]
    pub(crate) mod races;
    pub(crate) mod recovery;
    pub(crate) mod settling;
    pub(crate) mod transitions;
    pub(crate) mod undo;
    pub(crate) mod waiting;
}

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::{Disk, MemoryDisk};
use highwater::{
    Asset, Background, Begun, Clock, Effect, Fill, Intent, ManualClock, Mode, Money, NewPosition,
    Options, Pending, Store, Timestamp,
};

fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).unwrap()
}

fn bonk() -> Asset {
    Asset::new("solana", "BONK", 5).unwrap()
}

fn dollars(text: &str) -> Money {
    Money::parse(&usd(), text).unwrap()
}

fn units(text: &str) -> Money {
    Money::parse(&bonk(), text).unwrap()
}

fn fill(id: &str, quantity: &str, gross: &str, fee: &str) -> Fill {
    Fill::new("venue", id, units(quantity), dollars(gross)).fee(dollars(fee))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

/// A disk in memory and a clock, over which one store is opened again and again.
struct World {
    disk: MemoryDisk,
    clock: ManualClock,
}

impl World {
    fn new() -> Self {
        Self { disk: MemoryDisk::new(), clock: ManualClock::new(at(1_700_000_000)) }
    }

    fn options(&self) -> Options {
        Options::new(Mode::Paper, usd())
            .background(Background::Manual)
            .clock(Arc::new(self.clock.clone()))
            .seed(7)
    }

    fn open(&self) -> Store {
        self.open_with(|options| options)
    }

    fn open_with(&self, options: impl FnOnce(Options) -> Options) -> Store {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        options(self.options()).open_on(disk).unwrap()
    }

    /// A store with so many dollars in account `main`.
    fn with(dollars_in_main: &str) -> (Self, Store) {
        let world = Self::new();
        let store = world.open();
        store.ledger().deposit("main", &dollars(dollars_in_main)).unwrap();
        (world, store)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn pass(&self, time: Duration) {
        self.clock.advance_micros(i64::try_from(time.as_micros()).unwrap());
    }
}

fn position() -> NewPosition {
    NewPosition::new("main", bonk(), usd())
}

/// Begins what has to be new.
fn begin(store: &Store, intent: &Intent) -> Pending {
    match store.operations().begin(intent).unwrap() {
        Begun::New(pending) => pending,
        other => panic!("not new: {other:?}"),
    }
}

/// Account `main` has so many dollars in all, so many of them reserved, the rest available.
fn cash_is(store: &Store, total: &str, reserved: &str, available: &str) {
    let balance = store.snapshot().ledger().balance("main", &usd()).unwrap();
    assert_eq!(
        [balance.total, balance.reserved, balance.available],
        [total, reserved, available].map(dollars)
    );
}

/// Nothing of the store contradicts anything else.
fn assert_sound(store: &Store) {
    assert_eq!(store.snapshot().verify().unwrap(), []);
}

fn no_effect() -> Effect {
    Effect::new()
}
