//! Retention: rows of operations that ended long ago are purged. What stays is that they were.

use std::time::Duration;

use super::error::Error;
use super::row::{self, OutcomeRow};
use super::status::Status;
use super::{
    CHECKPOINTS, EVENTS, FINISHED, KEYS, OPERATIONS, OperationId, OperationsMut, PAYLOADS,
};
use crate::engine::KeyRange;

/// A purge that has staged more than this does no more in one commit.
const MOST_BYTES: usize = 1 << 20;

impl OperationsMut<'_> {
    /// Purges at most `limit` operations that ended more than `retention` ago. Their keys stay for
    /// ever and still answer how they ended. Answers how many were purged.
    ///
    /// # Errors
    /// [`Error::CorruptRow`], [`Error::Engine`].
    pub(crate) fn purge(&mut self, retention: Duration, limit: usize) -> Result<usize, Error> {
        let retention = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let latest = self.now.as_micros().saturating_sub(retention);
        let due = self.finished_before(latest, limit)?;
        let mut purged = 0;
        for (finished_at, id) in &due {
            if self.tx().staged_bytes().is_some_and(|bytes| bytes > MOST_BYTES) {
                break;
            }
            self.forget(*id, *finished_at)?;
            purged += 1;
        }
        Ok(purged)
    }

    /// The operations that ended before `latest`, the oldest first.
    fn finished_before(&self, latest: i64, limit: usize) -> Result<Vec<(i64, OperationId)>, Error> {
        let mut due = Vec::new();
        for found in self.reader().scan(FINISHED, KeyRange::all()).take(limit) {
            let (key, _) = found?;
            let (time, id) = row::pair_of(FINISHED, &key)?;
            let finished_at = row::time_of(time);
            if finished_at >= latest {
                break;
            }
            due.push((finished_at, OperationId::new(id)));
        }
        Ok(due)
    }

    fn forget(&mut self, id: OperationId, finished_at: i64) -> Result<(), Error> {
        let row = row::operation(self.reader(), id)?;
        let known = row::key_row(self.reader(), &row.key)?;
        // Begun again, the key is the later operation's.
        if let Some(mut known) = known.filter(|known| known.operation == id.get()) {
            let completed = row.status == Status::Completed;
            known.outcome = Some(OutcomeRow { completed, finished_at });
            row::put(self.tx(), KEYS, &row.key, &known);
        }
        row::delete_all(self.tx(), EVENTS, id)?;
        row::delete_all(self.tx(), CHECKPOINTS, id)?;
        if self.reader().get(PAYLOADS, &row::id_key(id))?.is_some() {
            self.tx().delete(PAYLOADS, &row::id_key(id));
        }
        self.tx().delete(FINISHED, &row::finished_key(finished_at, id));
        self.tx().delete(OPERATIONS, &row::id_key(id));
        self.tx().note("operation.purge");
        Ok(())
    }
}
