//! Posting an effect: its parts in order, each fill once.

use super::accounts::{AccountKind, add, sub};
use super::attributes::AttributeBefore;
use super::cost::Basis;
use super::effect::Part;
use super::entry::{Change, FillName};
use super::fees::Fees;
use super::holds::{HoldKey, HoldKind};
use super::position::{self, PositionState};
use super::posting::{Draft, Shortfall};
use super::tx::LedgerTx;
use super::{Effect, EntryId, EntryKind, Error, Fill, FillId, Mismatch, OperationId, PositionId};
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

/// Whether units came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Buy,
    Sell,
    Redeem,
}

/// A trade in numbers.
#[derive(Clone, Debug)]
pub(super) struct Trade {
    pub(super) side: Side,
    pub(super) quantity: i128,
    pub(super) gross: i128,
    pub(super) fees: Fees,
}

impl Trade {
    fn is_nothing(&self) -> bool {
        self.quantity == 0 && self.gross == 0 && self.fees.is_empty()
    }
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
            Part::Merge { cash, outcomes } => {
                self.merge(operation, cash, outcomes, cover.is_some())?
            }
            Part::Deposit { account, money } => {
                self.deposit_draft(Some(operation), account, money)?
            }
            Part::Withdraw { account, money } => {
                self.withdrawal_draft(Some(operation), account, money)?
            }
            Part::Entry { legs } => self.transfer_draft(operation, legs)?,
        };
        let mut missing = self.covered_units(&entry)?;
        let (entry, shortfalls) = self.post_entry(entry, cover)?;
        posted.entries.push(entry);
        missing.extend(shortfalls);
        self.note_shortfalls(missing, posted)
    }

    /// The units of each position that an entry covers.
    fn covered_units(&self, draft: &Draft) -> Result<Vec<Shortfall>, Error> {
        let covered = draft.changes.iter().filter(|change| change.covered > 0);
        let covered = covered.map(|change| {
            let state = self.load_position(PositionId::new(change.position))?;
            Ok((state.asset, change.covered))
        });
        covered.collect()
    }

    fn note_shortfalls(
        &mut self,
        shortfalls: Vec<Shortfall>,
        posted: &mut Posted,
    ) -> Result<(), Error> {
        for (asset, short) in shortfalls {
            let missing = Money::new(self.asset(asset)?, Amount::from_units(short));
            let told = missing.to_string();
            self.tx().tell_after(move || {
                tracing::warn!(missing = told, "the books lacked what a venue took");
            });
            posted.shortfalls.push(missing);
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
        let skipped = match &fill.id {
            FillId::Execution(id) => self.posted_before(operation, &before, fill, id, &trade)?,
            FillId::Cumulative => {
                self.check_correction(position, fill)?;
                self.take_off_recorded(operation, &before, &fill.venue, &mut trade)?;
                trade.is_nothing().then_some(SkippedFill {
                    fill: FillId::Cumulative,
                    entry: None,
                    differs: false,
                })
            }
        };
        if let Some(skipped) = skipped {
            posted.skipped.push(skipped);
            return Ok(());
        }
        let draft = self.trade_draft(operation, &before, &trade, cover.is_some())?;
        let name = FillName { venue: fill.venue.clone(), id: fill.id.clone() };
        let draft = Draft { fill: Some(name), corrects: fill.corrects, ..draft };
        let mut missing = self.covered_units(&draft)?;
        let (entry, shortfalls) = self.post_entry(draft, cover)?;
        missing.extend(shortfalls);
        self.note_shortfalls(missing, posted)?;
        self.list_fill(operation, &before, fill, entry)?;
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

    /// The entry for a trade, with the position already changed.
    fn trade_draft(
        &mut self,
        operation: OperationId,
        before: &PositionState,
        trade: &Trade,
        cover: bool,
    ) -> Result<Draft, Error> {
        let mut after = before.clone();
        let basis = position::basis(self.reader(), before)?;
        let mut moved = basis.clone();
        let kind = match trade.side {
            Side::Buy => EntryKind::Buy,
            Side::Sell => EntryKind::Sell,
            Side::Redeem => EntryKind::Redeem,
        };
        let leaving = trade.leaving()?;
        let covered = self.capture_units(operation, &mut after, leaving, cover)?;
        let change = match trade.side {
            Side::Buy => trade.buy(&mut after, &mut moved, covered)?,
            Side::Sell | Side::Redeem => trade.sell(&mut after, &mut moved, covered)?,
        };
        self.save_basis(&mut after, &basis, &moved)?;
        self.save_position(Some(before), &after)?;
        let mut draft = Draft::new(kind, Some(operation));
        draft.add_change(&after, &change)?;
        for (asset, fee) in &trade.fees.others {
            draft.leg(&after.owner, *asset, AccountKind::Cash, sub(0, *fee)?)?;
            draft.leg(&after.owner, *asset, AccountKind::Fees, *fee)?;
        }
        Ok(draft)
    }

    /// Takes units from the operation's hold and then from those that nobody holds. Answers how many
    /// are missing, where those are to be covered.
    pub(super) fn capture_units(
        &mut self,
        operation: OperationId,
        state: &mut PositionState,
        units: i128,
        cover: bool,
    ) -> Result<i128, Error> {
        if units == 0 {
            return Ok(0);
        }
        let kind = HoldKind::Units(state.id);
        let (asset, owner) = (state.asset, state.owner.clone());
        let key = HoldKey { operation, kind, asset, owner };
        let mut account = self.account(&key.account())?;
        let used = self.capture(&key, units, &mut account)?;
        self.put_account(&key.account(), &account);
        state.reserved = sub(state.reserved, used)?;
        let short = sub(state.reserved, sub(state.quantity, units)?)?;
        if short <= 0 {
            return Ok(0);
        }
        if cover {
            return Ok(short);
        }
        Err(self.insufficient(&state.owner, state.asset, short, Some(state.id))?)
    }
}

impl Trade {
    /// How many units leave the position: those sold, and what fees take beyond those bought.
    fn leaving(&self) -> Result<i128, Error> {
        match self.side {
            Side::Buy => Ok(sub(self.fees.token, self.quantity)?.max(0)),
            Side::Sell | Side::Redeem => add(self.quantity, self.fees.token),
        }
    }

    fn change(&self, state: &PositionState, cost: i128, realized: i128, covered: i128) -> Change {
        Change {
            position: state.id.get(),
            incoming: self.side == Side::Buy,
            quantity: self.quantity,
            token_fee: self.fees.token,
            covered,
            gross: self.gross,
            fee: self.fees.quote,
            cost,
            realized,
        }
    }

    fn buy(
        &self,
        state: &mut PositionState,
        basis: &mut Basis,
        covered: i128,
    ) -> Result<Change, Error> {
        let lost = basis.buy(self.quantity, self.fees.token, self.gross, covered)?;
        let change = self.change(state, sub(self.gross, lost)?, sub(0, lost)?, covered);
        state.book(&change)?;
        Ok(change)
    }

    fn sell(
        &self,
        state: &mut PositionState,
        basis: &mut Basis,
        covered: i128,
    ) -> Result<Change, Error> {
        let cost = basis.sell(self.quantity, self.fees.token, covered)?;
        let change = self.change(state, sub(0, cost)?, sub(self.gross, cost)?, covered);
        state.book(&change)?;
        Ok(change)
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
