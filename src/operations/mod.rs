//! Operations: the bot's own write-ahead log. What it is about to do outside is written down before
//! it is tried, while it runs, and when it is decided.
//!
//! - An operation's effect on the ledger and its own change of state are one commit: the effect is
//!   there once or not at all, and nothing stays reserved for an operation that ended.
//! - What calls are legal in which state is one table (`status`); which parts an effect may hold is
//!   another (`kind`).
//! - Only the owner acts: a handle of an earlier attempt or opening is refused. Nobody writes down
//!   that an owner is gone; it follows from the number of the opening.
//! - What a venue did is a fact and stays; only what `apply` posted is ever taken back.
//!
//! This module knows no files, no threads and no waiting: it reads and stages rows, and keeps in
//! memory which handles are alive.

mod begin;
mod canonical;
mod claims;
#[cfg(feature = "simulation")]
pub(crate) mod codecs;
mod correction;
mod ending;
mod error;
mod events;
mod external_id;
mod handle;
mod intent;
mod keys;
mod kind;
mod life;
mod recovery;
mod retention;
mod risk;
mod row;
#[cfg(test)]
mod row_tests;
mod run;
mod scope;
mod settle;
mod status;
mod sweep;
pub(crate) mod told;
mod under_way;
mod undo;
mod verify;
#[cfg(test)]
mod verify_tests;
mod view;

pub use begin::{Begun, BegunStarted};
pub use ending::{Completed, RollBack, RolledBack};
pub use error::Error;
pub use events::Event;
pub use external_id::{ExternalId, NotAnExternalId};
pub use handle::{Failed, InProgress, OperationRef, Pending};
pub use intent::{DEFAULT_ATTEMPTS, Intent, MAX_ATTEMPTS, MAX_KEY_BYTES, MAX_PAYLOAD_BYTES};
pub use keys::KeyState;
pub use kind::{Kind, Role};
pub(crate) use life::Life;
pub use recovery::{Case, RecoveryReport, Verdict};
pub(crate) use recovery::{Decision, Orphan, Presented, orphans};
pub use row::Attention;
pub(crate) use row::table_name;
pub use run::{Failure, MAX_REFERENCE_BYTES, Started};
pub use settle::Retried;
pub use status::{Call, FailureClass, Status};
pub use under_way::SomeOperations;
pub(crate) use under_way::UnderWay;
pub use undo::{UndoStep, Undone};
pub(crate) use verify::verify;
pub use view::{Checkpoint, NamedPosition, Operation, Operations};

use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::{Reader, Table, Tx};
use crate::ledger::LedgerTx;
pub(crate) use crate::ledger::{OperationId, PositionId};
use crate::processed::ClaimRules;

use handle::{Handle, Named};
use row::OperationRow;
use status::Move;

/// Operations by number.
pub(crate) const OPERATIONS: Table = Table(32);
/// The numbers of unfinished operations.
pub(crate) const UNFINISHED: Table = Table(33);
/// Operations by idempotency key.
pub(crate) const KEYS: Table = Table(34);
/// Events by operation and place.
pub(crate) const EVENTS: Table = Table(35);
/// References to the outside by operation and number.
pub(crate) const CHECKPOINTS: Table = Table(36);
/// What a roll back takes away again, by operation and number.
pub(crate) const UNDO: Table = Table(37);
/// Which unfinished operations work on a position, by position and operation.
pub(crate) const WORKING: Table = Table(38);
/// Finished operations by the time of their end.
pub(crate) const FINISHED: Table = Table(39);
/// The next number, and the report of the last recovery.
pub(crate) const OPERATION_STATE: Table = Table(40);
/// The payload of an operation, by its number. It stands alone because it never changes, and the
/// operation's row is written anew with every call.
pub(crate) const PAYLOADS: Table = Table(41);

/// The operations of a commit in the making. Each call does all that it says or, where it is refused,
/// nothing.
pub struct OperationsMut<'t> {
    ledger: LedgerTx<'t>,
    life: &'t Life,
    claim_rules: &'t ClaimRules,
    now: Timestamp,
    monotonic: Duration,
}

/// An operation as a call finds it, and where the call leads.
struct Found {
    id: OperationId,
    row: OperationRow,
    movement: Move,
}

impl<'t> OperationsMut<'t> {
    /// The operations over `ledger` and over claims that are held to `claim_rules`, when it is `now`
    /// and `monotonic`.
    pub(crate) fn new(
        ledger: LedgerTx<'t>,
        life: &'t Life,
        claim_rules: &'t ClaimRules,
        now: Timestamp,
        monotonic: Duration,
    ) -> Self {
        Self { ledger, life, claim_rules, now, monotonic }
    }

    fn tx(&mut self) -> &mut Tx {
        self.ledger.tx()
    }

    fn reader(&self) -> &dyn Reader {
        self.ledger.reader()
    }

    /// The time that rows carry, which never runs backwards.
    fn stored_now(&mut self) -> i64 {
        self.tx().micros()
    }

    /// Runs `body`; where it is refused, nothing of what it staged stays.
    fn all_or_nothing<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let savepoint = self.tx().savepoint();
        let outcome = body(self);
        match &outcome {
            Ok(_) => self.tx().keep(savepoint),
            Err(_) => self.tx().go_back(savepoint),
        }
        outcome
    }

    /// The operation that a call is about, once the caller may make it: the owner with its handle,
    /// or anybody by its number where the table allows it in its state.
    fn find(&mut self, named: OperationRef<'_>, call: Call) -> Result<Found, Error> {
        let id = named.id();
        let row = row::find(self.reader(), id)?;
        if let Named::Owned(handle) = named.0 {
            // A write that was refused left a handle whose number somebody else may have now.
            if !row.as_ref().is_some_and(|row| handle.owns(row, self.life.handles())) {
                return Err(Error::StaleOwner { operation: id });
            }
        }
        let row = row.ok_or(Error::UnknownOperation { operation: id })?;
        let movement = status::legal(id, row.status, call)?;
        let by_number = matches!(named.0, Named::Id(_))
            && matches!(row.status, Status::Pending | Status::InProgress)
            && !matches!(call, Call::TakeOver | Call::TakeOverPending);
        if by_number && row.epoch != self.life.epoch() {
            return Err(Error::StaleOwner { operation: id });
        }
        Ok(Found { id, row, movement })
    }

    /// A handle for the operation as `row` has it.
    fn handle(&self, id: OperationId, row: &OperationRow) -> Handle {
        Handle::new(id, row, self.life.handles())
    }

    /// Gives the operation to this opening of the store, as a new attempt.
    fn take(&self, row: &mut OperationRow) {
        if row.epoch != self.life.epoch() {
            row.epoch = self.life.epoch();
            row.expires = self.expires(row.deadline);
        }
        row.attempt = row.attempt.saturating_add(1);
        row.owner = self.life.draw_owner();
    }

    /// The deadline by the clock that never jumps, in microseconds.
    fn expires(&self, deadline: Option<i64>) -> Option<u64> {
        let left = deadline?.saturating_sub(self.now.as_micros());
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        let at = self.monotonic.saturating_add(left).as_micros();
        Some(u64::try_from(at).unwrap_or(u64::MAX))
    }

    fn note(&mut self, call: Call, id: OperationId) {
        let note = format!("operation.{call} {id}");
        self.tx().note(note);
    }

    /// The operations as they would be after this commit.
    pub fn read(&self) -> Operations<'_> {
        Operations::new(self.ledger.reader())
    }
}
