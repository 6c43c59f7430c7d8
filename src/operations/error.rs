//! Why an operation was refused, or why a row of it cannot be read.

use super::OperationId;
use super::status::{Call, Status};
use crate::clock::Timestamp;
use crate::codec::Hex;
use crate::ledger::{self, EntryId, PositionId};
use crate::{codec, engine, processed};

/// Why an operation was refused, or why it cannot be read. A refusal changed nothing, but for the two
/// that say so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such operation.
    #[error("there is no operation {operation}")]
    UnknownOperation {
        /// The number asked for.
        operation: OperationId,
    },

    /// No operation was begun under this key.
    #[error("no operation was begun under the key {}", Hex(key))]
    UnknownKey {
        /// The key asked for.
        key: Box<[u8]>,
    },

    /// An operation in this state takes no such call.
    #[error("operation {operation} is {status}; {call} is not possible")]
    IllegalTransition {
        /// The operation.
        operation: OperationId,
        /// Its state.
        status: Status,
        /// What was asked.
        call: Call,
    },

    /// The caller does not own the operation any more, or never did: another attempt or another
    /// opening of the store has it, or the write that made the handle did not happen.
    #[error("operation {operation} belongs to another attempt or another opening of the store")]
    StaleOwner {
        /// The operation.
        operation: OperationId,
    },

    /// An operation with this key was begun before and was to do something else.
    #[error("operation {operation} has this key and another {which}")]
    Conflict {
        /// The operation that has the key.
        operation: OperationId,
        /// What differs: `kind`, `account`, `positions`, `holds`, `payload` or
        /// `hash`; begun again, also `claim`.
        which: &'static str,
    },

    /// Another unfinished operation works on the position.
    #[error("operation {operation} works on position {position}")]
    PositionBusy {
        /// The position.
        position: PositionId,
        /// The operation that has it.
        operation: OperationId,
    },

    /// The operation has posted fills that nothing reversed. What a venue did cannot be rolled back.
    #[error("operation {operation} has fills; it can be completed, not rolled back")]
    HasFills {
        /// The operation.
        operation: OperationId,
    },

    /// Whether anything happened outside is not known: state how it became known that nothing did.
    #[error("the failure of operation {operation} is ambiguous: a roll back has to state evidence")]
    EvidenceNeeded {
        /// The operation.
        operation: OperationId,
    },

    /// Whether anything happened outside is not known, and doing it twice was not said to be harmless.
    #[error("the failure of operation {operation} is ambiguous and its call is not idempotent")]
    NotIdempotent {
        /// The operation.
        operation: OperationId,
    },

    /// It was to be retried later.
    #[error("operation {operation} is not to be retried before {} us", not_before.as_micros())]
    TooEarly {
        /// The operation.
        operation: OperationId,
        /// The time from which it can be.
        not_before: Timestamp,
    },

    /// It was not started in time. **It was rolled back by this call.**
    #[error("operation {operation} was not started in time and was rolled back")]
    Expired {
        /// The operation.
        operation: OperationId,
    },

    /// It was to be begun and started after its deadline. Nothing was begun.
    #[error("it was to be started until {} us, which has passed; nothing was begun",
        deadline.as_micros())]
    TooLate {
        /// The deadline.
        deadline: Timestamp,
    },

    /// It has no attempts left. **It waits for somebody to decide since this call**, its money still
    /// reserved.
    #[error("operation {operation} has used up its attempts and needs attention")]
    AttemptsUsedUp {
        /// The operation.
        operation: OperationId,
    },

    /// What it had applied cannot be taken back any more. **It waits for somebody to decide since
    /// this call**, its money still reserved.
    #[error("operation {operation} cannot be undone and needs attention: {reason}")]
    UndoBlocked {
        /// The operation.
        operation: OperationId,
        /// Why.
        reason: Box<str>,
    },

    /// Operations of an earlier opening are unfinished: recover them, or skip that, before anything
    /// new is begun.
    #[error("operations of an earlier opening are unfinished; recover them or skip it first")]
    RecoveryNeeded,

    /// Somebody else recovers at this moment.
    #[error("a recovery is running")]
    RecoveryRunning,

    /// The entry was applied by an operation that is unfinished, and that takes it back itself when it
    /// is rolled back.
    #[error("entry {entry} was applied by operation {operation}, which is unfinished")]
    EntryInUse {
        /// The entry.
        entry: EntryId,
        /// The operation.
        operation: OperationId,
    },

    /// What is asked for is no operation.
    #[error("{what} {fault}")]
    InvalidIntent {
        /// What is wrong.
        what: &'static str,
        /// What is wrong with it. Reads on from `what`.
        fault: &'static str,
    },

    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),

    /// A claim or a cursor was refused.
    #[error(transparent)]
    Processed(#[from] processed::Error),

    /// A stored row cannot be read.
    #[error("a stored row of {table} cannot be read: key {}", Hex(key))]
    CorruptRow {
        /// The table.
        table: &'static str,
        /// The row's key.
        key: Box<[u8]>,
        /// What is wrong.
        source: codec::Error,
    },

    /// A row that another one names is not there.
    #[error("{table} lacks a row that another row names: key {}", Hex(key))]
    MissingRow {
        /// The table.
        table: &'static str,
        /// The key of the row that is not there.
        key: Box<[u8]>,
    },

    /// The engine could not read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

impl From<ledger::Mismatch> for Error {
    fn from(reason: ledger::Mismatch) -> Self {
        ledger::Error::from(reason).into()
    }
}

impl Error {
    /// Whether the call was refused for what it asks, rather than for what cannot be read.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_refused(),
            Self::Processed(error) => error.is_refused(),
            Self::CorruptRow { .. } | Self::MissingRow { .. } | Self::Engine(_) => false,
            _ => true,
        }
    }
}
