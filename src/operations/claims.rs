//! The claim of a transaction and the cursor that go with an operation.

use super::OperationId;
use super::OperationsMut;
use super::error::Error;
use super::intent::{ClaimIntent, Intent};
use super::row::{KeyRow, NamedClaim, OperationRow};
use super::status::Status;
use crate::processed::{Claim, ClaimOutcome, ClaimsMut, CursorsMut};

impl ClaimIntent {
    /// The claim by its name, without the time of the event.
    pub(super) fn named(&self) -> NamedClaim {
        NamedClaim { namespace: self.namespace.clone(), key: self.key.clone() }
    }
}

impl Intent {
    /// Refuses where the intent names another claim than the operation had that it is to stand for.
    pub(super) fn expect_claim_of(&self, known: &KeyRow) -> Result<(), Error> {
        let (Some(before), Some(named)) = (&known.claim, &self.claim) else { return Ok(()) };
        if named.named() == *before {
            return Ok(());
        }
        Err(Error::Conflict { operation: OperationId::new(known.operation), which: "claim" })
    }
}

impl OperationsMut<'_> {
    fn claims(&mut self) -> ClaimsMut<'_> {
        let (now, tolerance) = (self.now, self.ledger.rules().future_tolerance_micros);
        ClaimsMut::new(self.tx(), now, tolerance)
    }

    /// Claims for operation `id` what the intent names. `New` where it names nothing.
    pub(super) fn claim(&mut self, id: OperationId, intent: &Intent) -> Result<Claim, Error> {
        let Some(claim) = &intent.claim else { return Ok(Claim::New) };
        let (namespace, key, at) = (&claim.namespace, &claim.key, claim.event_time);
        Ok(self.claims().claim_for(id.get(), namespace, key, at)?)
    }

    /// Hands the claim of an operation that was rolled back to the one that is begun in its place.
    pub(super) fn hand_over_claim(
        &mut self,
        id: OperationId,
        claim: &NamedClaim,
    ) -> Result<(), Error> {
        Ok(self.claims().take_over(&claim.namespace, &claim.key, id.get())?)
    }

    /// Says of the operation's claim how it ended.
    pub(super) fn finish_claim(&mut self, row: &OperationRow) -> Result<(), Error> {
        let Some(claim) = &row.claim else { return Ok(()) };
        let outcome = match row.status {
            Status::Completed => ClaimOutcome::Completed,
            _ => ClaimOutcome::RolledBack,
        };
        Ok(self.claims().finish(&claim.namespace, &claim.key, outcome)?)
    }

    /// Moves the cursor that the intent names, if it stands where expected. Begun `again`, it may
    /// have been moved by the first begin already: then it has the value that it is to get.
    pub(super) fn move_cursor(&mut self, intent: &Intent, again: bool) -> Result<(), Error> {
        let Some(cursor) = &intent.cursor else { return Ok(()) };
        let mut cursors = CursorsMut::new(self.tx());
        if again && cursors.get(&cursor.name)?.as_deref() == Some(&*cursor.value) {
            return Ok(());
        }
        Ok(cursors.set(&cursor.name, cursor.expected.as_deref(), &cursor.value)?)
    }
}
