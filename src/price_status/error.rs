//! Why the status of a price cannot be read, or a backoff is none.

use std::time::Duration;

use crate::{codec, engine};

/// Why the status of a price cannot be read, or a backoff was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A backoff that nothing could be asked for by. Nothing was opened.
    #[error(
        "a backoff for missing prices with base {base:?}, cap {cap:?} and {jitter_percent} % jitter \
         {fault}"
    )]
    InvalidBackoff {
        /// The first pause.
        base: Duration,
        /// The longest pause.
        cap: Duration,
        /// By how much a pause may be shortened, in percent.
        jitter_percent: u8,
        /// What is wrong with it.
        fault: &'static str,
    },

    /// The row of a missing price cannot be read.
    #[error("the row of the missing price of {of} cannot be read")]
    CorruptRow {
        /// Whose price it is.
        of: String,
        /// What is wrong with its bytes.
        source: codec::Error,
    },

    /// A stored key is none that was ever written.
    #[error("there is a row under {}, which is the key of no missing price", key.escape_ascii())]
    CorruptKey {
        /// The key's bytes.
        key: Box<[u8]>,
    },

    /// A price is due that is not missing, or whose next attempt is at another time.
    #[error("the price of {of} is listed as due and is not missing")]
    Unlisted {
        /// Whose price it is.
        of: String,
    },

    /// The engine could not read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl Error {
    /// Whether the call was refused for what it says: nothing was changed.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::InvalidBackoff { .. })
    }
}
