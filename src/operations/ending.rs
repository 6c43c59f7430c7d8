//! The end of an operation: everything that it had goes, and its outcome stays.

use super::error::Error;
use super::kind::Role;
use super::row::{self, OperationRow, impossible};
use super::status::{Call, Status};
use super::undo::Undone;
use super::{FINISHED, OperationId, OperationsMut, PositionId, UNDO, UNFINISHED, WORKING};
use crate::engine::KeyRange;
use crate::ledger::{self, Posted, Released};

/// What completing an operation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Completed {
    /// It is completed by this call.
    Now {
        /// What was posted.
        posted: Posted,
        /// What was set aside and not used.
        released: Vec<Released>,
    },
    /// It was completed before, with the same effect. Nothing was changed.
    AlreadyDone,
}

impl Completed {
    /// What was posted; nothing where it was completed before.
    pub fn posted(&self) -> Option<&Posted> {
        match self {
            Self::Now { posted, .. } => Some(posted),
            Self::AlreadyDone => None,
        }
    }

    /// Whether it was completed before.
    pub fn is_already_done(&self) -> bool {
        matches!(self, Self::AlreadyDone)
    }
}

/// What cancelling or rolling back an operation came to.
#[derive(Debug)]
pub enum RolledBack {
    /// It is rolled back by this call.
    Now {
        /// What was taken back.
        undone: Undone,
        /// What was set aside and not used.
        released: Vec<Released>,
    },
    /// It was rolled back before. Nothing was changed.
    AlreadyDone,
    /// What it had applied cannot be taken back any more: the operation is still failed, and needs
    /// attention since.
    NeedsAttention(Box<Error>),
}

impl RolledBack {
    /// Whether it was rolled back before.
    pub fn is_already_done(&self) -> bool {
        matches!(self, Self::AlreadyDone)
    }
}

/// Why an operation is rolled back, and how it is known that nothing happened outside.
///
/// ```
/// use highwater::RollBack;
///
/// let cancelled = RollBack::new("cancelled").evidence("the venue lists no order of this id");
/// # let _ = cancelled;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RollBack {
    pub(super) reason: Box<str>,
    pub(super) evidence: Option<Box<str>>,
}

impl RollBack {
    /// For this reason.
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self { reason: reason.into(), evidence: None }
    }

    /// How it is known that nothing happened outside. Needed after an ambiguous failure.
    pub fn evidence(mut self, evidence: impl Into<Box<str>>) -> Self {
        self.evidence = Some(evidence.into());
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let limit = ledger::MAX_REASON_BYTES;
        ledger::check_text("the reason", &self.reason, 1, limit)?;
        if let Some(evidence) = &self.evidence {
            ledger::check_text("the evidence", evidence, 1, limit)?;
        }
        Ok(())
    }

    /// Both, for the event.
    pub(super) fn told(&self) -> String {
        match &self.evidence {
            Some(evidence) => format!("{}; {evidence}", self.reason),
            None => self.reason.to_string(),
        }
    }
}

impl OperationsMut<'_> {
    /// Ends an operation: its holds, its plan of undo, its locks and its place among the unfinished
    /// go, its claim learns the outcome, and positions that it leaves empty are closed.
    pub(super) fn finish(
        &mut self,
        id: OperationId,
        mut row: OperationRow,
        status: Status,
        call: Call,
        evidence: Option<&str>,
    ) -> Result<Vec<Released>, Error> {
        row.status = status;
        row.finished_at = Some(self.stored_now());
        row.attention = None;
        row.presentations = 0;
        row.undo = 0;
        row::delete_all(self.tx(), UNDO, id)?;
        let released = self.ledger.release(id)?;
        self.leave_positions(id, &row)?;
        self.finish_claim(&row)?;
        self.tx().delete(UNFINISHED, &row::id_key(id));
        let finished = row.finished_at.unwrap_or_default();
        row::put(self.tx(), FINISHED, &row::finished_key(finished, id), &());
        self.put_with_event(id, &mut row, call, evidence);
        Ok(released)
    }

    /// Gives up the locks on positions, and closes those that stay empty.
    fn leave_positions(&mut self, id: OperationId, row: &OperationRow) -> Result<(), Error> {
        for position in row.named_positions() {
            self.tx().delete(WORKING, &row::working_key(position, id));
        }
        self.close_empty_positions(row)
    }

    /// Closes the named positions that have no units and that nobody fills.
    pub(super) fn close_empty_positions(&mut self, row: &OperationRow) -> Result<(), Error> {
        for position in row.named_positions() {
            self.close_if_nobody_fills(PositionId::new(position))?;
        }
        Ok(())
    }

    /// Whether an unfinished opening or increase names the position.
    pub(super) fn is_being_filled(&self, position: u64) -> Result<bool, Error> {
        for found in self.reader().scan(WORKING, KeyRange::prefix(&position.to_be_bytes())) {
            let (key, bytes) = found?;
            let roles: Vec<Role> = row::decode(WORKING, &key, &bytes)?;
            if roles.is_empty() {
                return Err(impossible(WORKING, &key, "roles"));
            }
            if roles.iter().any(|role| role.raises_risk()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
