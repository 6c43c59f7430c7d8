//! The entry: legs that sum to zero, what they did to positions, and why.

use std::sync::Arc;

use super::accounts::{AccountKey, AccountKind};
use super::assets::{self, AssetId};
use super::rows::{self, KeyReader};
use super::{
    ENTRIES, ENTRIES_BY_ACCOUNT, ENTRIES_BY_OPERATION, ENTRIES_BY_POSITION, EntryId, Error, FillId,
    Leg, OperationId, PositionId, fills, position,
};
use crate::clock::Timestamp;
use crate::codec::{BorrowDecode, Encode};
use crate::engine::{KeyRange, Reader, Table};
use crate::money::{Amount, Money};

macro_rules! entry_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What an entry stands for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum EntryKind { $($(#[$doc])* $name,)* }

        impl EntryKind {
            const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word for it in listings.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

entry_kinds! {
    /// Money came in.
    Deposit = "deposit",
    /// Money left.
    Withdrawal = "withdrawal",
    /// What an account held when the book was opened.
    OpeningBalance = "opening-balance",
    /// A position that was there before the book was.
    Import = "import",
    /// Units were bought.
    Buy = "buy",
    /// Units were sold.
    Sell = "sell",
    /// Units were paid out.
    Redeem = "redeem",
    /// Cash became units of every outcome.
    Split = "split",
    /// Units of every outcome became cash.
    Merge = "merge",
    /// A balanced entry of the caller's own.
    Transfer = "transfer",
    /// The books were brought in line with the outside.
    Adjustment = "adjustment",
    /// An entry was reversed.
    Reversal = "reversal",
}

/// An entry of the ledger. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Entry {
    /// Its number.
    pub id: EntryId,
    /// When it was posted.
    pub at: Timestamp,
    /// What it stands for.
    pub kind: EntryKind,
    /// The operation that posted it.
    pub operation: Option<OperationId>,
    /// What it added to accounts or took from them. Sums to zero per asset.
    pub legs: Vec<Leg>,
    /// What it did to positions.
    pub changes: Vec<PositionChange>,
    /// The venue and its id for the fill, where it was one.
    pub fill: Option<(Box<str>, FillId)>,
    /// The reversed entry in whose place it stands.
    pub corrects: Option<EntryId>,
    /// The entry that it reverses.
    pub reverses: Option<EntryId>,
    /// The entry that reversed it.
    pub reversed_by: Option<EntryId>,
    /// Why, where a reason was given.
    pub reason: Option<Box<str>>,
}

/// What one entry did to one position.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PositionChange {
    /// The position.
    pub position: PositionId,
    /// Units bought, or sold where negative, before fees.
    pub quantity: Money,
    /// Units taken as a fee.
    pub token_fee: Money,
    /// Units that the books lacked and that were booked from Adjustment.
    pub covered: Money,
    /// What the units cost or brought, before fees.
    pub gross: Money,
    /// The fee in the quote asset.
    pub fee: Money,
    /// By how much the position's cost rose, or fell where negative.
    pub cost: Money,
    /// The profit that this realized.
    pub realized: Money,
}

/// A change of a position in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(crate) struct Change {
    pub(crate) position: u64,
    /// Whether units came in; else they went out.
    pub(crate) incoming: bool,
    /// Units traded, never negative.
    pub(crate) quantity: i128,
    pub(crate) token_fee: i128,
    pub(crate) covered: i128,
    pub(crate) gross: i128,
    pub(crate) fee: i128,
    pub(crate) cost: i128,
    pub(crate) realized: i128,
}

/// A fill as an entry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FillName {
    pub(crate) venue: Box<str>,
    pub(crate) id: FillId,
}

/// An entry in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryRecord {
    pub(crate) id: EntryId,
    pub(crate) at: i64,
    pub(crate) kind: EntryKind,
    pub(crate) operation: Option<OperationId>,
    pub(crate) reverses: Option<EntryId>,
    pub(crate) corrects: Option<EntryId>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) fill: Option<FillName>,
    pub(crate) legs: Vec<(AccountKey, i128)>,
    pub(crate) changes: Vec<Change>,
}

#[derive(Encode, BorrowDecode)]
struct EntryRow<'b> {
    at: i64,
    kind: u8,
    operation: Option<u64>,
    reverses: Option<u64>,
    corrects: Option<u64>,
    reason: Option<&'b str>,
    fill: Option<(&'b str, Option<&'b str>)>,
    /// Owners, then of each leg: owner's place, asset, kind, amount.
    owners: Vec<&'b str>,
    legs: Vec<(u16, u32, u8, i128)>,
    changes: Vec<Change>,
}

impl EntryRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut owners: Vec<&str> = Vec::new();
        let mut legs = Vec::with_capacity(self.legs.len());
        for (account, amount) in &self.legs {
            let known = owners.iter().position(|owner| **owner == *account.owner);
            let place = known.unwrap_or_else(|| {
                owners.push(&account.owner);
                owners.len() - 1
            });
            // An operation names fewer accounts than this holds, and no other entry has more than two.
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            legs.push((place, account.asset.0, account.kind.number(), *amount));
        }
        rows::encode(&EntryRow {
            at: self.at,
            kind: self.kind as u8,
            operation: self.operation.map(OperationId::get),
            reverses: self.reverses.map(EntryId::get),
            corrects: self.corrects.map(EntryId::get),
            reason: self.reason.as_deref(),
            fill: self.fill.as_ref().map(|fill| match &fill.id {
                FillId::Execution(id) => (&*fill.venue, Some(&**id)),
                FillId::Cumulative => (&*fill.venue, None),
            }),
            owners,
            legs,
            changes: self.changes.clone(),
        })
    }

    pub(crate) fn decode(key: &[u8], bytes: &[u8]) -> Result<Self, Error> {
        let impossible = |field| rows::impossible(ENTRIES, key, field);
        let id = KeyReader(key).u64().ok_or_else(|| impossible("key"))?;
        let row: EntryRow<'_> = rows::decode(ENTRIES, key, bytes)?;
        let owners: Vec<Arc<str>> = row.owners.into_iter().map(Arc::from).collect();
        let legs = row.legs.into_iter().map(|(owner, asset, kind, amount)| {
            let owner = owners.get(usize::from(owner)).ok_or_else(|| impossible("legs"))?;
            let kind = AccountKind::from_number(kind).ok_or_else(|| impossible("legs"))?;
            Ok((AccountKey { owner: owner.clone(), asset: AssetId(asset), kind }, amount))
        });
        let kind = EntryKind::ALL.get(usize::from(row.kind)).ok_or_else(|| impossible("kind"))?;
        Ok(Self {
            id: EntryId::new(id),
            at: row.at,
            kind: *kind,
            operation: row.operation.map(OperationId::new),
            reverses: row.reverses.map(EntryId::new),
            corrects: row.corrects.map(EntryId::new),
            reason: row.reason.map(Box::from),
            fill: row.fill.map(|(venue, id)| FillName {
                venue: venue.into(),
                id: id.map_or(FillId::Cumulative, |id| FillId::Execution(id.into())),
            }),
            legs: legs.collect::<Result<_, Error>>()?,
            changes: row.changes,
        })
    }

    /// The entry with its assets in full.
    pub(crate) fn shown(&self, reader: &dyn Reader) -> Result<Entry, Error> {
        let legs = self.legs.iter().map(|(account, amount)| {
            let asset = assets::asset(reader, account.asset)?;
            let money = Money::new(asset, Amount::from_units(*amount));
            Ok(Leg { account: (&*account.owner).into(), kind: account.kind, money })
        });
        let changes = self.changes.iter().map(|change| change.shown(reader));
        Ok(Entry {
            id: self.id,
            at: Timestamp::from_micros(self.at),
            kind: self.kind,
            operation: self.operation,
            legs: legs.collect::<Result<_, Error>>()?,
            changes: changes.collect::<Result<_, Error>>()?,
            fill: self.fill.clone().map(|fill| (fill.venue, fill.id)),
            corrects: self.corrects,
            reverses: self.reverses,
            reversed_by: reversal_of(reader, self.id)?,
            reason: self.reason.clone(),
        })
    }
}

impl Change {
    fn shown(&self, reader: &dyn Reader) -> Result<PositionChange, Error> {
        let position = PositionId::new(self.position);
        let state = position::load(reader, position)?;
        let asset = assets::asset(reader, state.asset)?;
        let quote = assets::asset(reader, state.quote)?;
        let units = |number| Money::new(asset.clone(), Amount::from_units(number));
        let quoted = |number| Money::new(quote.clone(), Amount::from_units(number));
        let signed = if self.incoming { self.quantity } else { self.quantity.saturating_neg() };
        Ok(PositionChange {
            position,
            quantity: units(signed),
            token_fee: units(self.token_fee),
            covered: units(self.covered),
            gross: quoted(self.gross),
            fee: quoted(self.fee),
            cost: quoted(self.cost),
            realized: quoted(self.realized),
        })
    }
}

/// The entry with this number.
pub(crate) fn load(reader: &dyn Reader, id: EntryId) -> Result<EntryRecord, Error> {
    let key = id.get().to_be_bytes();
    let row = reader.get(ENTRIES, &key)?.ok_or(Error::UnknownEntry { entry: id })?;
    EntryRecord::decode(&key, &row)
}

/// The entry that reversed this one.
pub(crate) fn reversal_of(reader: &dyn Reader, id: EntryId) -> Result<Option<EntryId>, Error> {
    Ok(fills::reversal(reader, id)?.map(|row| EntryId::new(row.by)))
}

/// The entries that an index lists under `prefix`, oldest first.
pub(crate) fn listed<'r>(
    reader: &'r dyn Reader,
    index: Table,
    prefix: &[u8],
) -> impl DoubleEndedIterator<Item = Result<EntryRecord, Error>> + use<'r> {
    reader.scan(index, KeyRange::prefix(prefix)).map(move |row| {
        let (key, _) = row?;
        let id = key.last_chunk::<8>().ok_or_else(|| rows::impossible(index, &key, "key"))?;
        load(reader, EntryId::new(u64::from_be_bytes(*id)))
    })
}

/// The entries of an operation, oldest first.
pub(crate) fn of_operation(
    reader: &dyn Reader,
    operation: OperationId,
) -> impl DoubleEndedIterator<Item = Result<EntryRecord, Error>> {
    listed(reader, ENTRIES_BY_OPERATION, &operation.get().to_be_bytes())
}

/// The entries that moved a position, oldest first.
pub(crate) fn of_position(
    reader: &dyn Reader,
    position: PositionId,
) -> impl DoubleEndedIterator<Item = Result<EntryRecord, Error>> {
    listed(reader, ENTRIES_BY_POSITION, &position.get().to_be_bytes())
}

/// The entries with a leg on an account of this owner, oldest first.
pub(crate) fn of_owner<'r>(
    reader: &'r dyn Reader,
    owner: &str,
) -> impl DoubleEndedIterator<Item = Result<EntryRecord, Error>> + use<'r> {
    listed(reader, ENTRIES_BY_ACCOUNT, rows::Key::new().name(owner).bytes())
}
