//! What is said to the model: intents and effects; and what it replies.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::simulation::cast::{Coin, Kind, Owner, Venue};

pub(crate) type Amount = i128;
pub(crate) type PositionNumber = u64;
pub(crate) type OperationNumber = u64;
pub(crate) type EntryNumber = u64;

/// An amount of an asset.
pub(crate) type Sum = (Coin, Amount);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Method {
    Average,
    Fifo,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewPosition {
    pub(crate) owner: Owner,
    pub(crate) coin: Coin,
    pub(crate) quote: Coin,
    pub(crate) tag: u8,
    pub(crate) method: Method,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fill {
    pub(crate) venue: Venue,
    /// The venue's number of the execution, or none for the order's totals.
    pub(crate) id: Option<u8>,
    pub(crate) quantity: Sum,
    pub(crate) gross: Sum,
    pub(crate) fees: Vec<Sum>,
    pub(crate) corrects: Option<EntryNumber>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leg {
    pub(crate) owner: Owner,
    pub(crate) coin: Coin,
    pub(crate) kind: Kind,
    /// Credited where positive, debited where negative.
    pub(crate) amount: Amount,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    Buy(PositionNumber, Fill),
    Sell(PositionNumber, Fill),
    Redeem(PositionNumber, Fill),
    Split(Sum, Vec<(PositionNumber, Option<Amount>)>),
    Merge(Sum, Vec<PositionNumber>),
    Deposit(Owner, Sum),
    Withdraw(Owner, Sum),
    Entry(Vec<Leg>),
    Attribute(PositionNumber, u8, Option<u8>),
}

impl Part {
    /// Whether it is a fill, which may come twice.
    pub(crate) fn is_fill(&self) -> bool {
        matches!(self, Self::Buy(..) | Self::Sell(..) | Self::Redeem(..))
    }

    /// Whether it states what a venue did.
    pub(crate) fn is_fact(&self) -> bool {
        matches!(
            self,
            Self::Buy(..) | Self::Sell(..) | Self::Redeem(..) | Self::Split(..) | Self::Merge(..)
        )
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Effect {
    pub(crate) parts: Vec<Part>,
    /// Whether what is short is taken from the Adjustment account.
    pub(crate) cover: bool,
}

/// What an operation is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    Deduct(Owner, Sum),
    Add(Owner, Sum),
    Open(NewPosition),
    Close(PositionNumber, Option<Amount>),
    Update(PositionNumber),
    Trade(Owner),
    Custom(Owner),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) key: u8,
    pub(crate) task: Task,
    pub(crate) holds: Vec<Sum>,
    pub(crate) reduces: Vec<(PositionNumber, Amount)>,
    pub(crate) increases: Vec<PositionNumber>,
    pub(crate) opens: Vec<NewPosition>,
    pub(crate) touches: Vec<Coin>,
    pub(crate) owners: Vec<Owner>,
    pub(crate) payload: u8,
    pub(crate) deadline: Option<i64>,
    pub(crate) max_attempts: u32,
    pub(crate) idempotent: bool,
    /// Namespace, key, time of the event.
    pub(crate) claim: Option<(u8, u8, i64)>,
    /// Name, the value expected, the new value.
    pub(crate) cursor: Option<(u8, Option<u8>, u8)>,
}

impl Intent {
    pub(crate) fn new(key: u8, task: Task) -> Self {
        Self {
            key,
            task,
            holds: Vec::new(),
            reduces: Vec::new(),
            increases: Vec::new(),
            opens: Vec::new(),
            touches: Vec::new(),
            owners: Vec::new(),
            payload: 0,
            deadline: None,
            max_attempts: 3,
            idempotent: false,
            claim: None,
            cursor: None,
        }
    }

    /// Whether an amount is to be set aside that nobody can set aside.
    pub(crate) fn is_malformed(&self) -> bool {
        let of_task = match &self.task {
            Task::Deduct(_, sum) | Task::Add(_, sum) => Some(sum.1),
            Task::Close(_, quantity) => *quantity,
            _ => None,
        };
        let holds = self.holds.iter().map(|hold| hold.1);
        let units = self.reduces.iter().map(|(_, quantity)| *quantity);
        of_task.into_iter().chain(holds).chain(units).any(|amount| amount <= 0)
    }

    /// Whether `other` is to do the same: kind, account, positions, holds and payload.
    pub(crate) fn is_same_deal(&self, other: &Self) -> bool {
        self.task == other.task
            && self.holds == other.holds
            && self.reduces == other.reduces
            && self.increases == other.increases
            && self.opens == other.opens
            && self.touches == other.touches
            && self.owners == other.owners
            && self.payload == other.payload
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    Pending,
    InProgress,
    Failed,
    Completed,
    RolledBack,
}

impl Status {
    pub(crate) fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::RolledBack)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Class {
    Definite,
    Ambiguous,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Claimed {
    InFlight(OperationNumber),
    Completed,
    RolledBack,
    /// Claimed by hand, outside any operation.
    Recorded,
}

/// The kinds of answers, refusals included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    // It was done.
    Done,
    New(OperationNumber),
    Opened(PositionNumber),
    Posted(EntryNumber),
    // It was done before, or is not to be done again.
    Existing(OperationNumber),
    Duplicate(Claimed),
    TooOld,
    AlreadyDone,
    /// Somebody else was faster.
    Raced,
    // The ledger refuses.
    Insufficient,
    DuplicatePosition,
    PositionBusy,
    UnknownPosition,
    PositionClosed,
    UnknownEntry,
    DuplicateFill,
    TotalFell,
    EffectMismatch,
    AlreadyReversed,
    NotLast,
    EntryInUse,
    AlreadyOpened,
    Halted,
    LimitExceeded,
    FromTheFuture,
    AttributeMoved,
    DecimalsConflict,
    /// A number or name that nothing can be.
    Invalid,
    // Operations refuse.
    UnknownOperation,
    Conflict,
    StaleOwner,
    IllegalTransition,
    HasFills,
    EvidenceNeeded,
    NotIdempotent,
    TooEarly,
    TooLate,
    Expired,
    AttemptsUsedUp,
    UndoBlocked,
    RecoveryNeeded,
    RecoveryRunning,
    CursorMoved,
}

/// What a call is to answer. Where several guards refuse, any of them may speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) replies: BTreeSet<Reply>,
    /// Whether anything was changed.
    pub(crate) changed: bool,
}

impl Outcome {
    pub(crate) fn done(reply: Reply) -> Self {
        Self { replies: [reply].into(), changed: true }
    }

    pub(crate) fn unchanged(reply: Reply) -> Self {
        Self { replies: [reply].into(), changed: false }
    }

    pub(crate) fn refused(replies: Refusals) -> Self {
        Self { replies, changed: false }
    }
}

/// Every guard that is broken.
pub(crate) type Refusals = BTreeSet<Reply>;

/// One broken guard.
pub(crate) fn refuse(reply: Reply) -> Refusals {
    [reply].into()
}
