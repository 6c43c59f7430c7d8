//! highwater, by its own calls: upserts of tokens, its bulk sync, the transfers of its ledger.
//!
//! It does more than the others: a tick also has a source and a number, an upsert says what changed and looks
//! whether the price was missing. A transfer is an entry in double entry with its accounts' sums and indexes by
//! time and account, checked against what is set aside.

use std::path::Path;

use highwater::{
    Amount, Asset, Durability, Error, Filter, History, Malformed, Mode, Money, Options, Price,
    Resolution, Retention, Store, SyncRow, Timestamp, Token as Known, TokenKey, TokenSync, Update,
};

use super::{BATCH_ROWS, Counts, Engine, Name, Purpose, Session};
use crate::Outcome;
use crate::list::Row;
use crate::record::{Marks, Seen, Texts, Tick};
use crate::run::Own;
use crate::world::{
    ACCOUNTS, BALANCE, Change, DAY_MICROS, SOURCE, START_MICROS, Token, Transfer, account,
};

pub const SETTINGS: &str = "defaults (32 MiB for everything, no price history); durable: Durability::Synced; written: \
     Durability::Written, synced in the background";

pub struct Highwater {
    store: Store,
    durability: Durability,
    money: Asset,
}

struct Worker<'a>(&'a Highwater);

impl Highwater {
    pub fn open(dir: &Path, purpose: Purpose, name: Name) -> Outcome<Self> {
        let money = Asset::new("fiat", "USD", 6)?;
        let mut options = Options::new(Mode::Paper, money.clone());
        if name == Name::HighwaterLarge {
            options = options.memory_bytes(256 << 20);
        }
        if name == Name::HighwaterHistory {
            let candles = [Resolution::Minute, Resolution::Hour, Resolution::Day];
            let history = History::new().ticks(Retention::EVERYTHING);
            let keep = |history: History, each| history.candles(each, Retention::EVERYTHING);
            options = options.history(candles.into_iter().fold(history, keep));
        }
        let durability = if purpose.durable { Durability::Synced } else { Durability::Written };
        Ok(Self { store: options.open(dir)?, durability, money })
    }
}

impl Engine for Highwater {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Worker(self)))
    }

    fn sync(&self, session: u64, rows: &mut dyn Iterator<Item = Outcome<Row>>) -> Outcome<Counts> {
        let at = Timestamp::from_micros(START_MICROS + i64::try_from(session)? * DAY_MICROS);
        let sync = TokenSync::new(SOURCE, session.to_string(), Filter::All).batch_rows(BATCH_ROWS);
        let report = self.store.tokens().sync(sync, rows.map(|row| sync_row(row, at)))?;
        let counts = report.session.counts;
        Ok(Counts { rows: counts.rows, refused: counts.refused })
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        Ok(Some(self.store.snapshot().tokens().iter().count() as u64))
    }

    fn figures(&self) -> Own {
        let stats = self.store.stats();
        [
            ("commits", stats.commits),
            ("batches", stats.batches),
            ("journal_syncs", stats.journal_syncs),
            ("all_syncs_micros", stats.all_syncs_micros),
            ("checkpoints", stats.checkpoints),
            ("checkpoint_micros", stats.checkpoint_micros),
            ("checkpoint_rows", stats.checkpoint_rows),
            ("base_bytes_written", stats.base_bytes_written),
            ("writes_waited", stats.writes_waited),
            ("memory_wait_us", stats.longest_memory_wait_micros),
            ("lock_wait_us", stats.longest_lock_wait_micros),
            ("turn_wait_us", stats.longest_turn_wait_micros),
        ]
        .map(|(name, figure)| (name, figure as f64))
        .to_vec()
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(self.store.close()?)
    }
}

impl Session for Worker<'_> {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        let done = self.0.store.write_with(self.0.durability, |tx| {
            let mut tokens = tx.tokens();
            for change in changes {
                tokens.apply(&update(change))?;
            }
            Ok::<_, Error>(())
        });
        Ok(done?)
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        let known = self.0.store.tokens().get(&token.highwater)?;
        known.map(seen).transpose()
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        let money = self.money(BALANCE);
        let done = self.0.store.write(|tx| {
            for number in 0..ACCOUNTS {
                tx.ledger().opening_balance(&account(number), &money)?;
            }
            Ok::<_, Error>(())
        });
        Ok(done?)
    }

    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        let done = self.0.store.write_with(self.0.durability, |tx| {
            for one in transfers {
                let money = self.money(one.units);
                tx.ledger().transfer(&account(one.from), &account(one.to), &money)?;
            }
            Ok::<_, Error>(())
        });
        Ok(done?)
    }

    fn balance(&mut self, number: u32) -> Outcome<u64> {
        let balance = self.0.store.snapshot().ledger().balance(&account(number), &self.0.money)?;
        Ok(u64::try_from(balance.total.amount().units())?)
    }
}

impl Worker<'_> {
    fn money(&self, units: u64) -> Money {
        Money::new(self.0.money.clone(), Amount::from_units(i128::from(units)))
    }
}

fn update(change: &Change) -> Update {
    let at = Timestamp::from_micros(change.tick.at);
    let update = Update::new(change.token.highwater.clone())
        .price(Price::from_units(change.tick.price), at)
        .source(SOURCE);
    if !change.told {
        return update;
    }
    let texts = &change.token.texts;
    update
        .symbol(&*texts.symbol, at)
        .name(&*texts.name, at)
        .decimals(texts.decimals)
        .market_cap(Price::from_units(texts.cap), at)
}

/// The row is decoded already; this moves it.
fn seen(token: Known) -> Outcome<Seen> {
    const MISSING: &str = "a token without a field";
    let tick = |tick: Option<highwater::Tick>| {
        let tick = tick.ok_or(MISSING)?;
        Ok::<_, &str>(Tick { price: tick.price.units(), at: tick.observed_at.as_micros() })
    };
    let symbol = token.symbol.ok_or(MISSING)?;
    let texts = Texts {
        symbol: symbol.value,
        name: token.name.ok_or(MISSING)?.value,
        decimals: token.decimals.ok_or(MISSING)?,
        cap: token.market_cap.ok_or(MISSING)?.value.units(),
    };
    let (current, first) = (tick(token.current)?, tick(token.first)?);
    let marks = Marks { current, first, high: tick(token.max)?, low: tick(token.min)? };
    Ok(Seen { texts, texts_at: symbol.observed_at.as_micros(), marks })
}

fn sync_row(row: Outcome<Row>, at: Timestamp) -> SyncRow {
    match row.and_then(|row| listed(row, at)) {
        Ok(update) => update.into(),
        Err(error) => SyncRow::Malformed(Malformed::new(error.to_string())),
    }
}

fn listed(row: Row, at: Timestamp) -> Outcome<Update> {
    Ok(Update::new(TokenKey::new(&row.chain, &row.address)?)
        .symbol(row.symbol, at)
        .name(row.name, at)
        .decimals(u8::try_from(row.decimals).unwrap_or(u8::MAX))
        .price(row.price, at)
        .market_cap(row.market_cap, at)
        .source(SOURCE))
}
