//! What the store answers, in the words of the model.

use crate::ledger::Error as LedgerError;
use crate::operations::Error as OperationError;
use crate::store::Error;

use crate::simulation::model::words::Reply;

/// What an error says of the rules. None where it says something of the disk or of memory.
pub(crate) fn told(error: &Error) -> Option<Reply> {
    if matches!(error, Error::Full { .. } | Error::Stalled { .. }) {
        return None;
    }
    let and_committed = matches!(
        error,
        Error::Expired { .. } | Error::AttemptsUsedUp { .. } | Error::UndoBlocked { .. }
    );
    (and_committed || error.is_refused()).then(|| refusal(error))
}

fn refusal(error: &Error) -> Reply {
    match error {
        Error::Insufficient { .. } => Reply::Insufficient,
        Error::DuplicatePosition { .. } => Reply::DuplicatePosition,
        Error::PositionBusy { .. } => Reply::PositionBusy,
        Error::DuplicateFill { .. } => Reply::DuplicateFill,
        Error::EffectMismatch { .. } => Reply::EffectMismatch,
        Error::Halted { .. } => Reply::Halted,
        Error::LimitExceeded { .. } => Reply::LimitExceeded,
        Error::IllegalTransition { .. } => Reply::IllegalTransition,
        Error::StaleOwner { .. } => Reply::StaleOwner,
        Error::Conflict { .. } => Reply::Conflict,
        Error::HasFills { .. } => Reply::HasFills,
        Error::EvidenceNeeded { .. } => Reply::EvidenceNeeded,
        Error::NotIdempotent { .. } => Reply::NotIdempotent,
        Error::TooLate { .. } => Reply::TooLate,
        Error::TooEarly { .. } => Reply::TooEarly,
        Error::Expired { .. } => Reply::Expired,
        Error::AttemptsUsedUp { .. } => Reply::AttemptsUsedUp,
        Error::UndoBlocked { .. } => Reply::UndoBlocked,
        Error::RecoveryNeeded => Reply::RecoveryNeeded,
        Error::RecoveryRunning => Reply::RecoveryRunning,
        Error::Operation(error) => of_operations(error),
        Error::CursorMoved { .. } => Reply::CursorMoved,
        Error::EventFromTheFuture { .. } | Error::FromTheFuture { .. } => Reply::FromTheFuture,
        Error::DecimalsConflict { .. } => Reply::DecimalsConflict,
        Error::Money(_) => Reply::Invalid,
        Error::Ledger(error) => of_the_ledger(error),
        error => panic!("a refusal that the model does not know: {error:?}"),
    }
}

fn of_the_ledger(error: &LedgerError) -> Reply {
    match error {
        LedgerError::UnknownPosition { .. } => Reply::UnknownPosition,
        LedgerError::PositionClosed { .. } => Reply::PositionClosed,
        LedgerError::UnknownEntry { .. } => Reply::UnknownEntry,
        LedgerError::TotalFell { .. } => Reply::TotalFell,
        LedgerError::AlreadyReversed { .. } => Reply::AlreadyReversed,
        LedgerError::NotLast { .. } => Reply::NotLast,
        LedgerError::AlreadyOpened { .. } => Reply::AlreadyOpened,
        LedgerError::FromTheFuture { .. } => Reply::FromTheFuture,
        LedgerError::AttributeMoved { .. } => Reply::AttributeMoved,
        LedgerError::InvalidName { .. } | LedgerError::Money(_) => Reply::Invalid,
        error => panic!("a refusal that the model does not know: {error:?}"),
    }
}

fn of_operations(error: &OperationError) -> Reply {
    match error {
        OperationError::UnknownOperation { .. } | OperationError::UnknownKey { .. } => {
            Reply::UnknownOperation
        }
        OperationError::EntryInUse { .. } => Reply::EntryInUse,
        OperationError::InvalidIntent { .. } => Reply::Invalid,
        error => panic!("a refusal that the model does not know: {error:?}"),
    }
}
