//! The engines, and what each has to do.
//!
//! The *record* of a token: symbol, name and market cap with their times, decimals, and its current, first,
//! highest and lowest price with theirs. An *upsert* reads it, merges a price into it and writes it. The *accounts
//! of a session*: which session of a list saw the token last, in the same commit, so that a sync that is killed and
//! run again counts every row once; and at the end what this session did not see is marked. A *transfer* reads two
//! balances, checks and changes them and appends an entry.

mod fjall;
mod floor;
mod highwater;
mod kv;
mod led;
mod lmdb;
mod memory;
mod nothing;
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
#[cfg(feature = "rocksdb")]
mod rocksdb_transactions;
mod sqlite;

use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::list::Row;
use crate::record::Seen;
use crate::run::Own;
use crate::world::{Change, Token, Transfer};

pub const BATCH_ROWS: usize = 1_000;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Name {
    /// Does nothing: what the harness itself takes
    Nothing,
    /// Appends the same bytes to a file; threads commit together
    Floor,
    /// A hash map of rows behind a lock, kept nowhere
    Memory,
    Highwater,
    /// highwater that keeps every tick and candles, for ever
    HighwaterHistory,
    /// highwater with a memory budget of 256 MiB instead of 32 MiB
    HighwaterLarge,
    SqliteFull,
    SqliteNormal,
    Redb,
    /// redb, threads hand their work to a leader
    RedbLed,
    Lmdb,
    /// LMDB, threads hand their work to a leader
    LmdbLed,
    Fjall,
    /// fjall, threads hand their work to a leader
    FjallLed,
    Rocksdb,
}

/// What an engine is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// A commit survives power loss; else the death of the process, where the engine can.
    pub durable: bool,
    /// Money is moved: transactions that lock what they read.
    pub transfers: bool,
}

/// What the rows of a list came to; the same for every engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub rows: u64,
    pub refused: u64,
}

pub trait Engine: Sync {
    /// What one thread works with.
    fn session(&self) -> Outcome<Box<dyn Session + '_>>;

    /// Takes in a source's list in durable commits of a thousand rows.
    fn sync(&self, session: u64, rows: &mut dyn Iterator<Item = Outcome<Row>>) -> Outcome<Counts> {
        let mut counts = Counts::default();
        let mut worker = self.session()?;
        loop {
            let batch = rows.take(BATCH_ROWS).collect::<Outcome<Vec<Row>>>()?;
            if batch.is_empty() {
                worker.end_sync(session, counts)?;
                return Ok(counts);
            }
            counts = worker.sync(session, counts, &batch)?;
        }
    }

    /// How many tokens there are, if it can be known.
    fn tokens(&self) -> Outcome<Option<u64>>;

    /// Figures of its own, where it has any.
    fn figures(&self) -> Own {
        Vec::new()
    }

    fn close(self: Box<Self>) -> Outcome<()>;
}

pub trait Session {
    /// All of them in one commit.
    fn upsert(&mut self, changes: &[Change]) -> Outcome<()>;

    fn read(&mut self, token: &Token) -> Outcome<Option<Seen>>;

    /// Every account gets its first balance, in one commit.
    fn open_accounts(&mut self) -> Outcome<()>;

    /// All of them in one commit.
    fn transfer(&mut self, transfers: &[Transfer]) -> Outcome<()>;

    fn balance(&mut self, account: u32) -> Outcome<u64>;

    /// One durable commit of a list's rows. Answers the counts with them.
    fn sync(&mut self, _: u64, _: Counts, _: &[Row]) -> Outcome<Counts> {
        Err("it has no sync of its own".into())
    }

    fn end_sync(&mut self, _: u64, _: Counts) -> Outcome<()> {
        Err("it has no sync of its own".into())
    }
}

impl Name {
    pub fn open(self, dir: &Path, purpose: Purpose) -> Outcome<Box<dyn Engine>> {
        std::fs::create_dir_all(dir)?;
        Ok(match self {
            Self::Nothing => Box::new(nothing::Nothing),
            Self::Floor => Box::new(floor::Floor::open(dir, purpose)?),
            Self::Memory => Box::new(kv::Stored(memory::Memory::default())),
            Self::Highwater | Self::HighwaterHistory | Self::HighwaterLarge => {
                Box::new(highwater::Highwater::open(dir, purpose, self)?)
            }
            Self::SqliteFull => Box::new(sqlite::Sqlite::open(dir, "FULL")?),
            Self::SqliteNormal => Box::new(sqlite::Sqlite::open(dir, "NORMAL")?),
            Self::Redb => Box::new(kv::Stored(redb::Redb::open(dir, purpose)?)),
            Self::Lmdb => Box::new(kv::Stored(lmdb::Lmdb::open(dir, purpose)?)),
            Self::Fjall => Box::new(kv::Stored(fjall::Fjall::open(dir, purpose)?)),
            Self::RedbLed | Self::LmdbLed | Self::FjallLed => {
                Box::new(led::Led::new(self.stored_by().open(dir, purpose)?))
            }
            #[cfg(feature = "rocksdb")]
            Self::Rocksdb if purpose.transfers => {
                Box::new(kv::Stored(rocksdb_transactions::Rocksdb::open(dir, purpose)?))
            }
            #[cfg(feature = "rocksdb")]
            Self::Rocksdb => Box::new(kv::Stored(rocksdb::Rocksdb::open(dir, purpose)?)),
            #[cfg(not(feature = "rocksdb"))]
            Self::Rocksdb => return Err("built without the feature `rocksdb`".into()),
        })
    }

    /// Who makes the same files.
    pub fn stored_by(self) -> Self {
        match self {
            Self::RedbLed => Self::Redb,
            Self::LmdbLed => Self::Lmdb,
            Self::FjallLed => Self::Fjall,
            Self::SqliteNormal => Self::SqliteFull,
            other => other,
        }
    }

    /// Whether it was built in.
    pub fn is_there(self) -> bool {
        self != Self::Rocksdb || cfg!(feature = "rocksdb")
    }

    /// Whether it is measured against, rather than measured or a yardstick.
    pub fn is_peer(self) -> bool {
        !matches!(self, Self::Nothing | Self::Floor | Self::Memory) && !self.is_ours()
    }

    pub fn is_ours(self) -> bool {
        matches!(self, Self::Highwater | Self::HighwaterHistory | Self::HighwaterLarge)
    }

    /// How it is set up, in a line.
    pub fn settings(self) -> &'static str {
        match self {
            Self::Nothing => "no engine: the harness alone",
            Self::Floor => floor::SETTINGS,
            Self::Memory => memory::SETTINGS,
            Self::Highwater => highwater::SETTINGS,
            Self::HighwaterHistory => "as highwater, Options::history with Retention::EVERYTHING",
            Self::HighwaterLarge => "as highwater, memory_bytes(256 MiB)",
            Self::SqliteFull => sqlite::SETTINGS,
            Self::SqliteNormal => "as sqlite-full, synchronous NORMAL: a commit waits for no sync",
            Self::Redb => redb::SETTINGS,
            Self::Lmdb => lmdb::SETTINGS,
            Self::Fjall => fjall::SETTINGS,
            Self::RedbLed | Self::LmdbLed | Self::FjallLed => led::SETTINGS,
            #[cfg(feature = "rocksdb")]
            Self::Rocksdb => rocksdb::SETTINGS,
            #[cfg(not(feature = "rocksdb"))]
            Self::Rocksdb => "not built in",
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.pad(value.as_ref().map_or("?", |value| value.get_name()))
    }
}
