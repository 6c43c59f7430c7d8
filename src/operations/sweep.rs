//! Sweeping: pending operations that nobody can start any more are rolled back.

use super::error::Error;
use super::handle::Owner;
use super::row::{self, OperationRow};
use super::status::{Call, Status};
use super::{OperationId, OperationsMut};
use crate::ledger::{self, Released};

/// How many operations are rolled back at most in the commit of a begin.
const AT_ONCE: usize = 256;
/// How many of them are rolled back before the begin is tried again.
const BATCH: usize = 16;
/// How many bytes rolling back may add to a commit: half of what one can hold.
const MAX_BYTES: usize = 4 << 20;
/// What rolling back one operation takes at most beside its own row: its event, its claim and its
/// places in the indexes.
const BYTES_EACH: usize = 1024;
/// What the claims take at most that the end of its own claim lets go.
const BYTES_LET_GO: usize = 4096;
/// What giving back one hold or one position takes at most.
const BYTES_NAMED: usize = 512;

/// Pending operations that nobody can start any more.
struct Forgotten {
    found: Vec<(OperationId, OperationRow, &'static str)>,
    /// Whether there are no others.
    is_all: bool,
}

impl OperationsMut<'_> {
    /// Rolls back at most `limit` pending operations that are past their deadline, whose handle was
    /// dropped, or whose opening of the store is over. Nothing can have happened outside for them.
    /// There are fewer of them than `limit` also where more would make a commit too large. Answers
    /// how many.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub fn sweep(&mut self, limit: usize) -> Result<usize, Error> {
        let Forgotten { found, .. } = self.forgotten(limit)?;
        let swept = found.len();
        for (id, row, reason) in found {
            self.expire(id, row, reason)?;
        }
        Ok(swept)
    }

    /// Tries to begin something. Where that is refused for what forgotten operations may hold, rolls
    /// back as many of these as it needs, or as one commit takes.
    pub(super) fn sweeping<T>(
        &mut self,
        mut begin: impl FnMut(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut refusal = match self.all_or_nothing(&mut begin) {
            Err(error) if is_for_lack(&error) => error,
            outcome => return outcome,
        };
        let mut forgotten = self.forgotten(AT_ONCE)?.found.into_iter().peekable();
        while forgotten.peek().is_some() {
            for (id, row, reason) in forgotten.by_ref().take(BATCH) {
                self.expire(id, row, reason)?;
            }
            refusal = match self.all_or_nothing(&mut begin) {
                Err(error) if is_for_lack(&error) => error,
                outcome => return outcome,
            };
        }
        Err(refusal)
    }

    /// Runs `begin`. Where it was refused although it rolled back as many forgotten operations as a
    /// commit takes, it rolls back these alone and answers nothing: with them gone for good, the next
    /// try gets at the others.
    pub(crate) fn begin_or_sweep<T>(
        &mut self,
        begin: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let refusal = match begin(self) {
            Err(error) if is_for_lack(&error) => error,
            outcome => return outcome.map(Some),
        };
        let Forgotten { found, is_all } = self.forgotten(AT_ONCE)?;
        if is_all {
            return Err(refusal);
        }
        for (id, row, reason) in found {
            self.expire(id, row, reason)?;
        }
        Ok(None)
    }

    /// At most `limit` forgotten operations, and no more than one commit takes; but one, if there is
    /// any.
    fn forgotten(&self, limit: usize) -> Result<Forgotten, Error> {
        let (mut found, mut bytes) = (Vec::new(), 0_usize);
        for id in row::unfinished(self.reader()) {
            let id = id?;
            let row = row::operation(self.reader(), id)?;
            if row.status != Status::Pending {
                continue;
            }
            let Some(reason) = self.why_forgotten(id, &row) else { continue };
            bytes = bytes.saturating_add(bytes_of_end(&row));
            if found.len() >= limit || (bytes > MAX_BYTES && !found.is_empty()) {
                return Ok(Forgotten { found, is_all: false });
            }
            found.push((id, row, reason));
        }
        Ok(Forgotten { found, is_all: true })
    }

    fn why_forgotten(&self, id: OperationId, row: &OperationRow) -> Option<&'static str> {
        if row.epoch != self.life.epoch() {
            // Recovery counts them; as long as it is due they are its own.
            return (!self.life.refuses_beginnings()).then_some("its opening is over");
        }
        if self.is_expired(row) {
            return Some("its deadline has passed");
        }
        let is_alive = self.life.handles().is_alive(&Owner::of(id, row));
        (!is_alive).then_some("its handle was dropped")
    }

    /// Whether a pending operation of this opening is past its deadline, by either clock.
    pub(super) fn is_expired(&self, row: &OperationRow) -> bool {
        let by_wall = row.deadline.is_some_and(|deadline| self.now.as_micros() > deadline);
        by_wall || row.expires.is_some_and(|at| self.monotonic.as_micros() > u128::from(at))
    }

    /// Rolls back a pending operation for which nothing was done.
    pub(super) fn expire(
        &mut self,
        id: OperationId,
        row: OperationRow,
        reason: &'static str,
    ) -> Result<Vec<Released>, Error> {
        let operation = id.get();
        self.tx().tell_after(move || {
            tracing::info!(operation, reason, "a pending operation was rolled back");
        });
        self.finish(id, row, Status::RolledBack, Call::Expire, Some(reason))
    }
}

/// How much the end of a pending operation adds to a commit at most.
fn bytes_of_end(row: &OperationRow) -> usize {
    let named = row.positions.len() + row.assets.len();
    let let_go = if row.claim.is_some() { BYTES_LET_GO } else { 0 };
    row::encode(row).len() + BYTES_EACH + let_go + BYTES_NAMED * named
}

/// Whether a begin was refused for something that a forgotten operation may hold.
fn is_for_lack(error: &Error) -> bool {
    matches!(
        error,
        Error::PositionBusy { .. }
            | Error::Ledger(
                ledger::Error::Insufficient { .. }
                    | ledger::Error::LimitExceeded { .. }
                    | ledger::Error::DuplicatePosition { .. }
                    | ledger::Error::PositionBusy { .. }
            )
    )
}
