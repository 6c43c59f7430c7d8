//! Why a token could not be read or an update was refused.

use crate::clock::Timestamp;
use crate::money::{Asset, TokenKey};
use crate::{codec, engine, price_status};

/// Why an update was refused, or why a token cannot be read.
///
/// A refused update changed nothing, none of its fields.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A time in the update lies further ahead of the store's clock than is tolerated. One wrong
    /// clock would otherwise own the token's latest price for as long as it is ahead.
    #[error(
        "{key} is said to be observed at {} us, later than the latest time accepted now, {} us",
        observed_at.as_micros(), latest.as_micros()
    )]
    FromTheFuture {
        /// The token.
        key: TokenKey,
        /// The time refused.
        observed_at: Timestamp,
        /// The latest time that would have been accepted.
        latest: Timestamp,
    },

    /// The token's decimals are known, and they are others.
    #[error("{key} has {known} decimals, the update says {given}")]
    DecimalsConflict {
        /// The token.
        key: TokenKey,
        /// The decimals stored, which stay.
        known: u8,
        /// The decimals refused.
        given: u8,
    },

    /// More decimals than any amount can have here.
    #[error("{key} cannot have {decimals} decimals: at most {} are possible", Asset::MAX_SCALE)]
    DecimalsOutOfRange {
        /// The token.
        key: TokenKey,
        /// The decimals refused.
        decimals: u8,
    },

    /// A text longer than its field may be.
    #[error("the {field} given for {key} has {bytes} bytes, of which {limit} are possible")]
    TooLong {
        /// The token.
        key: TokenKey,
        /// The field: "symbol", "name", "source" or "reason".
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The greatest length of that field.
        limit: usize,
    },

    /// A tick cannot be taken back: the history does not reach that far, so that nobody could tell what
    /// the token would be without it. Nothing was changed.
    #[error("the history of {key} does not reach back to {} us", observed_at.as_micros())]
    HistoryIncomplete {
        /// The token.
        key: TokenKey,
        /// The time of the tick.
        observed_at: Timestamp,
    },

    /// There is no such tick in the history. Nothing was changed.
    #[error("{key} has no such tick of {} us", observed_at.as_micros())]
    UnknownTick {
        /// The token.
        key: TokenKey,
        /// The time of the tick.
        observed_at: Timestamp,
    },

    /// The tick does not wait in quarantine. Nothing was changed.
    #[error("no such tick of {key} of {} us waits in quarantine", observed_at.as_micros())]
    NotQuarantined {
        /// The token.
        key: TokenKey,
        /// The time of the tick.
        observed_at: Timestamp,
    },

    /// The stored row cannot be read.
    #[error("the stored row of {key} cannot be read")]
    CorruptRow {
        /// The token.
        key: TokenKey,
        /// What is wrong with its bytes.
        source: codec::Error,
    },

    /// The row that says what the store keeps of prices cannot be read.
    #[error("the settings of the history cannot be read")]
    CorruptHistorySettings {
        /// What is wrong with its bytes.
        source: codec::Error,
    },

    /// A stored key is none that was ever written.
    #[error(
        "the tokens hold a row under {:?}, which is no token's key",
        String::from_utf8_lossy(key)
    )]
    CorruptKey {
        /// The key's bytes.
        key: Box<[u8]>,
    },

    /// A name of a source, a session or a filter that cannot be one.
    #[error("the name of the {what} {fault}: {name:?}")]
    InvalidName {
        /// "source", "session" or "filter".
        what: &'static str,
        /// The name, as far as it is not too long.
        name: Box<str>,
        /// What is wrong with it.
        fault: &'static str,
    },

    /// A later run or session of the source has begun meanwhile. Nothing more is counted in this one.
    #[error("a later sync of {source_name} has begun: this one cannot go on")]
    SyncSuperseded {
        /// The source.
        source_name: Box<str>,
    },

    /// What is stored of a source, or of a token that it named, cannot be read.
    #[error("what is stored of the source under {:?} cannot be read", String::from_utf8_lossy(key))]
    CorruptSource {
        /// The key of the row.
        key: Box<[u8]>,
        /// What is wrong with its bytes.
        source: codec::Error,
    },

    /// Whether the price is missing cannot be read.
    #[error(transparent)]
    PriceStatus(price_status::Error),

    /// The engine could not read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl Error {
    /// Whether an update was refused for what it says: nothing was changed, and the same update
    /// will be refused again. Of [`Error::FromTheFuture`] that holds until the time has come.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::FromTheFuture { .. }
            | Self::DecimalsConflict { .. }
            | Self::DecimalsOutOfRange { .. }
            | Self::TooLong { .. }
            | Self::HistoryIncomplete { .. }
            | Self::UnknownTick { .. }
            | Self::NotQuarantined { .. }
            | Self::InvalidName { .. }
            | Self::SyncSuperseded { .. } => true,
            Self::CorruptRow { .. }
            | Self::CorruptHistorySettings { .. }
            | Self::CorruptSource { .. }
            | Self::CorruptKey { .. }
            | Self::PriceStatus(_)
            | Self::Engine(_) => false,
        }
    }
}

impl From<price_status::Error> for Error {
    fn from(error: price_status::Error) -> Self {
        match error {
            price_status::Error::Engine(error) => Self::Engine(error),
            error => Self::PriceStatus(error),
        }
    }
}
