//! What a refusal of operations is to a bot.

use crate::operations;

use super::Error;

impl From<operations::Error> for Error {
    fn from(error: operations::Error) -> Self {
        use operations::Error as Operation;
        match error {
            Operation::Engine(error) => error.into(),
            Operation::Ledger(error) => error.into(),
            Operation::Processed(error) => error.into(),
            Operation::IllegalTransition { operation, status, call } => {
                Self::IllegalTransition { operation, status, call }
            }
            Operation::StaleOwner { operation } => Self::StaleOwner { operation },
            Operation::Conflict { operation, which } => Self::Conflict { operation, which },
            Operation::PositionBusy { position, operation } => {
                Self::PositionBusy { position, operation }
            }
            Operation::HasFills { operation } => Self::HasFills { operation },
            Operation::EvidenceNeeded { operation } => Self::EvidenceNeeded { operation },
            Operation::NotIdempotent { operation } => Self::NotIdempotent { operation },
            Operation::TooEarly { operation, not_before } => {
                Self::TooEarly { operation, not_before }
            }
            Operation::Expired { operation } => Self::Expired { operation },
            Operation::TooLate { deadline } => Self::TooLate { deadline },
            Operation::AttemptsUsedUp { operation } => Self::AttemptsUsedUp { operation },
            Operation::UndoBlocked { operation, reason } => Self::UndoBlocked { operation, reason },
            Operation::RecoveryNeeded => Self::RecoveryNeeded,
            Operation::RecoveryRunning => Self::RecoveryRunning,
            error => Self::Operation(Box::new(error)),
        }
    }
}
