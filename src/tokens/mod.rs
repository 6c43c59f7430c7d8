//! Tokens and their marks: the first, the latest, the highest and the lowest price ever seen.
//!
//! - What is stored of a token is the join of all updates accepted for it (`merge`): commutative,
//!   associative and idempotent, so updates may come in any order, twice, and from any number of
//!   writers, and the row ends up the same to the byte.
//! - Nothing an update leaves out is ever cleared, and no update lowers the high-water mark.
//! - An update that says nothing new writes nothing.
//! - That a price is missing, and when to ask for it again, is a row beside them (`missing`).
//! - Where the store keeps a [`History`], every tick is a row beside them (`history`), and one that should
//!   never have been believed can be taken back.
//!
//! This module knows no files, no journal and no commits: it reads and stages rows.

#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod error;
mod history;
mod merge;
mod missing;
mod row;
mod sources;
mod token;
pub(crate) mod told;
mod update;
mod view;

pub use error::Error;
pub use history::{
    Candle, History, HistoryIter, Move, PricePoint, Purged, QuarantinedTick, Recorded, Resolution,
    Retention, RetractedTick, Retraction, TokenHistory, UnknownResolution,
};
pub(crate) use history::{DueForPurge, verify};
pub(crate) use missing::verify_missing;
pub use sources::{StaleToken, SyncCounts, SyncEnd, SyncSession};
pub(crate) use sources::{Taken, Unseen, unseen};
pub use token::{Applied, Changes, Merged, Observed, Tick, Token};
pub use update::{SYNTHETIC_SOURCE, Update};
pub use view::{DEFAULT_FUTURE_TOLERANCE_MICROS, Iter, Tokens, TokensMut};

use crate::engine::Table;
pub use crate::money::TokenKey;

/// The engine's table of token rows, by [`TokenKey`].
pub(crate) const TOKENS: Table = Table(1);

/// What the tables of the history and of the sources are called.
pub(crate) fn table_name(table: Table) -> &'static str {
    match table {
        history::TICKS => "ticks",
        history::CANDLES => "candles",
        history::HISTORY => "histories",
        history::QUARANTINE => "quarantine",
        history::RETRACTED => "retracted ticks",
        history::HISTORY_SETTINGS => "history settings",
        sources::SOURCES => "sources",
        sources::SEEN => "named by sources",
        _ => "",
    }
}
