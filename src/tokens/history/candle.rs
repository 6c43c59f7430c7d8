//! A candle: what the prices of one minute, hour or day came to, in any order of arrival.
//!
//! ```text
//! row    version u8 = 1 | open: time, ?seq, source text, price | close ?other | high ?price
//!        | low ?price | count u64
//! other  time, ?seq, ?source text, price       absent source: the same as open's
//! ```
//!
//! The least and the greatest tick are kept whole, so that a tick that comes late finds its place. What
//! follows from open and close is left out: a close that is the open, a high that is the higher of the
//! two prices, a low that is the lower.

use super::super::merge::TickRef;
use super::super::row::{OtherRow, TickRow};
use super::super::token::Tick;
use super::Resolution;
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::money::Price;

/// What the prices of one minute, hour or day came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Candle {
    /// How long it is.
    pub resolution: Resolution,
    /// When it begins: a whole minute, hour or day of UTC.
    pub start: Timestamp,
    /// The earliest tick.
    pub open: Tick,
    /// The highest price.
    pub high: Price,
    /// The lowest price.
    pub low: Price,
    /// The latest tick.
    pub close: Tick,
    /// How many different ticks there were.
    pub count: u64,
    /// Whether it reaches below the history's watermark: some of its ticks may be gone, what came late
    /// is not in it, and what was retracted since may be.
    pub is_beyond_ticks: bool,
}

/// A candle as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CandleState<'a> {
    pub(super) open: TickRef<'a>,
    pub(super) close: TickRef<'a>,
    pub(super) high: Price,
    pub(super) low: Price,
    pub(super) count: u64,
}

impl<'a> CandleState<'a> {
    /// The candle of one tick.
    pub(super) fn of(tick: TickRef<'a>) -> Self {
        Self { open: tick, close: tick, high: tick.price, low: tick.price, count: 1 }
    }

    /// The candle with one tick more, which it did not have.
    pub(super) fn with(self, tick: TickRef<'a>) -> Self {
        Self {
            open: self.open.min(tick),
            close: self.close.max(tick),
            high: self.high.max(tick.price),
            low: self.low.min(tick.price),
            count: self.count.saturating_add(1),
        }
    }

    /// The candle as it is handed out, of a token whose history begins behind `watermark`.
    pub(super) fn candle(
        self,
        resolution: Resolution,
        start: Timestamp,
        watermark: Option<Timestamp>,
    ) -> Candle {
        Candle {
            resolution,
            start,
            open: self.open.into(),
            high: self.high,
            low: self.low,
            close: self.close.into(),
            count: self.count,
            is_beyond_ticks: watermark.is_some_and(|watermark| start <= watermark),
        }
    }
}

/// A candle that is computed from its ticks, one after the other.
#[derive(Debug, Default)]
pub(super) struct Folding(Option<Folded>);

#[derive(Debug)]
struct Folded {
    open: Tick,
    close: Tick,
    high: Price,
    low: Price,
    count: u64,
}

impl Folding {
    /// Takes in the next tick, which is greater than those before.
    pub(super) fn take(&mut self, tick: Tick) {
        match &mut self.0 {
            Some(folded) => {
                folded.high = folded.high.max(tick.price);
                folded.low = folded.low.min(tick.price);
                folded.count += 1;
                folded.close = tick;
            }
            None => {
                let (high, low) = (tick.price, tick.price);
                self.0 = Some(Folded { open: tick.clone(), close: tick, high, low, count: 1 });
            }
        }
    }

    /// The candle of what was taken in, unless that was nothing.
    pub(super) fn state(&self) -> Option<CandleState<'_>> {
        self.0.as_ref().map(|folded| CandleState {
            open: (&folded.open).into(),
            close: (&folded.close).into(),
            high: folded.high,
            low: folded.low,
            count: folded.count,
        })
    }
}

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct CandleRow<'b> {
    open: TickRow<'b>,
    close: Option<OtherRow<'b>>,
    high: Option<u128>,
    low: Option<u128>,
    count: u64,
}

/// The row of a candle.
pub(super) fn encode(state: &CandleState<'_>) -> Vec<u8> {
    let CandleState { open, close, high, low, count } = *state;
    let (higher, lower) = (open.price.max(close.price), open.price.min(close.price));
    let row = CandleRow {
        open: open.into(),
        close: OtherRow::of(close, open),
        high: (high != higher).then_some(high.units()),
        low: (low != lower).then_some(low.units()),
        count,
    };
    codec::encode(VERSION, &row)
}

/// The candle of a row. Its texts stay where they are.
pub(super) fn decode(bytes: &[u8]) -> Result<CandleState<'_>, codec::Error> {
    let row: CandleRow<'_> = codec::decode(VERSION, bytes)?;
    let open = TickRef::from(&row.open);
    let close = OtherRow::tick(&row.close, open);
    let (higher, lower) = (open.price.max(close.price), open.price.min(close.price));
    let high = row.high.map_or(higher, Price::from_units);
    let low = row.low.map_or(lower, Price::from_units);
    let count = row.count;
    for (field, is_possible) in [
        ("close", open <= close),
        ("high", high >= higher),
        ("low", low <= lower),
        ("count", count >= 1),
    ] {
        if !is_possible {
            return Err(codec::Error::Impossible { field });
        }
    }
    Ok(CandleState { open, close, high, low, count })
}
