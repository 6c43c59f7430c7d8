//! Taking back a price that should never have been believed: the only way a mark falls.
//!
//! ```text
//! row    version u8 = 1 | retracted_at time | reason text
//! ```
//!
//! The key of a row is that of the tick. The rows are the record of what was taken back, and keep it from
//! coming again; they stay for ever.

use super::admit::read;
use super::candle::{self, Folding};
use super::state::HistoryState;
use super::{CANDLES, HISTORY, HistoryIter, RETRACTED, Resolution, TICKS, keys, state};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader, Tx};
use crate::money::TokenKey;
use crate::price_status::Missing;
use crate::tokens::merge::{Marks, OwnedMarks, State, TickRef};
use crate::tokens::{Error, Merged, Recorded, TOKENS, Tick, Tokens, TokensMut, Update, row};

/// A tick that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RetractedTick {
    /// The tick.
    pub tick: Tick,
    /// When it was taken back.
    pub retracted_at: Timestamp,
    /// Why.
    pub reason: Box<str>,
}

/// What taking back a tick came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Retraction {
    /// It was taken back; the token as it is without it, and what changed.
    Retracted(Box<Merged>),
    /// It was taken back before. Nothing changed.
    AlreadyRetracted(RetractedTick),
}

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct RetractedRow<'b> {
    retracted_at: i64,
    reason: &'b str,
}

pub(super) fn encode(retracted_at: Timestamp, reason: &str) -> Vec<u8> {
    codec::encode(VERSION, &RetractedRow { retracted_at: retracted_at.as_micros(), reason })
}

pub(super) fn decode(bytes: &[u8]) -> Result<(Timestamp, &str), codec::Error> {
    let row: RetractedRow<'_> = codec::decode(VERSION, bytes)?;
    Ok((Timestamp::from_micros(row.retracted_at), row.reason))
}

impl<'a> Tokens<'a> {
    /// The ticks of a token that were taken back, in the order of ticks.
    pub fn retracted(&self, key: &TokenKey) -> HistoryIter<'a, RetractedTick> {
        let rows = self.reader.scan(RETRACTED, keys::all_ticks(key));
        let key = key.clone();
        HistoryIter::new(rows.map(move |stored| {
            let (tick_key, row) = stored?;
            let (retracted_at, reason) = read(&key, &row, decode)?;
            match keys::tick_of(&tick_key) {
                Some((_, tick)) => Ok(RetractedTick { tick, retracted_at, reason: reason.into() }),
                None => Err(Error::CorruptKey { key: tick_key }),
            }
        }))
    }
}

impl TokensMut<'_> {
    /// Takes back a tick of the history: the marks and the candles are then those of the others. It is
    /// remembered with the reason, and never believed again. Whether the token's price is missing stays as
    /// it is: who takes back the only price says [`Update::unavailable`] as well, if it is to be asked for. A candle that reaches below the watermark
    /// stays as it is.
    ///
    /// Where the token was first seen at the time of the tick, it is then first seen at the earliest time that
    /// what is still known of it tells of. What a later word replaced (a symbol, a market capitalisation, a
    /// price that was missing) is not known any more, so that may be later than it was.
    ///
    /// Where the tick is one of the marks, every tick of the token is read.
    ///
    /// # Errors
    /// [`Error::HistoryIncomplete`] where the tick is not later than the watermark, or the token has no
    /// history; [`Error::UnknownTick`] where there is no such tick; [`Error::TooLong`];
    /// [`Error::CorruptRow`], [`Error::CorruptKey`], [`Error::Engine`].
    pub fn retract(
        &mut self,
        key: &TokenKey,
        tick: &Tick,
        reason: &str,
    ) -> Result<Retraction, Error> {
        check_length(key, reason)?;
        let tick_key = keys::of_tick(key, tick.into());
        if let Some(row) = self.tx.get(RETRACTED, &tick_key)? {
            let (retracted_at, reason) = read(key, &row, decode)?;
            let (tick, reason) = (tick.clone(), reason.into());
            return Ok(Retraction::AlreadyRetracted(RetractedTick { tick, retracted_at, reason }));
        }
        let stored = self.tx.get(HISTORY, key.as_bytes())?;
        let history = stored.as_ref().map(|stored| read(key, stored, state::decode)).transpose()?;
        let history = history.filter(|history| !history.is_before(tick.observed_at));
        let Some(mut history) = history else {
            return Err(Error::HistoryIncomplete {
                key: key.clone(),
                observed_at: tick.observed_at,
            });
        };
        let stored = self.tx.get(TOKENS, key.as_bytes())?;
        let (Some(stored), Some(_)) = (stored, self.tx.get(TICKS, &tick_key)?) else {
            return Err(Error::UnknownTick { key: key.clone(), observed_at: tick.observed_at });
        };
        let before = read(key, &stored, row::decode)?;
        let without = Without { tx: self.tx, key, tick: tick.into(), tick_key: &tick_key };
        let marks = without.marks(before.marks, &history)?;
        let candles = without.candles(&mut history)?;
        history.ticks = history.ticks.saturating_sub(1);
        history.retracted = history.retracted.saturating_add(1);

        let missing = self.missing(key)?;
        let marks = marks.as_ref().map(OwnedMarks::borrowed);
        let mut after = State { marks, ..before };
        if before.first_seen == Some(tick.observed_at) {
            after.first_seen = earliest(&after, missing);
        }
        let changes = after.changes_since(Some(&before));
        if !changes.is_empty() {
            self.tx.put(TOKENS, key.as_bytes(), row::encode(&after));
        }
        for (candle_key, row) in candles {
            match row {
                Some(row) => self.tx.put(CANDLES, &candle_key, row),
                None => self.tx.delete(CANDLES, &candle_key),
            }
        }
        let now = Timestamp::from_micros(self.tx.micros());
        self.tx.put(HISTORY, key.as_bytes(), state::encode(&history));
        self.tx.put(RETRACTED, &tick_key, encode(now, reason));
        self.tx.delete(TICKS, &tick_key);
        self.tx.note("token.retract");
        let token = after.token(key.clone());
        let recorded = Recorded::Retracted;
        Ok(Retraction::Retracted(Box::new(Merged { token, changes, recorded, missing })))
    }
}

/// The earliest time that what is known of a token tells of.
fn earliest(state: &State<'_>, missing: Option<Missing>) -> Option<Timestamp> {
    let times = [
        state.marks.map(|marks| marks.first.observed_at),
        state.symbol.map(|symbol| symbol.observed_at),
        state.name.map(|name| name.observed_at),
        state.market_cap.map(|market_cap| market_cap.observed_at),
        missing.map(|missing| missing.since),
    ];
    times.into_iter().flatten().min()
}

fn check_length(key: &TokenKey, reason: &str) -> Result<(), Error> {
    let (bytes, limit) = (reason.len(), Update::MAX_REASON_BYTES);
    if bytes > limit {
        return Err(Error::TooLong { key: key.clone(), field: "reason", bytes, limit });
    }
    Ok(())
}

/// What a token's history comes to without one of its ticks.
struct Without<'a> {
    tx: &'a Tx,
    key: &'a TokenKey,
    tick: TickRef<'a>,
    tick_key: &'a [u8],
}

/// Keys and new rows of candles.
type CandleWrites = Vec<(Vec<u8>, Option<Vec<u8>>)>;

impl Without<'_> {
    fn marks(
        &self,
        known: Option<Marks<'_>>,
        history: &HistoryState<'_>,
    ) -> Result<Option<OwnedMarks>, Error> {
        let stands_out = known.is_some_and(|marks| {
            [marks.current, marks.first, marks.max, marks.min].contains(&self.tick)
        });
        if !stands_out {
            return Ok(known.map(OwnedMarks::of));
        }
        let mut marks = history.before.map(|before| OwnedMarks::of(before.fold));
        for tick in self.others(keys::all_ticks(self.key)) {
            let tick = tick?;
            match &mut marks {
                Some(marks) => marks.take(&tick),
                None => marks = Some(OwnedMarks::of(Marks::of((&tick).into()))),
            }
        }
        Ok(marks)
    }

    fn candles(&self, history: &mut HistoryState<'_>) -> Result<CandleWrites, Error> {
        let mut writes = Vec::new();
        for resolution in Resolution::ALL {
            let start = resolution.start_of(self.tick.observed_at);
            if history.is_purged(resolution, start) || history.is_before(start) {
                continue;
            }
            let mut folding = Folding::default();
            let last = resolution.last_of(start);
            for tick in self.others(keys::ticks(self.key, start, last)) {
                folding.take(tick?);
            }
            let row = folding.state().map(|state| candle::encode(&state));
            if row.is_none() {
                let kept = history.of_mut(resolution);
                kept.count = kept.count.saturating_sub(1);
            }
            writes.push((keys::of_candle(self.key, resolution, start), row));
        }
        Ok(writes)
    }

    /// The ticks in a range of keys but this one.
    fn others(&self, range: KeyRange) -> impl Iterator<Item = Result<Tick, Error>> {
        let rows = self.tx.scan(TICKS, range);
        rows.filter_map(|stored| match stored {
            Ok((tick_key, _)) if *tick_key == *self.tick_key => None,
            Ok((tick_key, _)) => Some(match keys::tick_of(&tick_key) {
                Some((_, tick)) => Ok(tick),
                None => Err(Error::CorruptKey { key: tick_key }),
            }),
            Err(error) => Some(Err(error.into())),
        })
    }
}
