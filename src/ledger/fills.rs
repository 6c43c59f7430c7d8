//! Which fills are posted: each once, for ever, under the venue's id or within the venue's totals.

use super::accounts::{add, sub};
use super::entry::{self, Change, EntryRecord};
use super::fees::{FallenFee, Fees};
use super::position::PositionState;
use super::post::{Side, SkippedFill, Trade};
use super::rows::{self, Key};
use super::tx::LedgerTx;
use super::{EntryId, Error, FILLS, Fill, FillId, Mismatch, OperationId, PositionId, REVERSALS};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::Reader;
use crate::money::{Amount, Money};

/// What was posted under one id of a venue: mostly one fill, and for a swap one for each of its legs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct FillRow {
    pub(crate) posted: Vec<PostedFill>,
}

/// One fill that was posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct PostedFill {
    pub(crate) operation: u64,
    pub(crate) entry: u64,
}

/// Who reversed an entry, and the entry that stands in its place since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct ReversalRow {
    pub(crate) by: u64,
    pub(crate) corrected_by: Option<u64>,
}

/// The key of a venue's fill: unique for one account and venue.
pub(crate) fn fill_key(owner: &str, venue: &str, id: &str) -> Vec<u8> {
    Key::new().name(owner).name(venue).rest(id.as_bytes()).into_bytes()
}

/// How an entry was reversed, if it was.
pub(crate) fn reversal(reader: &dyn Reader, entry: EntryId) -> Result<Option<ReversalRow>, Error> {
    rows::load(reader, REVERSALS, &entry.get().to_be_bytes())
}

impl LedgerTx<'_> {
    /// Refuses a correction of anything but a reversed fill of the same account and assets that nothing
    /// corrects yet.
    pub(super) fn check_correction(&self, position: PositionId, fill: &Fill) -> Result<(), Error> {
        let Some(corrected) = fill.corrects else { return Ok(()) };
        let refused = || Err(Mismatch::Correction(corrected).into());
        let Some(ReversalRow { corrected_by: None, .. }) = reversal(self.reader(), corrected)?
        else {
            return refused();
        };
        let record = entry::load(self.reader(), corrected)?;
        let (Some(_), Some(change)) = (&record.fill, record.changes.first()) else {
            return refused();
        };
        // The position may have been closed when its only fill was reversed, and opened anew.
        let was = self.load_position(PositionId::new(change.position))?;
        let is = self.load_position(position)?;
        let same = (&was.owner, was.asset, was.quote) == (&is.owner, is.asset, is.quote);
        if same { Ok(()) } else { refused() }
    }

    /// What is known of a fill that carries an id: `None` where it is new.
    pub(super) fn posted_before(
        &self,
        operation: OperationId,
        state: &PositionState,
        fill: &Fill,
        id: &str,
        trade: &Trade,
    ) -> Result<Option<SkippedFill>, Error> {
        let key = fill_key(&state.owner, &fill.venue, id);
        let row: FillRow = rows::load(self.reader(), FILLS, &key)?.unwrap_or_default();
        let own = self.own_fill(operation, state, fill, trade, &row)?;
        // Told again as it was posted, it needs no second look at what it corrects.
        if own.as_ref().is_some_and(|(record, _)| record.corrects == fill.corrects) {
            return Ok(own.map(|(_, skipped)| skipped));
        }
        self.check_correction(state.id, fill)?;
        let is_foreign = |posted: &&PostedFill| {
            posted.operation != operation.get() && fill.corrects != Some(EntryId::new(posted.entry))
        };
        if let Some(foreign) = row.posted.iter().find(is_foreign) {
            let (venue, fill) = (fill.venue.clone(), id.into());
            let operation = OperationId::new(foreign.operation);
            return Err(Error::DuplicateFill { venue, fill, operation });
        }
        if let Some((_, skipped)) = own {
            return Ok(Some(skipped));
        }
        if self.has_totals(operation, state, &fill.venue, trade)? {
            return Err(Mismatch::MixedFills.into());
        }
        Ok(None)
    }

    /// The fill under this id that the operation itself has for this position and side.
    fn own_fill(
        &self,
        operation: OperationId,
        state: &PositionState,
        fill: &Fill,
        trade: &Trade,
        row: &FillRow,
    ) -> Result<Option<(EntryRecord, SkippedFill)>, Error> {
        for posted in &row.posted {
            let entry = EntryId::new(posted.entry);
            if posted.operation != operation.get() || fill.corrects == Some(entry) {
                continue;
            }
            let record = entry::load(self.reader(), entry)?;
            let mut changes = record.changes.iter();
            if let Some(change) = changes.find(|change| trade.is_side_of(state, change)) {
                let differs = change.quantity != trade.quantity || change.gross != trade.gross;
                let skipped = SkippedFill { fill: fill.id.clone(), entry: Some(entry), differs };
                return Ok(Some((record, skipped)));
            }
        }
        Ok(None)
    }

    /// Whether the venue reported totals for this before: an execution may be in them.
    fn has_totals(
        &self,
        operation: OperationId,
        state: &PositionState,
        venue: &str,
        trade: &Trade,
    ) -> Result<bool, Error> {
        for record in entry::of_operation(self.reader(), operation) {
            let record = record?;
            let is_total = record
                .fill
                .as_ref()
                .is_some_and(|fill| fill.id == FillId::Cumulative && *fill.venue == *venue);
            let same = record.changes.iter().any(|change| trade.is_side_of(state, change));
            if is_total && same && entry::reversal_of(self.reader(), record.id)?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes that the fill is posted, and what it corrects.
    pub(super) fn list_fill(
        &mut self,
        operation: OperationId,
        state: &PositionState,
        fill: &Fill,
        entry: EntryId,
    ) -> Result<(), Error> {
        if let Some(corrected) = fill.corrects
            && let Some(mut row) = reversal(self.reader(), corrected)?
        {
            row.corrected_by = Some(entry.get());
            rows::put(self.tx(), REVERSALS, &corrected.get().to_be_bytes(), &row);
        }
        let FillId::Execution(id) = &fill.id else { return Ok(()) };
        let key = fill_key(&state.owner, &fill.venue, id);
        let mut row: FillRow = rows::load(self.reader(), FILLS, &key)?.unwrap_or_default();
        row.posted.retain(|posted| fill.corrects != Some(EntryId::new(posted.entry)));
        row.posted.push(PostedFill { operation: operation.get(), entry: entry.get() });
        rows::put(self.tx(), FILLS, &key, &row);
        Ok(())
    }

    /// Takes what the operation recorded at this venue for this position off the venue's totals.
    pub(super) fn take_off_recorded(
        &self,
        operation: OperationId,
        state: &PositionState,
        venue: &str,
        trade: &mut Trade,
    ) -> Result<(), Error> {
        let (mut quantity, mut gross, mut fees) = (0, 0, Fees::default());
        for record in entry::of_operation(self.reader(), operation) {
            let record = record?;
            let here = record.fill.as_ref().is_some_and(|fill| *fill.venue == *venue);
            if !here || entry::reversal_of(self.reader(), record.id)?.is_some() {
                continue;
            }
            let mut changes = record.changes.iter();
            let Some(change) = changes.find(|change| trade.is_side_of(state, change)) else {
                continue;
            };
            quantity = add(quantity, change.quantity)?;
            gross = add(gross, change.gross)?;
            fees.add_recorded(state, change, &record.legs)?;
        }
        for (what, asset, recorded, total) in [
            ("quantity", state.asset, quantity, &mut trade.quantity),
            ("gross amount", state.quote, gross, &mut trade.gross),
        ] {
            if *total < recorded {
                return Err(self.fell(what, FallenFee { asset, recorded, given: *total })?);
            }
            *total = sub(*total, recorded)?;
        }
        match trade.fees.take_off(state, &fees)? {
            Some(fallen) => Err(self.fell("fee", fallen)?),
            None => Ok(()),
        }
    }

    fn fell(&self, what: &'static str, fallen: FallenFee) -> Result<Error, Error> {
        let asset = self.asset(fallen.asset)?;
        let money = |units| Box::new(Money::new(asset.clone(), Amount::from_units(units)));
        let (recorded, given) = (money(fallen.recorded), money(fallen.given));
        Ok(Error::TotalFell { what, recorded, given })
    }
}

impl Trade {
    /// Whether `change` moved the same position in the same direction.
    fn is_side_of(&self, state: &PositionState, change: &Change) -> bool {
        change.position == state.id.get() && change.incoming == (self.side == Side::Buy)
    }
}
