//! Handles: who owns an operation, as a value that only its owner has.
//!
//! A handle names an operation, the opening of the store, the attempt, the external id, and a number
//! that is drawn for every owner and never again, not even where the write that made the handle was
//! refused. A call with a handle that is not the row's owner is refused, so nobody can act for an
//! operation that somebody else has taken on. Dropping a handle writes nothing; the table in memory
//! forgets it.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::external_id::ExternalId;
use super::row::OperationRow;
use super::status::Status;
use super::{OperationId, PositionId};

/// Who may call for an operation: one attempt of it in one opening of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(super) operation: OperationId,
    pub(super) epoch: u64,
    pub(super) attempt: u32,
    pub(super) external_id: ExternalId,
    /// Drawn for this owner alone.
    number: u64,
    /// Drawn for the failure that made the handle, where one did.
    failure: Option<u64>,
}

impl Owner {
    pub(super) fn of(operation: OperationId, row: &OperationRow) -> Self {
        Self {
            operation,
            epoch: row.epoch,
            attempt: row.attempt,
            external_id: row.external_id(),
            number: row.owner,
            failure: (row.status == Status::Failed).then_some(row.failure),
        }
    }

    /// Whether the operation is still this owner's.
    fn owns(&self, row: &OperationRow) -> bool {
        let is_its_failure = self.failure.is_none_or(|failure| failure == row.failure);
        is_its_failure && *self == Self { failure: self.failure, ..Self::of(self.operation, row) }
    }
}

/// The handles of one opening of the store that are alive. Each handle has it, so it also tells a
/// handle of another store.
#[derive(Debug, Default)]
pub(crate) struct HandleTable {
    alive: Mutex<HashSet<Owner>>,
}

impl HandleTable {
    fn lock(&self) -> MutexGuard<'_, HashSet<Owner>> {
        // Every change is one insertion or removal: the map is whole even after a panic.
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody still has a handle of this owner.
    pub(super) fn is_alive(&self, owner: &Owner) -> bool {
        self.lock().contains(owner)
    }
}

/// What every handle consists of.
pub(super) struct Handle {
    owner: Owner,
    positions: Box<[PositionId]>,
    table: Arc<HandleTable>,
}

impl Handle {
    pub(super) fn new(
        operation: OperationId,
        row: &OperationRow,
        table: &Arc<HandleTable>,
    ) -> Self {
        let owner = Owner::of(operation, row);
        table.lock().insert(owner);
        let positions = row.named_positions().into_iter().map(PositionId::new).collect();
        Self { owner, positions, table: table.clone() }
    }

    /// Whether it is a handle of the opening with this table, and still of the row's owner.
    pub(super) fn owns(&self, row: &OperationRow, table: &Arc<HandleTable>) -> bool {
        Arc::ptr_eq(&self.table, table) && self.owner.owns(row)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.owner.fmt(f)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.table.lock().remove(&self.owner);
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[must_use = "an operation whose handle is dropped stays as it is until somebody takes it over"]
        pub struct $name(pub(super) Handle);

        impl $name {
            /// The operation's number.
            pub fn id(&self) -> OperationId {
                self.0.owner.operation
            }

            /// Under what the outside knows this attempt, such as a client order id.
            pub fn external_id(&self) -> ExternalId {
                self.0.owner.external_id
            }

            /// Which attempt this is: 1 from the first start on. Every change of hands counts.
            pub fn attempt(&self) -> u32 {
                self.0.owner.attempt
            }

            /// The first position that the operation names or opens, if any.
            pub fn position(&self) -> Option<PositionId> {
                self.0.positions.first().copied()
            }

            /// All positions that the operation names or opens.
            pub fn positions(&self) -> &[PositionId] {
                &self.0.positions
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("id", &self.id())
                    .field("attempt", &self.attempt())
                    .field("external_id", &self.external_id())
                    .finish_non_exhaustive()
            }
        }

        impl<'h> From<&'h $name> for OperationRef<'h> {
            fn from(handle: &'h $name) -> Self {
                Self(Named::Owned(&handle.0))
            }
        }
    };
}

handle! {
    /// An operation that was written down and not started. Nothing was done outside yet.
    Pending
}
handle! {
    /// An operation that may act outside, in this attempt.
    InProgress
}
handle! {
    /// An operation whose last attempt failed.
    Failed
}

/// Names an operation in a call: by its number, or by a handle that proves ownership.
#[derive(Clone, Copy, Debug)]
pub struct OperationRef<'h>(pub(super) Named<'h>);

#[derive(Clone, Copy, Debug)]
pub(super) enum Named<'h> {
    Id(OperationId),
    Owned(&'h Handle),
    /// Recovery speaks for an operation of an earlier opening.
    Recovered(OperationId),
}

impl OperationRef<'_> {
    /// The operation's number.
    pub fn id(&self) -> OperationId {
        match self.0 {
            Named::Id(operation) | Named::Recovered(operation) => operation,
            Named::Owned(handle) => handle.owner.operation,
        }
    }

    pub(super) fn is_by_id(&self) -> bool {
        matches!(self.0, Named::Id(_))
    }
}

impl From<OperationId> for OperationRef<'_> {
    fn from(operation: OperationId) -> Self {
        Self(Named::Id(operation))
    }
}
