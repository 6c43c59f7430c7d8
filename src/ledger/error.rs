//! Why the ledger refused, or why a row of it cannot be read.

use super::{AccountKind, EntryId, OperationId, PositionId};
use crate::clock::Timestamp;
use crate::codec::Hex;
use crate::money::{self, Asset, Money};
use crate::{codec, engine, tokens};

/// Why the ledger refused, or why it cannot be read. A refusal changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is not enough of an asset. What is reserved for others is not available.
    #[error("{account}: {short} {} are missing{}", short.asset(), of_position(*position))]
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

    /// There is no such position.
    #[error("there is no position {position}")]
    UnknownPosition {
        /// The number asked for.
        position: PositionId,
    },

    /// The position is closed.
    #[error("position {position} is closed")]
    PositionClosed {
        /// The position.
        position: PositionId,
    },

    /// There is no such entry.
    #[error("there is no entry {entry}")]
    UnknownEntry {
        /// The number asked for.
        entry: EntryId,
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

    /// The venue's totals are less than what is recorded.
    #[error("the venue's total {what} of {given} is less than the recorded {recorded}")]
    TotalFell {
        /// `quantity`, `gross amount` or `fee`.
        what: &'static str,
        /// What is recorded.
        recorded: Box<Money>,
        /// What was given.
        given: Box<Money>,
    },

    /// The effect cannot be what it says: see the reason.
    #[error("the effect does not fit: {reason}")]
    EffectMismatch {
        /// What does not fit.
        reason: Mismatch,
    },

    /// The entry was reversed before.
    #[error("entry {entry} was reversed by {by}")]
    AlreadyReversed {
        /// The entry.
        entry: EntryId,
        /// What reversed it.
        by: EntryId,
    },

    /// An entry of a position can be reversed only as its last.
    #[error("entry {entry} is not the last of its position: {last} is")]
    NotLast {
        /// The entry.
        entry: EntryId,
        /// The last entry of the position.
        last: EntryId,
    },

    /// The opening balance or position was booked before.
    #[error("the book was opened with this before, by entry {entry}")]
    AlreadyOpened {
        /// The entry that did.
        entry: EntryId,
    },

    /// Nothing that raises risk is begun while trading is halted.
    #[error("trading is halted: {reason}")]
    Halted {
        /// Why it was halted.
        reason: Box<str>,
    },

    /// It would exceed a limit that the store was opened with.
    #[error("{limit} is exceeded: {found} of {allowed}")]
    LimitExceeded {
        /// Which limit.
        limit: &'static str,
        /// What it would come to.
        found: Box<str>,
        /// What is allowed.
        allowed: Box<str>,
    },

    /// A limit needs the price of an asset that has none, or none that is young enough.
    #[error("{asset} has no price that is young enough to hold a limit against")]
    Unmarked {
        /// The asset.
        asset: Asset,
    },

    /// A time lies further ahead of the store's clock than is believed.
    #[error("{} us is later than {} us, the latest time believed now",
        given.as_micros(), latest.as_micros())]
    FromTheFuture {
        /// The time refused.
        given: Timestamp,
        /// The latest time that would have been accepted.
        latest: Timestamp,
    },

    /// An attribute was written since: it has another version.
    #[error("the attribute {name} has version {found}, not {expected}")]
    AttributeMoved {
        /// The attribute.
        name: Box<str>,
        /// The version it has; 0 where it is not there.
        found: u64,
        /// The version stated.
        expected: u64,
    },

    /// A name or a text that cannot be kept.
    #[error("{what} {fault}: {name:?}")]
    InvalidName {
        /// What it was to name.
        what: &'static str,
        /// The name, its beginning where it is long.
        name: Box<str>,
        /// What is wrong with it. Reads on from `what`.
        fault: &'static str,
    },

    /// A number does not fit, or assets do not go together.
    #[error(transparent)]
    Money(#[from] money::Error),

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

    /// A token that the ledger asked for cannot be read.
    #[error("a token cannot be read")]
    Token {
        /// What is wrong with it.
        source: Box<tokens::Error>,
    },

    /// The engine could not read.
    #[error(transparent)]
    Engine(#[from] engine::Error),
}

/// What about an effect does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// It names an account that the operation did not name when it began.
    #[error("the account {0:?} was not named at the beginning")]
    Account(Box<str>),
    /// It names an asset that the operation did not name when it began.
    #[error("{0} was not named at the beginning")]
    Asset(Asset),
    /// It names a position that the operation did not name when it began, or not for this.
    #[error("position {0} was not named for this at the beginning")]
    Position(PositionId),
    /// An operation of this kind cannot hold such a part.
    #[error("an operation of this kind cannot hold {0}")]
    Part(&'static str),
    /// A quantity is in another asset than the position's.
    #[error("the quantity is in {found}, the position in {expected}")]
    Quantity {
        /// The asset of the quantity.
        found: Asset,
        /// The position's asset.
        expected: Asset,
    },
    /// A gross amount or a cost is in another asset than the position's quote.
    #[error("the amount is in {found}, the position is quoted in {expected}")]
    Quote {
        /// The asset of the amount.
        found: Asset,
        /// The position's quote asset.
        expected: Asset,
    },
    /// A number is below zero where none can be.
    #[error("{0} is negative")]
    Negative(&'static str),
    /// A number is zero where it cannot be.
    #[error("{0} is zero")]
    Zero(&'static str),
    /// A venue reported totals for this operation and position, and now an execution, which may be in
    /// them.
    #[error("totals were recorded for this, and the execution may be part of them")]
    MixedFills,
    /// A fill is said to correct an entry that is no reversed fill of its account and assets, or that
    /// another one has corrected.
    #[error(
        "entry {0} is no reversed fill of this account and asset that is still to be corrected"
    )]
    Correction(EntryId),
    /// A reversal cannot be reversed: post what is right anew.
    #[error("entry {0} is a reversal itself")]
    Reversal(EntryId),
    /// An entry without legs.
    #[error("the entry has no legs")]
    Empty,
    /// The legs of an entry do not sum to zero.
    #[error("the legs sum to {0} and not to zero")]
    Unbalanced(Money),
    /// A leg on an account that only positions move.
    #[error("{0} accounts are moved by positions alone")]
    PositionAccount(AccountKind),
    /// An asset is given twice.
    #[error("{0} is given twice")]
    Twice(Asset),
    /// The costs given do not add up to the cash.
    #[error("the costs given add up to {found}, the cash is {expected}")]
    Costs {
        /// Their sum.
        found: Box<Money>,
        /// The cash.
        expected: Box<Money>,
    },
    /// Outcomes are missing, given twice, or of another scale than the cash.
    #[error("outcomes are given once each, of the cash's scale, for one account")]
    Outcomes,
}

fn of_position(position: Option<PositionId>) -> String {
    position.map_or(String::new(), |position| format!(" in position {position}"))
}

impl From<Mismatch> for Error {
    fn from(reason: Mismatch) -> Self {
        Self::EffectMismatch { reason }
    }
}

impl Error {
    pub(crate) fn token(error: tokens::Error) -> Self {
        match error {
            tokens::Error::Engine(error) => Self::Engine(error),
            error => Self::Token { source: Box::new(error) },
        }
    }

    /// Whether the call was refused for what it asks: nothing was changed.
    pub fn is_refused(&self) -> bool {
        !matches!(
            self,
            Self::CorruptRow { .. }
                | Self::MissingRow { .. }
                | Self::Token { .. }
                | Self::Engine(_)
        )
    }
}
