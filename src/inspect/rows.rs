//! What rows say: every table of the library, its keys and its rows, as trees and as lines.
//!
//! The trees come from the modules that own the rows, read by the codecs that the library itself reads
//! them by. What cannot be read is given as it is, with the reason.

use std::collections::BTreeMap;

use crate::codec::{Told, Untold, Value};
use crate::engine::{KeyRange, Reader, Table};
use crate::ledger;
use crate::money::Asset;
use crate::operations;
use crate::price_status;
use crate::processed;
use crate::store::{Error, STORE, boots_key, boots_told};
use crate::tokens::{self, TOKENS};

use super::table_name;

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DecodedRow {
    /// The table's number.
    pub table: u8,
    /// The table's name; empty where this release does not know the table.
    pub name: &'static str,
    /// What the key says.
    pub key: Value,
    /// What the row says; `None` where it is deleted.
    pub row: Option<Value>,
    /// Why the key could not be read; then it stands there as it is.
    pub key_problem: Option<String>,
    /// Why the row could not be read; then it stands there as it is.
    pub row_problem: Option<String>,
}

/// Reads a row of any table.
///
/// ```
/// use highwater::inspect::decode_row;
///
/// let said = decode_row(25, b"height", Some(b"\x01\x02\x0819443211"));
/// assert_eq!(said.to_string(), "cursors: cursor height = set_at 1970-01-01T00:00:00.000001Z, value 19443211");
/// let broken = decode_row(25, b"height", Some(b"\x02"));
/// assert!(broken.row_problem.is_some());
/// ```
pub fn decode_row(table: u8, key: &[u8], row: Option<&[u8]>) -> DecodedRow {
    let id = Table(table);
    let (key_told, key_problem) = or_raw(told_key(id, key), key);
    let (row_told, row_problem) = match row {
        Some(bytes) => {
            let (told, problem) = or_raw(told_row(id, key, bytes), bytes);
            (Some(told), problem)
        }
        None => (None, None),
    };
    let name = table_name(id);
    DecodedRow { table, name, key: key_told, row: row_told, key_problem, row_problem }
}

/// Whether key and row are such as this table has.
pub(super) fn check_row(table: Table, key: &[u8], row: &[u8]) -> Result<(), Untold> {
    told_key(table, key)?;
    told_row(table, key, row).map(drop)
}

fn or_raw(told: Told, bytes: &[u8]) -> (Value, Option<String>) {
    match told {
        Ok(value) => (value, None),
        Err(untold) => (Value::Unread(bytes.into()), Some(untold.problem)),
    }
}

fn told_key(table: Table, key: &[u8]) -> Told {
    match table {
        TOKENS | Table(48..=57) => tokens::told::key(table, key),
        Table(2..=19) => ledger::told::key(table, key),
        Table(24..=27) => processed::told::key(table, key),
        Table(32..=41) => operations::told::key(table, key),
        Table(58..=59) => price_status::told::key(table, key),
        STORE => boots_key(key),
        _ => Err(Untold::unknown_table()),
    }
}

fn told_row(table: Table, key: &[u8], row: &[u8]) -> Told {
    match table {
        TOKENS | Table(48..=57) => tokens::told::row(table, key, row),
        Table(2..=19) => ledger::told::row(table, key, row),
        Table(24..=27) => processed::told::row(table, row),
        Table(32..=41) => operations::told::row(table, key, row),
        Table(58..=59) => price_status::told::row(table, row),
        STORE => boots_told(row),
        _ => Err(Untold::unknown_table()),
    }
}

impl DecodedRow {
    /// Says of every amount which asset it is of, as far as that is known.
    pub fn name_assets(&mut self, assets: &KnownAssets) {
        let name = |number| assets.get(number).cloned();
        self.key.name_assets(&name);
        if let Some(row) = &mut self.row {
            row.name_assets(&name);
        }
    }

    /// Whether something in key or row is so: asked with the name of the field and what it holds.
    pub fn any(&self, is: &dyn Fn(Option<&'static str>, &Value) -> bool) -> bool {
        self.key.any(is) || self.row.as_ref().is_some_and(|row| row.any(is))
    }
}

impl std::fmt::Display for DecodedRow {
    /// One line: the table, what the key says, and what the row says.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name {
            "" => write!(f, "table {}: ", self.table)?,
            name => write!(f, "{name}: ")?,
        }
        write!(f, "{}", self.key)?;
        if let Some(problem) = &self.key_problem {
            write!(f, " ({problem})")?;
        }
        match &self.row {
            None => f.write_str(" deleted")?,
            Some(Value::Fields(fields)) if fields.is_empty() => {}
            Some(row) => write!(f, " = {row}")?,
        }
        match &self.row_problem {
            Some(problem) => write!(f, " ({problem})"),
            None => Ok(()),
        }
    }
}

/// Which asset has which number in a store: what it takes to print an amount with its point.
#[derive(Clone, Debug, Default)]
pub struct KnownAssets(BTreeMap<u32, Asset>);

impl KnownAssets {
    /// The asset with this number.
    pub fn get(&self, number: u32) -> Option<&Asset> {
        self.0.get(&number)
    }

    /// Learns from a row of the log, if it is one that says so.
    pub fn learn(&mut self, table: u8, key: &[u8], row: Option<&[u8]>) {
        let Some(row) = row else { return };
        if let Some((number, asset)) = ledger::told::asset_of(table, key, row) {
            self.0.insert(number, asset);
        }
    }

    /// Learns from everything a store has; what cannot be read is left out.
    pub(crate) fn learn_all(&mut self, reader: &dyn Reader) -> Result<(), Error> {
        for row in reader.scan(ledger::ASSET_KEYS, KeyRange::all()) {
            let (key, row) = row?;
            self.learn(ledger::ASSET_KEYS.0, &key, Some(&row));
        }
        Ok(())
    }
}
