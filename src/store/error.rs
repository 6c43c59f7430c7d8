//! The one error type that a bot sees: a variant for everything it may want to branch on, and two
//! questions that answer most of it, [`Error::is_refused`] and [`Error::is_outcome_unknown`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::journal::{Error as JournalError, Poison};
use crate::engine::{self, BaseError, Lsn};
use crate::ledger::{self, Mismatch, OperationId, PositionId};
use crate::money::{self, Asset, Money, TokenKey};
use crate::operations::{self, Call, Status};
use crate::{price_status, processed, tokens};

use super::identity::Identity;

/// Why a call did not do what was asked. Each variant says what became of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk has no room for the commit. It did not happen; the same call works again once there
    /// is room, without reopening.
    #[error("the disk is full; nothing was changed, and it works again once there is room")]
    Full {
        /// What could not be made ready.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key, a row or a commit is above its limit. It did not happen.
    #[error("{what} of {len} bytes is above the limit of {limit} bytes; nothing was changed")]
    TooLarge {
        /// `a key`, `a row` or `a commit`.
        what: &'static str,
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A write was begun inside another write on the same thread. It did not happen.
    #[error("a write was begun inside another write on the same thread; use the outer transaction")]
    Nested,
    /// Memory is full of rows that are not written down yet, and stayed so. It did not happen; try
    /// again, and look at the store's health.
    #[error(
        "waited {waited:?} for memory in vain: checkpoints do not keep up; nothing was changed"
    )]
    Stalled {
        /// How long the call waited.
        waited: Duration,
    },
    /// The commit was in flight when the store was poisoned: it may have happened or not. Reopen the
    /// store and ask by key.
    #[error(
        "the store failed while this commit was in flight; reopen it and look what became of it"
    )]
    Unknown {
        /// What happened to the store.
        #[source]
        cause: Arc<Poison>,
    },
    /// The store takes no writes since an earlier failure. This one was never tried. Reads go on;
    /// reopen the store to write.
    #[error("the store takes no writes since an earlier failure; reopen it")]
    Poisoned {
        /// What happened to the store.
        #[source]
        cause: Arc<Poison>,
    },
    /// The snapshot pinned more than its limit, or outlived its base. Take a new one.
    #[error("this snapshot was ended; take a new one")]
    SnapshotLost,
    /// The store was closed. It did not happen.
    #[error("the store is closed")]
    Closed,
    /// Somebody else has the store open, in another process or in this one.
    #[error("the store at {path} is open elsewhere", path = path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// There is no store here, and this call does not create one.
    #[error("there is no store at {path}", path = path.display())]
    Missing {
        /// The store's directory.
        path: PathBuf,
    },
    /// The store was created with another mode or reference currency.
    #[error("the store was created as {found}, not as {stated}")]
    OtherIdentity {
        /// What the store is.
        found: Box<Identity>,
        /// What it was to be opened as.
        stated: Box<Identity>,
    },
    /// Acknowledged data is damaged or missing. Nothing was changed; the message says where.
    #[error("{file} is damaged{at}", at = place(*offset, *lsn))]
    Corrupt {
        /// The file, inside the store's directory.
        file: String,
        /// Where in the file, in bytes, where that is known.
        offset: Option<u64>,
        /// The first commit that is needed and cannot be read, where that is known.
        lsn: Option<Lsn>,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store was written by a release that this one does not know.
    #[error("{file} has format version {found}; this release reads version {supported}")]
    Version {
        /// The file, inside the store's directory.
        file: String,
        /// The version that the file states.
        found: u32,
        /// The version that this release reads.
        supported: u32,
    },
    /// The operating system refused. Nothing was changed by this call.
    #[error("could not {action} {file}{at}", at = place(*offset, None))]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, inside the store's directory.
        file: String,
        /// Where in the file, in bytes, where that matters.
        offset: Option<u64>,
        /// What the operating system said.
        source: io::Error,
    },
    /// A time lies further ahead of the store's clock than is believed. The update was refused whole.
    #[error("{key}: observed at {} us, which is later than {} us, the latest time believed now",
        observed_at.as_micros(), latest.as_micros())]
    FromTheFuture {
        /// The token.
        key: TokenKey,
        /// The time refused.
        observed_at: Timestamp,
        /// The latest time that would have been accepted.
        latest: Timestamp,
    },
    /// The token's decimals are known and differ. The update was refused whole.
    #[error("{key} has {known} decimals, and the update says {given}")]
    DecimalsConflict {
        /// The token.
        key: TokenKey,
        /// The decimals known, which stay.
        known: u8,
        /// The decimals refused.
        given: u8,
    },
    /// A tick cannot be taken back: the token's history does not reach that far. Nothing was changed.
    #[error("the history of {key} does not reach back to {} us", observed_at.as_micros())]
    HistoryIncomplete {
        /// The token.
        key: TokenKey,
        /// The time of the tick.
        observed_at: Timestamp,
    },
    /// There is not enough of an asset. What is set aside for others is not available. A shortfall of
    /// a fact can be covered; see [`Effect::cover_shortfall`](crate::Effect::cover_shortfall).
    #[error("{account}: {short} {asset} are missing", asset = short.asset())]
    Insufficient {
        /// The account's name.
        account: Box<str>,
        /// How much is missing.
        short: Money,
        /// The position that lacks units, where it is one.
        position: Option<PositionId>,
    },
    /// A position with this key is open or being opened.
    #[error("a position with this key is open already: {position}")]
    DuplicatePosition {
        /// That position.
        position: PositionId,
    },
    /// Another unfinished operation works on the position.
    #[error("operation {operation} works on position {position}")]
    PositionBusy {
        /// The position.
        position: PositionId,
        /// The operation that has it.
        operation: OperationId,
    },
    /// The venue's fill was posted before, by another operation.
    #[error("fill {fill} of {venue} was posted by operation {operation}")]
    DuplicateFill {
        /// The venue.
        venue: Box<str>,
        /// The venue's id for the fill.
        fill: Box<str>,
        /// The operation that has it.
        operation: OperationId,
    },
    /// The effect does not fit what the operation named when it began, or itself.
    #[error("the effect does not fit: {reason}")]
    EffectMismatch {
        /// What does not fit.
        reason: Mismatch,
    },
    /// Nothing that raises risk is begun while trading is halted.
    #[error("trading is halted: {reason}")]
    Halted {
        /// Why it was halted.
        reason: Box<str>,
    },
    /// A limit of [`Limits`](crate::Limits) would be exceeded.
    #[error("{limit} is exceeded: {found} of {allowed}")]
    LimitExceeded {
        /// Which limit.
        limit: &'static str,
        /// What it would come to.
        found: Box<str>,
        /// What is allowed.
        allowed: Box<str>,
    },
    /// A price is needed of an asset that has none, or none that is young enough.
    #[error("{asset} has no price that is young enough")]
    Unmarked {
        /// The asset.
        asset: Asset,
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
        /// What differs: `kind`, `account`, `positions`, `holds`, `payload` or `hash`.
        which: &'static str,
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
    /// The operation was to be retried later.
    #[error("operation {operation} is not to be retried before {} us", not_before.as_micros())]
    TooEarly {
        /// The operation.
        operation: OperationId,
        /// The time from which it can be.
        not_before: Timestamp,
    },
    /// The operation was not started in time. It was rolled back by this call.
    #[error("operation {operation} was not started in time and was rolled back")]
    Expired {
        /// The operation.
        operation: OperationId,
    },
    /// An operation was to be begun and started after its deadline. Nothing was begun.
    #[error("the operation was to be started until {} us, which has passed; nothing was begun",
        deadline.as_micros())]
    TooLate {
        /// The deadline.
        deadline: Timestamp,
    },
    /// The operation has no attempts left. Its money stays reserved, and it waits for somebody to
    /// decide.
    #[error("operation {operation} has used up its attempts and needs attention")]
    AttemptsUsedUp {
        /// The operation.
        operation: OperationId,
    },
    /// What the operation had applied cannot be taken back any more. Its money stays reserved, and it
    /// waits for somebody to decide.
    #[error("operation {operation} cannot be undone and needs attention: {reason}")]
    UndoBlocked {
        /// The operation.
        operation: OperationId,
        /// Why.
        reason: Box<str>,
    },
    /// Operations of an earlier opening are unfinished. Call [`Store::recover`](crate::Store::recover)
    /// or [`Store::skip_recovery`](crate::Store::skip_recovery) before anything new is begun.
    #[error("operations of an earlier opening are unfinished: recover them, or skip that, first")]
    RecoveryNeeded,
    /// Somebody else recovers at this moment.
    #[error("a recovery is running")]
    RecoveryRunning,
    /// An operation was refused for another reason, or cannot be read.
    #[error(transparent)]
    Operation(Box<operations::Error>),
    /// The ledger refused for another reason, or cannot be read.
    #[error(transparent)]
    Ledger(ledger::Error),
    /// An event lies further ahead of the store's clock than is believed. It was not claimed.
    #[error("the event {} in {namespace} is of {} us, which is later than {} us, the latest time \
        believed now", key.escape_ascii(), event_time.as_micros(), latest.as_micros())]
    EventFromTheFuture {
        /// The namespace of the claim.
        namespace: Box<str>,
        /// The key of the claim.
        key: Box<[u8]>,
        /// The time refused.
        event_time: Timestamp,
        /// The latest time that would have been accepted.
        latest: Timestamp,
    },
    /// Claims are to be let go while events as old are still to be accepted. Nothing was opened.
    #[error("claims in {} are kept for {horizon:?} of their event's age, and events are accepted for \
        {window:?}; nothing was opened", namespace.as_deref().unwrap_or("all other namespaces"))]
    ClaimHorizonTooShort {
        /// The namespace; `None` for all that have no bounds of their own.
        namespace: Option<Box<str>>,
        /// The age of an event at which its claim is let go.
        horizon: Duration,
        /// The age up to which events are accepted.
        window: Duration,
    },
    /// Missing prices were to be asked for in a way that cannot be. Nothing was opened.
    #[error(
        "the backoff for missing prices {fault}: base {base:?}, cap {cap:?}, {jitter_percent} % \
         jitter; nothing was opened"
    )]
    InvalidPriceBackoff {
        /// The first pause.
        base: Duration,
        /// The longest pause.
        cap: Duration,
        /// By how much a pause may be shortened, in percent.
        jitter_percent: u8,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A cursor is not where the caller believed it to be. It was not moved.
    #[error("the cursor {name} is not where it was expected to be; it was not moved")]
    CursorMoved {
        /// The cursor.
        name: Box<str>,
        /// What it is; `None` where there is no such cursor.
        found: Option<Vec<u8>>,
    },
    /// A claim or a cursor was refused for what it says, or cannot be read.
    #[error(transparent)]
    Processed(processed::Error),
    /// Whether a price is missing cannot be read.
    #[error(transparent)]
    PriceStatus(price_status::Error),
    /// The update says something that no token can be. It was refused whole.
    #[error(transparent)]
    Token(tokens::Error),
    /// A number, an asset or a key is not one.
    #[error(transparent)]
    Money(#[from] money::Error),
}

fn place(offset: Option<u64>, lsn: Option<Lsn>) -> String {
    let offset = offset.map_or(String::new(), |offset| format!(" at offset {offset}"));
    let lsn = lsn.map_or(String::new(), |lsn| format!(", where commit {lsn} is needed"));
    offset + &lsn
}

impl Error {
    /// Whether the store declined: its state is untouched, and the caller has to do something else
    /// or the same again later.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Full { .. }
            | Self::TooLarge { .. }
            | Self::Nested
            | Self::Stalled { .. }
            | Self::FromTheFuture { .. }
            | Self::DecimalsConflict { .. }
            | Self::HistoryIncomplete { .. }
            | Self::EventFromTheFuture { .. }
            | Self::ClaimHorizonTooShort { .. }
            | Self::InvalidPriceBackoff { .. }
            | Self::CursorMoved { .. }
            | Self::OtherIdentity { .. }
            | Self::Insufficient { .. }
            | Self::DuplicatePosition { .. }
            | Self::PositionBusy { .. }
            | Self::DuplicateFill { .. }
            | Self::EffectMismatch { .. }
            | Self::Halted { .. }
            | Self::LimitExceeded { .. }
            | Self::Unmarked { .. }
            | Self::IllegalTransition { .. }
            | Self::StaleOwner { .. }
            | Self::Conflict { .. }
            | Self::HasFills { .. }
            | Self::EvidenceNeeded { .. }
            | Self::NotIdempotent { .. }
            | Self::TooEarly { .. }
            | Self::TooLate { .. }
            | Self::RecoveryNeeded
            | Self::RecoveryRunning
            | Self::Money(_) => true,
            Self::Operation(error) => error.is_refused(),
            Self::Token(error) => error.is_refused(),
            Self::Ledger(error) => error.is_refused(),
            Self::Processed(error) => error.is_refused(),
            _ => false,
        }
    }

    /// Whether nobody knows if it happened: reopen the store and ask by key.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }

    /// Whether acknowledged data is damaged or missing.
    pub fn is_corrupt(&self) -> bool {
        match self {
            Self::Corrupt { .. } | Self::PriceStatus(_) => true,
            Self::Token(error) => !error.is_refused(),
            Self::Ledger(error) => !error.is_refused(),
            Self::Processed(error) => !error.is_refused(),
            Self::Operation(error) => !error.is_refused(),
            _ => false,
        }
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        use engine::Error as Engine;
        match error {
            Engine::Full { source } => Self::Full { source },
            Engine::TooLarge { what, len, limit } => Self::TooLarge { what, len, limit },
            Engine::Nested => Self::Nested,
            Engine::Stalled { waited } => Self::Stalled { waited },
            Engine::Unknown { cause } => Self::Unknown { cause },
            Engine::Poisoned { cause } => Self::Poisoned { cause },
            Engine::SnapshotLost => Self::SnapshotLost,
            Engine::Closed => Self::Closed,
            Engine::Locked { store } => Self::Locked { path: store.into() },
            Engine::Missing { store } => Self::Missing { path: store.into() },
            Engine::Io { action, file, source } => {
                Self::Io { action, file: file.to_owned(), offset: None, source }
            }
            Engine::Journal(error) => error.into(),
            Engine::Base(error) => error.into(),
            // Opening compares identities before anything else can see this.
            Engine::Identity { .. } => corrupt("base.redb", error),
        }
    }
}

fn corrupt(file: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Corrupt { file: file.to_owned(), offset: None, lsn: None, source: Box::new(error) }
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Io { action, file, offset, source } => {
                Self::Io { action, file, offset: Some(offset), source }
            }
            JournalError::Version { file, found, supported } => {
                Self::Version { file, found, supported }
            }
            JournalError::Corrupt { file, offset, lsn, problem } => Self::Corrupt {
                file,
                offset: Some(offset),
                lsn: Some(lsn),
                source: Box::new(problem),
            },
        }
    }
}

impl From<BaseError> for Error {
    fn from(error: BaseError) -> Self {
        match error {
            BaseError::Io { source } => {
                Self::Io { action: "use", file: "base.redb".to_owned(), offset: None, source }
            }
            BaseError::Closed => Self::SnapshotLost,
            BaseError::Version { found, known } => {
                Self::Version { file: "base.redb".to_owned(), found, supported: known }
            }
            BaseError::Corrupt { damage } => corrupt("base.redb", damage),
        }
    }
}

impl From<tokens::Error> for Error {
    fn from(error: tokens::Error) -> Self {
        match error {
            tokens::Error::Engine(error) => error.into(),
            tokens::Error::PriceStatus(error) => error.into(),
            tokens::Error::FromTheFuture { key, observed_at, latest } => {
                Self::FromTheFuture { key, observed_at, latest }
            }
            tokens::Error::DecimalsConflict { key, known, given } => {
                Self::DecimalsConflict { key, known, given }
            }
            tokens::Error::HistoryIncomplete { key, observed_at } => {
                Self::HistoryIncomplete { key, observed_at }
            }
            error => Self::Token(error),
        }
    }
}

impl From<ledger::Error> for Error {
    fn from(error: ledger::Error) -> Self {
        use ledger::Error as Ledger;
        match error {
            Ledger::Engine(error) => error.into(),
            Ledger::Money(error) => Self::Money(error),
            Ledger::Token { source } => (*source).into(),
            Ledger::Insufficient { account, short, position } => {
                Self::Insufficient { account, short, position }
            }
            Ledger::DuplicatePosition { position } => Self::DuplicatePosition { position },
            Ledger::PositionBusy { position, operation } => {
                Self::PositionBusy { position, operation }
            }
            Ledger::DuplicateFill { venue, fill, operation } => {
                Self::DuplicateFill { venue, fill, operation }
            }
            Ledger::EffectMismatch { reason } => Self::EffectMismatch { reason },
            Ledger::Halted { reason } => Self::Halted { reason },
            Ledger::LimitExceeded { limit, found, allowed } => {
                Self::LimitExceeded { limit, found, allowed }
            }
            Ledger::Unmarked { asset } => Self::Unmarked { asset },
            error => Self::Ledger(error),
        }
    }
}

impl From<processed::Error> for Error {
    fn from(error: processed::Error) -> Self {
        match error {
            processed::Error::Engine(error) => error.into(),
            processed::Error::PriceStatus(error) => error.into(),
            processed::Error::EventFromTheFuture { namespace, key, event_time, latest } => {
                Self::EventFromTheFuture { namespace, key, event_time, latest }
            }
            processed::Error::HorizonTooShort { namespace, horizon, window } => {
                Self::ClaimHorizonTooShort { namespace, horizon, window }
            }
            processed::Error::CursorMoved { name, found } => Self::CursorMoved { name, found },
            error => Self::Processed(error),
        }
    }
}

impl From<price_status::Error> for Error {
    fn from(error: price_status::Error) -> Self {
        match error {
            price_status::Error::Engine(error) => error.into(),
            price_status::Error::InvalidBackoff { base, cap, jitter_percent, fault } => {
                Self::InvalidPriceBackoff { base, cap, jitter_percent, fault }
            }
            error => Self::PriceStatus(error),
        }
    }
}
