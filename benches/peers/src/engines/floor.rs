//! The floor: what every engine has to do at least. Rows are appended to a file, and nothing is looked up.
//!
//! ```text
//! record   bytes behind u32 | CRC of them u32 | table u8 | key length u8 | key | row
//! ```
//!
//! A durable commit is one `write` and one `fdatasync`; threads commit together, by leader and followers. The first
//! read reads everything into a hash map.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::kv::Table;
use super::{Counts, Engine, Purpose, Session};
use crate::Outcome;
use crate::leader::Queue;
use crate::list::Row;
use crate::record::{self, Seen, Texts, Tick};
use crate::world::{
    ACCOUNTS, BALANCE, Change, DAY_MICROS, SOURCE, START_MICROS, Token, Transfer, account,
};

pub const SETTINGS: &str = "rows with length and CRC appended to one file, nothing is read; durable: one write and one \
     fdatasync, threads by leader and followers";

const HEADER_BYTES: usize = 8;

pub struct Floor {
    file: File,
    durable: bool,
    queue: Queue<u8>,
    path: PathBuf,
    /// What there was at the first read.
    replayed: OnceLock<Replayed>,
}

#[derive(Default)]
struct Replayed {
    tokens: HashMap<Box<[u8]>, Vec<u8>>,
    balances: HashMap<Box<[u8]>, u64>,
}

struct Worker<'a> {
    floor: &'a Floor,
    bytes: Vec<u8>,
    row: Vec<u8>,
}

impl Floor {
    pub fn open(dir: &Path, purpose: Purpose) -> Outcome<Self> {
        let path = dir.join("log");
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        let (queue, replayed) = (Queue::default(), OnceLock::new());
        Ok(Self { file, durable: purpose.durable, queue, path, replayed })
    }

    fn replayed(&self) -> Outcome<&Replayed> {
        if self.replayed.get().is_none() {
            // Where two come at once, one of them did it in vain.
            let _ = self.replayed.set(replay(&std::fs::read(&self.path)?)?);
        }
        Ok(self.replayed.get().ok_or("nothing was replayed")?)
    }
}

fn replay(mut log: &[u8]) -> Outcome<Replayed> {
    let mut replayed = Replayed::default();
    let Replayed { tokens, balances } = &mut replayed;
    while let Some((header, rest)) = log.split_first_chunk::<HEADER_BYTES>() {
        let (length, crc) = header.split_at(4);
        let length = u32::from_le_bytes(length.try_into()?) as usize;
        // What is cut off was being written.
        let Some((record, rest)) = rest.split_at_checked(length) else { break };
        if crc32fast::hash(record).to_le_bytes() != crc {
            break;
        }
        let ([table, key_length], record) = record.split_first_chunk().ok_or("a short record")?;
        let (key, row) = record.split_at_checked(usize::from(*key_length)).ok_or("a short key")?;
        if *table == Table::Tokens as u8 {
            match tokens.get_mut(key) {
                Some(known) => record::join(known, row)?,
                None => drop(tokens.insert(key.into(), row.into())),
            }
        } else if *table == Table::Accounts as u8 {
            let change = u64::from_le_bytes(row.try_into()?);
            let balance = balances.entry(key.into()).or_insert(0);
            *balance = balance.wrapping_add(change);
        }
        log = rest;
    }
    Ok(replayed)
}

impl Engine for Floor {
    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(Worker { floor: self, bytes: Vec::new(), row: Vec::new() }))
    }

    fn tokens(&self) -> Outcome<Option<u64>> {
        Ok(Some(self.replayed()?.tokens.len() as u64))
    }

    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(self.file.sync_data()?)
    }
}

impl Worker<'_> {
    fn append(&mut self, table: Table, key: &[u8], row: &[u8]) {
        append(&mut self.bytes, table, key, row);
    }

    fn commit(&mut self) -> Outcome<()> {
        let Self { floor, bytes, .. } = self;
        let done = floor.queue.submit(bytes.iter().copied(), |all| {
            (&floor.file).write_all(all)?;
            if floor.durable { Ok(floor.file.sync_data()?) } else { Ok(()) }
        });
        bytes.clear();
        done
    }
}

fn append(bytes: &mut Vec<u8>, table: Table, key: &[u8], row: &[u8]) {
    let begin = bytes.len();
    bytes.extend([0; HEADER_BYTES]);
    bytes.extend([table as u8, key.len() as u8]);
    bytes.extend(key);
    bytes.extend(row);
    let record = begin + HEADER_BYTES;
    let (length, crc) = (bytes.len() - record, crc32fast::hash(&bytes[record..]));
    bytes[begin..begin + 4].copy_from_slice(&(length as u32).to_le_bytes());
    bytes[begin + 4..record].copy_from_slice(&crc.to_le_bytes());
}

impl Session for Worker<'_> {
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()> {
        for change in changes {
            record::encode(change.tick, Some(&change.token.texts), &mut self.row);
            append(&mut self.bytes, Table::Tokens, change.token.key.as_bytes(), &self.row);
        }
        self.commit()
    }

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>> {
        let row = self.floor.replayed()?.tokens.get(token.key.as_bytes());
        row.map(|row| record::decode(row)).transpose()
    }

    fn open_accounts(&mut self) -> Outcome<()> {
        for number in 0..ACCOUNTS {
            self.append(Table::Accounts, account(number).as_bytes(), &BALANCE.to_le_bytes());
        }
        self.commit()
    }

    /// It knows no balances, so it writes what they change by: as many bytes.
    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()> {
        for one in transfers {
            let (from, to) = (account(one.from), account(one.to));
            let less = one.units.wrapping_neg();
            self.append(Table::Accounts, from.as_bytes(), &less.to_le_bytes());
            self.append(Table::Accounts, to.as_bytes(), &one.units.to_le_bytes());
            let entry = [
                &(START_MICROS + one.id as i64).to_le_bytes()[..],
                &one.units.to_le_bytes(),
                from.as_bytes(),
                to.as_bytes(),
            ];
            self.append(Table::Entries, &one.id.to_be_bytes(), &entry.concat());
        }
        self.commit()
    }

    fn balance(&mut self, number: u32) -> Outcome<u64> {
        let balance = self.floor.replayed()?.balances.get(account(number).as_bytes());
        Ok(*balance.ok_or("no such account")?)
    }

    fn sync(&mut self, session: u64, before: Counts, rows: &[Row]) -> Outcome<Counts> {
        let mut counts = before;
        for listed in rows {
            let key = format!("{SOURCE}/{}/{}", listed.chain, listed.address);
            let seen = [&session.to_le_bytes()[..], &[0]].concat();
            self.append(Table::Seen, key.as_bytes(), &seen);
            counts.rows += 1;
            if listed.decimals > 24 {
                counts.refused += 1;
                continue;
            }
            let texts = Texts {
                symbol: listed.symbol.as_str().into(),
                name: listed.name.as_str().into(),
                decimals: listed.decimals as u8,
                cap: listed.market_cap.units(),
            };
            let at = START_MICROS + i64::try_from(session)? * DAY_MICROS;
            let tick = Tick { price: listed.price.units(), at };
            record::encode(tick, Some(&texts), &mut self.row);
            let key = &key.as_bytes()[SOURCE.len() + 1..];
            append(&mut self.bytes, Table::Tokens, key, &self.row);
        }
        self.commit()?;
        Ok(counts)
    }

    fn end_sync(&mut self, session: u64, _: Counts) -> Outcome<()> {
        self.append(Table::Sessions, SOURCE.as_bytes(), &session.to_le_bytes());
        self.commit()
    }
}
