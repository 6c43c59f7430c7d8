//! Why a claim or a cursor could not be read, or a call was refused.

use std::time::Duration;

use super::{ClaimState, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_VALUE_BYTES};
use crate::clock::Timestamp;
use crate::{codec, engine, price_status};

/// Why a claim or a cursor was refused, or cannot be read.
///
/// A refused call staged nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of a namespace or a cursor that cannot be one.
    #[error("the {what} {name:?} {fault}; names have 1 to {MAX_NAME_BYTES} bytes")]
    InvalidName {
        /// `namespace` or `cursor`.
        what: &'static str,
        /// The name, cut where it is too long.
        name: Box<str>,
        /// What is wrong with it.
        fault: &'static str,
    },

    /// A key that is empty or too long.
    #[error("a claim in {namespace} has a key of 1 to {MAX_KEY_BYTES} bytes, not of {bytes}")]
    KeyLength {
        /// The namespace.
        namespace: Box<str>,
        /// The key's length.
        bytes: usize,
    },

    /// The event lies further ahead of the store's clock than is believed. Claims are let go by the
    /// age of their events, so one wrong time would outlive all others.
    #[error(
        "the event {} in {namespace} is said to be of {} us, later than the latest time accepted \
         now, {} us", key.escape_ascii(), event_time.as_micros(), latest.as_micros()
    )]
    EventFromTheFuture {
        /// The namespace.
        namespace: Box<str>,
        /// The key.
        key: Box<[u8]>,
        /// The time refused.
        event_time: Timestamp,
        /// The latest time that would have been accepted.
        latest: Timestamp,
    },

    /// Claims are to be let go while events as old are still to be accepted. Nothing was opened.
    #[error("claims in {} are kept for {horizon:?} of their event's age, and events are accepted for \
        {window:?}: those in between would be taken for new", shown(namespace.as_deref()))]
    HorizonTooShort {
        /// The namespace; `None` for all that have no bounds of their own.
        namespace: Option<Box<str>>,
        /// The age of an event at which its claim is let go.
        horizon: Duration,
        /// The age up to which events are accepted.
        window: Duration,
    },

    /// The cursor is not where the caller believed it to be.
    #[error("the cursor {name} is not where it was expected to be")]
    CursorMoved {
        /// The cursor.
        name: Box<str>,
        /// What it is; `None` where there is no such cursor.
        found: Option<Vec<u8>>,
    },

    /// A value that is too long for a cursor.
    #[error(
        "the value for the cursor {name} has {bytes} bytes, of which {MAX_VALUE_BYTES} are possible"
    )]
    ValueTooLong {
        /// The cursor.
        name: Box<str>,
        /// The value's length.
        bytes: usize,
    },

    /// The claim of an operation is not as its operation left it.
    #[error(
        "the claim {} in {namespace} is {found:?}, which its operation did not leave",
        key.escape_ascii()
    )]
    ForeignState {
        /// The namespace.
        namespace: Box<str>,
        /// The key.
        key: Box<[u8]>,
        /// What the claim is; `None` where there is none.
        found: Option<ClaimState>,
    },

    /// The claims of a namespace are not as many as it says, or others are the oldest.
    #[error("the claims in {namespace} by the age of their events are not as the namespace says")]
    Miscounted {
        /// The namespace.
        namespace: Box<str>,
    },

    /// A stored row cannot be read.
    #[error("the row of the {what} under {} cannot be read", key.escape_ascii())]
    CorruptRow {
        /// `claim`, `namespace` or `cursor`.
        what: &'static str,
        /// The key under which it is stored.
        key: Box<[u8]>,
        /// What is wrong with its bytes.
        source: codec::Error,
    },

    /// A stored key is none that was ever written.
    #[error("there is a row under {}, which is the key of no {what}", key.escape_ascii())]
    CorruptKey {
        /// `claim`, `claim by age`, `namespace` or `cursor`.
        what: &'static str,
        /// The key's bytes.
        key: Box<[u8]>,
    },

    /// Whether the price of a claimed event is missing cannot be read.
    #[error(transparent)]
    PriceStatus(price_status::Error),

    /// The engine could not read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

fn shown(namespace: Option<&str>) -> &str {
    namespace.unwrap_or("all other namespaces")
}

impl Error {
    /// Whether the call was refused for what it says: nothing was changed, and the same call will be
    /// refused again, [`Error::EventFromTheFuture`] until its time has come.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::InvalidName { .. }
            | Self::KeyLength { .. }
            | Self::EventFromTheFuture { .. }
            | Self::HorizonTooShort { .. }
            | Self::CursorMoved { .. }
            | Self::ValueTooLong { .. } => true,
            Self::ForeignState { .. }
            | Self::Miscounted { .. }
            | Self::CorruptRow { .. }
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
