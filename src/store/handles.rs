//! What handles can do: the calls of an operation's owner, each a commit of its own. A call that ends
//! a state consumes its handle; where it is refused, the handle comes back with the error.

use std::fmt;

use crate::ledger::{Effect, Posted};
use crate::operations::{Completed, Failed, Failure, InProgress, Pending, RollBack, RolledBack};

use super::{Error, Store};

/// A call on a handle that was refused, and the handle, which is as good as it was.
///
/// `?` makes the error of it and drops the handle.
#[derive(Debug)]
pub struct Refused<H> {
    /// The handle.
    pub handle: H,
    /// Why.
    pub error: Box<Error>,
}

impl<H> fmt::Display for Refused<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<H: fmt::Debug> std::error::Error for Refused<H> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl<H> From<Refused<H>> for Error {
    fn from(refused: Refused<H>) -> Self {
        *refused.error
    }
}

/// Runs a call that consumes its handle.
fn consume<H, T>(handle: H, call: impl FnOnce(&H) -> Result<T, Error>) -> Result<T, Refused<H>> {
    match call(&handle) {
        Ok(done) => Ok(done),
        Err(error) => Err(Refused { handle, error: Box::new(error) }),
    }
}

impl Pending {
    /// Starts it: from now on it may act outside. Durable when this returns, whatever durability the
    /// store has.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::Halted`]; [`Error::Expired`] where its deadline has passed, and
    /// then it is rolled back; otherwise as [`Store::write_finishing`].
    pub fn start(self, store: &Store) -> Result<InProgress, Refused<Self>> {
        consume(self, |handle| store.operations().start_of(handle.into()))
    }

    /// Gives it up: what it held is free again.
    ///
    /// # Errors
    /// [`Error::StaleOwner`]; otherwise as [`Store::write_finishing`].
    pub fn cancel(self, store: &Store) -> Result<RolledBack, Refused<Self>> {
        consume(self, |handle| store.operations().finishing(|all| all.cancel(handle)))
    }
}

impl InProgress {
    /// Notes a reference to the outside, such as an order id, before it is sent. Durable when this
    /// returns.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::Operation`]; otherwise as [`Store::write_finishing`].
    pub fn checkpoint(&self, store: &Store, reference: &[u8]) -> Result<(), Error> {
        store.operations().finishing(|all| all.checkpoint(self, reference))
    }

    /// Posts what a venue did. Fills that the operation has already are left out.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::EffectMismatch`], [`Error::DuplicateFill`],
    /// [`Error::Insufficient`], [`Error::Ledger`]; otherwise as [`Store::write_finishing`].
    pub fn record(&self, store: &Store, effect: &Effect) -> Result<Posted, Error> {
        store.operations().finishing(|all| all.record(self, effect))
    }

    /// Posts entries and attributes that a roll back takes away again.
    ///
    /// # Errors
    /// As [`InProgress::record`].
    pub fn apply(&self, store: &Store, effect: &Effect) -> Result<Posted, Error> {
        store.operations().finishing(|all| all.apply(self, effect))
    }

    /// Completes it: posts `effect`, frees what is left of its holds, and ends it, in one commit.
    ///
    /// # Errors
    /// As [`InProgress::record`].
    pub fn complete(self, store: &Store, effect: &Effect) -> Result<Completed, Refused<Self>> {
        consume(self, |handle| store.operations().finishing(|all| all.complete(handle, effect)))
    }

    /// The attempt failed. What it holds stays reserved until somebody decides.
    ///
    /// # Errors
    /// [`Error::StaleOwner`]; otherwise as [`Store::write_finishing`].
    pub fn fail(self, store: &Store, failure: Failure) -> Result<Failed, Refused<Self>> {
        consume(self, |handle| store.operations().finishing(|all| all.fail(handle, &failure)))
    }
}

impl Failed {
    /// Posts what a venue did all the same.
    ///
    /// # Errors
    /// As [`InProgress::record`].
    pub fn record(&self, store: &Store, effect: &Effect) -> Result<Posted, Error> {
        store.operations().finishing(|all| all.record(self, effect))
    }

    /// Tries again with what is left of its holds. Durable when this returns.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::NotIdempotent`], [`Error::TooEarly`], [`Error::Halted`];
    /// [`Error::AttemptsUsedUp`], and then it needs attention; otherwise as
    /// [`Store::write_finishing`].
    pub fn retry(self, store: &Store) -> Result<InProgress, Refused<Self>> {
        consume(self, |handle| store.operations().retry_of(handle.into()))
    }

    /// Takes back what it applied, frees what it held, and ends it, in one commit.
    ///
    /// # Errors
    /// [`Error::StaleOwner`], [`Error::HasFills`], [`Error::EvidenceNeeded`];
    /// [`Error::UndoBlocked`], and then it needs attention; otherwise as
    /// [`Store::write_finishing`].
    pub fn roll_back(
        self,
        store: &Store,
        roll_back: RollBack,
    ) -> Result<RolledBack, Refused<Self>> {
        consume(self, |handle| store.operations().roll_back_of(handle.into(), &roll_back))
    }

    /// It had been done after all: posts `effect` and completes it. An empty effect keeps what was
    /// recorded and frees the rest.
    ///
    /// # Errors
    /// As [`InProgress::record`].
    pub fn resolve_complete(
        self,
        store: &Store,
        effect: &Effect,
    ) -> Result<Completed, Refused<Self>> {
        consume(self, |handle| {
            store.operations().finishing(|all| all.resolve_complete(handle, effect))
        })
    }
}
