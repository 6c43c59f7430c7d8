//! What becomes of a tick that arrives: the one decision between a price and the history.
//!
//! ```text
//! at or before the watermark   the fold takes it in; nothing else does
//! its row is there             a duplicate
//! it was retracted             nothing
//! it jumps                     quarantine, unless somebody has let it through
//! else                         its row, and the candles it falls into that were not purged
//! ```
//!
//! Everything is read and decided before anything is staged, so an update that is refused for another
//! reason leaves nothing behind.

use std::ops::Bound;

use super::candle::{self, CandleState};
use super::quarantine::{self, Aside};
use super::state::{self, Before, HistoryState};
use super::{CANDLES, HISTORY, History, QUARANTINE, RETRACTED, Resolution, TICKS, keys};
use crate::clock::Timestamp;
use crate::codec;
use crate::engine::{KeyRange, Reader, Row, Table, Tx};
use crate::money::{Price, TokenKey};
use crate::tokens::Error;
use crate::tokens::merge::{Marks, TickRef};

/// What became of the price of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Recorded {
    /// The store keeps no history, or the update says no price, or a synthetic one. The marks took it in
    /// all the same.
    Nothing,
    /// It is part of the history now, and of its candles.
    Kept,
    /// It was part of the history before. Nothing changed.
    Duplicate,
    /// It is not later than the history's watermark. The marks took it in, the history did not.
    BeforeHistory,
    /// It jumps and was kept aside; the marks do not know it. See
    /// [`TokensMut::accept`](crate::TokensMut::accept).
    Quarantined,
    /// It was retracted before, and stays so. The marks do not know it.
    Retracted,
}

impl Recorded {
    /// Whether the marks took the price in, now or before.
    pub(in crate::tokens) fn is_believed(self) -> bool {
        !matches!(self, Self::Quarantined | Self::Retracted)
    }
}

/// Whether a tick that jumps is let through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tokens) enum Gate {
    Guarded,
    Open,
}

/// The rows that a tick makes, and what became of it.
pub(in crate::tokens) struct Admission {
    pub(in crate::tokens) recorded: Recorded,
    writes: Vec<Write>,
}

struct Write {
    table: Table,
    key: Vec<u8>,
    row: Option<Vec<u8>>,
}

impl Admission {
    /// Of an update without a price that matters to a history.
    pub(in crate::tokens) fn of_nothing() -> Self {
        Self { recorded: Recorded::Nothing, writes: Vec::new() }
    }

    pub(in crate::tokens) fn changes_nothing(&self) -> bool {
        self.writes.is_empty()
    }

    /// Stages all of it.
    pub(in crate::tokens) fn stage(self, tx: &mut Tx) {
        for Write { table, key, row } in self.writes {
            match row {
                Some(row) => tx.put(table, &key, row),
                None => tx.delete(table, &key),
            }
        }
    }
}

/// Decides on `tick` of the token that has these marks.
pub(in crate::tokens) fn admit(
    tx: &Tx,
    rules: &History,
    key: &TokenKey,
    marks: Option<Marks<'_>>,
    tick: TickRef<'_>,
    gate: Gate,
) -> Result<Admission, Error> {
    let stored = tx.get(HISTORY, key.as_bytes())?;
    let known = stored.as_ref().map(|row| read(key, row, state::decode)).transpose()?;
    let mut admitting = Admitting {
        tx,
        rules,
        key,
        first: marks.map(|marks| marks.first.price),
        tick,
        tick_key: keys::of_tick(key, tick),
        gate,
        history: known.unwrap_or_else(|| HistoryState::behind(marks)),
        writes: Vec::new(),
    };
    let recorded = admitting.decide()?;
    if recorded != Recorded::Quarantined {
        admitting.leave_quarantine()?;
    }
    let Admitting { history, mut writes, .. } = admitting;
    if known != Some(history) {
        let row = Some(state::encode(&history));
        writes.push(Write { table: HISTORY, key: key.as_bytes().into(), row });
    }
    Ok(Admission { recorded, writes })
}

/// The decision in the making.
struct Admitting<'a> {
    tx: &'a Tx,
    rules: &'a History,
    key: &'a TokenKey,
    /// The price of the earliest tick that is known.
    first: Option<Price>,
    tick: TickRef<'a>,
    tick_key: Vec<u8>,
    gate: Gate,
    history: HistoryState<'a>,
    writes: Vec<Write>,
}

impl<'a> Admitting<'a> {
    fn decide(&mut self) -> Result<Recorded, Error> {
        match self.history.before.filter(|before| self.tick.observed_at <= before.watermark) {
            Some(before) => self.decide_late(before),
            None => self.decide_in_time(),
        }
    }

    /// Of a tick at or before the watermark, whether it came before is known by the fold alone.
    fn decide_late(&mut self, before: Before<'a>) -> Result<Recorded, Error> {
        if self.was_retracted()? {
            return Ok(Recorded::Retracted);
        }
        let fold = before.fold.join(&Marks::of(self.tick));
        if fold != before.fold {
            // One that a purge has not come to yet was let in before.
            if self.tx.get(TICKS, &self.tick_key)?.is_none()
                && let Some(jumps_from) = self.jump()?
            {
                return self.keep_aside(jumps_from);
            }
            self.history.before = Some(Before { fold, ..before });
        }
        Ok(Recorded::BeforeHistory)
    }

    fn decide_in_time(&mut self) -> Result<Recorded, Error> {
        if self.tx.get(TICKS, &self.tick_key)?.is_some() {
            return Ok(Recorded::Duplicate);
        }
        if self.was_retracted()? {
            return Ok(Recorded::Retracted);
        }
        if let Some(jumps_from) = self.jump()? {
            return self.keep_aside(jumps_from);
        }
        self.write(TICKS, self.tick_key.clone(), Some(keys::tick_row()));
        self.history.ticks = self.history.ticks.saturating_add(1);
        for resolution in Resolution::ALL {
            self.feed(resolution)?;
        }
        Ok(Recorded::Kept)
    }

    fn feed(&mut self, resolution: Resolution) -> Result<(), Error> {
        let start = resolution.start_of(self.tick.observed_at);
        if self.history.is_purged(resolution, start) {
            return Ok(());
        }
        let candle_key = keys::of_candle(self.key, resolution, start);
        let row = match self.tx.get(CANDLES, &candle_key)? {
            Some(row) => candle::encode(&read(self.key, &row, candle::decode)?.with(self.tick)),
            None => {
                let kept = self.history.of_mut(resolution);
                kept.count = kept.count.saturating_add(1);
                candle::encode(&CandleState::of(self.tick))
            }
        };
        self.write(CANDLES, candle_key, Some(row));
        Ok(())
    }

    fn was_retracted(&self) -> Result<bool, Error> {
        Ok(self.history.retracted > 0 && self.tx.get(RETRACTED, &self.tick_key)?.is_some())
    }

    /// The price that the tick jumps from, where it does and is not let through.
    fn jump(&self) -> Result<Option<Price>, Error> {
        let (Gate::Guarded, Some(factor)) = (self.gate, self.rules.quarantine) else {
            return Ok(None);
        };
        let price = self.tick.price;
        let jumps = |from: &Price| {
            *from != Price::ZERO
                && (factor.is_exceeded(price, *from) || factor.is_exceeded(*from, price))
        };
        Ok(self.price_before()?.filter(jumps))
    }

    /// The price that the tick is held against, that of its own time: of the kept tick before it; of the
    /// latest one in the fold, where all that was kept before it was purged; and where nothing is known
    /// before it, of the earliest tick, which is the next one.
    fn price_before(&self) -> Result<Option<Price>, Error> {
        let before = self.history.before;
        // A tick of the watermark's time that a purge has not come to yet is in the fold already.
        let first = match before {
            Some(before) => before.watermark.as_micros().checked_add(1),
            None => Some(i64::MIN),
        };
        let first = first.map(Timestamp::from_micros);
        if let Some(first) = first.filter(|first| *first <= self.tick.observed_at) {
            let range = keys::ticks(self.key, first, self.tick.observed_at);
            let before_it = KeyRange { end: Bound::Excluded(self.tick_key.clone()), ..range };
            if let Some(stored) = self.tx.scan(TICKS, before_it).next_back() {
                let (tick_key, _) = stored?;
                return match keys::tick_of(&tick_key) {
                    Some((_, tick)) => Ok(Some(tick.price)),
                    None => Err(Error::CorruptKey { key: tick_key }),
                };
            }
        }
        Ok(before.map(|before| before.fold.current.price).or(self.first))
    }

    fn keep_aside(&mut self, jumps_from: Price) -> Result<Recorded, Error> {
        if self.tx.get(QUARANTINE, &self.tick_key)?.is_some() {
            return Ok(Recorded::Quarantined);
        }
        if self.history.quarantined >= quarantine::MOST {
            let oldest = quarantine::oldest(self.tx, self.key)?;
            self.history.quarantine_dropped = self.history.quarantine_dropped.saturating_add(1);
            if let Some(oldest) = oldest {
                self.write(QUARANTINE, oldest, None);
            }
        } else {
            self.history.quarantined += 1;
        }
        let aside =
            Aside { number: self.history.quarantine_next, kept_at: self.tx.micros(), jumps_from };
        self.history.quarantine_next = self.history.quarantine_next.saturating_add(1);
        self.write(QUARANTINE, self.tick_key.clone(), Some(quarantine::encode(&aside)));
        Ok(Recorded::Quarantined)
    }

    /// What was decided on does not wait for a decision any more.
    fn leave_quarantine(&mut self) -> Result<(), Error> {
        if self.history.quarantined > 0 && self.tx.get(QUARANTINE, &self.tick_key)?.is_some() {
            self.history.quarantined -= 1;
            self.write(QUARANTINE, self.tick_key.clone(), None);
        }
        Ok(())
    }

    fn write(&mut self, table: Table, key: Vec<u8>, row: Option<Vec<u8>>) {
        self.writes.push(Write { table, key, row });
    }
}

/// Reads a row of a token.
pub(super) fn read<'r, T>(
    key: &TokenKey,
    row: &'r Row,
    decode: fn(&'r [u8]) -> Result<T, codec::Error>,
) -> Result<T, Error> {
    decode(row).map_err(|source| Error::CorruptRow { key: key.clone(), source })
}
