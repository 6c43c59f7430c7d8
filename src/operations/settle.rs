//! Settling: what failed is retried or rolled back, what was not started is cancelled, and what
//! nobody owns any more is taken over.

use super::ending::{RollBack, RolledBack};
use super::error::Error;
use super::handle::{InProgress, OperationRef, Pending};
use super::intent::MAX_ATTEMPTS;
use super::row::{Attention, FailureRow, OperationRow};
use super::status::{Call, FailureClass, Move, Status};
use super::undo::Undone;
use super::{Found, OperationId, OperationsMut};
use crate::ledger::{Entry, EntryKind, Ledger};

/// What retrying an operation came to.
#[derive(Debug)]
pub enum Retried {
    /// It may act outside again.
    InProgress(InProgress),
    /// It has no attempts left: it needs attention since, its money still reserved.
    NeedsAttention,
}

impl OperationsMut<'_> {
    /// Gives up an operation before it acted.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`].
    pub fn cancel<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
    ) -> Result<RolledBack, Error> {
        let Found { id, row, movement } = self.find(operation.into(), Call::Cancel)?;
        if movement == Move::Again {
            return Ok(RolledBack::AlreadyDone);
        }
        self.all_or_nothing(|operations| {
            let released = operations.finish(id, row, Status::RolledBack, Call::Cancel, None)?;
            Ok(RolledBack::Now { undone: Undone::default(), released })
        })
    }

    /// Tries a failed operation again: a new attempt, under a new external id after a definite
    /// failure, under the same after an ambiguous one. It goes on with what is left of its holds. As
    /// durable as [`OperationsMut::start`].
    ///
    /// By its number also an operation is retried that has no attempts left: somebody decided so.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`], [`Error::NotIdempotent`] after an
    /// ambiguous failure, [`Error::TooEarly`]; of the ledger that trading is halted.
    pub fn retry<'h>(&mut self, operation: impl Into<OperationRef<'h>>) -> Result<Retried, Error> {
        let operation = operation.into();
        let Found { id, mut row, .. } = self.find(operation, Call::Retry)?;
        let class = effective_class(&row, operation.is_by_id());
        if class == FailureClass::Ambiguous && !row.idempotent {
            return Err(Error::NotIdempotent { operation: id });
        }
        self.expect_time(id, &row)?;
        self.expect_may_act(&row)?;
        let is_decided = operation.is_by_id() && row.attention.is_some();
        if row.tries >= row.max_attempts && !is_decided {
            self.tell_attention(id, "its attempts are used up");
            self.give_up(id, row);
            return Ok(Retried::NeedsAttention);
        }
        if row.external_ids.len() >= MAX_ATTEMPTS as usize {
            return Err(Error::AttemptsUsedUp { operation: id });
        }
        if class == FailureClass::Definite {
            row.external_ids.push(self.life.draw_external_id());
        }
        row.status = Status::InProgress;
        row.error = None;
        row.not_before = None;
        row.presentations = 0;
        row.attention = None;
        Ok(Retried::InProgress(self.act(id, &mut row, Call::Retry)))
    }

    fn expect_time(&self, id: OperationId, row: &OperationRow) -> Result<(), Error> {
        match row.not_before {
            Some(at) if self.now.as_micros() < at => {
                Err(Error::TooEarly { operation: id, not_before: super::row::time(at) })
            }
            _ => Ok(()),
        }
    }

    /// No attempts are left: nobody but a human decides from here on.
    fn give_up(&mut self, id: OperationId, mut row: OperationRow) {
        let was = row.error.as_ref().map_or(FailureClass::Ambiguous, |error| error.class);
        let was = match row.attention {
            Some(Attention::AttemptsUsedUp { was }) => was,
            _ => was,
        };
        let reason = row.error.take().map_or_else(Box::default, |error| error.reason);
        row.error = Some(FailureRow { class: FailureClass::Ambiguous, reason });
        row.attention = Some(Attention::AttemptsUsedUp { was });
        self.put_with_event(id, &mut row, Call::Retry, Some("no attempts are left"));
    }

    /// Takes a failed operation back: what it applied is undone, newest first, and it ends without an
    /// effect.
    ///
    /// Where what it applied cannot be undone any more, nothing of the undo happens; the operation
    /// stays failed and needs attention.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`], [`Error::HasFills`],
    /// [`Error::EvidenceNeeded`] after an ambiguous failure.
    pub fn roll_back<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        roll_back: &RollBack,
    ) -> Result<RolledBack, Error> {
        let found = self.find(operation.into(), Call::RollBack)?;
        roll_back.check()?;
        if found.movement == Move::Again {
            return Ok(RolledBack::AlreadyDone);
        }
        let class = effective_class(&found.row, false);
        if class == FailureClass::Ambiguous && roll_back.evidence.is_none() {
            return Err(Error::EvidenceNeeded { operation: found.id });
        }
        self.take_back(found.id, found.row, roll_back)
    }

    /// Undoes what a failed operation applied, and ends it.
    pub(super) fn take_back(
        &mut self,
        id: OperationId,
        row: OperationRow,
        roll_back: &RollBack,
    ) -> Result<RolledBack, Error> {
        self.expect_no_fills(id)?;
        let ended = self.all_or_nothing(|operations| {
            let undone = operations.undo(id, &roll_back.reason)?;
            let (ended, told) = (row.clone(), roll_back.told());
            let call = Call::RollBack;
            let released = operations.finish(id, ended, Status::RolledBack, call, Some(&told))?;
            Ok(RolledBack::Now { undone, released })
        });
        match ended {
            Err(error) if error.is_refused() => {
                let reason: Box<str> = error.to_string().into();
                let mut row = row;
                row.attention = Some(Attention::UndoBlocked { reason: reason.clone() });
                self.put_with_event(id, &mut row, Call::RollBack, Some(&reason));
                self.tell_attention(id, "what it applied cannot be taken back");
                let blocked = Error::UndoBlocked { operation: id, reason };
                Ok(RolledBack::NeedsAttention(Box::new(blocked)))
            }
            ended => ended,
        }
    }

    fn expect_no_fills(&self, id: OperationId) -> Result<(), Error> {
        let ledger = Ledger::new(self.reader(), None, self.now);
        let is_fact = |kind| {
            use EntryKind::{Buy, Merge, Redeem, Sell, Split};
            matches!(kind, Buy | Sell | Redeem | Split | Merge)
        };
        let is_kept = |entry: &Entry| is_fact(entry.kind) && entry.reversed_by.is_none();
        for entry in ledger.entries_of(id) {
            if is_kept(&entry?) {
                return Err(Error::HasFills { operation: id });
            }
        }
        Ok(())
    }

    /// Takes over an operation that is in progress and whose owner is gone, or is to be stopped: a
    /// new attempt that goes on where the other was. Handles of the other are refused from now on.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::IllegalTransition`].
    pub fn take_over(&mut self, operation: OperationId) -> Result<InProgress, Error> {
        self.take_over_by(operation.into())
    }

    pub(super) fn take_over_by(
        &mut self,
        operation: OperationRef<'_>,
    ) -> Result<InProgress, Error> {
        let Found { id, mut row, .. } = self.find(operation, Call::TakeOver)?;
        self.take(&mut row);
        row.presentations = 0;
        self.put_with_event(id, &mut row, Call::TakeOver, None);
        self.tx().require_sync();
        Ok(InProgress(self.handle(id, &row)))
    }

    /// As [`OperationsMut::take_over`], for an operation that was not started yet.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::IllegalTransition`].
    pub fn take_over_pending(&mut self, operation: OperationId) -> Result<Pending, Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::TakeOverPending)?;
        self.take(&mut row);
        self.put_with_event(id, &mut row, Call::TakeOverPending, None);
        Ok(Pending(self.handle(id, &row)))
    }
}

/// What the last failure was. An operation whose attempts are used up counts as ambiguous, but for
/// somebody who decided to try once more.
fn effective_class(row: &OperationRow, decided: bool) -> FailureClass {
    match (&row.attention, &row.error) {
        (Some(Attention::AttemptsUsedUp { was }), _) if decided => *was,
        (_, Some(error)) => error.class,
        (_, None) => FailureClass::Ambiguous,
    }
}
