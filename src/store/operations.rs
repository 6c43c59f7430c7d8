//! The operations of an open store, each call a commit of its own.

use crate::ledger::{Effect, OperationId, Posted};
use crate::operations;
use crate::operations::{
    Begun, BegunStarted, Completed, Failed, Failure, InProgress, Intent, OperationRef,
    OperationsMut, Pending, Retried, RollBack, RolledBack, Started,
};

use super::{Error, Store};
use crate::events::tell;

/// The operations of an open store, each call a commit of its own: for several calls in one commit
/// use [`Store::write`], to read use [`Store::snapshot`].
///
/// Where a call takes a number, the operation has to be of this opening of the store if it is pending
/// or in progress; take over any other first. Calls that finish something may use the room set aside
/// for that on a full disk.
#[derive(Clone, Copy, Debug)]
pub struct StoreOperations<'a> {
    store: &'a Store,
}

impl<'a> StoreOperations<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store }
    }

    /// Runs one call as a commit that finishes something.
    pub(super) fn finishing<T>(
        &self,
        call: impl FnOnce(&mut OperationsMut<'_>) -> Result<T, operations::Error>,
    ) -> Result<T, Error> {
        self.store.write_finishing(|tx| Ok(call(&mut tx.operations())?))
    }

    /// Begins something. Where what it lacks is with more forgotten operations than one commit can
    /// roll back, these go in commits of their own, and it is tried again.
    fn beginning<T>(
        &self,
        begin: impl Fn(&mut OperationsMut<'_>) -> Result<T, operations::Error>,
    ) -> Result<T, Error> {
        loop {
            let begun: Result<Option<T>, Error> =
                self.store.write(|tx| Ok(tx.operations().begin_or_sweep(&begin)?));
            match begun {
                Ok(Some(begun)) => return Ok(begun),
                Ok(None) => {}
                Err(error) => {
                    if let Error::LimitExceeded { .. } | Error::Halted { .. } = error {
                        let reason = error.to_string();
                        tell(|| tracing::warn!(reason, "a limit or a halt refused an operation"));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Begins an operation; see [`OperationsMut::begin`].
    ///
    /// Where very many pending operations can be started by nobody any more, they are rolled back in
    /// commits of their own first; these stay also where the begin is refused in the end.
    ///
    /// # Errors
    /// Refused, with nothing changed: [`Error::Conflict`], [`Error::RecoveryNeeded`],
    /// [`Error::Insufficient`], [`Error::DuplicatePosition`], [`Error::PositionBusy`],
    /// [`Error::Halted`], [`Error::LimitExceeded`], [`Error::Unmarked`], [`Error::CursorMoved`],
    /// [`Error::Operation`], [`Error::Ledger`]; otherwise as [`Store::write`].
    pub fn begin(&self, intent: &Intent) -> Result<Begun, Error> {
        self.beginning(|operations| operations.begin(intent))
    }

    /// Begins an operation and starts it, in one commit with one sync.
    ///
    /// # Errors
    /// As [`StoreOperations::begin`]; [`Error::TooLate`] where its deadline has passed, and then
    /// nothing was begun.
    pub fn begin_and_start(&self, intent: &Intent) -> Result<BegunStarted, Error> {
        self.beginning(|operations| operations.begin_and_start(intent))
    }

    /// Begins an operation anew under the key of one that was rolled back; see
    /// [`OperationsMut::begin_again`].
    ///
    /// # Errors
    /// As [`StoreOperations::begin`]; [`Error::IllegalTransition`] where it was not rolled back.
    pub fn begin_again(&self, intent: &Intent) -> Result<Begun, Error> {
        self.beginning(|operations| operations.begin_again(intent))
    }

    /// Starts a pending operation; see [`OperationsMut::start`].
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`], [`Error::Halted`]; [`Error::Expired`]
    /// where it was too late, and then it is rolled back; otherwise as [`Store::write_finishing`].
    pub fn start(&self, operation: OperationId) -> Result<InProgress, Error> {
        self.start_of(operation.into())
    }

    pub(super) fn start_of(&self, operation: OperationRef<'_>) -> Result<InProgress, Error> {
        match self.finishing(|operations| operations.start(operation))? {
            Started::InProgress(in_progress) => Ok(in_progress),
            Started::Expired => Err(Error::Expired { operation: operation.id() }),
        }
    }

    /// Gives up an operation before it acted.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::IllegalTransition`]; otherwise as [`Store::write_finishing`].
    pub fn cancel(&self, operation: OperationId) -> Result<RolledBack, Error> {
        self.finishing(|operations| operations.cancel(operation))
    }

    /// Notes a reference to the outside before it is sent; see [`OperationsMut::checkpoint`].
    ///
    /// # Errors
    /// As [`StoreOperations::cancel`], and [`Error::Operation`].
    pub fn checkpoint(&self, operation: OperationId, reference: &[u8]) -> Result<(), Error> {
        self.finishing(|operations| operations.checkpoint(operation, reference))
    }

    /// Posts what a venue did; see [`OperationsMut::record`].
    ///
    /// # Errors
    /// As [`StoreOperations::cancel`]; [`Error::EffectMismatch`], [`Error::DuplicateFill`],
    /// [`Error::Insufficient`], [`Error::Ledger`].
    pub fn record(&self, operation: OperationId, effect: &Effect) -> Result<Posted, Error> {
        self.finishing(|operations| operations.record(operation, effect))
    }

    /// Posts what a roll back takes away again; see [`OperationsMut::apply`].
    ///
    /// # Errors
    /// As [`StoreOperations::record`].
    pub fn apply(&self, operation: OperationId, effect: &Effect) -> Result<Posted, Error> {
        self.finishing(|operations| operations.apply(operation, effect))
    }

    /// Completes an operation in progress; see [`OperationsMut::complete`].
    ///
    /// # Errors
    /// As [`StoreOperations::record`].
    pub fn complete(&self, operation: OperationId, effect: &Effect) -> Result<Completed, Error> {
        self.finishing(|operations| operations.complete(operation, effect))
    }

    /// The attempt failed; see [`OperationsMut::fail`].
    ///
    /// # Errors
    /// As [`StoreOperations::cancel`].
    pub fn fail(&self, operation: OperationId, failure: Failure) -> Result<Failed, Error> {
        self.finishing(|operations| operations.fail(operation, &failure))
    }

    /// Tries a failed operation again, also one without attempts left; see [`OperationsMut::retry`].
    ///
    /// # Errors
    /// [`Error::IllegalTransition`], [`Error::NotIdempotent`], [`Error::TooEarly`],
    /// [`Error::Halted`]; [`Error::AttemptsUsedUp`], and then it needs attention; otherwise as
    /// [`Store::write_finishing`].
    pub fn retry(&self, operation: OperationId) -> Result<InProgress, Error> {
        self.retry_of(operation.into())
    }

    pub(super) fn retry_of(&self, operation: OperationRef<'_>) -> Result<InProgress, Error> {
        match self.finishing(|operations| operations.retry(operation))? {
            Retried::InProgress(in_progress) => Ok(in_progress),
            Retried::NeedsAttention => Err(Error::AttemptsUsedUp { operation: operation.id() }),
        }
    }

    /// Takes a failed operation back; see [`OperationsMut::roll_back`].
    ///
    /// # Errors
    /// [`Error::IllegalTransition`], [`Error::HasFills`], [`Error::EvidenceNeeded`];
    /// [`Error::UndoBlocked`], and then it needs attention; otherwise as [`Store::write_finishing`].
    pub fn roll_back(
        &self,
        operation: OperationId,
        roll_back: RollBack,
    ) -> Result<RolledBack, Error> {
        self.roll_back_of(operation.into(), &roll_back)
    }

    pub(super) fn roll_back_of(
        &self,
        operation: OperationRef<'_>,
        roll_back: &RollBack,
    ) -> Result<RolledBack, Error> {
        match self.finishing(|operations| operations.roll_back(operation, roll_back))? {
            RolledBack::NeedsAttention(error) => Err((*error).into()),
            rolled_back => Ok(rolled_back),
        }
    }

    /// Completes an operation that failed; see [`OperationsMut::resolve_complete`].
    ///
    /// # Errors
    /// As [`StoreOperations::record`].
    pub fn resolve_complete(
        &self,
        operation: OperationId,
        effect: &Effect,
    ) -> Result<Completed, Error> {
        self.finishing(|operations| operations.resolve_complete(operation, effect))
    }

    /// Takes over an operation in progress, whose handle is refused from now on.
    ///
    /// # Errors
    /// [`Error::IllegalTransition`]; otherwise as [`Store::write_finishing`].
    pub fn take_over(&self, operation: OperationId) -> Result<InProgress, Error> {
        self.finishing(|operations| operations.take_over(operation))
    }

    /// Takes over an operation that was not started yet, whose handle is refused from now on.
    ///
    /// # Errors
    /// As [`StoreOperations::take_over`].
    pub fn take_over_pending(&self, operation: OperationId) -> Result<Pending, Error> {
        self.finishing(|operations| operations.take_over_pending(operation))
    }

    /// Rolls back at most `limit` pending operations that nobody can start any more; see
    /// [`OperationsMut::sweep`]. Answers how many.
    ///
    /// # Errors
    /// As [`Store::write_finishing`].
    pub fn sweep(&self, limit: usize) -> Result<usize, Error> {
        self.finishing(|operations| operations.sweep(limit))
    }

    /// Purges at most `limit` operations that ended longer ago than
    /// [`Options::operation_retention`](crate::Options::operation_retention). Answers how many.
    ///
    /// # Errors
    /// As [`Store::write_finishing`].
    pub fn purge(&self, limit: usize) -> Result<usize, Error> {
        let retention = self.store.operation_retention;
        self.finishing(|operations| operations.purge(retention, limit))
    }
}
