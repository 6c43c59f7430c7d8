//! Running: an operation is started, notes what it hears, posts what happened, and completes or
//! fails.

use super::canonical::effect_hash;
use super::ending::Completed;
use super::error::Error;
use super::handle::{Failed, InProgress, OperationRef};
use super::row::{self, Attention, CheckpointRow, FailureRow, OperationRow};
use super::scope::Taken;
use super::status::{Call, FailureClass, Move, Status};
use super::{CHECKPOINTS, Found, OperationId, OperationsMut};
use crate::clock::Timestamp;
use crate::ledger::{self, Effect, Posted, check_text};

/// The greatest length of a reference to the outside, in bytes.
pub const MAX_REFERENCE_BYTES: usize = 512;
/// The most references that one operation can note.
const MAX_CHECKPOINTS: u32 = 1_000;

/// What starting an operation came to.
#[derive(Debug)]
pub enum Started {
    /// It may act outside now.
    InProgress(InProgress),
    /// It was not started in time, and was rolled back.
    Expired,
}

/// Why an attempt failed, and whether it can have done anything outside.
///
/// ```
/// use highwater::Failure;
///
/// let refused = Failure::definite("the venue refused: insufficient margin");
/// let lost = Failure::ambiguous("no answer within 10 s");
/// # let _ = (refused, lost);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    class: FailureClass,
    reason: Box<str>,
    not_before: Option<Timestamp>,
}

impl Failure {
    /// The attempt certainly did nothing outside.
    pub fn definite(reason: impl Into<Box<str>>) -> Self {
        Self { class: FailureClass::Definite, reason: reason.into(), not_before: None }
    }

    /// The attempt may have done something outside.
    pub fn ambiguous(reason: impl Into<Box<str>>) -> Self {
        Self { class: FailureClass::Ambiguous, reason: reason.into(), not_before: None }
    }

    /// It is not to be retried before this time.
    pub fn not_before(mut self, time: Timestamp) -> Self {
        self.not_before = Some(time);
        self
    }
}

impl OperationsMut<'_> {
    /// Starts a pending operation. The commit survives power loss when its call returns, whatever
    /// durability was asked for: what acts outside must be known afterwards.
    ///
    /// Past its deadline it is rolled back instead.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`]; of the ledger that trading is halted.
    pub fn start<'h>(&mut self, operation: impl Into<OperationRef<'h>>) -> Result<Started, Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::Start)?;
        self.all_or_nothing(|operations| {
            if operations.is_expired(&row) {
                operations.expire(id, row, "its deadline has passed")?;
                return Ok(Started::Expired);
            }
            operations.expect_may_act(&row)?;
            row.status = Status::InProgress;
            row.started_at = Some(operations.stored_now());
            let handle = operations.act(id, &mut row, Call::Start);
            Ok(Started::InProgress(handle))
        })
    }

    /// Refuses what raises risk while trading is halted.
    pub(super) fn expect_may_act(&self, row: &OperationRow) -> Result<(), Error> {
        match self.ledger.halted()? {
            Some(reason) if row.raises_risk() => Err(ledger::Error::Halted { reason }.into()),
            _ => Ok(()),
        }
    }

    /// A new attempt, from now on possibly acting outside.
    pub(super) fn act(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        call: Call,
    ) -> InProgress {
        self.take(row);
        row.tries = row.tries.saturating_add(1);
        self.put_with_event(id, row, call, None);
        self.tx().require_sync();
        InProgress(self.handle(id, row))
    }

    /// Notes a reference to the outside, such as an order id or a signature, *before* it is sent.
    /// The commit survives power loss when its call returns.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`], [`Error::InvalidIntent`].
    pub fn checkpoint<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        reference: &[u8],
    ) -> Result<(), Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::Checkpoint)?;
        let refuse = |what, fault| Err(Error::InvalidIntent { what, fault });
        if reference.is_empty() {
            return refuse("the reference", "is empty");
        }
        if reference.len() > MAX_REFERENCE_BYTES {
            return refuse("the reference", "is too long");
        }
        if row.checkpoints >= MAX_CHECKPOINTS {
            return refuse("the number of references", "has reached its limit");
        }
        let at = self.stored_now();
        let noted = CheckpointRow { at, attempt: row.attempt, reference: reference.into() };
        row::put(self.tx(), CHECKPOINTS, &row::nth_key(id, row.checkpoints), &noted);
        row.checkpoints += 1;
        self.put_with_event(id, &mut row, Call::Checkpoint, None);
        self.tx().require_sync();
        Ok(())
    }

    /// Posts what a venue did. Nothing undoes it.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`]; of the ledger what does not fit, and what
    /// the books lack altogether.
    pub fn record<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        effect: &Effect,
    ) -> Result<Posted, Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::Record)?;
        row.expect_fits(effect, Taken::Fills)?;
        self.all_or_nothing(|operations| {
            let posted = operations.ledger.post(id, effect)?;
            operations.close_empty_positions(&row)?;
            operations.put_with_event(id, &mut row, Call::Record, None);
            Ok(posted)
        })
    }

    /// Posts entries and attributes that a roll back takes away again.
    ///
    /// # Errors
    /// As [`OperationsMut::record`].
    pub fn apply<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        effect: &Effect,
    ) -> Result<Posted, Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::Apply)?;
        row.expect_fits(effect, Taken::Provisional)?;
        self.all_or_nothing(|operations| {
            let posted = operations.ledger.post(id, effect)?;
            operations.plan_undo(id, &mut row, &posted)?;
            operations.put_with_event(id, &mut row, Call::Apply, None);
            Ok(posted)
        })
    }

    /// Completes an operation that is in progress: posts `effect`, gives back what is left of its
    /// holds, and ends it.
    ///
    /// # Errors
    /// As [`OperationsMut::record`].
    pub fn complete<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        effect: &Effect,
    ) -> Result<Completed, Error> {
        self.complete_by(operation.into(), Call::Complete, effect)
    }

    /// Completes an operation that failed, because it turned out that it had been done after all. An
    /// empty effect keeps what was recorded and gives back the rest.
    ///
    /// # Errors
    /// As [`OperationsMut::record`].
    pub fn resolve_complete<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        effect: &Effect,
    ) -> Result<Completed, Error> {
        self.complete_by(operation.into(), Call::ResolveComplete, effect)
    }

    pub(super) fn complete_by(
        &mut self,
        operation: OperationRef<'_>,
        call: Call,
        effect: &Effect,
    ) -> Result<Completed, Error> {
        let Found { id, mut row, movement } = self.find(operation, call)?;
        let hash = effect_hash(effect);
        if movement == Move::Again {
            if row.effect == Some(hash) {
                return Ok(Completed::AlreadyDone);
            }
            return Err(Error::IllegalTransition { operation: id, status: row.status, call });
        }
        row.expect_fits(effect, Taken::All)?;
        row.effect = Some(hash);
        self.all_or_nothing(|operations| {
            let posted = operations.ledger.post(id, effect)?;
            let released = operations.finish(id, row, Status::Completed, call, None)?;
            Ok(Completed::Now { posted, released })
        })
    }

    /// The attempt failed. Its money stays reserved until somebody decides.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`].
    pub fn fail<'h>(
        &mut self,
        operation: impl Into<OperationRef<'h>>,
        failure: &Failure,
    ) -> Result<Failed, Error> {
        let Found { id, mut row, .. } = self.find(operation.into(), Call::Fail)?;
        check_text("the reason", &failure.reason, 1, ledger::MAX_REASON_BYTES)?;
        row.not_before = failure.not_before.map(Timestamp::as_micros);
        let FailureRow { class, reason } =
            FailureRow { class: failure.class, reason: failure.reason.clone() };
        self.mark_failed(id, &mut row, class, &reason, Call::Fail, None);
        Ok(Failed(self.handle(id, &row)))
    }

    /// Makes the operation a failed one.
    pub(super) fn mark_failed(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        class: FailureClass,
        reason: &str,
        call: Call,
        attention: Option<Attention>,
    ) {
        row.status = Status::Failed;
        row.failure = self.life.draw_owner();
        row.error = Some(FailureRow { class, reason: reason.into() });
        if attention.is_some() {
            row.attention = attention;
        }
        self.put_with_event(id, row, call, Some(reason));
    }
}
