//! The record of a token, as every engine but highwater and SQLite stores it, and how two records join.
//!
//! ```text
//! marks   current, first, highest, lowest: each price u128, time i64          96 bytes
//! texts   cap u128, time of all texts i64, decimals u8, symbol length u8, symbol, name
//! ```
//!
//! Little-endian and at fixed places, so that a price is merged in place without decoding anything: this is as
//! cheap as it can be made for the peers. A row of marks alone is what a price without texts says.

use crate::Outcome;

pub const MARKS_BYTES: usize = 96;

/// A price and when it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    pub price: u128,
    pub at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    pub current: Tick,
    pub first: Tick,
    pub high: Tick,
    pub low: Tick,
}

impl Marks {
    pub fn of(tick: Tick) -> Self {
        Self { current: tick, first: tick, high: tick, low: tick }
    }

    pub fn join(&mut self, other: &Self) {
        if other.current.at >= self.current.at {
            self.current = other.current;
        }
        if other.first.at < self.first.at {
            self.first = other.first;
        }
        if other.high.price > self.high.price {
            self.high = other.high;
        }
        if other.low.price < self.low.price {
            self.low = other.low;
        }
    }

    fn write(&self, row: &mut [u8]) {
        let ticks = [self.current, self.first, self.high, self.low];
        for (place, tick) in row.chunks_exact_mut(24).zip(ticks) {
            place[..16].copy_from_slice(&tick.price.to_le_bytes());
            place[16..].copy_from_slice(&tick.at.to_le_bytes());
        }
    }

    pub fn read(row: &[u8]) -> Outcome<Self> {
        let tick = |number: usize| {
            let bytes = row.get(number * 24..).ok_or("a row that is too short")?;
            let (price, rest) = bytes.split_first_chunk().ok_or("a row that is too short")?;
            let at = rest.first_chunk().ok_or("a row that is too short")?;
            Ok::<_, &str>(Tick { price: u128::from_le_bytes(*price), at: i64::from_le_bytes(*at) })
        };
        Ok(Self { current: tick(0)?, first: tick(1)?, high: tick(2)?, low: tick(3)? })
    }
}

/// What is said of a token beside its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    pub symbol: Box<str>,
    pub name: Box<str>,
    pub decimals: u8,
    pub cap: u128,
}

/// A row, decoded: what a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub texts: Texts,
    pub texts_at: i64,
    pub marks: Marks,
}

/// The row of a price, with texts or without.
pub fn encode(tick: Tick, texts: Option<&Texts>, row: &mut Vec<u8>) {
    row.clear();
    row.resize(MARKS_BYTES, 0);
    Marks::of(tick).write(row);
    if let Some(texts) = texts {
        row.extend(texts.cap.to_le_bytes());
        row.extend(tick.at.to_le_bytes());
        row.push(texts.decimals);
        row.push(texts.symbol.len() as u8);
        row.extend(texts.symbol.as_bytes());
        row.extend(texts.name.as_bytes());
    }
}

/// Joins what `other` says into `row`.
pub fn join(row: &mut Vec<u8>, other: &[u8]) -> Outcome<()> {
    if row.is_empty() {
        row.extend(other);
        return Ok(());
    }
    let mut marks = Marks::read(row)?;
    marks.join(&Marks::read(other)?);
    let later = || texts_at(other) >= texts_at(row);
    if other.len() > MARKS_BYTES && later() {
        row.truncate(MARKS_BYTES);
        row.extend(&other[MARKS_BYTES..]);
    }
    marks.write(row);
    Ok(())
}

fn texts_at(row: &[u8]) -> i64 {
    let at = row.get(MARKS_BYTES + 16..).and_then(|rest| rest.first_chunk());
    at.map_or(i64::MIN, |at| i64::from_le_bytes(*at))
}

pub fn decode(row: &[u8]) -> Outcome<Seen> {
    const SHORT: &str = "a row without texts";
    let marks = Marks::read(row)?;
    let rest = row.get(MARKS_BYTES..).ok_or(SHORT)?;
    let (cap, rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let (at, rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let ([decimals, symbol], rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let (symbol, name) = rest.split_at_checked(usize::from(*symbol)).ok_or(SHORT)?;
    let texts = Texts {
        symbol: std::str::from_utf8(symbol)?.into(),
        name: std::str::from_utf8(name)?.into(),
        decimals: *decimals,
        cap: u128::from_le_bytes(*cap),
    };
    Ok(Seen { texts, texts_at: i64::from_le_bytes(*at), marks })
}
