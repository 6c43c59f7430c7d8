//! SQLite: a connection for each thread, statements prepared once, one statement for an upsert.
//!
//! Prices are 16 bytes, the greatest first, so that they compare as numbers do. Keys are the primary key of
//! tables without row ids, so that a token is one entry of one B-tree.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row as Columns, params};

use super::{Counts, Engine, Session};
use crate::Outcome;
use crate::list::Row;
use crate::record::{Marks, Seen, Texts, Tick};
use crate::world::{
    ACCOUNTS, BALANCE, Change, DAY_MICROS, SOURCE, START_MICROS, Token, Transfer, account,
};

pub const SETTINGS: &str = "bundled; journal_mode WAL, synchronous FULL, a connection per thread, writers wait \
     at a mutex, cached statements, WITHOUT ROWID, BEGIN IMMEDIATE, one INSERT .. ON CONFLICT DO UPDATE per upsert; other defaults (cache 2 MB)";

const SCHEMA: &str = include_str!("sqlite.sql");

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

const PRICE: &str = "
INSERT INTO tokens (key, current, current_at, first, first_at, high, high_at, low, low_at)
VALUES (?1, ?2, ?3, ?2, ?3, ?2, ?3, ?2, ?3)
ON CONFLICT (key) DO UPDATE SET
    current = iif(excluded.current_at >= current_at, excluded.current, current),
    current_at = max(excluded.current_at, current_at),
    first = iif(excluded.first_at < first_at, excluded.first, first),
    first_at = min(excluded.first_at, first_at),
    high_at = iif(excluded.high > high, excluded.high_at, high_at),
    high = max(excluded.high, high),
    low_at = iif(excluded.low < low, excluded.low_at, low_at),
    low = min(excluded.low, low)";

const READ: &str = "SELECT symbol, symbol_at, name, decimals, cap, current, current_at, first, \
     first_at, high, high_at, low, low_at FROM tokens WHERE key = ?1";

const SEEN: &str = "
INSERT INTO seen VALUES (?1, ?2, ?3, 0)
ON CONFLICT (source, key) DO UPDATE SET session = excluded.session, stale = 0
WHERE session <> excluded.session";

const SESSION: &str = "
INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (source) DO UPDATE SET session = excluded.session, rows = excluded.rows,
    refused = excluded.refused, ended = excluded.ended";

const STALE: &str = "UPDATE seen SET stale = 1 WHERE source = ?1 AND session <> ?2 AND stale = 0";
const DEBIT: &str = "UPDATE accounts SET units = units - ?2 WHERE name = ?1 AND units >= ?2";
const CREDIT: &str = "UPDATE accounts SET units = units + ?2 WHERE name = ?1";
const ENTRY: &str = "INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5)";

pub struct Sqlite {
    file: PathBuf,
    synchronous: &'static str,
    /// There is one writer at a time. Threads wait for it here: SQLite's own way is to sleep and try again.
    writer: Mutex<()>,
}

struct Worker<'a> {
    connection: Connection,
    writer: &'a Mutex<()>,
}

impl Sqlite {
    pub fn open(dir: &Path, synchronous: &'static str) -> Outcome<Self> {
        let file = dir.join("tokens.sqlite");
        let sqlite = Self { file, synchronous, writer: Mutex::default() };
        sqlite.connect()?.execute_batch(SCHEMA)?;
        Ok(sqlite)
    }

    fn connect(&self) -> Outcome<Connection> {
        let connection = Connection::open(&self.file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", self.synchronous)?;
        connection.set_prepared_statement_cache_capacity(32);
        Ok(connection)
    }
}

impl Engine for Sqlite {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Worker { connection: self.connect()?, writer: &self.writer }))
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        Ok(Some(self.connect()?.query_row("SELECT count(*) FROM tokens", [], |row| row.get(0))?))
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(()) // the last connection that is dropped moves the log into the file
    }
}

impl Worker<'_> {
    /// All that `body` does, in one commit.
    fn commit<T>(&mut self, body: impl FnOnce(&Connection) -> Outcome<T>) -> Outcome<T> {
        let _alone = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let done = body(&self.connection)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(done)
    }
}

impl Session for Worker<'_> {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        self.commit(|connection| {
            for &Change { token, tick, told } in changes {
                let price = tick.price.to_be_bytes();
                if told {
                    let Texts { symbol, name, decimals, cap } = &token.texts;
                    let cap = cap.to_be_bytes();
                    let all = params![token.key, symbol, name, decimals, cap, price, tick.at];
                    connection.prepare_cached(UPSERT)?.execute(all)?;
                } else {
                    let some = params![token.key, price, tick.at];
                    connection.prepare_cached(PRICE)?.execute(some)?;
                }
            }
            Ok(())
        })
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        let mut statement = self.connection.prepare_cached(READ)?;
        Ok(statement.query_row([&token.key], seen).optional()?)
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        self.commit(|connection| {
            let mut insert = connection.prepare_cached("INSERT INTO accounts VALUES (?1, ?2)")?;
            for number in 0..ACCOUNTS {
                insert.execute(params![account(number), BALANCE])?;
            }
            Ok(())
        })
    }

    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        self.commit(|connection| {
            for one in transfers {
                let (from, to) = (account(one.from), account(one.to));
                if connection.prepare_cached(DEBIT)?.execute(params![from, one.units])? != 1 {
                    return Err("not enough money".into());
                }
                connection.prepare_cached(CREDIT)?.execute(params![to, one.units])?;
                let at = START_MICROS + one.id as i64;
                let entry = params![one.id, at, one.units, from, to];
                connection.prepare_cached(ENTRY)?.execute(entry)?;
            }
            Ok(())
        })
    }

    fn balance(&mut self, number: u32) -> Outcome<u64> {
        let mut statement =
            self.connection.prepare_cached("SELECT units FROM accounts WHERE name = ?1")?;
        Ok(statement.query_row([account(number)], |row| row.get(0))?)
    }

    fn sync(&mut self, session: u64, before: Counts, rows: &[Row]) -> Outcome<Counts> {
        self.commit(|connection| {
            let mut counts = before;
            for row in rows {
                take_in(connection, row, session, &mut counts)?;
            }
            let accounts = params![SOURCE, session, counts.rows, counts.refused, 0];
            connection.prepare_cached(SESSION)?.execute(accounts)?;
            Ok(counts)
        })
    }

    fn end_sync(&mut self, session: u64, counts: Counts) -> Outcome<()> {
        self.commit(|connection| {
            connection.execute(STALE, params![SOURCE, session])?;
            let accounts = params![SOURCE, session, counts.rows, counts.refused, 1];
            connection.prepare_cached(SESSION)?.execute(accounts)?;
            Ok(())
        })
    }
}

fn take_in(connection: &Connection, row: &Row, session: u64, counts: &mut Counts) -> Outcome<()> {
    let key = format!("{}/{}", row.chain, row.address);
    // A row that this session counted before is a repeated one.
    if connection.prepare_cached(SEEN)?.execute(params![SOURCE, key, session])? == 0 {
        return Ok(());
    }
    counts.rows += 1;
    if row.decimals > 24 {
        counts.refused += 1;
        return Ok(());
    }
    let at = START_MICROS + i64::try_from(session)? * DAY_MICROS;
    let (cap, price) = (row.market_cap.units().to_be_bytes(), row.price.units().to_be_bytes());
    let all = params![key, row.symbol, row.name, row.decimals, cap, price, at];
    connection.prepare_cached(UPSERT)?.execute(all)?;
    Ok(())
}

fn seen(row: &Columns<'_>) -> rusqlite::Result<Seen> {
    let tick = |column: usize| -> rusqlite::Result<Tick> {
        Ok(Tick { price: u128::from_be_bytes(row.get(column)?), at: row.get(column + 1)? })
    };
    let cap = u128::from_be_bytes(row.get(4)?);
    let texts = Texts { symbol: row.get(0)?, name: row.get(2)?, decimals: row.get(3)?, cap };
    let marks = Marks { current: tick(5)?, first: tick(7)?, high: tick(9)?, low: tick(11)? };
    Ok(Seen { texts, texts_at: row.get(1)?, marks })
}
