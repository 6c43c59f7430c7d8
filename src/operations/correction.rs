//! Correction: an entry of the ledger is reversed by hand, if nobody else is going to.

use super::error::Error;
use super::row;
use super::{OperationsMut, PositionId};
use crate::ledger::{EntryId, Ledger};

impl OperationsMut<'_> {
    /// Takes an entry of the ledger back by another one, at most once. What it takes back has to be
    /// there; an entry that moved positions has to be the last of each of them. A position that is left
    /// without units is closed, and one that has units again is open again.
    ///
    /// Entries are known from what posted them ([`Posted::entries`](crate::ledger::Posted::entries), a
    /// deposit's answer) and from [`Ledger::entries_of`](crate::Ledger::entries_of).
    ///
    /// The entry of a fill gives its id free for the fill that [corrects](crate::Fill::corrects) it.
    ///
    /// # Errors
    /// [`Error::EntryInUse`] for what an unfinished operation applied; of the ledger
    /// `UnknownEntry`, `AlreadyReversed`, `NotLast`, `Insufficient` and `DuplicatePosition`.
    pub fn reverse(&mut self, entry: EntryId, reason: &str) -> Result<EntryId, Error> {
        let posted = Ledger::new(self.reader(), None, self.now).entry(entry)?;
        // A fill is a fact, and only a person takes it back. What an operation applied it takes back
        // itself as long as it is unfinished.
        if let (Some(operation), None) = (posted.operation, &posted.fill) {
            let row = row::find(self.reader(), operation)?;
            if row.is_some_and(|row| !row.status.is_finished()) {
                return Err(Error::EntryInUse { entry, operation });
            }
        }
        self.all_or_nothing(|operations| {
            let reversal = operations.ledger.reverse(None, entry, reason)?;
            for change in &posted.changes {
                operations.close_if_nobody_fills(change.position)?;
            }
            operations.tx().note("ledger.reverse");
            Ok(reversal)
        })
    }

    /// Closes a position that has no units and that no unfinished opening or increase names.
    pub(super) fn close_if_nobody_fills(&mut self, position: PositionId) -> Result<(), Error> {
        if !self.is_being_filled(position.get())? {
            self.ledger.close_if_empty(position)?;
        }
        Ok(())
    }
}
