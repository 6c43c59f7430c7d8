//! The history of prices: every tick, candles, what was kept aside and what was taken back.
//!
//! - A tick and the candles it falls into are rows of the same commit as the token's marks.
//! - Any order of the same ticks comes to the same rows, to the byte.
//! - The marks of a token are the join of the fold of its history (`state`) and of its ticks, so that a
//!   purge never moves a mark and a retraction moves it to where it would be without the tick.
//! - What is purged is always the oldest, up to the watermark, which never falls.
//!
//! Whether a store has a history is its own choice and stored in it (`settings`).

pub(super) mod admit;
pub(super) mod candle;
mod keys;
mod moves;
mod purge;
mod quarantine;
mod read;
mod resolution;
mod retract;
mod settings;
mod state;
#[cfg(test)]
mod tests;
pub(super) mod told;
mod verify;

pub use admit::Recorded;
pub use candle::Candle;
pub use moves::{Move, PricePoint};
pub(crate) use purge::DueForPurge;
pub use purge::Purged;
pub use quarantine::QuarantinedTick;
pub use read::HistoryIter;
pub use resolution::{Resolution, UnknownResolution};
pub use retract::{RetractedTick, Retraction};
pub use settings::{History, Retention};
pub use state::TokenHistory;
pub(crate) use verify::verify;

use crate::engine::Table;

/// The engine's table of ticks, by token and tick. The rows say nothing beside their keys.
pub(crate) const TICKS: Table = Table(48);
/// The engine's table of candles, by token, resolution and start.
pub(crate) const CANDLES: Table = Table(49);
/// The engine's table of what is kept of each token, by token.
pub(crate) const HISTORY: Table = Table(50);
/// The engine's table of ticks that are kept aside, by token and tick.
pub(crate) const QUARANTINE: Table = Table(51);
/// The engine's table of ticks that were taken back, by token and tick.
pub(crate) const RETRACTED: Table = Table(52);
/// The engine's table of what a store keeps; it has one row.
pub(crate) const HISTORY_SETTINGS: Table = Table(53);

/// The codecs of the history, as the fuzzing looks at them.
#[cfg(feature = "simulation")]
pub(super) mod recoding {
    use super::{candle, keys, quarantine, retract, settings, state};
    use crate::codec;

    type Recoded = Option<Vec<u8>>;

    pub(in crate::tokens) fn tick_key(bytes: &[u8]) -> Recoded {
        keys::tick_of(bytes).map(|(key, tick)| keys::of_tick(&key, (&tick).into()))
    }

    pub(in crate::tokens) fn candle_key(bytes: &[u8]) -> Recoded {
        keys::candle_of(bytes)
            .map(|(key, resolution, start)| keys::of_candle(&key, resolution, start))
    }

    pub(in crate::tokens) fn tick(bytes: &[u8]) -> Recoded {
        keys::check_tick_row(bytes).ok().map(|()| keys::tick_row())
    }

    pub(in crate::tokens) fn candle(bytes: &[u8]) -> Recoded {
        candle::decode(bytes).ok().map(|state| candle::encode(&state))
    }

    pub(in crate::tokens) fn history(bytes: &[u8]) -> Recoded {
        state::decode(bytes).ok().map(|state| state::encode(&state))
    }

    pub(in crate::tokens) fn quarantined(bytes: &[u8]) -> Recoded {
        quarantine::decode(bytes).ok().map(|aside| quarantine::encode(&aside))
    }

    pub(in crate::tokens) fn retracted(bytes: &[u8]) -> Recoded {
        let row: Result<_, codec::Error> = retract::decode(bytes);
        row.ok().map(|(retracted_at, reason)| retract::encode(retracted_at, reason))
    }

    pub(in crate::tokens) fn settings(bytes: &[u8]) -> Recoded {
        settings::decode(bytes).ok().map(|history| settings::encode(&history))
    }
}
