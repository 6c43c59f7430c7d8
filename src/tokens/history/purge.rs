//! Retention: what is too old or too many goes, a bounded number of rows in each commit.
//!
//! Ticks go in their order. Each that goes joins the fold and raises the watermark to its time, in the same
//! commit. Ticks of one time can need several commits; the watermark then says of the rest that they are
//! gone, no reader shows them, and the next step deletes them before anything else. So the watermark, the
//! fold and the marks agree after every commit, and however the steps are cut the end is the same.

use super::admit::read;
use super::settings::Retention;
use super::state::HistoryState;
use super::{CANDLES, HISTORY, History, Resolution, TICKS, keys, state};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Row};
use crate::money::TokenKey;
use crate::tokens::merge::TickRef;
use crate::tokens::{Error, Tick, Tokens, TokensMut};

/// What a purge took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Purged {
    /// Ticks.
    pub ticks: u64,
    /// Candles, of all resolutions.
    pub candles: u64,
}

impl Purged {
    /// Adds what another purge took away.
    pub(crate) fn add(&mut self, other: Self) {
        self.ticks += other.ticks;
        self.candles += other.candles;
    }

    fn rows(self) -> usize {
        usize::try_from(self.ticks + self.candles).unwrap_or(usize::MAX)
    }
}

/// Some tokens that have something to be purged.
pub(crate) struct DueForPurge {
    pub(crate) keys: Vec<TokenKey>,
    /// The key of the last token that was looked at; `None` where that was the last there is.
    pub(crate) looked_up_to: Option<Box<[u8]>>,
    /// The first row that cannot be read. The others are looked at all the same.
    pub(crate) error: Option<Error>,
}

/// The time before everything, from which a scan begins.
const LEAST: Timestamp = Timestamp::from_micros(i64::MIN);
const GREATEST: Timestamp = Timestamp::from_micros(i64::MAX);

impl Tokens<'_> {
    /// Of the next `at_most` tokens behind `after`, those that have something to be purged.
    pub(crate) fn due_for_purge(
        &self,
        after: Option<&[u8]>,
        rules: &History,
        now: Timestamp,
        at_most: usize,
    ) -> Result<DueForPurge, Error> {
        let mut due = DueForPurge { keys: Vec::new(), looked_up_to: None, error: None };
        let mut range = KeyRange::all();
        if let Some(after) = after {
            range.start = std::ops::Bound::Excluded(after.to_vec());
        }
        for (looked_at, stored) in self.reader.scan(HISTORY, range).enumerate() {
            let (stored_key, row) = stored?;
            match self.is_token_due(rules, now, &stored_key, &row) {
                Ok(Some(key)) => due.keys.push(key),
                Ok(None) => {}
                Err(error @ (Error::CorruptRow { .. } | Error::CorruptKey { .. })) => {
                    due.error = due.error.or(Some(error));
                }
                Err(error) => return Err(error),
            }
            if looked_at + 1 >= at_most.max(1) {
                due.looked_up_to = Some(stored_key);
                break;
            }
        }
        Ok(due)
    }

    /// The token of this row, if it has something to be purged.
    fn is_token_due(
        &self,
        rules: &History,
        now: Timestamp,
        stored_key: &[u8],
        row: &Row,
    ) -> Result<Option<TokenKey>, Error> {
        let Some(key) = TokenKey::from_bytes(stored_key) else {
            return Err(Error::CorruptKey { key: stored_key.into() });
        };
        let history = read(&key, row, state::decode)?;
        Ok(is_due(self.reader, rules, now, &key, &history)?.then_some(key))
    }
}

fn is_due(
    reader: &dyn Reader,
    rules: &History,
    now: Timestamp,
    key: &TokenKey,
    history: &HistoryState<'_>,
) -> Result<bool, Error> {
    if !next_ticks(reader, rules, now, key, history, 1)?.is_empty() {
        return Ok(true);
    }
    for resolution in Resolution::ALL {
        let rules = rules.candles[resolution.index()];
        if !next_candles(reader, rules, now, key, history, resolution, 1)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The first ticks that have to go, at most `limit`, with their keys.
fn next_ticks(
    reader: &dyn Reader,
    rules: &History,
    now: Timestamp,
    key: &TokenKey,
    history: &HistoryState<'_>,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Tick)>, Error> {
    let mut due: Vec<(Vec<u8>, Tick)> = Vec::new();
    if history.ticks == 0 {
        return Ok(due);
    }
    let (cutoff, mut excess) = (rules.ticks.cutoff(now), rules.ticks.excess(history.ticks));
    let mut watermark = history.watermark();
    // What lies before the watermark is gone; at the watermark something may be left.
    let range = keys::ticks(key, watermark.unwrap_or(LEAST), GREATEST);
    for stored in reader.scan(TICKS, range).take(limit) {
        let (tick_key, _) = stored?;
        let Some((_, tick)) = keys::tick_of(&tick_key) else {
            return Err(Error::CorruptKey { key: tick_key });
        };
        let time = tick.observed_at;
        if excess == 0 && time >= cutoff && watermark.is_none_or(|watermark| time > watermark) {
            break;
        }
        excess = excess.saturating_sub(1);
        watermark = Some(time);
        due.push((tick_key.into_vec(), tick));
    }
    Ok(due)
}

/// Keys and starts of the first candles that have to go, at most `limit`.
fn next_candles(
    reader: &dyn Reader,
    rules: Retention,
    now: Timestamp,
    key: &TokenKey,
    history: &HistoryState<'_>,
    resolution: Resolution,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Timestamp)>, Error> {
    let kept = history.of(resolution);
    let mut due = Vec::new();
    if kept.count == 0 {
        return Ok(due);
    }
    let (cutoff, excess) = (rules.cutoff(now), rules.excess(kept.count));
    let range = keys::candles(key, resolution, kept.purged_to.unwrap_or(LEAST), GREATEST);
    for stored in reader.scan(CANDLES, range).take(limit) {
        let (candle_key, _) = stored?;
        let Some((_, _, start)) = keys::candle_of(&candle_key) else {
            return Err(Error::CorruptKey { key: candle_key });
        };
        if due.len() as u64 >= excess && resolution.last_of(start) >= cutoff {
            break;
        }
        due.push((candle_key.into_vec(), start));
    }
    Ok(due)
}

impl TokensMut<'_> {
    /// Takes away what the tokens of `due` have too much of, at most `limit` rows. Answers how many of
    /// these tokens are done with.
    pub(crate) fn purge_history(
        &mut self,
        due: &[TokenKey],
        now: Timestamp,
        limit: usize,
    ) -> Result<(usize, Purged), Error> {
        let mut purged = Purged::default();
        let Some(rules) = self.history else { return Ok((due.len(), purged)) };
        for (done, key) in due.iter().enumerate() {
            let room = limit.saturating_sub(purged.rows());
            purged.add(self.purge_token(rules, key, now, room)?);
            if purged.rows() >= limit {
                // This one may have more.
                return Ok((done, purged));
            }
        }
        Ok((due.len(), purged))
    }

    fn purge_token(
        &mut self,
        rules: &History,
        key: &TokenKey,
        now: Timestamp,
        limit: usize,
    ) -> Result<Purged, Error> {
        let mut purged = Purged::default();
        let Some(stored) = self.tx.get(HISTORY, key.as_bytes())? else { return Ok(purged) };
        let mut history = read(key, &stored, state::decode)?;
        let ticks = next_ticks(self.tx, rules, now, key, &history, limit)?;
        for (_, tick) in &ticks {
            history.purge(TickRef::from(tick));
        }
        purged.ticks = ticks.len() as u64;
        let mut gone: Vec<_> =
            ticks.iter().map(|(tick_key, _)| (TICKS, tick_key.clone())).collect();
        for resolution in Resolution::ALL {
            let (room, rules) = (limit - gone.len(), rules.candles[resolution.index()]);
            let candles = next_candles(self.tx, rules, now, key, &history, resolution, room)?;
            let kept = history.of_mut(resolution);
            kept.count = kept.count.saturating_sub(candles.len() as u64);
            purged.candles += candles.len() as u64;
            for (candle_key, start) in candles {
                kept.purged_to = Some(start);
                gone.push((CANDLES, candle_key));
            }
        }
        if gone.is_empty() {
            return Ok(purged);
        }
        self.tx.put(HISTORY, key.as_bytes(), state::encode(&history));
        for (table, key) in gone {
            self.tx.delete(table, &key);
        }
        self.tx.note("history.purge");
        Ok(purged)
    }
}
