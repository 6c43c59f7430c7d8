//! The codecs of the ledger, as the fuzzing looks at them.

use super::accounts::{Account, AccountKey};
use super::attributes::AttributeRow;
use super::cost::Lot;
use super::entry::EntryRecord;
use super::fills::{FillRow, ReversalRow};
use super::holds::{HoldKey, HoldRow};
use super::limits::HaltRow;
use super::position::PositionState;
use super::rows::VERSION;
use super::save::Counters;
use super::tx::NextNumbers;
use super::{
    ACCOUNTS, ASSET_KEYS, ASSETS, ATTRIBUTES, BOOK, CLOSED, ENTRIES, ENTRIES_BY_ACCOUNT,
    ENTRIES_BY_OPERATION, ENTRIES_BY_POSITION, EQUITY, FILLS, HOLDS, LOTS, OWNERS, POSITIONS,
    REVERSALS, SLOTS, assets, rows,
};
use crate::codec::{self, Form, Recoding, recode};

/// A key that fits every row which is read with the number in its key.
const KEY: [u8; 8] = [0; 8];

/// Every codec of this module.
pub(crate) const CODECS: &[Recoding] = &[
    Recoding::row("asset", &[ASSETS.0], recode::<VERSION, (u32, u8)>),
    Recoding::row("asset by number", &[ASSET_KEYS.0], |bytes| {
        let asset = assets::decode(&KEY, bytes).ok()?;
        Some(assets::encode(assets::AssetId(1), &asset).1)
    }),
    Recoding::row("account", &[ACCOUNTS.0], recode::<VERSION, Account>),
    Recoding::row("account key", &[ACCOUNTS.0], |bytes| {
        AccountKey::read(bytes).ok().map(|key| key.bytes())
    }),
    // Writers name every owner once, in the order of the legs; readers take any list of owners.
    Recoding::row("entry", &[ENTRIES.0], |bytes| {
        EntryRecord::decode(&KEY, bytes).ok().map(|entry| entry.encode())
    })
    .with(Form::Lenient),
    Recoding::row(
        "index",
        &[ENTRIES_BY_ACCOUNT.0, ENTRIES_BY_OPERATION.0, ENTRIES_BY_POSITION.0, CLOSED.0],
        recode::<VERSION, ()>,
    ),
    Recoding::row("reversal", &[REVERSALS.0], recode::<VERSION, ReversalRow>),
    Recoding::row("position", &[POSITIONS.0], |bytes| {
        PositionState::decode(&KEY, bytes).ok().map(|position| position.encode())
    }),
    Recoding::row("number", &[SLOTS.0, BOOK.0], recode::<VERSION, u64>),
    Recoding::row("lot", &[LOTS.0], recode::<VERSION, Lot>),
    Recoding::row("fill", &[FILLS.0], recode::<VERSION, FillRow>),
    Recoding::row("hold", &[HOLDS.0], recode::<VERSION, HoldRow>),
    // Writers put position 0 where the hold is of no position; readers do not look at it.
    Recoding::row("hold key", &[HOLDS.0], |bytes| HoldKey::read(bytes).ok().map(|key| key.bytes()))
        .with(Form::Lenient),
    Recoding::row("attribute", &[ATTRIBUTES.0], |bytes| {
        let row: AttributeRow<'_> = codec::decode(VERSION, bytes).ok()?;
        Some(rows::encode(&row))
    }),
    Recoding::row("next numbers", &[BOOK.0], recode::<VERSION, NextNumbers>),
    Recoding::row("halt", &[BOOK.0], |bytes| {
        let row: HaltRow<'_> = codec::decode(VERSION, bytes).ok()?;
        Some(rows::encode(&row))
    }),
    Recoding::row("counters", &[OWNERS.0], recode::<VERSION, Counters>),
    Recoding::row("equity", &[EQUITY.0], recode::<VERSION, i128>),
];
