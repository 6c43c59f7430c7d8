//! Positions: units of one asset, bought for one quote asset, under one tag of one account.

use std::collections::VecDeque;
use std::sync::Arc;

use super::assets::{self, AssetId};
use super::cost::{Basis, Lot};
use super::names::{check_name, check_tag};
use super::rows::{self, Key, KeyReader};
use super::tx::LedgerTx;
use super::{EntryId, Error, LOTS, Mismatch, OperationId, POSITIONS, PositionId, SLOTS};
use crate::clock::Timestamp;
use crate::codec::{BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader};
use crate::money::{Amount, Asset, Money};

/// How the cost of units that leave a position is found. Fixed when it is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum CostMethod {
    /// All units cost the same.
    #[default]
    Average,
    /// The units bought first leave first, at what they cost.
    Fifo,
}

/// What a position is to be: its key (account, asset, tag), the asset it is paid in, and its method.
///
/// ```
/// use highwater::{Asset, NewPosition};
///
/// let (bonk, usd) = (Asset::new("solana", "BONK", 5)?, Asset::new("fiat", "USD", 6)?);
/// let position = NewPosition::new("main", bonk, usd).tag("copy-trades").fifo();
/// # let _ = position;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NewPosition {
    pub(crate) account: Box<str>,
    pub(crate) asset: Asset,
    pub(crate) quote: Asset,
    pub(crate) tag: Box<str>,
    pub(crate) method: CostMethod,
}

impl NewPosition {
    /// A position in `asset`, paid in `quote`, without a tag, at average cost.
    pub fn new(account: impl Into<Box<str>>, asset: Asset, quote: Asset) -> Self {
        let (account, tag, method) = (account.into(), Box::default(), CostMethod::Average);
        Self { account, asset, quote, tag, method }
    }

    /// The strategy or purpose: one account can have several positions in one asset, each under a
    /// tag of its own.
    pub fn tag(mut self, tag: impl Into<Box<str>>) -> Self {
        self.tag = tag.into();
        self
    }

    /// Costs lot by lot, the oldest first, instead of their average.
    pub fn fifo(mut self) -> Self {
        self.method = CostMethod::Fifo;
        self
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        check_name("the account's name", &self.account)?;
        check_tag("the position's tag", &self.tag)?;
        if self.asset.key() == self.quote.key() {
            let (found, expected) = (self.asset.clone(), self.quote.clone());
            return Err(Mismatch::Quote { found, expected }.into());
        }
        Ok(())
    }
}

/// A position as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Position {
    /// Its number, never given twice.
    pub id: PositionId,
    /// The account.
    pub account: Box<str>,
    /// What is held.
    pub asset: Asset,
    /// What it is paid in.
    pub quote: Asset,
    /// The tag; empty where there is none.
    pub tag: Box<str>,
    /// How its cost is found.
    pub method: CostMethod,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The operation that opened it; none where it was imported.
    pub opened_by: Option<OperationId>,
    /// Units held, those set aside included.
    pub quantity: Money,
    /// Units set aside for unfinished reductions.
    pub reserved: Money,
    /// What the units held cost, without fees.
    pub cost: Money,
    /// Proceeds less cost of all units that left. Fees are not in it.
    pub realized: Money,
    /// Fees paid in the quote asset, rebates taken off.
    pub quote_fees: Money,
    /// What all units that ever came cost.
    pub bought: Money,
    /// What all units that left brought.
    pub proceeds: Money,
    /// How many entries moved it, reversed ones and reversals not counted.
    pub entries: u64,
    /// The last of them.
    pub last_entry: Option<EntryId>,
}

/// How a closed position came out: the sign of its realized profit less fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome {
    /// It brought more than it cost.
    Win,
    /// It cost more than it brought.
    Loss,
    /// To the last unit the same.
    Flat,
}

impl Position {
    /// Whether it is open or being opened.
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none()
    }
}

/// A position in numbers. Amounts are in the smallest unit of asset or quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PositionState {
    pub(crate) id: PositionId,
    pub(crate) owner: Arc<str>,
    pub(crate) asset: AssetId,
    pub(crate) quote: AssetId,
    pub(crate) tag: Box<str>,
    pub(crate) method: CostMethod,
    pub(crate) opened_at: i64,
    pub(crate) closed_at: Option<i64>,
    pub(crate) opened_by: Option<OperationId>,
    pub(crate) quantity: i128,
    pub(crate) reserved: i128,
    pub(crate) cost: i128,
    pub(crate) realized: i128,
    pub(crate) quote_fees: i128,
    pub(crate) bought: i128,
    pub(crate) proceeds: i128,
    pub(crate) entries: u64,
    pub(crate) last_entry: Option<EntryId>,
    /// The number of the oldest lot.
    pub(crate) first_lot: u64,
}

#[derive(Encode, BorrowDecode)]
struct PositionRow<'b> {
    owner: &'b str,
    asset: u32,
    quote: u32,
    tag: &'b str,
    fifo: bool,
    opened_at: i64,
    closed_at: Option<i64>,
    opened_by: Option<u64>,
    quantity: i128,
    reserved: i128,
    cost: i128,
    realized: i128,
    quote_fees: i128,
    bought: i128,
    proceeds: i128,
    entries: u64,
    last_entry: Option<u64>,
    first_lot: u64,
}

impl PositionState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        rows::encode(&PositionRow {
            owner: &self.owner,
            asset: self.asset.0,
            quote: self.quote.0,
            tag: &self.tag,
            fifo: self.method == CostMethod::Fifo,
            opened_at: self.opened_at,
            closed_at: self.closed_at,
            opened_by: self.opened_by.map(OperationId::get),
            quantity: self.quantity,
            reserved: self.reserved,
            cost: self.cost,
            realized: self.realized,
            quote_fees: self.quote_fees,
            bought: self.bought,
            proceeds: self.proceeds,
            entries: self.entries,
            last_entry: self.last_entry.map(EntryId::get),
            first_lot: self.first_lot,
        })
    }

    pub(crate) fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, Error> {
        let id = KeyReader(key).u64().ok_or_else(|| rows::impossible(POSITIONS, key, "key"))?;
        let row: PositionRow<'_> = rows::decode(POSITIONS, key, bytes)?;
        Ok(Self {
            id: PositionId::new(id),
            owner: row.owner.into(),
            asset: AssetId(row.asset),
            quote: AssetId(row.quote),
            tag: row.tag.into(),
            method: if row.fifo { CostMethod::Fifo } else { CostMethod::Average },
            opened_at: row.opened_at,
            closed_at: row.closed_at,
            opened_by: row.opened_by.map(OperationId::new),
            quantity: row.quantity,
            reserved: row.reserved,
            cost: row.cost,
            realized: row.realized,
            quote_fees: row.quote_fees,
            bought: row.bought,
            proceeds: row.proceeds,
            entries: row.entries,
            last_entry: row.last_entry.map(EntryId::new),
            first_lot: row.first_lot,
        })
    }

    pub(crate) fn slot(&self) -> Vec<u8> {
        slot(&self.owner, self.asset, &self.tag)
    }

    /// How it came out, once it is closed and was ever filled.
    pub(crate) fn outcome(&self) -> Result<Option<Outcome>, Error> {
        if self.closed_at.is_none() || self.entries == 0 {
            return Ok(None);
        }
        let outcome = match super::accounts::sub(self.realized, self.quote_fees)?.signum() {
            1 => Outcome::Win,
            -1 => Outcome::Loss,
            _ => Outcome::Flat,
        };
        Ok(Some(outcome))
    }

    /// The position with its assets in full.
    pub(crate) fn shown(&self, reader: &dyn Reader) -> Result<Position, Error> {
        let asset = assets::asset(reader, self.asset)?;
        let quote = assets::asset(reader, self.quote)?;
        let units = |number| Money::new(asset.clone(), Amount::from_units(number));
        let quoted = |number| Money::new(quote.clone(), Amount::from_units(number));
        Ok(Position {
            id: self.id,
            account: (&*self.owner).into(),
            tag: self.tag.clone(),
            method: self.method,
            opened_at: Timestamp::from_micros(self.opened_at),
            closed_at: self.closed_at.map(Timestamp::from_micros),
            opened_by: self.opened_by,
            quantity: units(self.quantity),
            reserved: units(self.reserved),
            cost: quoted(self.cost),
            realized: quoted(self.realized),
            quote_fees: quoted(self.quote_fees),
            bought: quoted(self.bought),
            proceeds: quoted(self.proceeds),
            entries: self.entries,
            last_entry: self.last_entry,
            asset,
            quote,
        })
    }
}

pub(crate) fn slot(owner: &str, asset: AssetId, tag: &str) -> Vec<u8> {
    Key::new().name(owner).u32(asset.0).rest(tag.as_bytes()).into_bytes()
}

/// The position with this number.
pub(crate) fn load(reader: &dyn Reader, id: PositionId) -> Result<PositionState, Error> {
    let key = id.get().to_be_bytes();
    let row = reader.get(POSITIONS, &key)?.ok_or(Error::UnknownPosition { position: id })?;
    PositionState::decode(&key, &row)
}

/// The lots of a position, the oldest first.
pub(crate) fn lots(reader: &dyn Reader, id: PositionId) -> Result<VecDeque<Lot>, Error> {
    let rows = reader.scan(LOTS, KeyRange::prefix(&id.get().to_be_bytes()));
    rows.map(|row| {
        let (key, row) = row?;
        rows::decode(LOTS, &key, &row)
    })
    .collect()
}

/// The units and cost of a position.
pub(crate) fn basis(reader: &dyn Reader, state: &PositionState) -> Result<Basis, Error> {
    Ok(match state.method {
        CostMethod::Average => Basis::Average(Lot { quantity: state.quantity, cost: state.cost }),
        CostMethod::Fifo => Basis::Fifo(lots(reader, state.id)?),
    })
}

impl LedgerTx<'_> {
    /// The position with this number, as it is in this commit.
    pub(crate) fn position(&self, id: PositionId) -> Result<Position, Error> {
        self.load_position(id)?.shown(self.reader())
    }

    pub(super) fn load_position(&self, id: PositionId) -> Result<PositionState, Error> {
        load(self.reader(), id)
    }

    /// Opens a position, without units, for `operation`.
    pub(crate) fn open_position(
        &mut self,
        operation: OperationId,
        new: &NewPosition,
    ) -> Result<PositionId, Error> {
        let opened_at = self.stored_now();
        Ok(self.new_position(Some(operation), new, opened_at)?.id)
    }

    pub(super) fn new_position(
        &mut self,
        opened_by: Option<OperationId>,
        new: &NewPosition,
        opened_at: i64,
    ) -> Result<PositionState, Error> {
        new.check()?;
        let (asset, quote) = (self.asset_id(&new.asset)?, self.asset_id(&new.quote)?);
        if let Some(position) = self.open_under(&slot(&new.account, asset, &new.tag))? {
            return Err(Error::DuplicatePosition { position });
        }
        let state = PositionState {
            id: self.next_position()?,
            owner: (&*new.account).into(),
            asset,
            quote,
            tag: new.tag.clone(),
            method: new.method,
            opened_at,
            closed_at: None,
            opened_by,
            quantity: 0,
            reserved: 0,
            cost: 0,
            realized: 0,
            quote_fees: 0,
            bought: 0,
            proceeds: 0,
            entries: 0,
            last_entry: None,
            first_lot: 0,
        };
        self.save_position(None, &state)?;
        Ok(state)
    }

    /// The open position in a slot.
    pub(super) fn open_under(&self, slot: &[u8]) -> Result<Option<PositionId>, Error> {
        Ok(rows::load::<u64>(self.reader(), SLOTS, slot)?.map(PositionId::new))
    }

    /// Closes a position that has no units. To be called only where no unfinished opening or increase
    /// names it.
    pub(crate) fn close_if_empty(&mut self, id: PositionId) -> Result<(), Error> {
        let before = self.load_position(id)?;
        if before.quantity != 0 || before.closed_at.is_some() {
            return Ok(());
        }
        let after = PositionState { closed_at: Some(self.stored_now()), ..before.clone() };
        self.save_position(Some(&before), &after)
    }

    /// Takes units and cost over into `state`, and saves the lots that changed since `before`.
    pub(super) fn save_basis(
        &mut self,
        state: &mut PositionState,
        before: &Basis,
        after: &Basis,
    ) -> Result<(), Error> {
        let all = after.totals()?;
        (state.quantity, state.cost) = (all.quantity, all.cost);
        if let (Basis::Fifo(before), Basis::Fifo(after)) = (before, after) {
            self.save_lots(state, before, after)?;
        }
        Ok(())
    }

    /// Lots leave at the front and come at the back, so their numbers rise as fewer are left, and
    /// only those are written whose place holds another lot now.
    fn save_lots(
        &mut self,
        state: &mut PositionState,
        before: &VecDeque<Lot>,
        after: &VecDeque<Lot>,
    ) -> Result<(), Error> {
        let gone = before.len().saturating_sub(after.len());
        for place in 0..before.len().max(gone + after.len()) {
            let key = lot_key(state, place)?;
            let lot = place.checked_sub(gone).and_then(|place| after.get(place));
            match lot {
                Some(lot) if before.get(place) != Some(lot) => {
                    rows::put(self.tx(), LOTS, &key, lot);
                }
                Some(_) => {}
                None => self.tx().delete(LOTS, &key),
            }
        }
        state.first_lot = lot_number(state, gone)?;
        Ok(())
    }
}

/// The number of the lot in this place.
pub(super) fn lot_number(state: &PositionState, place: usize) -> Result<u64, Error> {
    let number = u64::try_from(place).ok().and_then(|place| state.first_lot.checked_add(place));
    number.ok_or_else(|| rows::impossible(POSITIONS, &state.id.get().to_be_bytes(), "first_lot"))
}

/// The key of the lot in this place.
pub(super) fn lot_key(state: &PositionState, place: usize) -> Result<Vec<u8>, Error> {
    Ok(Key::new().u64(state.id.get()).u64(lot_number(state, place)?).into_bytes())
}
