//! The ledger's rows as trees. Amounts carry the number of their asset; which one that is, and with
//! which scale, other rows say.

use super::accounts::{Account, AccountKey};
use super::attributes::AttributeRow;
use super::cost::Lot;
use super::entry::{Change, EntryRecord};
use super::fills::{FillRow, ReversalRow};
use super::holds::{HoldKey, HoldKind, HoldRow};
use super::limits::{HALT, HaltRow};
use super::position::{CostMethod, PositionState};
use super::rows::{KeyReader, VERSION};
use super::save::Counters;
use super::tx::{NUMBERS, NextNumbers};
use super::{
    ACCOUNTS, ASSET_KEYS, ASSETS, ATTRIBUTES, BOOK, CLOSED, ENTRIES, ENTRIES_BY_ACCOUNT,
    ENTRIES_BY_OPERATION, ENTRIES_BY_POSITION, EQUITY, EntryId, FILLS, FillId, HOLDS, LOTS, OWNERS,
    OperationId, POSITIONS, PositionId, REVERSALS, SLOTS, assets,
};
use crate::codec::{self, BorrowDecode, Told, Untold, Value, no_key};
use crate::engine::Table;
use crate::money::{Asset, TokenKey};

type Fields = Vec<(&'static str, Value)>;

/// The number and the asset that a row of the table of assets by number says.
pub(crate) fn asset_of(table: u8, key: &[u8], row: &[u8]) -> Option<(u32, Asset)> {
    if table != ASSET_KEYS.0 {
        return None;
    }
    Some((KeyReader(key).u32()?, assets::decode(key, row).ok()?))
}

/// What the key says.
pub(crate) fn key(table: Table, key: &[u8]) -> Told {
    read_key(table, key).map(Value::Fields).ok_or_else(no_key)
}

fn read_key(table: Table, bytes: &[u8]) -> Option<Fields> {
    let mut key = KeyReader(bytes);
    let name = |key: &mut KeyReader<'_>| key.name().map(Value::text);
    let number = |key: &mut KeyReader<'_>| key.u64().map(Value::Number);
    Some(match table {
        ASSETS => vec![("token", Value::Token(TokenKey::from_bytes(bytes)?))],
        ASSET_KEYS => {
            let asset = key.u32()?;
            key.end()?;
            vec![("asset", Value::Number(asset.into()))]
        }
        ACCOUNTS => {
            let key = AccountKey::read(bytes).ok()?;
            account(&key)
        }
        ENTRIES | REVERSALS => one(key, "entry")?,
        ENTRIES_BY_ACCOUNT => {
            let account = name(&mut key)?;
            [vec![("account", account)], one(key, "entry")?].concat()
        }
        ENTRIES_BY_OPERATION => {
            let operation = number(&mut key)?;
            [vec![("operation", operation)], one(key, "entry")?].concat()
        }
        ENTRIES_BY_POSITION => {
            let position = number(&mut key)?;
            [vec![("position", position)], one(key, "entry")?].concat()
        }
        POSITIONS => one(key, "position")?,
        SLOTS => {
            let account = name(&mut key)?;
            let asset = Value::Number(key.u32()?.into());
            let tag = key.text()?;
            let tag = if tag.is_empty() { Value::Absent } else { Value::text(tag) };
            vec![("account", account), ("asset", asset), ("tag", tag)]
        }
        LOTS => {
            let position = number(&mut key)?;
            [vec![("position", position)], one(key, "lot")?].concat()
        }
        FILLS => {
            let (account, venue) = (name(&mut key)?, name(&mut key)?);
            vec![("account", account), ("venue", venue), ("fill", Value::text(key.text()?))]
        }
        HOLDS => {
            let key = HoldKey::read(bytes).ok()?;
            let (kind, position) = match key.kind {
                HoldKind::Cash => ("cash", None),
                HoldKind::Units(position) => ("units", Some(position)),
                HoldKind::Expected => ("expected", None),
            };
            vec![
                ("operation", Value::Number(key.operation.get())),
                ("hold", Value::text(kind)),
                ("account", Value::text(&*key.owner)),
                ("asset", Value::Number(key.asset.0.into())),
                ("position", Value::optional(position.map(PositionId::get), Value::Number)),
            ]
        }
        ATTRIBUTES => {
            let position = number(&mut key)?;
            vec![("position", position), ("attribute", Value::text(key.text()?))]
        }
        BOOK => book_key(bytes)?,
        OWNERS => vec![("account", Value::text(key.text()?))],
        EQUITY => {
            let (account, at) = (name(&mut key)?, Value::time(key.time()?));
            key.end()?;
            vec![("account", account), ("at", at)]
        }
        CLOSED => {
            let account = name(&mut key)?;
            let at = Value::time(key.time()?);
            [vec![("account", account), ("closed_at", at)], one(key, "position")?].concat()
        }
        _ => return None,
    })
}

fn one(mut key: KeyReader<'_>, name: &'static str) -> Option<Fields> {
    let number = key.u64()?;
    key.end()?;
    Some(vec![(name, Value::Number(number))])
}

fn book_key(bytes: &[u8]) -> Option<Fields> {
    let mut key = KeyReader(bytes);
    if [NUMBERS, HALT].contains(&bytes) {
        return Some(vec![("row", Value::text(key.text()?))]);
    }
    let what = key.name().filter(|what| what.starts_with("opened-")).map(Value::text)?;
    let account = Value::text(key.name()?);
    let asset = Value::Number(key.u32()?.into());
    let tag = key.text()?;
    let tag = if tag.is_empty() { Value::Absent } else { Value::text(tag) };
    Some(vec![("row", what), ("account", account), ("asset", asset), ("tag", tag)])
}

fn account(key: &AccountKey) -> Fields {
    vec![
        ("account", Value::text(&*key.owner)),
        ("asset", Value::Number(key.asset.0.into())),
        ("kind", Value::shown(&key.kind)),
    ]
}

fn decoded<'b, T: BorrowDecode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Untold> {
    Ok(codec::decode(VERSION, bytes)?)
}

/// What the row says.
pub(crate) fn row(table: Table, key: &[u8], bytes: &[u8]) -> Told {
    let numbers = |name| decoded::<u64>(bytes).map(|number| vec![(name, Value::Number(number))]);
    let fields = match table {
        ASSETS => decoded::<(u32, u8)>(bytes).map(|(number, scale)| {
            vec![("asset", Value::Number(number.into())), ("scale", Value::Number(scale.into()))]
        }),
        ASSET_KEYS => assets::decode(key, bytes).map_err(told_error).map(|asset| {
            vec![
                ("token", Value::Token(asset.key().clone())),
                ("scale", Value::Number(asset.scale().into())),
            ]
        }),
        ACCOUNTS => decoded::<Account>(bytes).map(|sums| account_sums(key, &sums)),
        ENTRIES => EntryRecord::decode(key, bytes).map_err(told_error).map(|entry| told(&entry)),
        ENTRIES_BY_ACCOUNT | ENTRIES_BY_OPERATION | ENTRIES_BY_POSITION | CLOSED => {
            decoded::<()>(bytes).map(|()| Vec::new())
        }
        REVERSALS => decoded::<ReversalRow>(bytes).map(|row| {
            vec![
                ("by", Value::Number(row.by)),
                ("corrected_by", Value::optional(row.corrected_by, Value::Number)),
            ]
        }),
        POSITIONS => {
            PositionState::decode(key, bytes).map_err(told_error).map(|state| position(&state))
        }
        SLOTS => numbers("position"),
        LOTS => decoded::<Lot>(bytes).map(|lot| {
            vec![("quantity", Value::shown(&lot.quantity)), ("cost", Value::shown(&lot.cost))]
        }),
        FILLS => decoded::<FillRow>(bytes).map(|row| {
            let posted = Value::list(row.posted, |one| {
                let operation = ("operation", Value::Number(one.operation));
                Value::Fields(vec![operation, ("entry", Value::Number(one.entry))])
            });
            vec![("posted", posted)]
        }),
        HOLDS => decoded::<HoldRow>(bytes).map(|row| {
            let asset = HoldKey::read(key).map_or(0, |key| key.asset.0);
            vec![
                ("reserved", Value::money(asset, row.reserved)),
                ("remaining", Value::money(asset, row.remaining)),
            ]
        }),
        ATTRIBUTES => decoded::<AttributeRow<'_>>(bytes).map(|row| {
            vec![
                ("version", Value::Number(row.version)),
                ("at", Value::time(row.at)),
                ("value", Value::optional(row.value, Value::bytes)),
            ]
        }),
        BOOK if key == NUMBERS => decoded::<NextNumbers>(bytes).map(|next| {
            vec![
                ("next_asset", Value::Number(next.asset.into())),
                ("next_entry", Value::Number(next.entry)),
                ("next_position", Value::Number(next.position)),
            ]
        }),
        BOOK if key == HALT => decoded::<HaltRow<'_>>(bytes)
            .map(|row| vec![("at", Value::time(row.at)), ("reason", Value::text(row.reason))]),
        BOOK => numbers("entry"),
        OWNERS => decoded::<Counters>(bytes).map(|counters| {
            let Counters { open, wins, losses, flat } = counters;
            let counts = [("open", open), ("wins", wins), ("losses", losses), ("flat", flat)];
            counts.map(|(name, count)| (name, Value::Number(count))).into()
        }),
        EQUITY => decoded::<i128>(bytes).map(|units| vec![("units", Value::shown(&units))]),
        _ => Err(Untold::unknown_table()),
    };
    fields.map(Value::Fields)
}

/// What is wrong with the row, without its table and key.
fn told_error(error: super::Error) -> Untold {
    match error {
        super::Error::CorruptRow { source, .. } => source.into(),
        error => error.into(),
    }
}

fn account_sums(key: &[u8], sums: &Account) -> Fields {
    let asset = AccountKey::read(key).map_or(0, |key| key.asset.0);
    let money = |units| Value::money(asset, units);
    let some = |units| if units == 0 { Value::Absent } else { money(units) };
    vec![
        ("balance", money(sums.balance())),
        ("debits", money(sums.debits)),
        ("credits", money(sums.credits)),
        ("pending_debits", some(sums.pending_debits)),
        ("pending_credits", some(sums.pending_credits)),
    ]
}

fn told(entry: &EntryRecord) -> Fields {
    let legs = Value::list(&entry.legs, |(key, amount)| {
        Value::Fields(vec![
            ("account", Value::text(&*key.owner)),
            ("kind", Value::shown(&key.kind)),
            ("amount", Value::money(key.asset.0, *amount)),
        ])
    });
    let fill = entry.fill.as_ref().map(|fill| {
        let id = match &fill.id {
            FillId::Execution(id) => Value::text(&**id),
            FillId::Cumulative => Value::Absent,
        };
        Value::Fields(vec![("venue", Value::text(&*fill.venue)), ("fill", id)])
    });
    vec![
        ("kind", Value::text(entry.kind.name())),
        ("at", Value::time(entry.at)),
        ("operation", Value::optional(entry.operation.map(OperationId::get), Value::Number)),
        ("reverses", Value::optional(entry.reverses.map(EntryId::get), Value::Number)),
        ("corrects", Value::optional(entry.corrects.map(EntryId::get), Value::Number)),
        ("reason", Value::optional(entry.reason.as_deref(), Value::text)),
        ("fill", fill.unwrap_or(Value::Absent)),
        ("legs", legs),
        ("changes", Value::list(&entry.changes, change)),
    ]
}

/// What an entry did to a position; which assets its amounts are of, the position's row says.
fn change(change: &Change) -> Value {
    let amount =
        |name, units: i128| (name, if units == 0 { Value::Absent } else { Value::shown(&units) });
    Value::Fields(vec![
        ("position", Value::Number(change.position)),
        ("way", Value::text(if change.incoming { "in" } else { "out" })),
        amount("quantity", change.quantity),
        amount("token_fee", change.token_fee),
        amount("covered", change.covered),
        amount("gross", change.gross),
        amount("fee", change.fee),
        amount("cost", change.cost),
        amount("realized", change.realized),
    ])
}

fn position(state: &PositionState) -> Fields {
    let units = |units| Value::money(state.asset.0, units);
    let quoted = |units| Value::money(state.quote.0, units);
    let method = match state.method {
        CostMethod::Average => "average",
        CostMethod::Fifo => "fifo",
    };
    let tag = if state.tag.is_empty() { Value::Absent } else { Value::text(&*state.tag) };
    vec![
        ("account", Value::text(&*state.owner)),
        ("tag", tag),
        ("method", Value::text(method)),
        ("opened_at", Value::time(state.opened_at)),
        ("closed_at", Value::optional(state.closed_at, Value::time)),
        ("opened_by", Value::optional(state.opened_by.map(OperationId::get), Value::Number)),
        ("quantity", units(state.quantity)),
        ("reserved", units(state.reserved)),
        ("cost", quoted(state.cost)),
        ("realized", quoted(state.realized)),
        ("quote_fees", quoted(state.quote_fees)),
        ("bought", quoted(state.bought)),
        ("proceeds", quoted(state.proceeds)),
        ("entries", Value::Number(state.entries)),
        ("last_entry", Value::optional(state.last_entry.map(EntryId::get), Value::Number)),
    ]
}
