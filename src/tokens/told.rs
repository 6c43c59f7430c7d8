//! Tokens, sources and the history as trees: what a row says, for whoever reads a log.

use super::history;
use super::merge::{Marks, TickRef};
use super::sources;
use super::{Observed, TOKENS, row};
use crate::clock::Timestamp;
use crate::codec::{Told, Value, no_key};
use crate::engine::Table;
use crate::money::TokenKey;

/// What the key says.
pub(crate) fn key(table: Table, key: &[u8]) -> Told {
    match table {
        TOKENS => token_key(key),
        sources::SOURCES | sources::SEEN => sources::told::key(table, key),
        _ => history::told::key(table, key),
    }
}

/// What the row says.
pub(crate) fn row(table: Table, key: &[u8], bytes: &[u8]) -> Told {
    match table {
        TOKENS => token(bytes),
        sources::SOURCES | sources::SEEN => sources::told::row(table, key, bytes),
        _ => history::told::row(table, bytes),
    }
}

/// A key that is a token's.
pub(super) fn token_key(key: &[u8]) -> Told {
    let key = TokenKey::from_bytes(key).ok_or_else(no_key)?;
    Ok(Value::Fields(vec![("token", Value::Token(key))]))
}

fn token(bytes: &[u8]) -> Told {
    let state = row::decode(bytes)?;
    let mut fields = vec![
        ("symbol", Value::optional(state.symbol, |seen| Value::text(seen.value))),
        ("symbol_at", seen_at(&state.symbol)),
        ("name", Value::optional(state.name, |seen| Value::text(seen.value))),
        ("name_at", seen_at(&state.name)),
        ("decimals", Value::optional(state.decimals, |decimals| Value::Number(decimals.into()))),
        ("market_cap", Value::optional(state.market_cap, |cap| Value::shown(&cap.value))),
        ("market_cap_at", seen_at(&state.market_cap)),
        ("first_seen", Value::optional(state.first_seen, Value::Time)),
    ];
    fields.extend(state.marks.iter().flat_map(marks));
    fields.push(("mock", Value::optional(state.mock, tick)));
    Ok(Value::Fields(fields))
}

fn seen_at<T>(observed: &Option<Observed<T>>) -> Value {
    Value::optional(observed.as_ref(), |observed| Value::Time(observed.observed_at))
}

/// The four ticks that stand out.
pub(super) fn marks(marks: &Marks<'_>) -> [(&'static str, Value); 4] {
    let Marks { current, first, max, min } = *marks;
    [("current", tick(current)), ("first", tick(first)), ("max", tick(max)), ("min", tick(min))]
}

/// A tick.
pub(super) fn tick(tick: TickRef<'_>) -> Value {
    let TickRef { observed_at, seq, source, price } = tick;
    let fields = tick_fields(observed_at, seq, source);
    let price = [("price", Value::shown(&price))];
    Value::Fields(price.into_iter().chain(fields).collect())
}

/// Where and when a tick comes from.
pub(super) fn tick_fields(
    at: Timestamp,
    seq: Option<u64>,
    source: &str,
) -> [(&'static str, Value); 3] {
    let source = (!source.is_empty()).then(|| Value::text(source));
    [
        ("at", Value::Time(at)),
        ("source", source.unwrap_or(Value::Absent)),
        ("seq", Value::optional(seq, Value::Number)),
    ]
}
