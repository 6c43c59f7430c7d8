//! The engines, and what each has to do for a list: the same record, the same accounts of the session, a
//! durable commit for every thousand rows.
//!
//! The *record* of a token: symbol, name and market cap with their times, decimals, and its current, first,
//! highest and lowest price with theirs. The *accounts*: which session saw the token last under this source,
//! in the same commit, so that a sync that is killed and run again counts every row once; and at the end what
//! this session did not see is marked.

mod highwater;
mod parse;
mod sqlite;

use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::list::Row;

pub const BATCH_ROWS: usize = 1_000;
pub const SOURCE: &str = "pools";
/// 2024-08-09T00:00:00Z; sessions are a day apart.
pub const START_MICROS: i64 = 1_723_161_600_000_000;
pub const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
pub enum Engine {
    /// Reads the list and does nothing else: what every engine's figures contain
    Parse,
    /// Its own bulk sync, synced commits, default options
    Highwater,
    /// Journal mode WAL, synchronous FULL, prepared upserts
    SqliteFull,
    /// Journal mode WAL, synchronous NORMAL: power loss may take commits
    SqliteNormal,
}

/// What the rows came to; the same for every engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub rows: u64,
    pub refused: u64,
}

impl Engine {
    /// Syncs the rows into the store in `dir`, from opening to closing it.
    pub fn sync(
        self,
        dir: &Path,
        session: u64,
        rows: impl Iterator<Item = Outcome<Row>>,
    ) -> Outcome<Counts> {
        match self {
            Self::Parse => parse::sync(rows),
            Self::Highwater => highwater::sync(dir, session, rows),
            Self::SqliteFull => sqlite::sync(dir, "FULL", session, rows),
            Self::SqliteNormal => sqlite::sync(dir, "NORMAL", session, rows),
        }
    }

    /// How many tokens the store in `dir` has; none where nothing is kept.
    pub fn tokens(self, dir: &Path) -> Outcome<Option<u64>> {
        match self {
            Self::Parse => Ok(None),
            Self::Highwater => highwater::tokens(dir).map(Some),
            Self::SqliteFull | Self::SqliteNormal => sqlite::tokens(dir).map(Some),
        }
    }
}
