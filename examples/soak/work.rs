//! What the bot does in an hour: a feed, a trader and a house-keeper, side by side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use highwater::{
    Amount, Asset, Claim, ClaimBounds, Clock, Durability, Effect, Failure, Fill, Filter, History,
    Intent, KeepLog, ManualClock, Mode, Money, NewPosition, Options, PositionId, Price, Resolution,
    Retention, RollBack, Snapshot, Store, Timestamp, TokenKey, TokenSync, Update,
};

use crate::Outcome;

const HOUR_MICROS: i64 = 3_600_000_000;
const COINS: u64 = 500;
const TICKS: u64 = 4_000;
const HOT_TICKS: u64 = 2_000;
const TICKS_IN_A_COMMIT: u64 = 20;
const TRADES: u64 = 150;
const CLAIMS: u64 = 2_000;
const CLAIMS_IN_A_COMMIT: u64 = 100;
const CLAIMS_KEPT: u64 = 10_000;
/// Two positions are always open, so that there is something to sell.
const OPEN: usize = 2;

/// The bot: how far each of its threads has come.
pub(crate) struct Work {
    clock: ManualClock,
    seq: u64,
    trade: u64,
    event: u64,
    open: Vec<PositionId>,
    forgotten: Option<Snapshot>,
}

/// What an hour came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// All trades so far.
    pub(crate) trades: u64,
    /// How long each durable commit took.
    pub(crate) synced_micros: Vec<u64>,
}

impl Work {
    pub(crate) fn new(clock: ManualClock) -> Self {
        Self { clock, seq: 0, trade: 0, event: 0, open: Vec::new(), forgotten: None }
    }

    /// A store that forgets after a few hours or a day what may be forgotten.
    pub(crate) fn options(&self) -> Outcome<Options> {
        let hours = |hours: u32| Retention::EVERYTHING.age(hours * Duration::from_secs(3_600));
        let history = History::new()
            .ticks(hours(6).count(1_000))
            .candles(Resolution::Minute, hours(12))
            .candles(Resolution::Hour, hours(24))
            .candles(Resolution::Day, hours(48));
        Ok(Options::new(Mode::Paper, usd())
            .clock(Arc::new(self.clock.clone()))
            .history(history)
            .claims("events", ClaimBounds::new().count(CLAIMS_KEPT))
            .claims("trades", ClaimBounds::new().count(CLAIMS_KEPT))
            .keep_log(KeepLog { bytes: 0, age: Duration::ZERO }))
    }

    /// After every opening: before the first trade, the money for all of them.
    pub(crate) fn begin(&mut self, store: &Store) -> Outcome<()> {
        if self.trade == 0 {
            store.ledger().deposit("main", &dollars("1000000000")?)?;
        }
        Ok(())
    }

    /// Before the store is closed: whoever still held a snapshot of it could not open it again.
    pub(crate) fn end(&mut self) {
        self.forgotten = None;
    }

    /// An hour of the clock.
    pub(crate) fn hour(&mut self, store: &Store, hour: u64) -> Outcome<Done> {
        let begun = self.clock.now();
        let (clock, seq, event) = (self.clock.clone(), self.seq, self.event);
        let synced_micros = thread::scope(|scope| -> Outcome<Vec<u64>> {
            let feed = scope.spawn(|| feed(store, &clock, seq));
            let keeper = scope.spawn(|| claim(store, &clock, event));
            let synced_micros = self.trades(store, hour)?;
            feed.join().map_err(|_| "the feed panicked")??;
            keeper.join().map_err(|_| "the house-keeper panicked")??;
            Ok(synced_micros)
        })?;
        self.seq += TICKS + HOT_TICKS;
        self.event += CLAIMS;
        self.clock.set(begun.saturating_add_micros(HOUR_MICROS));
        store.maintain()?;
        self.read(store, hour)?;
        if hour.is_multiple_of(24) {
            sync(store, hour, self.clock.now())?;
        }
        Ok(Done { trades: self.trade, synced_micros })
    }

    /// Buys and sells, every commit synced. A tenth of the orders fails and is rolled back.
    fn trades(&mut self, store: &Store, hour: u64) -> Outcome<Vec<u64>> {
        let mut micros = Vec::new();
        for _ in 0..TRADES {
            let number = self.trade;
            self.trade += 1;
            if number % 10 == 9 {
                abandon(store, number, &mut micros)?;
            } else if self.open.len() <= OPEN {
                self.open.push(buy(store, number, hour, &mut micros)?);
            } else {
                sell(store, number, self.open.remove(0), &mut micros)?;
            }
        }
        Ok(micros)
    }

    /// Reads what a bot looks at, and every tenth hour leaves the snapshot lying about.
    fn read(&mut self, store: &Store, hour: u64) -> Outcome<()> {
        let snapshot = loop {
            let snapshot = store.snapshot();
            match self.look(&snapshot) {
                Ok(()) => break snapshot,
                // A checkpoint that was under way had to let go of too much for it: read anew.
                Err(error) if is_lost(&*error) => {}
                Err(error) => return Err(error),
            }
        };
        if hour.is_multiple_of(10) {
            self.forgotten = Some(snapshot);
        }
        Ok(())
    }

    fn look(&self, snapshot: &Snapshot) -> Outcome<()> {
        let mut highest = BTreeMap::new();
        for token in snapshot.tokens().iter() {
            let token = token.map_err(highwater::Error::from)?;
            highest.insert(token.key.to_string(), token.max.map(|tick| tick.price));
        }
        assert!(highest.len() as u64 > COINS, "{} tokens", highest.len());
        let summary = snapshot.ledger().summary("main", None).map_err(highwater::Error::from)?;
        assert_eq!(summary.positions_open, self.open.len() as u64);
        Ok(())
    }
}

fn is_lost(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(highwater::Error::SnapshotLost))
}

/// Runs a durable commit and notes how long it took.
fn timed<T>(micros: &mut Vec<u64>, commit: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let begun = Instant::now();
    let done = commit()?;
    micros.push(u64::try_from(begun.elapsed().as_micros())?);
    Ok(done)
}

/// Ticks of all coins, and a hot one in between that gets a commit of its own for each. The feed's time is
/// everybody's time.
fn feed(store: &Store, clock: &ManualClock, first_seq: u64) -> Outcome<()> {
    let commits = TICKS / TICKS_IN_A_COMMIT;
    for commit in 0..commits {
        clock.advance_micros(HOUR_MICROS / (commits as i64 + 1));
        let now = clock.now();
        store.write_with(Durability::Written, |tx| {
            for tick in 0..TICKS_IN_A_COMMIT {
                let seq = first_seq + commit * TICKS_IN_A_COMMIT + tick;
                tx.tokens().apply(&tick_of(seq % COINS, seq, now)?)?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        })?;
        for hot in 0..HOT_TICKS / commits {
            let seq = first_seq + TICKS + commit * (HOT_TICKS / commits) + hot;
            let update = tick_of(COINS, seq, now)?;
            store.write_with(Durability::Written, |tx| {
                Ok::<_, highwater::Error>(tx.tokens().apply(&update)?)
            })?;
        }
    }
    Ok(())
}

fn tick_of(coin: u64, seq: u64, at: Timestamp) -> Outcome<Update> {
    let cents = 100 + (seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54);
    let price = Price::from_units(u128::from(cents) * 10_u128.pow(22));
    Ok(Update::new(TokenKey::new("paper", &format!("coin-{coin}"))?)
        .price(price, at)
        .source("feed")
        .seq(seq))
}

/// Claims every event that is told, some of them told twice.
fn claim(store: &Store, clock: &ManualClock, first: u64) -> Outcome<()> {
    for begin in (first..first + CLAIMS).step_by(CLAIMS_IN_A_COMMIT as usize) {
        let now = clock.now();
        store.write_with(Durability::Written, |tx| {
            for event in begin..begin + CLAIMS_IN_A_COMMIT {
                let key = format!("{:032x}", u128::from(event).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let claim = tx.claims().claim("events", key.as_bytes(), now)?;
                assert_eq!(claim, Claim::New, "event {event}");
                if event % 10 == 0 {
                    assert_ne!(tx.claims().claim("events", key.as_bytes(), now)?, Claim::New);
                }
            }
            Ok::<_, highwater::Error>(())
        })?;
    }
    store.maintain()?;
    Ok(())
}

/// Once a day the list of a source: a tenth of it is another every day.
fn sync(store: &Store, hour: u64, now: Timestamp) -> Outcome<()> {
    let first = hour / 24 % 10 * (COINS / 10);
    let rows = (first..first + COINS).map(|number| {
        let key =
            TokenKey::new("paper", &format!("coin-{}", number % (2 * COINS))).expect("a good key");
        Update::new(key).symbol(format!("C{number}"), now)
    });
    let sync = TokenSync::new("lists", format!("hour {hour}"), Filter::All);
    store.tokens().sync(sync, rows)?;
    Ok(())
}

fn buy(store: &Store, number: u64, hour: u64, micros: &mut Vec<u64>) -> Outcome<PositionId> {
    let position = NewPosition::new("main", coin(number)?, usd()).tag(format!("hour {hour}"));
    let seen = Timestamp::from_micros(crate::START_MICROS + i64::try_from(number)?);
    let intent = Intent::open(format!("trade {number}"), position).hold(dollars("50")?).claim(
        "trades",
        number.to_be_bytes(),
        seen,
    );
    let begun = timed(micros, || Ok(store.operations().begin_and_start(&intent)?))?;
    let order = begun.into_handle().ok_or("begun before")?;
    timed(micros, || Ok(order.checkpoint(store, format!("order {number}").as_bytes())?))?;
    let position = order.position().ok_or("an opening has a position")?;
    let bought = fill(number, "49.90")?;
    timed(micros, || Ok(order.complete(store, &Effect::new().buy(position, bought))?))?;
    Ok(position)
}

fn sell(store: &Store, number: u64, position: PositionId, micros: &mut Vec<u64>) -> Outcome<()> {
    let intent = Intent::close(format!("trade {number}"), position);
    let begun = timed(micros, || Ok(store.operations().begin_and_start(&intent)?))?;
    let order = begun.into_handle().ok_or("begun before")?;
    let of = store.snapshot().ledger().position(position)?.asset;
    let sold = Fill::new(
        "paper",
        format!("fill {number}"),
        Money::new(of, Amount::from_units(1_000)),
        dollars("50.20")?,
    )
    .fee(dollars("0.10")?);
    timed(micros, || Ok(order.complete(store, &Effect::new().sell(position, sold))?))?;
    Ok(())
}

/// An order that the venue refuses for good.
fn abandon(store: &Store, number: u64, micros: &mut Vec<u64>) -> Outcome<()> {
    let intent = Intent::deduct(format!("trade {number}"), "main", dollars("1")?);
    let begun = timed(micros, || Ok(store.operations().begin_and_start(&intent)?))?;
    let order = begun.into_handle().ok_or("begun before")?;
    let failed = timed(micros, || Ok(order.fail(store, Failure::definite("rejected"))?))?;
    timed(micros, || Ok(failed.roll_back(store, RollBack::new("the venue refused it"))?))?;
    Ok(())
}

fn fill(number: u64, gross: &str) -> Outcome<Fill> {
    let quantity = Money::new(coin(number)?, Amount::from_units(1_000));
    Ok(Fill::new("paper", format!("fill {number}"), quantity, dollars(gross)?)
        .fee(dollars("0.10")?))
}

fn coin(number: u64) -> Outcome<Asset> {
    Ok(Asset::new("paper", &format!("coin-{}", number % COINS), 2)?)
}

fn usd() -> Asset {
    Asset::new("fiat", "USD", 2).expect("a good asset")
}

fn dollars(text: &str) -> Outcome<Money> {
    Ok(Money::parse(&usd(), text)?)
}
