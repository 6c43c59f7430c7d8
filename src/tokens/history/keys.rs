//! The keys of the history: they order as what they name does.
//!
//! ```text
//! tick    token key | 0 | time 8 | seq: 0, or 1 and u64 8 | source, escaped | 0 | price u128 16
//! candle  token key | 0 | resolution u8 (1 minute, 2 hour, 3 day) | start 8
//! ```
//!
//! Numbers are big-endian; of a time the highest bit is turned. In the source, byte 0 stands as 1 1 and
//! byte 1 as 1 2, so that the 0 behind it is below every byte that can go on. The key of a token has one
//! byte 0; the second one ends it.

use std::ops::{Bound, RangeBounds};

use super::super::Update;
use super::super::merge::TickRef;
use super::super::token::Tick;
use super::Resolution;
use crate::clock::Timestamp;
use crate::codec;
use crate::engine::KeyRange;
use crate::money::{Price, TokenKey};

/// The version of the row of a tick.
const VERSION: u8 = 1;

const END: u8 = 0;
const ESCAPE: u8 = 1;

/// The key of a token's tick.
pub(super) fn of_tick(key: &TokenKey, tick: TickRef<'_>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.as_bytes().len() + tick.source.len() + 36);
    bytes.extend_from_slice(key.as_bytes());
    bytes.push(END);
    bytes.extend_from_slice(&ordered(tick.observed_at));
    match tick.seq {
        None => bytes.push(0),
        Some(seq) => {
            bytes.push(1);
            bytes.extend_from_slice(&seq.to_be_bytes());
        }
    }
    for &byte in tick.source.as_bytes() {
        match byte {
            END | ESCAPE => bytes.extend_from_slice(&[ESCAPE, byte + 1]),
            byte => bytes.push(byte),
        }
    }
    bytes.push(END);
    bytes.extend_from_slice(&tick.price.to_be_bytes());
    bytes
}

/// The row of a tick: its key says everything.
pub(super) fn tick_row() -> Vec<u8> {
    codec::encode(VERSION, &())
}

/// Refuses what is no row of a tick.
pub(super) fn check_tick_row(bytes: &[u8]) -> Result<(), codec::Error> {
    codec::decode(VERSION, bytes)
}

/// The token and the tick whose key these bytes are, if they are one.
pub(super) fn tick_of(bytes: &[u8]) -> Option<(TokenKey, Tick)> {
    let (key, rest) = token_of(bytes)?;
    let (time, rest) = rest.split_first_chunk()?;
    let (seq, rest) = match rest.split_first()? {
        (0, rest) => (None, rest),
        (1, rest) => {
            let (seq, rest) = rest.split_first_chunk()?;
            (Some(u64::from_be_bytes(*seq)), rest)
        }
        _ => return None,
    };
    let (source, rest) = source_of(rest)?;
    let price = Price::from_be_bytes(rest.try_into().ok()?);
    Some((key, Tick { observed_at: time_of(*time), seq, source, price }))
}

fn source_of(bytes: &[u8]) -> Option<(Box<str>, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == END)?;
    let mut source = Vec::with_capacity(end);
    let mut escaped = bytes[..end].iter();
    while let Some(&byte) = escaped.next() {
        source.push(match byte {
            ESCAPE => match escaped.next()? {
                1 => END,
                2 => ESCAPE,
                _ => return None,
            },
            byte => byte,
        });
    }
    let source = String::from_utf8(source).ok()?;
    (source.len() <= Update::MAX_SOURCE_BYTES).then(|| (source.into(), &bytes[end + 1..]))
}

/// The key of a token's candle.
pub(super) fn of_candle(key: &TokenKey, resolution: Resolution, start: Timestamp) -> Vec<u8> {
    [key.as_bytes(), &[END, resolution.code()], &ordered(start)].concat()
}

/// The token, and resolution and start of the candle whose key these bytes are, if they are one.
pub(super) fn candle_of(bytes: &[u8]) -> Option<(TokenKey, Resolution, Timestamp)> {
    let (key, rest) = token_of(bytes)?;
    let (code, start) = rest.split_first()?;
    let (resolution, start) = (Resolution::from_code(*code)?, time_of(start.try_into().ok()?));
    (resolution.start_of(start) == start).then_some((key, resolution, start))
}

fn token_of(bytes: &[u8]) -> Option<(TokenKey, &[u8])> {
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == END);
    let (end, _) = ends.nth(1)?;
    Some((TokenKey::from_bytes(&bytes[..end])?, &bytes[end + 1..]))
}

fn ordered(time: Timestamp) -> [u8; 8] {
    (time.as_micros() ^ i64::MIN).to_be_bytes()
}

fn time_of(bytes: [u8; 8]) -> Timestamp {
    Timestamp::from_micros(i64::from_be_bytes(bytes) ^ i64::MIN)
}

/// The first and the last time of a range; `None` where it holds no time.
pub(super) fn ends(range: &impl RangeBounds<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let first = match range.start_bound() {
        Bound::Unbounded => i64::MIN,
        Bound::Included(first) => first.as_micros(),
        Bound::Excluded(before) => before.as_micros().checked_add(1)?,
    };
    let last = match range.end_bound() {
        Bound::Unbounded => i64::MAX,
        Bound::Included(last) => last.as_micros(),
        Bound::Excluded(behind) => behind.as_micros().checked_sub(1)?,
    };
    (first <= last).then(|| (Timestamp::from_micros(first), Timestamp::from_micros(last)))
}

/// The keys of all ticks of a token.
pub(super) fn all_ticks(key: &TokenKey) -> KeyRange {
    KeyRange::prefix(&[key.as_bytes(), &[END]].concat())
}

/// The keys of a token's ticks from `first` to `last`.
pub(super) fn ticks(key: &TokenKey, first: Timestamp, last: Timestamp) -> KeyRange {
    between(&[key.as_bytes(), &[END]].concat(), first, last)
}

/// The keys of a token's candles that start from `first` to `last`.
pub(super) fn candles(
    key: &TokenKey,
    resolution: Resolution,
    first: Timestamp,
    last: Timestamp,
) -> KeyRange {
    between(&[key.as_bytes(), &[END, resolution.code()]].concat(), first, last)
}

/// The keys that go on behind `prefix` with a time from `first` to `last`.
fn between(prefix: &[u8], first: Timestamp, last: Timestamp) -> KeyRange {
    let behind = last.as_micros().checked_add(1).map(Timestamp::from_micros);
    KeyRange {
        start: Bound::Included([prefix, &ordered(first)].concat()),
        end: match behind {
            Some(behind) => Bound::Excluded([prefix, &ordered(behind)].concat()),
            None => KeyRange::prefix(prefix).end,
        },
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
