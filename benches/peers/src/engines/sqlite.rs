//! SQLite: one connection, statements prepared once, a transaction for every thousand rows.
//!
//! Prices are 16 bytes, the greatest first, so that they compare as numbers do. Keys are the primary key of
//! tables without row ids, so that a token is one entry of one B-tree.

use std::path::Path;

use rusqlite::{Connection, Statement, params};

use super::{BATCH_ROWS, Counts, DAY_MICROS, SOURCE, START_MICROS};
use crate::Outcome;
use crate::list::Row;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS tokens (
    key TEXT PRIMARY KEY,
    symbol TEXT, symbol_at INTEGER, name TEXT, name_at INTEGER, decimals INTEGER,
    cap BLOB, cap_at INTEGER,
    current BLOB, current_at INTEGER, first BLOB, first_at INTEGER,
    high BLOB, high_at INTEGER, low BLOB, low_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (
    source TEXT, key TEXT, session INTEGER, stale INTEGER, PRIMARY KEY (source, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    source TEXT PRIMARY KEY, session INTEGER, rows INTEGER, refused INTEGER, ended INTEGER
) STRICT, WITHOUT ROWID;";

const UPSERT: &str = "
INSERT INTO tokens VALUES (?1, ?2, ?7, ?3, ?7, ?4, ?5, ?7, ?6, ?7, ?6, ?7, ?6, ?7, ?6, ?7)
ON CONFLICT (key) DO UPDATE SET
    symbol = iif(excluded.symbol_at >= symbol_at, excluded.symbol, symbol),
    symbol_at = max(excluded.symbol_at, symbol_at),
    name = iif(excluded.name_at >= name_at, excluded.name, name),
    name_at = max(excluded.name_at, name_at),
    cap = iif(excluded.cap_at >= cap_at, excluded.cap, cap),
    cap_at = max(excluded.cap_at, cap_at),
    current = iif(excluded.current_at >= current_at, excluded.current, current),
    current_at = max(excluded.current_at, current_at),
    first = iif(excluded.first_at < first_at, excluded.first, first),
    first_at = min(excluded.first_at, first_at),
    high_at = iif(excluded.high > high, excluded.high_at, high_at),
    high = max(excluded.high, high),
    low_at = iif(excluded.low < low, excluded.low_at, low_at),
    low = min(excluded.low, low)";

const SEEN: &str = "
INSERT INTO seen VALUES (?1, ?2, ?3, 0)
ON CONFLICT (source, key) DO UPDATE SET session = excluded.session, stale = 0
WHERE session <> excluded.session";

const SESSION: &str = "
INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (source) DO UPDATE SET session = excluded.session, rows = excluded.rows,
    refused = excluded.refused, ended = excluded.ended";

pub fn sync(
    dir: &Path,
    synchronous: &str,
    session: u64,
    rows: impl Iterator<Item = Outcome<Row>>,
) -> Outcome<Counts> {
    std::fs::create_dir_all(dir)?;
    let database = Connection::open(dir.join("tokens.sqlite"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", synchronous)?;
    database.execute_batch(SCHEMA)?;
    let session = i64::try_from(session)?;
    let mut counts = Counts::default();
    {
        let mut upsert = database.prepare(UPSERT)?;
        let mut seen = database.prepare(SEEN)?;
        let mut accounts = database.prepare(SESSION)?;
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            database.execute_batch("BEGIN IMMEDIATE")?;
            for row in rows.by_ref().take(BATCH_ROWS) {
                one(&row?, session, &mut counts, &mut upsert, &mut seen)?;
            }
            accounts.execute(params![SOURCE, session, counts.rows, counts.refused, 0])?;
            database.execute_batch("COMMIT")?;
        }
        database.execute_batch("BEGIN IMMEDIATE")?;
        let stale = "UPDATE seen SET stale = 1 WHERE source = ?1 AND session <> ?2 AND stale = 0";
        database.execute(stale, params![SOURCE, session])?;
        accounts.execute(params![SOURCE, session, counts.rows, counts.refused, 1])?;
        database.execute_batch("COMMIT")?;
    }
    database.close().map_err(|(_, error)| error)?;
    Ok(counts)
}

fn one(
    row: &Row,
    session: i64,
    counts: &mut Counts,
    upsert: &mut Statement<'_>,
    seen: &mut Statement<'_>,
) -> Outcome<()> {
    let key = format!("{}/{}", row.chain, row.address);
    // A row that this session counted before is a repeated one.
    if seen.execute(params![SOURCE, key, session])? == 0 {
        return Ok(());
    }
    counts.rows += 1;
    if row.decimals > 24 {
        counts.refused += 1;
        return Ok(());
    }
    let at = START_MICROS + session * DAY_MICROS;
    let (cap, price) = (row.market_cap.units().to_be_bytes(), row.price.units().to_be_bytes());
    upsert.execute(params![key, row.symbol, row.name, row.decimals, &cap[..], &price[..], at])?;
    Ok(())
}

pub fn tokens(dir: &Path) -> Outcome<u64> {
    let database = Connection::open(dir.join("tokens.sqlite"))?;
    Ok(database.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?)
}
