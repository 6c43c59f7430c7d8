//! Sweeping: pending operations that nobody can start any more are rolled back.

use super::error::Error;
use super::handle::Owner;
use super::row::{self, OperationRow};
use super::status::{Call, Status};
use super::{OperationId, OperationsMut};
use crate::ledger::Released;

/// How many operations one sweep rolls back at most.
pub(super) const AT_ONCE: usize = 256;

impl OperationsMut<'_> {
    /// Rolls back at most `limit` pending operations that are past their deadline, whose handle was
    /// dropped, or whose opening of the store is over. Nothing can have happened outside for them.
    /// Answers how many.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn sweep(&mut self, limit: usize) -> Result<usize, Error> {
        let mut swept = 0;
        for (id, row, reason) in self.forgotten(limit)? {
            self.expire(id, row, reason)?;
            swept += 1;
        }
        Ok(swept)
    }

    fn forgotten(
        &self,
        limit: usize,
    ) -> Result<Vec<(OperationId, OperationRow, &'static str)>, Error> {
        let mut forgotten = Vec::new();
        for id in row::unfinished(self.reader()) {
            if forgotten.len() >= limit {
                break;
            }
            let id = id?;
            let row = row::operation(self.reader(), id)?;
            if row.status == Status::Pending
                && let Some(reason) = self.why_forgotten(id, &row)
            {
                forgotten.push((id, row, reason));
            }
        }
        Ok(forgotten)
    }

    fn why_forgotten(&self, id: OperationId, row: &OperationRow) -> Option<&'static str> {
        if row.epoch != self.life.epoch() {
            // Recovery counts them; as long as it is due they are its own.
            return (!self.life.refuses_beginnings()).then_some("its opening is over");
        }
        if self.is_expired(id, row) {
            return Some("its deadline has passed");
        }
        let is_alive = self.life.handles().is_alive(&Owner::of(id, row));
        (!is_alive).then_some("its handle was dropped")
    }

    /// Whether a pending operation of this opening is past its deadline, by either clock.
    pub(super) fn is_expired(&self, id: OperationId, row: &OperationRow) -> bool {
        let by_wall = row.deadline.is_some_and(|deadline| self.now.as_micros() > deadline);
        let expires_at = self.life.handles().expires_at(&Owner::of(id, row));
        by_wall || expires_at.is_some_and(|at| self.monotonic > at)
    }

    /// Rolls back a pending operation for which nothing was done.
    pub(super) fn expire(
        &mut self,
        id: OperationId,
        row: OperationRow,
        reason: &str,
    ) -> Result<Vec<Released>, Error> {
        self.finish(id, row, Status::RolledBack, Call::Expire, Some(reason))
    }
}
