//! Verification: what is derived from ticks is computed anew from them, and compared.

use super::admit::read;
use super::candle::{self, Folding};
use super::state::HistoryState;
use super::{CANDLES, HISTORY, QUARANTINE, RETRACTED, Resolution, TICKS, keys, state};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Table};
use crate::money::TokenKey;
use crate::tokens::merge::{Marks, OwnedMarks};
use crate::tokens::{Error, TOKENS, Tick, row};

/// Something about a token's history that is not as it must be.
pub(crate) struct HistoryFinding {
    /// The table.
    pub(crate) table: &'static str,
    /// The token, or the row, in words.
    pub(crate) row: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// The tables whose rows belong to a token, and what they are called.
const TABLES: [(Table, &str); 4] = [
    (TICKS, "ticks"),
    (CANDLES, "candles"),
    (QUARANTINE, "quarantined ticks"),
    (RETRACTED, "retracted ticks"),
];

/// Everything about the history of one state that is not as it must be; empty where it is sound.
pub(crate) fn verify(reader: &dyn Reader) -> Result<Vec<HistoryFinding>, Error> {
    let mut verifier = Verifier { reader, findings: Vec::new(), rows: [0; TABLES.len()] };
    for stored in reader.scan(HISTORY, KeyRange::all()) {
        let (stored_key, stored) = stored?;
        let Some(key) = TokenKey::from_bytes(&stored_key) else {
            return Err(Error::CorruptKey { key: stored_key });
        };
        verifier.token(&key, &read(&key, &stored, state::decode)?)?;
    }
    verifier.foreign_rows()?;
    Ok(verifier.findings)
}

struct Verifier<'r> {
    reader: &'r dyn Reader,
    findings: Vec<HistoryFinding>,
    /// How many rows of each table belong to the tokens seen so far.
    rows: [u64; TABLES.len()],
}

impl Verifier<'_> {
    fn token(&mut self, key: &TokenKey, history: &HistoryState<'_>) -> Result<(), Error> {
        self.ticks(key, history)?;
        let mut candles = 0;
        for resolution in Resolution::ALL {
            candles += self.candles(key, history, resolution)?;
        }
        let quarantined = self.count(QUARANTINE, keys::all_ticks(key))?;
        let retracted = self.count(RETRACTED, keys::all_ticks(key))?;
        self.compare(key, "quarantined ticks", quarantined, history.quarantined);
        self.compare(key, "retracted ticks", retracted, history.retracted);
        for (sum, rows) in
            self.rows.iter_mut().zip([history.ticks, candles, quarantined, retracted])
        {
            *sum = sum.saturating_add(rows);
        }
        Ok(())
    }

    /// The marks are the join of the fold and of every tick, and no tick is of two minds.
    fn ticks(&mut self, key: &TokenKey, history: &HistoryState<'_>) -> Result<(), Error> {
        let mut marks = history.before.map(|before| OwnedMarks::of(before.fold));
        let mut count = 0;
        for stored in self.reader.scan(TICKS, keys::all_ticks(key)) {
            let (tick_key, _) = stored?;
            for (table, name) in [(QUARANTINE, "quarantined"), (RETRACTED, "retracted")] {
                if self.reader.get(table, &tick_key)?.is_some() {
                    self.find(key, "ticks", format!("a tick that is kept is {name} as well"));
                }
            }
            let tick = tick_of(tick_key)?;
            if history.watermark().is_some_and(|watermark| tick.observed_at < watermark) {
                self.find(key, "ticks", "a tick lies before the watermark");
            }
            match &mut marks {
                Some(marks) => marks.take(&tick),
                None => marks = Some(OwnedMarks::of(Marks::of((&tick).into()))),
            }
            count += 1;
        }
        self.compare(key, "ticks", count, history.ticks);
        let stored = self.reader.get(TOKENS, key.as_bytes())?;
        let known = stored.as_ref().map(|stored| read(key, stored, row::decode)).transpose()?;
        let known = known.and_then(|known| known.marks);
        if known != marks.as_ref().map(OwnedMarks::borrowed) {
            self.find(key, "tokens", "the marks are not those of its history");
        }
        Ok(())
    }

    /// Every candle above the watermark is that of its ticks. Answers how many candles there are.
    fn candles(
        &mut self,
        key: &TokenKey,
        history: &HistoryState<'_>,
        resolution: Resolution,
    ) -> Result<u64, Error> {
        let (mut count, mut of_ticks) = (0, 0);
        let (least, greatest) =
            (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let range = keys::candles(key, resolution, least, greatest);
        for stored in self.reader.scan(CANDLES, range) {
            let (candle_key, stored) = stored?;
            let Some((_, _, start)) = keys::candle_of(&candle_key) else {
                return Err(Error::CorruptKey { key: candle_key });
            };
            count += 1;
            if history.is_purged(resolution, start) {
                self.find(key, "candles", format!("a purged one of {resolution} is there"));
            }
            let mut folding = Folding::default();
            let ticks = keys::ticks(key, start, resolution.last_of(start));
            for stored in self.reader.scan(TICKS, ticks) {
                folding.take(tick_of(stored?.0)?);
            }
            let known = read(key, &stored, candle::decode)?;
            let computed = folding.state();
            of_ticks += computed.map_or(0, |computed| computed.count);
            if !history.is_before(start) && computed != Some(known) {
                let at = start.as_micros();
                self.find(
                    key,
                    "candles",
                    format!("{resolution} at {at} us is not that of its ticks"),
                );
            }
        }
        self.compare(key, "candles", count, history.of(resolution).count);
        let purged = history.of(resolution).purged_to;
        if purged.is_none() && of_ticks != history.ticks {
            self.find(key, "candles", format!("some ticks are in no candle of {resolution}"));
        }
        Ok(count)
    }

    /// No row belongs to a token without a history.
    fn foreign_rows(&mut self) -> Result<(), Error> {
        for ((table, name), known) in TABLES.into_iter().zip(self.rows) {
            let found = self.count(table, KeyRange::all())?;
            if found != known {
                let problem = format!("there are {found}, the tokens have {known}");
                let row = "all".to_owned();
                self.findings.push(HistoryFinding { table: name, row, problem });
            }
        }
        Ok(())
    }

    fn count(&self, table: Table, range: KeyRange) -> Result<u64, Error> {
        let mut count = 0;
        for stored in self.reader.scan(table, range) {
            stored?;
            count += 1;
        }
        Ok(count)
    }

    fn compare(&mut self, key: &TokenKey, table: &'static str, found: u64, counted: u64) {
        if found != counted {
            self.find(key, table, format!("there are {found}, counted were {counted}"));
        }
    }

    fn find(&mut self, key: &TokenKey, table: &'static str, problem: impl Into<String>) {
        let (row, problem) = (key.to_string(), problem.into());
        self.findings.push(HistoryFinding { table, row, problem });
    }
}

fn tick_of(tick_key: Box<[u8]>) -> Result<Tick, Error> {
    match keys::tick_of(&tick_key) {
        Some((_, tick)) => Ok(tick),
        None => Err(Error::CorruptKey { key: tick_key }),
    }
}
