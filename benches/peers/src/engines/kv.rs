//! What all stores of keys and bytes have in common: the rules over rows, written once.

use crate::Outcome;
use crate::engines::{Counts, Engine, Session};
use crate::list::Row;
use crate::record::{self, Seen, Texts, Tick};
use crate::world::{
    ACCOUNTS, BALANCE, Change, DAY_MICROS, SOURCE, START_MICROS, Token, Transfer, account,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    Tokens,
    /// By source and token: the session that saw it last, and whether it is stale.
    Seen,
    /// By source: session, rows, refused, ended.
    Sessions,
    Accounts,
    Entries,
}

pub const TABLES: [(Table, &str); 5] = [
    (Table::Tokens, "tokens"),
    (Table::Seen, "seen"),
    (Table::Sessions, "sessions"),
    (Table::Accounts, "accounts"),
    (Table::Entries, "entries"),
];

/// A store of keys and bytes.
pub trait Kv: Sync + 'static {
    type Tx<'a>: Rows
    where
        Self: 'a;

    /// One commit, as durable as the store was opened for.
    fn write(&self, body: &mut dyn FnMut(&mut Self::Tx<'_>) -> Outcome<()>) -> Outcome<()>;

    /// One row of the newest commit.
    fn read<T>(
        &self,
        table: Table,
        key: &[u8],
        seen: impl FnOnce(Option<&[u8]>) -> Outcome<T>,
    ) -> Outcome<T>;

    fn count(&self, table: Table) -> Outcome<u64>;

    fn close(self) -> Outcome<()>;
}

/// The rows as a transaction sees and changes them.
pub trait Rows {
    /// The row, copied into `row`, which is empty where there is none.
    fn get(&mut self, table: Table, key: &[u8], row: &mut Vec<u8>) -> Outcome<()>;

    fn put(&mut self, table: Table, key: &[u8], row: &[u8]) -> Outcome<()>;

    /// All rows of a table, until `seen` has seen them.
    fn each(&mut self, table: Table, seen: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()>;

    /// Joins a row of a token into what there is.
    fn join(&mut self, key: &[u8], other: &[u8], row: &mut Vec<u8>) -> Outcome<()> {
        self.get(Table::Tokens, key, row)?;
        record::join(row, other)?;
        self.put(Table::Tokens, key, row)
    }
}

/// A store of keys and bytes as an engine.
pub struct Stored<K>(pub K);

struct Worker<'a, K> {
    kv: &'a K,
    row: Vec<u8>,
    said: Vec<u8>,
}

impl<K: Kv> Engine for Stored<K> {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Worker { kv: &self.0, row: Vec::new(), said: Vec::new() }))
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        self.0.count(Table::Tokens).map(Some)
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        self.0.close()
    }
}

impl<K: Kv> Session for Worker<'_, K> {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        let Self { kv, row, said } = self;
        kv.write(&mut |tx| {
            for change in changes {
                record::encode(change.tick, change.told.then_some(&change.token.texts), said);
                tx.join(change.token.key.as_bytes(), said, row)?;
            }
            Ok(())
        })
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        let decoded = |row: Option<&[u8]>| row.map(record::decode).transpose();
        self.kv.read(Table::Tokens, token.key.as_bytes(), decoded)
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        self.kv.write(&mut |tx| {
            (0..ACCOUNTS).try_for_each(|number| {
                tx.put(Table::Accounts, account(number).as_bytes(), &BALANCE.to_le_bytes())
            })
        })
    }

    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        let Self { kv, row, .. } = self;
        kv.write(&mut |tx| transfers.iter().try_for_each(|one| transfer(tx, one, row)))
    }

    fn balance(&mut self, number: u32) -> Outcome<u64> {
        self.kv.read(Table::Accounts, account(number).as_bytes(), |row| units(row.unwrap_or(&[])))
    }

    fn sync(&mut self, session: u64, before: Counts, rows: &[Row]) -> Outcome<Counts> {
        let Self { kv, row, said } = self;
        let mut counts = before;
        kv.write(&mut |tx| {
            counts = before;
            for listed in rows {
                take_in(tx, listed, session, &mut counts, row, said)?;
            }
            account_for(tx, session, counts, false)
        })?;
        Ok(counts)
    }

    fn end_sync(&mut self, session: u64, counts: Counts) -> Outcome<()> {
        let Self { kv, .. } = self;
        kv.write(&mut |tx| {
            let mut unseen = Vec::new();
            tx.each(Table::Seen, &mut |key, row| {
                if row[..8] != session.to_le_bytes() && row[8] == 0 {
                    unseen.push((key.to_vec(), row.to_vec()));
                }
            })?;
            for (key, mut row) in unseen {
                row[8] = 1;
                tx.put(Table::Seen, &key, &row)?;
            }
            account_for(tx, session, counts, true)
        })
    }
}

fn units(row: &[u8]) -> Outcome<u64> {
    Ok(u64::from_le_bytes(row.try_into().map_err(|_| "an account without a balance")?))
}

fn transfer(tx: &mut impl Rows, one: &Transfer, row: &mut Vec<u8>) -> Outcome<()> {
    let (from, to) = (account(one.from), account(one.to));
    tx.get(Table::Accounts, from.as_bytes(), row)?;
    let left = units(row)?.checked_sub(one.units).ok_or("not enough money")?;
    tx.get(Table::Accounts, to.as_bytes(), row)?;
    let there = units(row)? + one.units;
    tx.put(Table::Accounts, from.as_bytes(), &left.to_le_bytes())?;
    tx.put(Table::Accounts, to.as_bytes(), &there.to_le_bytes())?;
    row.clear();
    row.extend((START_MICROS + one.id as i64).to_le_bytes());
    row.extend(one.units.to_le_bytes());
    row.extend(from.as_bytes());
    row.extend(to.as_bytes());
    tx.put(Table::Entries, &one.id.to_be_bytes(), row)
}

fn take_in(
    tx: &mut impl Rows,
    listed: &Row,
    session: u64,
    counts: &mut Counts,
    row: &mut Vec<u8>,
    said: &mut Vec<u8>,
) -> Outcome<()> {
    let key = format!("{SOURCE}/{}/{}", listed.chain, listed.address);
    tx.get(Table::Seen, key.as_bytes(), row)?;
    let seen = [&session.to_le_bytes()[..], &[0]].concat();
    // A row that this session counted before is a repeated one.
    if *row == seen {
        return Ok(());
    }
    tx.put(Table::Seen, key.as_bytes(), &seen)?;
    counts.rows += 1;
    if listed.decimals > 24 {
        counts.refused += 1;
        return Ok(());
    }
    let texts = Texts {
        symbol: listed.symbol.as_str().into(),
        name: listed.name.as_str().into(),
        decimals: listed.decimals as u8,
        cap: listed.market_cap.units(),
    };
    let at = START_MICROS + i64::try_from(session)? * DAY_MICROS;
    record::encode(Tick { price: listed.price.units(), at }, Some(&texts), said);
    tx.join(&key.as_bytes()[SOURCE.len() + 1..], said, row)
}

fn account_for(tx: &mut impl Rows, session: u64, counts: Counts, ended: bool) -> Outcome<()> {
    let mut row: Vec<u8> = [session, counts.rows, counts.refused].map(u64::to_le_bytes).concat();
    row.push(u8::from(ended));
    tx.put(Table::Sessions, SOURCE.as_bytes(), &row)
}
