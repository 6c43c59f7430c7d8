//! The claim of a transaction and the cursor that go with an operation.

use super::OperationId;
use super::OperationsMut;
use super::error::Error;
use super::intent::{ClaimIntent, Intent};
use super::row::{KeyRow, NamedClaim, OperationRow};
use super::status::Status;
use crate::clock::Timestamp;
use crate::processed::{Claim, ClaimOutcome, ClaimsMut, CursorsMut};

impl ClaimIntent {
    /// The claim as its operation keeps it.
    pub(super) fn named(&self) -> NamedClaim {
        let event_time = self.event_time.as_micros();
        NamedClaim { namespace: self.namespace.clone(), key: self.key.clone(), event_time }
    }
}

impl Intent {
    /// Refuses where the intent names another claim than the operation had that it is to stand for.
    pub(super) fn expect_claim_of(&self, known: &KeyRow) -> Result<(), Error> {
        let (Some(before), Some(named)) = (&known.claim, &self.claim) else { return Ok(()) };
        if named.namespace == before.namespace && named.key == before.key {
            return Ok(());
        }
        Err(Error::Conflict { operation: OperationId::new(known.operation), which: "claim" })
    }
}

impl OperationsMut<'_> {
    fn claims(&mut self) -> ClaimsMut<'_> {
        let (rules, now) = (self.claim_rules, self.now);
        ClaimsMut::new(self.tx(), rules, now)
    }

    /// Claims for operation `id` what the intent names. `New` where it names nothing.
    pub(super) fn claim(&mut self, id: OperationId, intent: &Intent) -> Result<Claim, Error> {
        let Some(claim) = &intent.claim else { return Ok(Claim::New) };
        let (namespace, key, at) = (&claim.namespace, &claim.key, claim.event_time);
        Ok(self.claims().claim_for(id.get(), namespace, key, at)?)
    }

    /// Hands the claim of an operation that was rolled back to the one that is begun in its place,
    /// also where it was let go since.
    pub(super) fn hand_over_claim(
        &mut self,
        from: u64,
        claim: &NamedClaim,
        to: OperationId,
    ) -> Result<Claim, Error> {
        let event_time = Timestamp::from_micros(claim.event_time);
        let named = (&*claim.namespace, &*claim.key);
        Ok(self.claims().take_over(named, event_time, from, to.get())?)
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
