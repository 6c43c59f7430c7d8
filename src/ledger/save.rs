//! Saving a position with everything that is derived from it: its slot, the list of closed ones, and
//! the counters of its owner.

use super::position::{Outcome, PositionState};
use super::rows::{self, Key};
use super::tx::LedgerTx;
use super::{CLOSED, Error, OWNERS, POSITIONS, SLOTS};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::Reader;

/// How many positions of one owner there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct Counters {
    /// Open ones, those being opened included.
    pub(crate) open: u64,
    pub(crate) wins: u64,
    pub(crate) losses: u64,
    pub(crate) flat: u64,
}

pub(crate) fn counters(reader: &dyn Reader, owner: &str) -> Result<Counters, Error> {
    Ok(rows::load(reader, OWNERS, owner.as_bytes())?.unwrap_or_default())
}

impl Counters {
    /// Counts the position in.
    pub(crate) fn count(&mut self, state: &PositionState) -> Result<(), Error> {
        if let Some(counter) = self.of(state)? {
            *counter = counter.saturating_add(1);
        }
        Ok(())
    }

    fn discount(&mut self, state: &PositionState) -> Result<(), Error> {
        if let Some(counter) = self.of(state)? {
            *counter = counter.saturating_sub(1);
        }
        Ok(())
    }

    /// The counter that the position is counted by: none where it closed without ever being filled.
    fn of(&mut self, state: &PositionState) -> Result<Option<&mut u64>, Error> {
        if state.closed_at.is_none() {
            return Ok(Some(&mut self.open));
        }
        Ok(match state.outcome()? {
            Some(Outcome::Win) => Some(&mut self.wins),
            Some(Outcome::Loss) => Some(&mut self.losses),
            Some(Outcome::Flat) => Some(&mut self.flat),
            None => None,
        })
    }
}

/// The key of a closed position in the list by closing time.
pub(crate) fn closed_key(state: &PositionState) -> Option<Vec<u8>> {
    let closed_at = state.closed_at?;
    Some(Key::new().name(&state.owner).time(closed_at).u64(state.id.get()).into_bytes())
}

impl LedgerTx<'_> {
    /// Saves a position that was `before`, or is new.
    pub(super) fn save_position(
        &mut self,
        before: Option<&PositionState>,
        after: &PositionState,
    ) -> Result<(), Error> {
        if before == Some(after) {
            return Ok(());
        }
        self.tx().put(POSITIONS, &after.id.get().to_be_bytes(), after.encode());
        let was_open = before.is_some_and(|before| before.closed_at.is_none());
        match (was_open, after.closed_at.is_none()) {
            (false, true) => {
                rows::put(self.tx(), SLOTS, &after.slot(), &after.id.get());
            }
            (true, false) => self.tx().delete(SLOTS, &after.slot()),
            _ => {}
        }
        let listed = (before.and_then(closed_key), closed_key(after));
        if listed.0 != listed.1 {
            if let Some(key) = listed.0 {
                self.tx().delete(CLOSED, &key);
            }
            if let Some(key) = listed.1 {
                rows::put(self.tx(), CLOSED, &key, &());
            }
        }
        self.count(before, after)
    }

    fn count(
        &mut self,
        before: Option<&PositionState>,
        after: &PositionState,
    ) -> Result<(), Error> {
        let counted = counters(self.reader(), &after.owner)?;
        let mut now = counted;
        if let Some(before) = before {
            now.discount(before)?;
        }
        now.count(after)?;
        if now != counted {
            rows::put(self.tx(), OWNERS, after.owner.as_bytes(), &now);
        }
        Ok(())
    }
}
