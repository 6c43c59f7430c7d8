//! The codecs of tokens, as the fuzzing looks at them.

use super::TOKENS;
use super::history::{CANDLES, HISTORY, HISTORY_SETTINGS, QUARANTINE, RETRACTED, TICKS, recoding};
use super::row;
use super::sources::{
    SEEN, SOURCES, SeenKey, decode_seen, decode_source, encode_seen, encode_source,
};
use crate::codec::{Form, Recoding};
use crate::money::TokenKey;

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("token", &[TOKENS.0], |bytes| {
        row::decode(bytes).ok().map(|row| row::encode(&row))
    }),
    Recoding::row("token key", &[TOKENS.0], |bytes| {
        TokenKey::from_bytes(bytes).map(|key| key.as_bytes().to_vec())
    })
    .with(Form::OpenEnd),
    Recoding::row("tick", &[TICKS.0], recoding::tick),
    Recoding::row("tick key", &[TICKS.0, QUARANTINE.0, RETRACTED.0], recoding::tick_key),
    Recoding::row("candle", &[CANDLES.0], recoding::candle),
    Recoding::row("candle key", &[CANDLES.0], recoding::candle_key),
    Recoding::row("token history", &[HISTORY.0], recoding::history),
    Recoding::row("quarantined tick", &[QUARANTINE.0], recoding::quarantined),
    Recoding::row("retracted tick", &[RETRACTED.0], recoding::retracted),
    Recoding::row("history settings", &[HISTORY_SETTINGS.0], recoding::settings),
    Recoding::row("source", &[SOURCES.0], |bytes| {
        decode_source("source", bytes).ok().map(|session| encode_source(&session))
    }),
    Recoding::row("seen", &[SEEN.0], |bytes| decode_seen(bytes).ok().map(encode_seen)),
    Recoding::row("seen key", &[SEEN.0], |bytes| {
        SeenKey::from_stored(bytes).map(|key| key.stored())
    })
    .with(Form::OpenEnd),
];
