//! The history of one token in a few numbers: where it begins, what stands for what lies before, and how
//! much of everything there is.
//!
//! ```text
//! row      version u8 = 1 | watermark ?time | fold ?marks | purged u64 | ticks u64
//!          | minutes | hours | days | retracted u64 | quarantine
//! each     count u64 | purged_to ?time
//! quarantine   kept u64 | dropped u64 | next u64
//! ```
//!
//! - Watermark and fold are there together or not at all. No tick at or before the watermark is part of
//!   the history; the fold is the join of all of them that were ever accepted.
//! - The marks of a token are the join of its fold and of the rows of its ticks, always. So a tick can be
//!   taken out again.
//! - `purged_to` is the start of the latest candle that was purged. No candle up to there is made anew:
//!   it would lack what the purged one had.

use super::super::merge::{Marks, TickRef};
use super::super::row::MarksRow;
use super::super::token::Tick;
use super::Resolution;
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};

/// What is kept of a token's prices, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct TokenHistory {
    /// The history is whole for every time later than this; absent where it is whole.
    pub watermark: Option<Timestamp>,
    /// Latest, earliest, highest and lowest tick of those at or before the watermark.
    pub before: Option<[Tick; 4]>,
    /// How many ticks were purged.
    pub purged: u64,
    /// How many ticks are stored.
    pub ticks: u64,
    /// How many candles are stored of a minute, an hour, a day.
    pub candles: [u64; 3],
    /// How many ticks were retracted.
    pub retracted: u64,
    /// How many ticks wait in quarantine.
    pub quarantined: u64,
    /// How many ticks fell out of quarantine because too many came after them.
    pub quarantine_dropped: u64,
}

/// The history of one token, but for its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HistoryState<'a> {
    /// What lies at or before the watermark, if there is one.
    pub(super) before: Option<Before<'a>>,
    pub(super) purged: u64,
    pub(super) ticks: u64,
    pub(super) candles: [CandlesKept; 3],
    pub(super) retracted: u64,
    pub(super) quarantined: u64,
    pub(super) quarantine_dropped: u64,
    pub(super) quarantine_next: u64,
}

/// What lies at or before the watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before<'a> {
    pub(super) watermark: Timestamp,
    pub(super) fold: Marks<'a>,
}

/// How many candles of one resolution there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CandlesKept {
    pub(super) count: u64,
    pub(super) purged_to: Option<Timestamp>,
}

impl<'a> HistoryState<'a> {
    /// The history of a token of which nothing but its marks, if any, is known: it begins behind them.
    pub(super) fn behind(marks: Option<Marks<'a>>) -> Self {
        let before = marks.map(|fold| Before { watermark: fold.current.observed_at, fold });
        Self { before, ..Self::default() }
    }

    /// Where the history begins, if not with the first tick.
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.before.map(|before| before.watermark)
    }

    /// Whether a tick of this time is no part of the history.
    pub(super) fn is_before(&self, time: Timestamp) -> bool {
        self.watermark().is_some_and(|watermark| time <= watermark)
    }

    /// Moves the watermark up to a tick that leaves the history.
    pub(super) fn purge(&mut self, tick: TickRef<'a>) {
        let only = Marks::of(tick);
        self.before = Some(match self.before {
            Some(before) => Before {
                watermark: before.watermark.max(tick.observed_at),
                fold: before.fold.join(&only),
            },
            None => Before { watermark: tick.observed_at, fold: only },
        });
        self.purged = self.purged.saturating_add(1);
        self.ticks = self.ticks.saturating_sub(1);
    }

    pub(super) fn of(&self, resolution: Resolution) -> CandlesKept {
        self.candles[resolution.index()]
    }

    pub(super) fn of_mut(&mut self, resolution: Resolution) -> &mut CandlesKept {
        &mut self.candles[resolution.index()]
    }

    /// Whether the candle that starts then was purged.
    pub(super) fn is_purged(&self, resolution: Resolution, start: Timestamp) -> bool {
        self.of(resolution).purged_to.is_some_and(|purged_to| start <= purged_to)
    }

    /// The history as it is handed out.
    pub(super) fn history(&self) -> TokenHistory {
        TokenHistory {
            watermark: self.watermark(),
            before: self.before.map(|Before { fold, .. }| {
                [fold.current, fold.first, fold.max, fold.min].map(Tick::from)
            }),
            purged: self.purged,
            ticks: self.ticks,
            candles: self.candles.map(|kept| kept.count),
            retracted: self.retracted,
            quarantined: self.quarantined,
            quarantine_dropped: self.quarantine_dropped,
        }
    }
}

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct HistoryRow<'b> {
    watermark: Option<i64>,
    fold: Option<MarksRow<'b>>,
    purged: u64,
    ticks: u64,
    minutes: KeptRow,
    hours: KeptRow,
    days: KeptRow,
    retracted: u64,
    quarantined: u64,
    quarantine_dropped: u64,
    quarantine_next: u64,
}

#[derive(Encode, BorrowDecode)]
struct KeptRow {
    count: u64,
    purged_to: Option<i64>,
}

impl From<CandlesKept> for KeptRow {
    fn from(kept: CandlesKept) -> Self {
        Self { count: kept.count, purged_to: kept.purged_to.map(Timestamp::as_micros) }
    }
}

impl From<KeptRow> for CandlesKept {
    fn from(row: KeptRow) -> Self {
        Self { count: row.count, purged_to: row.purged_to.map(Timestamp::from_micros) }
    }
}

/// The row of a token's history.
pub(super) fn encode(state: &HistoryState<'_>) -> Vec<u8> {
    let [minutes, hours, days] = state.candles.map(KeptRow::from);
    let row = HistoryRow {
        watermark: state.watermark().map(Timestamp::as_micros),
        fold: state.before.map(|before| MarksRow::of(&before.fold)),
        purged: state.purged,
        ticks: state.ticks,
        minutes,
        hours,
        days,
        retracted: state.retracted,
        quarantined: state.quarantined,
        quarantine_dropped: state.quarantine_dropped,
        quarantine_next: state.quarantine_next,
    };
    codec::encode(VERSION, &row)
}

/// The history of a row. Its texts stay where they are.
pub(super) fn decode(bytes: &[u8]) -> Result<HistoryState<'_>, codec::Error> {
    let row: HistoryRow<'_> = codec::decode(VERSION, bytes)?;
    let before = match (row.watermark, row.fold) {
        (Some(watermark), Some(fold)) => {
            Some(Before { watermark: Timestamp::from_micros(watermark), fold: fold.marks() })
        }
        (None, None) => None,
        _ => return Err(codec::Error::Impossible { field: "watermark" }),
    };
    Ok(HistoryState {
        before,
        purged: row.purged,
        ticks: row.ticks,
        candles: [row.minutes.into(), row.hours.into(), row.days.into()],
        retracted: row.retracted,
        quarantined: row.quarantined,
        quarantine_dropped: row.quarantine_dropped,
        quarantine_next: row.quarantine_next,
    })
}
