//! The five states of an operation, and the one table that says which call moves it from where to
//! where. Every call asks this table; nothing else decides what is legal.

use std::fmt;

use super::OperationId;
use super::error::Error;
use crate::codec::{BorrowDecode, Encode};

/// How far an operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Status {
    /// Written down, its money reserved; nothing was done outside.
    Pending,
    /// It may be acting outside at any moment.
    InProgress,
    /// The last attempt failed; money stays reserved until somebody decides.
    Failed,
    /// It ended, with its effect in the books.
    Completed,
    /// It ended without an effect.
    RolledBack,
}

impl Status {
    /// Whether nothing can happen to it any more.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Completed | Self::RolledBack)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::InProgress => "in progress",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::RolledBack => "rolled back",
        })
    }
}

/// What the caller of a failed attempt knows about the world outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FailureClass {
    /// The attempt certainly did nothing outside.
    Definite,
    /// The attempt may have done something outside.
    Ambiguous,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Definite => "definite",
            Self::Ambiguous => "ambiguous",
        })
    }
}

/// What can be asked of an operation, by its owner, by recovery or by the store itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, BorrowDecode)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Call {
    /// It was begun. Always the first.
    Begin,
    /// It is begun once more under its key, which only one that was rolled back can be.
    BeginAgain,
    /// It is about to act outside.
    Start,
    /// It is given up before it acted.
    Cancel,
    /// It was not started in time, or nobody is left who could start it.
    Expire,
    /// A reference to the outside is noted.
    Checkpoint,
    /// What a venue did is posted.
    Record,
    /// Entries and attributes are posted that a roll back takes away again.
    Apply,
    /// It did what it was to do.
    Complete,
    /// The attempt failed.
    Fail,
    /// A new attempt after a failure.
    Retry,
    /// It is taken back.
    RollBack,
    /// The outside turned out to have done it after all.
    ResolveComplete,
    /// A running operation goes on under a new owner.
    TakeOver,
    /// An operation that was not started gets a new owner.
    TakeOverPending,
    /// Recovery was told to ask again later.
    RetryLater,
    /// Recovery gives up presenting it.
    Quarantine,
    /// Recovery was told to leave it as it is.
    Leave,
}

impl Call {
    /// All there are.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 18] = [
        Self::Begin,
        Self::BeginAgain,
        Self::Start,
        Self::Cancel,
        Self::Expire,
        Self::Checkpoint,
        Self::Record,
        Self::Apply,
        Self::Complete,
        Self::Fail,
        Self::Retry,
        Self::RollBack,
        Self::ResolveComplete,
        Self::TakeOver,
        Self::TakeOverPending,
        Self::RetryLater,
        Self::Quarantine,
        Self::Leave,
    ];

    /// Its name, as the function is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::BeginAgain => "begin_again",
            Self::Start => "start",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Checkpoint => "checkpoint",
            Self::Record => "record",
            Self::Apply => "apply",
            Self::Complete => "complete",
            Self::Fail => "fail",
            Self::Retry => "retry",
            Self::RollBack => "roll_back",
            Self::ResolveComplete => "resolve_complete",
            Self::TakeOver => "take_over",
            Self::TakeOverPending => "take_over_pending",
            Self::RetryLater => "retry_later",
            Self::Quarantine => "quarantine",
            Self::Leave => "leave",
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the table says of one call in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// It is legal and leads here.
    To(Status),
    /// It already happened; an identical repeat answers so.
    Again,
    /// It is refused.
    No,
}

/// **The table of moves.** A call that is not in it is refused in every state.
const MOVES: [(Call, [Move; 5]); 17] = {
    use Move::{Again, No, To};
    use Status::{Completed, Failed, InProgress, Pending, RolledBack};
    [
        //                        Pending           InProgress        Failed            Completed  RolledBack
        (Call::Start, [To(InProgress), No, No, No, No]),
        (Call::Cancel, [To(RolledBack), No, No, No, Again]),
        (Call::Expire, [To(RolledBack), No, No, No, No]),
        (Call::TakeOverPending, [To(Pending), No, No, No, No]),
        (Call::TakeOver, [No, To(InProgress), No, No, No]),
        (Call::Checkpoint, [No, To(InProgress), No, No, No]),
        (Call::Apply, [No, To(InProgress), No, No, No]),
        (Call::Record, [No, To(InProgress), To(Failed), No, No]),
        (Call::Complete, [No, To(Completed), No, Again, No]),
        (Call::Fail, [No, To(Failed), No, No, No]),
        (Call::Retry, [No, No, To(InProgress), No, No]),
        (Call::RollBack, [No, No, To(RolledBack), No, Again]),
        (Call::ResolveComplete, [No, No, To(Completed), Again, No]),
        (Call::RetryLater, [No, To(Failed), To(Failed), No, No]),
        (Call::Quarantine, [No, To(Failed), To(Failed), No, No]),
        (Call::Leave, [No, To(InProgress), To(Failed), No, No]),
        (Call::BeginAgain, [No, No, No, No, To(Pending)]),
    ]
};

/// What `call` does to an operation in `status`.
pub(crate) fn movement(status: Status, call: Call) -> Move {
    let row = MOVES.iter().find(|(of, _)| *of == call);
    row.map_or(Move::No, |(_, moves)| moves[status as usize])
}

/// As [`movement`], where a refusal is an error.
pub(crate) fn legal(operation: OperationId, status: Status, call: Call) -> Result<Move, Error> {
    match movement(status, call) {
        Move::No => Err(Error::IllegalTransition { operation, status, call }),
        legal => Ok(legal),
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Completed, Failed, InProgress, Pending, RolledBack};
    use super::*;

    /// The story: one branch too many in one of a dozen calls, and an operation that was rolled back
    /// was completed. So the legal moves are written down here a second time, and every pair of a
    /// state and a call that is not among them must be refused.
    #[test]
    fn every_pair_of_state_and_call_is_as_the_rules_say() {
        let legal = [
            (Pending, Call::Start, InProgress),
            (Pending, Call::Cancel, RolledBack),
            (Pending, Call::Expire, RolledBack),
            (Pending, Call::TakeOverPending, Pending),
            (InProgress, Call::Checkpoint, InProgress),
            (InProgress, Call::Record, InProgress),
            (Failed, Call::Record, Failed),
            (InProgress, Call::Apply, InProgress),
            (InProgress, Call::Complete, Completed),
            (InProgress, Call::Fail, Failed),
            (InProgress, Call::TakeOver, InProgress),
            (InProgress, Call::RetryLater, Failed),
            (InProgress, Call::Quarantine, Failed),
            (InProgress, Call::Leave, InProgress),
            (Failed, Call::Retry, InProgress),
            (Failed, Call::RollBack, RolledBack),
            (Failed, Call::ResolveComplete, Completed),
            (Failed, Call::RetryLater, Failed),
            (Failed, Call::Quarantine, Failed),
            (Failed, Call::Leave, Failed),
            (RolledBack, Call::BeginAgain, Pending),
        ];
        let repeated = [
            (Completed, Call::Complete),
            (Completed, Call::ResolveComplete),
            (RolledBack, Call::Cancel),
            (RolledBack, Call::RollBack),
        ];
        for status in [Pending, InProgress, Failed, Completed, RolledBack] {
            for call in Call::ALL {
                let to = legal.iter().find(|(from, by, _)| (*from, *by) == (status, call));
                let expected = match to {
                    Some((_, _, to)) => Move::To(*to),
                    None if repeated.contains(&(status, call)) => Move::Again,
                    None => Move::No,
                };
                assert_eq!(movement(status, call), expected, "{status}, {call}");
            }
        }
    }

    /// The table has a line for every call but `begin`, which has no state to come from.
    #[test]
    fn every_call_has_one_line_in_the_table() {
        for call in Call::ALL {
            let lines = MOVES.iter().filter(|(of, _)| *of == call).count();
            assert_eq!(lines, usize::from(call != Call::Begin), "{call}");
        }
    }
}
