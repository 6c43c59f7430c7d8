//! Posting an effect: its parts in order, each fill once.

use super::accounts::{AccountKind, add, sub};
use super::attributes::AttributeBefore;
use super::cost::Basis;
use super::effect::Part;
use super::entry::{self, Change, FillName};
use super::fees::Fees;
use super::holds::{HoldKey, HoldKind};
use super::position::{self, PositionState};
use super::posting::{Draft, Shortfall};
use super::rows::{self, Key};
use super::tx::LedgerTx;
use super::{
    Effect, EntryId, EntryKind, Error, FILLS, Fill, FillId, Mismatch, OperationId, PositionId,
};
use crate::codec::{BorrowDecode, Encode};
use crate::money::{Amount, Money};

/// What posting an effect came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Posted {
    /// The entries posted, in order.
    pub entries: Vec<EntryId>,
    /// Fills that the operation had already, and that were left out.
    pub skipped: Vec<SkippedFill>,
    /// What the attributes that were written had been before.
    pub attributes: Vec<AttributeBefore>,
    /// What the books lacked and was booked from Adjustment.
    pub shortfalls: Vec<Money>,
}

/// A fill that was posted before by the same operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SkippedFill {
    /// The venue's id for it; none for totals that said nothing new.
    pub fill: FillId,
    /// The entry that has it.
    pub entry: Option<EntryId>,
    /// Whether quantity or gross amount differ from what was posted: the venue said something else
    /// this time.
    pub differs: bool,
}

/// Which entry has a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct FillRow {
    pub(crate) operation: u64,
    pub(crate) entry: u64,
}

/// Whether units came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Buy,
    Sell,
    Redeem,
}

/// A trade in numbers.
#[derive(Clone, Debug)]
struct Trade {
    side: Side,
    quantity: i128,
    gross: i128,
    fees: Fees,
}

impl LedgerTx<'_> {
    /// Posts all parts of `effect` for `operation`, in order. Where one is refused, so are all: the
    /// commit must not go on.
    pub(crate) fn post(
        &mut self,
        operation: OperationId,
        effect: &Effect,
    ) -> Result<Posted, Error> {
        effect.check()?;
        let mut posted = Posted::default();
        let cover = effect.cover.as_deref();
        for part in &effect.parts {
            self.post_part(operation, part, cover, &mut posted)?;
        }
        Ok(posted)
    }

    fn post_part(
        &mut self,
        operation: OperationId,
        part: &Part,
        cover: Option<&str>,
        posted: &mut Posted,
    ) -> Result<(), Error> {
        let entry = match part {
            Part::Buy { position, fill } => {
                return self.post_fill(operation, Side::Buy, *position, fill, cover, posted);
            }
            Part::Sell { position, fill } => {
                return self.post_fill(operation, Side::Sell, *position, fill, cover, posted);
            }
            Part::Redeem { position, fill } => {
                return self.post_fill(operation, Side::Redeem, *position, fill, cover, posted);
            }
            Part::Attribute { position, name, value } => {
                let before = self.write_attribute(*position, name, value.as_deref(), None)?;
                posted.attributes.push(before);
                return Ok(());
            }
            Part::Split { cash, outcomes } => self.split(operation, cash, outcomes)?,
            Part::Merge { cash, outcomes } => self.merge(operation, cash, outcomes)?,
            Part::Deposit { account, money } => {
                self.deposit_draft(Some(operation), account, money)?
            }
            Part::Withdraw { account, money } => {
                self.withdrawal_draft(Some(operation), account, money)?
            }
            Part::Entry { legs } => self.transfer_draft(operation, legs)?,
        };
        let (entry, shortfalls) = self.post_entry(entry, cover)?;
        posted.entries.push(entry);
        self.note_shortfalls(shortfalls, posted)
    }

    fn note_shortfalls(
        &self,
        shortfalls: Vec<Shortfall>,
        posted: &mut Posted,
    ) -> Result<(), Error> {
        for (asset, short) in shortfalls {
            posted.shortfalls.push(Money::new(self.asset(asset)?, Amount::from_units(short)));
        }
        Ok(())
    }

    fn post_fill(
        &mut self,
        operation: OperationId,
        side: Side,
        position: PositionId,
        fill: &Fill,
        cover: Option<&str>,
        posted: &mut Posted,
    ) -> Result<(), Error> {
        let before = self.load_position(position)?;
        let mut trade = self.read_trade(side, &before, fill)?;
        let key = match &fill.id {
            FillId::Execution(id) => {
                let key = fill_key(&before.owner, &fill.venue, id);
                if let Some(skipped) = self.posted_before(operation, fill, &key, &trade)? {
                    posted.skipped.push(skipped);
                    return Ok(());
                }
                Some(key)
            }
            FillId::Cumulative => {
                self.take_off_recorded(operation, &before, &fill.venue, &mut trade)?;
                if trade.quantity == 0 && trade.gross == 0 && trade.fees.is_empty() {
                    let fill = FillId::Cumulative;
                    posted.skipped.push(SkippedFill { fill, entry: None, differs: false });
                    return Ok(());
                }
                None
            }
        };
        let (draft, covered) = self.trade_draft(operation, &before, &trade, cover.is_some())?;
        let name = FillName { venue: fill.venue.clone(), id: fill.id.clone() };
        let draft = Draft { fill: Some(name), corrects: fill.corrects, ..draft };
        let (entry, mut shortfalls) = self.post_entry(draft, cover)?;
        shortfalls.extend((covered > 0).then_some((before.asset, covered)));
        self.note_shortfalls(shortfalls, posted)?;
        if let Some(key) = key {
            let row = FillRow { operation: operation.get(), entry: entry.get() };
            self.tx().put(FILLS, &key, rows::encode(&row));
        }
        posted.entries.push(entry);
        Ok(())
    }

    /// The fill in numbers, once its assets are the position's.
    fn read_trade(
        &mut self,
        side: Side,
        state: &PositionState,
        fill: &Fill,
    ) -> Result<Trade, Error> {
        self.expect_asset(&fill.quantity, state.asset)?;
        self.expect_quote(&fill.gross, state.quote)?;
        let quantity = super::holds::not_negative("the quantity", &fill.quantity)?;
        let gross = super::holds::not_negative("the gross amount", &fill.gross)?;
        if quantity == 0 && fill.id != FillId::Cumulative {
            return Err(Mismatch::Zero("the quantity").into());
        }
        let mut fees = Fees::default();
        for fee in &fill.fees {
            let asset = self.asset_id(fee.asset())?;
            fees.add(state, asset, fee.amount().units())?;
        }
        if fees.token < 0 {
            return Err(Mismatch::Negative("the fee in the position's asset").into());
        }
        Ok(Trade { side, quantity, gross, fees })
    }

    /// What is known of a fill that carries an id: `None` where it is new.
    fn posted_before(
        &self,
        operation: OperationId,
        fill: &Fill,
        key: &[u8],
        trade: &Trade,
    ) -> Result<Option<SkippedFill>, Error> {
        if let Some(corrected) = fill.corrects {
            let reversed = entry::reversal_of(self.reader(), corrected)?.is_some();
            if !reversed || entry::load(self.reader(), corrected)?.fill.is_none() {
                return Err(Mismatch::Correction(corrected).into());
            }
        }
        let Some(row) = rows::load::<FillRow>(self.reader(), FILLS, key)? else {
            return Ok(None);
        };
        let posted = EntryId::new(row.entry);
        if fill.corrects == Some(posted) {
            return Ok(None);
        }
        let FillId::Execution(id) = &fill.id else { return Ok(None) };
        if row.operation != operation.get() {
            let (venue, fill) = (fill.venue.clone(), id.clone());
            let operation = OperationId::new(row.operation);
            return Err(Error::DuplicateFill { venue, fill, operation });
        }
        let same =
            |change: &Change| change.quantity == trade.quantity && change.gross == trade.gross;
        let differs = !entry::load(self.reader(), posted)?.changes.iter().any(same);
        Ok(Some(SkippedFill { fill: fill.id.clone(), entry: Some(posted), differs }))
    }

    /// Takes what the operation recorded at this venue for this position off the venue's totals.
    fn take_off_recorded(
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
            let incoming = trade.side == Side::Buy;
            let mine =
                |change: &&Change| change.position == state.id.get() && change.incoming == incoming;
            let Some(change) = record.changes.iter().find(mine) else { continue };
            quantity = add(quantity, change.quantity)?;
            gross = add(gross, change.gross)?;
            fees.add_recorded(state, change, &record.legs)?;
        }
        let total = |what, asset, recorded, given| -> Result<i128, Error> {
            if given >= recorded {
                return sub(given, recorded);
            }
            let asset = self.asset(asset)?;
            let money = |units| Box::new(Money::new(asset.clone(), Amount::from_units(units)));
            Err(Error::TotalFell { what, recorded: money(recorded), given: money(given) })
        };
        trade.quantity = total("quantity", state.asset, quantity, trade.quantity)?;
        trade.gross = total("gross amount", state.quote, gross, trade.gross)?;
        total("fee", state.asset, fees.token, trade.fees.token)?;
        trade.fees.take_off(&fees)
    }

    /// The entry for a trade, with the position already changed; and how many units were covered.
    fn trade_draft(
        &mut self,
        operation: OperationId,
        before: &PositionState,
        trade: &Trade,
        cover: bool,
    ) -> Result<(Draft, i128), Error> {
        let mut after = before.clone();
        let basis = position::basis(self.reader(), before)?;
        let mut moved = basis.clone();
        let (kind, change) = match trade.side {
            Side::Buy => (EntryKind::Buy, self.buy(&mut after, &mut moved, trade)?),
            Side::Sell | Side::Redeem => {
                let covered = self.capture_units(operation, &mut after, trade, cover)?;
                let kind = match trade.side {
                    Side::Redeem => EntryKind::Redeem,
                    _ => EntryKind::Sell,
                };
                (kind, self.sell(&mut after, &mut moved, trade, covered)?)
            }
        };
        self.save_basis(&mut after, &basis, &moved)?;
        self.save_position(Some(before), &after)?;
        let mut draft = Draft::new(kind, Some(operation));
        draft.add_change(&after, &change)?;
        for (asset, fee) in &trade.fees.others {
            draft.leg(&after.owner, *asset, AccountKind::Cash, sub(0, *fee)?)?;
            draft.leg(&after.owner, *asset, AccountKind::Fees, *fee)?;
        }
        Ok((draft, change.covered))
    }

    fn buy(
        &self,
        state: &mut PositionState,
        basis: &mut Basis,
        trade: &Trade,
    ) -> Result<Change, Error> {
        let units = sub(trade.quantity, trade.fees.token)?;
        if units < 0 {
            return Err(Mismatch::TokenFee.into());
        }
        basis.add(units, trade.gross)?;
        let change = Change {
            position: state.id.get(),
            incoming: true,
            quantity: trade.quantity,
            token_fee: trade.fees.token,
            covered: 0,
            gross: trade.gross,
            fee: trade.fees.quote,
            cost: trade.gross,
            realized: 0,
        };
        // A buy of which fees took every unit leaves a cost without units: it is lost.
        let lost = if add(state.quantity, units)? == 0 { add(state.cost, trade.gross)? } else { 0 };
        if lost > 0 {
            basis.clear();
        }
        let change = Change { cost: sub(trade.gross, lost)?, realized: sub(0, lost)?, ..change };
        state.book(&change)?;
        Ok(change)
    }

    fn sell(
        &self,
        state: &mut PositionState,
        basis: &mut Basis,
        trade: &Trade,
        covered: i128,
    ) -> Result<Change, Error> {
        if covered > 0 {
            basis.add(covered, 0)?;
        }
        let cost = basis.take(trade.quantity, trade.fees.token)?;
        let change = Change {
            position: state.id.get(),
            incoming: false,
            quantity: trade.quantity,
            token_fee: trade.fees.token,
            covered,
            gross: trade.gross,
            fee: trade.fees.quote,
            cost: sub(0, cost)?,
            realized: sub(trade.gross, cost)?,
        };
        state.book(&change)?;
        Ok(change)
    }

    /// Takes the units from the operation's hold and then from those that nobody holds. Answers how
    /// many are missing, where those are to be covered.
    fn capture_units(
        &mut self,
        operation: OperationId,
        state: &mut PositionState,
        trade: &Trade,
        cover: bool,
    ) -> Result<i128, Error> {
        let wanted = add(trade.quantity, trade.fees.token)?;
        let kind = HoldKind::Units(state.id);
        let (asset, owner) = (state.asset, state.owner.clone());
        let key = HoldKey { operation, kind, asset, owner };
        let mut account = self.account(&key.account())?;
        let used = self.capture(&key, wanted, &mut account)?;
        self.put_account(&key.account(), &account);
        state.reserved = sub(state.reserved, used)?;
        let short = sub(state.reserved, sub(state.quantity, wanted)?)?;
        if short <= 0 {
            return Ok(0);
        }
        if cover {
            return Ok(short);
        }
        Err(self.insufficient(&state.owner, state.asset, short, Some(state.id))?)
    }

    /// As [`LedgerTx::capture_units`], for units that leave without a fill.
    pub(super) fn capture_whole(
        &mut self,
        operation: OperationId,
        state: &mut PositionState,
        units: i128,
    ) -> Result<(), Error> {
        let fees = Fees::default();
        let trade = Trade { side: Side::Sell, quantity: units, gross: 0, fees };
        self.capture_units(operation, state, &trade, false).map(drop)
    }
}

impl PositionState {
    /// Counts a change into the sums. Units and cost come from the basis.
    pub(super) fn book(&mut self, change: &Change) -> Result<(), Error> {
        self.realized = add(self.realized, change.realized)?;
        self.quote_fees = add(self.quote_fees, change.fee)?;
        let side = if change.incoming { &mut self.bought } else { &mut self.proceeds };
        *side = add(*side, change.gross)?;
        Ok(())
    }
}

impl Draft {
    /// The change and its legs, but for the cash and fees of assets other than the position's two.
    pub(super) fn add_change(
        &mut self,
        state: &PositionState,
        change: &Change,
    ) -> Result<(), Error> {
        use AccountKind::{Adjustment, Cash, Cost, Fees, RealizedPnl, Units, World};
        let owner = &state.owner;
        let (quote, asset) = (state.quote, state.asset);
        let (gross, traded) = match change.incoming {
            true => (sub(0, change.gross)?, change.quantity),
            false => (change.gross, sub(0, change.quantity)?),
        };
        self.leg(owner, quote, Cash, sub(gross, change.fee)?)?;
        self.leg(owner, quote, Fees, change.fee)?;
        self.leg(owner, quote, Cost, change.cost)?;
        self.leg(owner, quote, RealizedPnl, sub(0, change.realized)?)?;
        let units = add(sub(traded, change.token_fee)?, change.covered)?;
        self.leg(owner, asset, Units, units)?;
        self.leg(owner, asset, World, sub(0, traded)?)?;
        self.leg(owner, asset, Fees, change.token_fee)?;
        self.leg(owner, asset, Adjustment, sub(0, change.covered)?)?;
        self.changes.push(*change);
        Ok(())
    }
}

/// The key of a venue's fill: unique for one account and venue.
pub(crate) fn fill_key(owner: &str, venue: &str, id: &str) -> Vec<u8> {
    Key::new().name(owner).name(venue).rest(id.as_bytes()).into_bytes()
}
