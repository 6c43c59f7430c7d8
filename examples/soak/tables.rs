//! How large the tables of a closed store are, by redb's own count, and which of them have grown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use redb::{ReadOnlyDatabase, ReadableDatabase, ReadableTableMetadata, TableHandle};

use crate::Outcome;

/// Tables that keep their rows for ever, by their numbers in docs/format.md: entries and their indexes,
/// reversals, positions, fills, the positions closed, attributes of positions, idempotency keys.
const FOR_EVER: [&str; 9] = [
    "rows-005", "rows-006", "rows-007", "rows-008", "rows-009", "rows-010", "rows-013", "rows-019",
    "rows-034",
];
/// A table of which rows come and go may be so much larger at one time than at another.
const SLACK_BYTES: u64 = 256 * 1024;

/// The bytes of keys and rows of each table.
#[derive(Debug)]
pub(crate) struct Tables(BTreeMap<String, u64>);

impl Tables {
    pub(crate) fn read(base: &Path) -> Outcome<Self> {
        let database = ReadOnlyDatabase::open(base)?;
        let transaction = database.begin_read()?;
        let mut sizes = BTreeMap::new();
        for table in transaction.list_tables()? {
            let stats = transaction.open_untyped_table(table.clone())?.stats()?;
            sizes.insert(table.name().to_owned(), stats.stored_bytes());
        }
        Ok(Self(sizes))
    }

    fn bytes(&self, table: &str) -> u64 {
        self.0.get(table).copied().unwrap_or(0)
    }
}

/// What became larger between two measurements.
#[derive(Debug)]
pub(crate) struct Grown {
    tables: Vec<(String, u64, u64)>,
    trades: u64,
    /// What a trade leaves behind for ever.
    pub(crate) bytes_per_trade: u64,
}

impl Grown {
    /// What has grown while so many trades were done: an error where rows are not kept for ever.
    pub(crate) fn between(before: &Tables, after: &Tables, trades: u64) -> Outcome<Self> {
        let mut grown = Self { tables: Vec::new(), trades, bytes_per_trade: 0 };
        let mut kept = 0;
        for name in after.0.keys() {
            let (was, is) = (before.bytes(name), after.bytes(name));
            if FOR_EVER.contains(&name.as_str()) {
                kept += is - was;
            } else if is > was + was / 10 + SLACK_BYTES {
                return Err(format!("table {name} grew from {was} to {is} bytes").into());
            }
            grown.tables.push((name.clone(), was, is));
        }
        grown.bytes_per_trade = kept / trades.max(1);
        Ok(grown)
    }
}

impl fmt::Display for Grown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "table: bytes in the middle, bytes at the end, bytes per trade where kept for ever"
        )?;
        for (name, was, is) in &self.tables {
            if FOR_EVER.contains(&name.as_str()) {
                let each = (is - was) as f64 / self.trades.max(1) as f64;
                writeln!(f, "{name:>8}: {was:>10} {is:>10} {each:>8.1}")?;
            } else {
                writeln!(f, "{name:>8}: {was:>10} {is:>10}")?;
            }
        }
        writeln!(f, "{} bytes per trade are kept for ever", self.bytes_per_trade)
    }
}
