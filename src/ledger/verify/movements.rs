//! The legs of entries against what the entries say they did: to positions, and to other entries.

use std::collections::BTreeMap;

use super::Verifier;
use crate::engine::KeyRange;
use crate::ledger::accounts::{AccountKey, AccountKind, sub};
use crate::ledger::entry::{self, EntryRecord};
use crate::ledger::position::{self, PositionState, lot_key};
use crate::ledger::posting::Draft;
use crate::ledger::{ENTRIES, EntryKind, Error, LOTS, PositionId};

impl Verifier<'_> {
    /// A reversal has the legs of what it reverses with the sign turned; every other entry moves the
    /// accounts of positions by what it says it did to them.
    pub(super) fn movements(&mut self, record: &EntryRecord) -> Result<(), Error> {
        let found: BTreeMap<AccountKey, i128> = record.legs.iter().cloned().collect();
        let expected = match record.reverses {
            Some(reversed) => {
                let reversed = entry::load(self.reader, reversed)?;
                let turned = reversed.legs.into_iter();
                let turned = turned.map(|(key, amount)| Ok((key, sub(0, amount)?)));
                turned.collect::<Result<BTreeMap<_, _>, Error>>()?
            }
            None => self.position_legs(record)?,
        };
        let same = match record.reverses {
            Some(_) => found == expected,
            None => found.iter().filter(|(key, _)| is_of_positions(record, key)).eq(&expected),
        };
        if !same {
            self.find(ENTRIES, record.id, "has other legs than what it did gives");
        }
        Ok(())
    }

    /// The legs on accounts that only positions move.
    fn position_legs(&self, record: &EntryRecord) -> Result<BTreeMap<AccountKey, i128>, Error> {
        let mut draft = Draft::new(record.kind, record.operation);
        for change in &record.changes {
            let state = position::load(self.reader, PositionId::new(change.position))?;
            draft.add_change(&state, change)?;
        }
        draft.legs.retain(|key, amount| is_of_positions(record, key) && *amount != 0);
        Ok(draft.legs)
    }

    /// The lots of a position are numbered without gaps from the oldest one on.
    pub(super) fn lot_numbers(&mut self, state: &PositionState) -> Result<(), Error> {
        let lots = self.reader.scan(LOTS, KeyRange::prefix(&state.id.get().to_be_bytes()));
        for (place, lot) in lots.enumerate() {
            let (key, _) = lot?;
            if *key != *lot_key(state, place)? {
                self.find(LOTS, state.id, "are not numbered from the oldest one on");
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Whether only positions move the account in an entry of this kind. Entries of the caller's own may
/// book a profit that no position made.
fn is_of_positions(record: &EntryRecord, key: &AccountKey) -> bool {
    match key.kind {
        AccountKind::Units | AccountKind::Cost => true,
        AccountKind::RealizedPnl => record.kind != EntryKind::Transfer,
        _ => false,
    }
}
