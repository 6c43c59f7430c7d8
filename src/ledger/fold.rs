//! A position from its entries alone: what it must be, whatever its row says.

use super::accounts::{add, sub};
use super::cost::{Basis, Lot};
use super::entry::{self, Change};
use super::position::PositionState;
use super::{CostMethod, EntryId, Error};
use crate::engine::Reader;

/// The fold of a position's entries. Reversed entries and reversals count for nothing.
#[derive(Clone, Debug)]
pub(crate) struct Folded {
    pub(crate) basis: Basis,
    pub(crate) realized: i128,
    pub(crate) quote_fees: i128,
    pub(crate) bought: i128,
    pub(crate) proceeds: i128,
    pub(crate) entries: u64,
    pub(crate) last_entry: Option<EntryId>,
    /// Entries that took out another cost than the units had.
    pub(crate) wrong: Vec<EntryId>,
}

/// Folds the entries of a position, but for `except`.
pub(crate) fn fold(
    reader: &dyn Reader,
    state: &PositionState,
    except: Option<EntryId>,
) -> Result<Folded, Error> {
    let mut folded = Folded::new(state.method);
    for record in entry::of_position(reader, state.id) {
        let record = record?;
        let counts = record.reverses.is_none()
            && except != Some(record.id)
            && entry::reversal_of(reader, record.id)?.is_none();
        if !counts {
            continue;
        }
        let mine = |change: &&Change| change.position == state.id.get();
        for change in record.changes.iter().filter(mine) {
            folded.add(record.id, change)?;
        }
    }
    Ok(folded)
}

impl Folded {
    fn new(method: CostMethod) -> Self {
        Self {
            basis: match method {
                CostMethod::Average => Basis::Average(Lot::default()),
                CostMethod::Fifo => Basis::Fifo([].into()),
            },
            realized: 0,
            quote_fees: 0,
            bought: 0,
            proceeds: 0,
            entries: 0,
            last_entry: None,
            wrong: Vec::new(),
        }
    }

    fn add(&mut self, entry: EntryId, change: &Change) -> Result<(), Error> {
        let Change { quantity, token_fee, covered, gross, .. } = *change;
        let (cost, realized) = if change.incoming {
            let lost = self.basis.buy(quantity, token_fee, gross, covered)?;
            self.bought = add(self.bought, gross)?;
            (sub(gross, lost)?, sub(0, lost)?)
        } else {
            let out = self.basis.sell(quantity, token_fee, covered)?;
            self.proceeds = add(self.proceeds, gross)?;
            (sub(0, out)?, sub(gross, out)?)
        };
        if change.cost != cost || change.realized != realized {
            self.wrong.push(entry);
        }
        self.realized = add(self.realized, realized)?;
        self.quote_fees = add(self.quote_fees, change.fee)?;
        self.entries = self.entries.saturating_add(1);
        self.last_entry = Some(entry);
        Ok(())
    }
}
