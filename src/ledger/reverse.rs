//! Reversal: an entry is taken back by another one, at most once.

use super::entry::{self, EntryRecord};
use super::fills::ReversalRow;
use super::fold::fold;
use super::position::{self, PositionState};
use super::posting::Draft;
use super::rows;
use super::tx::LedgerTx;
use super::{EntryId, EntryKind, Error, Mismatch, OperationId, PositionId, REVERSALS};

use super::accounts::sub;
use super::names::{MAX_REASON_BYTES, check_text};

impl LedgerTx<'_> {
    /// Posts the inverse of an entry. What it takes back has to be there, and an entry of a position
    /// has to be the position's last. A position that is left without units stays as it is; the
    /// caller closes it.
    pub(crate) fn reverse(
        &mut self,
        operation: Option<OperationId>,
        entry: EntryId,
        reason: &str,
    ) -> Result<EntryId, Error> {
        check_text("the reason", reason, 1, MAX_REASON_BYTES)?;
        let record = entry::load(self.reader(), entry)?;
        if record.reverses.is_some() {
            return Err(Mismatch::Reversal(entry).into());
        }
        if let Some(by) = entry::reversal_of(self.reader(), entry)? {
            return Err(Error::AlreadyReversed { entry, by });
        }
        for change in &record.changes {
            self.take_back(PositionId::new(change.position), entry)?;
        }
        let (reversal, _) = self.post_entry(inverse(&record, operation, reason)?, None)?;
        let row = ReversalRow { by: reversal.get(), corrected_by: None };
        rows::put(self.tx(), REVERSALS, &entry.get().to_be_bytes(), &row);
        Ok(reversal)
    }

    /// Makes a position what it was before its last entry.
    fn take_back(&mut self, position: PositionId, last: EntryId) -> Result<(), Error> {
        let before = self.load_position(position)?;
        match before.last_entry {
            Some(found) if found != last => {
                return Err(Error::NotLast { entry: last, last: found });
            }
            _ => {}
        }
        let folded = fold(self.reader(), &before, Some(last))?;
        let mut after = PositionState {
            realized: folded.realized,
            quote_fees: folded.quote_fees,
            bought: folded.bought,
            proceeds: folded.proceeds,
            entries: folded.entries,
            last_entry: folded.last_entry,
            ..before.clone()
        };
        let basis = position::basis(self.reader(), &before)?;
        self.save_basis(&mut after, &basis, &folded.basis)?;
        let short = sub(after.reserved, after.quantity)?;
        if short > 0 {
            return Err(self.insufficient(&after.owner, after.asset, short, Some(position))?);
        }
        self.open_again(&mut after)?;
        self.save_position(Some(&before), &after)
    }

    /// A closed position that has units again is open again, if its place is free.
    fn open_again(&self, state: &mut PositionState) -> Result<(), Error> {
        if state.closed_at.is_none() || state.quantity == 0 {
            return Ok(());
        }
        if let Some(position) = self.open_under(&state.slot())? {
            return Err(Error::DuplicatePosition { position });
        }
        state.closed_at = None;
        Ok(())
    }
}

fn inverse(
    record: &EntryRecord,
    operation: Option<OperationId>,
    reason: &str,
) -> Result<Draft, Error> {
    let mut draft = Draft::new(EntryKind::Reversal, operation);
    for (key, amount) in &record.legs {
        draft.leg(&key.owner, key.asset, key.kind, sub(0, *amount)?)?;
    }
    // What is taken back, so that the reversal is listed with the position.
    draft.changes.clone_from(&record.changes);
    draft.reverses = Some(record.id);
    draft.reason = Some(reason.into());
    Ok(draft)
}
