//! The rows of the history as trees.

use super::super::told;
use super::{
    CANDLES, HISTORY, HISTORY_SETTINGS, QUARANTINE, RETRACTED, Retention, TICKS, candle, keys,
    quarantine, retract, settings, state,
};
use crate::codec::{self, Told, Untold, Value, no_key};
use crate::engine::Table;

pub(in crate::tokens) fn key(table: Table, key: &[u8]) -> Told {
    match table {
        TICKS | QUARANTINE | RETRACTED => {
            let (token, tick) = keys::tick_of(key).ok_or_else(no_key)?;
            let told = told::tick_fields(tick.observed_at, tick.seq, &tick.source);
            let head = [("token", Value::Token(token)), ("price", Value::shown(&tick.price))];
            Ok(Value::Fields(head.into_iter().chain(told).collect()))
        }
        CANDLES => {
            let (token, resolution, start) = keys::candle_of(key).ok_or_else(no_key)?;
            Ok(Value::Fields(vec![
                ("token", Value::Token(token)),
                ("length", Value::shown(&resolution)),
                ("start", Value::Time(start)),
            ]))
        }
        HISTORY => told::token_key(key),
        _ if key == settings::KEY => Ok(Value::Fields(vec![("row", Value::bytes(key))])),
        _ => Err(no_key()),
    }
}

pub(in crate::tokens) fn row(table: Table, bytes: &[u8]) -> Told {
    let read = match table {
        TICKS => keys::check_tick_row(bytes).map(|()| Value::Fields(Vec::new())),
        CANDLES => candle::decode(bytes).map(candle),
        HISTORY => state::decode(bytes).map(|state| history(&state)),
        QUARANTINE => quarantine::decode(bytes).map(aside),
        RETRACTED => {
            let read: Result<_, codec::Error> = retract::decode(bytes);
            read.map(|(at, reason)| {
                Value::Fields(vec![
                    ("retracted_at", Value::Time(at)),
                    ("reason", Value::text(reason)),
                ])
            })
        }
        HISTORY_SETTINGS => settings::decode(bytes).map(|history| rules(&history)),
        _ => return Err(Untold::unknown_table()),
    };
    Ok(read?)
}

fn candle(state: candle::CandleState<'_>) -> Value {
    Value::Fields(vec![
        ("open", told::tick(state.open)),
        ("high", Value::shown(&state.high)),
        ("low", Value::shown(&state.low)),
        ("close", told::tick(state.close)),
        ("count", Value::Number(state.count)),
    ])
}

fn history(state: &state::HistoryState<'_>) -> Value {
    let mut fields = vec![("watermark", Value::optional(state.watermark(), Value::Time))];
    if let Some(before) = state.before {
        fields.push(("fold", Value::Fields(told::marks(&before.fold).into())));
    }
    fields.extend([("purged", state.purged), ("ticks", state.ticks)].map(number));
    for (name, kept) in ["minutes", "hours", "days"].into_iter().zip(state.candles) {
        fields.push((
            name,
            Value::Fields(vec![
                ("count", Value::Number(kept.count)),
                ("purged_to", Value::optional(kept.purged_to, Value::Time)),
            ]),
        ));
    }
    let rest = [
        ("retracted", state.retracted),
        ("quarantined", state.quarantined),
        ("dropped", state.quarantine_dropped),
        ("next", state.quarantine_next),
    ];
    fields.extend(rest.map(number));
    Value::Fields(fields)
}

fn number((name, number): (&'static str, u64)) -> (&'static str, Value) {
    (name, Value::Number(number))
}

fn aside(aside: quarantine::Aside) -> Value {
    Value::Fields(vec![
        ("number", Value::Number(aside.number)),
        ("kept_at", Value::time(aside.kept_at)),
        ("jumps_from", Value::shown(&aside.jumps_from)),
    ])
}

fn rules(history: &settings::History) -> Value {
    let [minutes, hours, days] = history.candles.map(retention);
    Value::Fields(vec![
        ("ticks", retention(history.ticks)),
        ("minutes", minutes),
        ("hours", hours),
        ("days", days),
        ("quarantine", Value::optional(history.quarantine, |factor| Value::shown(&factor))),
    ])
}

fn retention(retention: Retention) -> Value {
    let age = retention.age_micros.map(i64::unsigned_abs);
    Value::Fields(vec![
        ("age_micros", Value::optional(age, Value::Number)),
        ("count", Value::optional(retention.count, Value::Number)),
    ])
}
