//! The bytes of a token's row, version 1. `docs/format.md` has them for other implementations.
//!
//! ```text
//! row     version u8 = 1 | symbol ?(time, text) | name ?(time, text) | decimals ?u8
//!         | market_cap ?(time, price) | first_seen ?time | marks ?marks | mock ?mock
//! marks   current: time, ?seq, source text, price
//!         | first ?other | max ?other | min ?other        absent: the same tick as current
//! other   time, ?seq, ?source text, price                 absent source: the same as current's
//! mock    time, ?seq, price                               its source is always "mock"
//! ```
//!
//! A token seen once thus stores its one tick once, and a token of one source names it once.
//! One state has exactly one encoding; rows can be compared by their bytes.

use super::merge::{Marks, State, TickRef};
use super::{Observed, SYNTHETIC_SOURCE};
use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode};
use crate::money::{Asset, Price};

const VERSION: u8 = 1;

#[derive(Encode, BorrowDecode)]
struct Row<'b> {
    symbol: Option<(i64, &'b str)>,
    name: Option<(i64, &'b str)>,
    decimals: Option<u8>,
    market_cap: Option<(i64, u128)>,
    first_seen: Option<i64>,
    marks: Option<MarksRow<'b>>,
    mock: Option<MockRow>,
}

/// The marks of a token, or of a part of its ticks.
#[derive(Encode, BorrowDecode)]
pub(super) struct MarksRow<'b> {
    current: TickRow<'b>,
    first: Option<OtherRow<'b>>,
    max: Option<OtherRow<'b>>,
    min: Option<OtherRow<'b>>,
}

/// A whole tick, beside which others stand.
#[derive(Encode, BorrowDecode)]
pub(super) struct TickRow<'b> {
    observed_at: i64,
    seq: Option<u64>,
    source: &'b str,
    price: u128,
}

/// A tick beside another one.
#[derive(Encode, BorrowDecode)]
pub(super) struct OtherRow<'b> {
    observed_at: i64,
    seq: Option<u64>,
    source: Option<&'b str>,
    price: u128,
}

#[derive(Encode, BorrowDecode)]
struct MockRow {
    observed_at: i64,
    seq: Option<u64>,
    price: u128,
}

/// The row of a token of which `state` is known.
pub(super) fn encode(state: &State<'_>) -> Vec<u8> {
    codec::encode(VERSION, &Row::of(state))
}

/// Appends the same.
pub(super) fn encode_into(bytes: &mut Vec<u8>, state: &State<'_>) {
    codec::encode_into(bytes, VERSION, &Row::of(state));
}

/// What a row says. Its texts stay where they are.
pub(super) fn decode(bytes: &[u8]) -> Result<State<'_>, codec::Error> {
    let row: Row<'_> = codec::decode(VERSION, bytes)?;
    match row.decimals {
        Some(decimals) if decimals > Asset::MAX_SCALE => {
            Err(codec::Error::Impossible { field: "decimals" })
        }
        _ => Ok(row.state()),
    }
}

impl<'b> Row<'b> {
    fn of(state: &State<'b>) -> Self {
        let text = |text: Observed<&'b str>| (text.observed_at.as_micros(), text.value);
        Self {
            symbol: state.symbol.map(text),
            name: state.name.map(text),
            decimals: state.decimals,
            market_cap: state.market_cap.map(|at| (at.observed_at.as_micros(), at.value.units())),
            first_seen: state.first_seen.map(Timestamp::as_micros),
            marks: state.marks.as_ref().map(MarksRow::of),
            mock: state.mock.map(|tick| MockRow {
                observed_at: tick.observed_at.as_micros(),
                seq: tick.seq,
                price: tick.price.units(),
            }),
        }
    }

    fn state(&self) -> State<'b> {
        let text =
            |(micros, value)| Observed { observed_at: Timestamp::from_micros(micros), value };
        State {
            symbol: self.symbol.map(text),
            name: self.name.map(text),
            decimals: self.decimals,
            market_cap: self.market_cap.map(|(micros, units)| Observed {
                observed_at: Timestamp::from_micros(micros),
                value: Price::from_units(units),
            }),
            first_seen: self.first_seen.map(Timestamp::from_micros),
            marks: self.marks.as_ref().map(MarksRow::marks),
            mock: self.mock.as_ref().map(|tick| TickRef {
                observed_at: Timestamp::from_micros(tick.observed_at),
                seq: tick.seq,
                source: SYNTHETIC_SOURCE,
                price: Price::from_units(tick.price),
            }),
        }
    }
}

impl<'b> MarksRow<'b> {
    pub(super) fn of(marks: &Marks<'b>) -> Self {
        let current = marks.current;
        let other = |tick| OtherRow::of(tick, current);
        Self {
            current: current.into(),
            first: other(marks.first),
            max: other(marks.max),
            min: other(marks.min),
        }
    }

    pub(super) fn marks(&self) -> Marks<'b> {
        let current = (&self.current).into();
        let other = |tick| OtherRow::tick(tick, current);
        Marks { current, first: other(&self.first), max: other(&self.max), min: other(&self.min) }
    }
}

impl<'b> From<TickRef<'b>> for TickRow<'b> {
    fn from(tick: TickRef<'b>) -> Self {
        Self {
            observed_at: tick.observed_at.as_micros(),
            seq: tick.seq,
            source: tick.source,
            price: tick.price.units(),
        }
    }
}

impl<'b> From<&TickRow<'b>> for TickRef<'b> {
    fn from(row: &TickRow<'b>) -> Self {
        Self {
            observed_at: Timestamp::from_micros(row.observed_at),
            seq: row.seq,
            source: row.source,
            price: Price::from_units(row.price),
        }
    }
}

impl<'b> OtherRow<'b> {
    /// What is to be said of `tick` where `known` is known: nothing where it is the same.
    pub(super) fn of(tick: TickRef<'b>, known: TickRef<'b>) -> Option<Self> {
        (tick != known).then(|| Self {
            observed_at: tick.observed_at.as_micros(),
            seq: tick.seq,
            source: (tick.source != known.source).then_some(tick.source),
            price: tick.price.units(),
        })
    }

    /// The tick of which this was said where `known` is known.
    pub(super) fn tick(row: &Option<Self>, known: TickRef<'b>) -> TickRef<'b> {
        row.as_ref().map_or(known, |row| TickRef {
            observed_at: Timestamp::from_micros(row.observed_at),
            seq: row.seq,
            source: row.source.unwrap_or(known.source),
            price: Price::from_units(row.price),
        })
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
