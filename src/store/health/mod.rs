//! Health: what an operator should know of an open store, computed from its present state.
//!
//! Nothing here is remembered: a reason is there as long as it holds, and gone when it does not.

mod limits;
mod reason;

use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::engine::EngineStats;
use crate::engine::Reader;
pub(super) use crate::events::chain;
use crate::events::tell;
use crate::ledger::Ledger;
use crate::operations::{Life, UnderWay};
use crate::price_status::{self, Overdue};

use super::{Error, ReadOnly, Stats, Store, boots};

pub use limits::HealthLimits;
pub use reason::Reason;

/// How many missing prices are counted.
const MOST_PRICES: usize = 1_000;

/// How a store is, or how bad a [`Reason`] is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Level {
    /// Nothing to do.
    #[default]
    Healthy,
    /// Somebody should look at it today.
    Warning,
    /// Somebody has to do something now.
    Critical,
}

/// How a store is, why, and its figures.
///
/// ```
/// use highwater::{Asset, Level, Mode, Store};
///
/// let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
/// let health = store.health();
/// assert_eq!(health.level, Level::Healthy);
/// assert_eq!(health.to_string(), "healthy\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// The worst of the reasons.
    pub level: Level,
    /// When it was looked at.
    pub at: Timestamp,
    /// All that is to be said, the worst first.
    pub reasons: Vec<Reason>,
    /// The store's figures at that time.
    pub stats: Stats,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

impl fmt::Display for Health {
    /// The level on a line of its own, then a line for each reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.level)?;
        for reason in &self.reasons {
            writeln!(f, "  {:8}  {}: {reason}", reason.level(), reason.name())?;
        }
        Ok(())
    }
}

impl Store {
    /// How the store is now. Reads the unfinished operations, the accounts and what is long due; waits for no writer
    /// and for no disk but where a row has to be read from it.
    ///
    /// There is no error: what cannot be read is a reason of its own.
    pub fn health(&self) -> Health {
        let stats = self.running.engine().stats();
        let mut reasons = self.of_the_engine(&stats);
        let now = self.clock.now();
        // A base that is opened anew ends snapshots; what is read then is read once more.
        let (found, looked) = match self.look(now) {
            (_, Err(Error::SnapshotLost)) => self.look(now),
            looked => looked,
        };
        reasons.extend(found);
        if let Err(error) = looked {
            reasons.push(Reason::Unreadable { error: chain(&error) });
        }
        reasons.extend(self.maintenance.failing());
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level()));
        let level = reasons.first().map_or(Level::Healthy, Reason::level);
        self.tell_level(level, &reasons);
        Health { level, at: now, reasons, stats: stats.into() }
    }

    /// Tells the operator where the level is another one than when it was looked at before.
    fn tell_level(&self, level: Level, reasons: &[Reason]) {
        // A plain value, whole after every statement.
        let mut told = self.told_level.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *told, level);
        drop(told);
        if before == level {
            return;
        }
        let names: Vec<_> = reasons.iter().map(Reason::name).collect();
        let (before, level_name, reasons) =
            (before.to_string(), level.to_string(), names.join(" "));
        tell(|| match level {
            Level::Healthy => tracing::info!(before, level = level_name, "health changed"),
            Level::Warning => tracing::warn!(before, level = level_name, reasons, "health changed"),
            Level::Critical => {
                tracing::error!(before, level = level_name, reasons, "health changed")
            }
        });
    }

    /// What the rows say, and what kept some of them from being read.
    fn look(&self, now: Timestamp) -> (Vec<Reason>, Result<(), Error>) {
        let (snapshot, mut reasons) = (self.snapshot(), Vec::new());
        let books = Books {
            reader: snapshot.reader(),
            ledger: snapshot.ledger(),
            life: Some(&self.life),
            now,
            limits: &self.health_limits,
        };
        let looked = [books.look(&mut reasons), self.look_at_claims(&mut reasons)];
        (reasons, looked.into_iter().collect())
    }

    /// Which bounds of claims are too narrow.
    fn look_at_claims(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        let namespaces = self.claims().namespaces()?.into_iter();
        let mut short = namespaces.filter_map(|one| Some((one.name, one.stats.inside_window?)));
        if let Some((namespace, short)) = short.next() {
            reasons.push(Reason::ClaimWindowShort { namespace, short });
        }
        Ok(())
    }

    /// What the engine's figures say.
    fn of_the_engine(&self, stats: &EngineStats) -> Vec<Reason> {
        let limits = &self.health_limits;
        let mut reasons = Vec::new();
        if let Some(cause) = self.running.engine().poison() {
            reasons.push(Reason::Poisoned { cause: chain(&*cause) });
        }
        if stats.base_damaged {
            reasons.push(Reason::BaseDamaged);
        } else if !stats.base_verified {
            reasons.push(Reason::BaseUnverified);
        }
        let (bytes, budget_bytes) = (stats.uncheckpointed_bytes, self.memtable_bytes);
        if bytes >= budget_bytes {
            reasons.push(Reason::MemoryHigh { bytes, budget_bytes });
        }
        let checkpoints = stats.checkpoints;
        if checkpoints.failures_in_a_row > 0 {
            let in_a_row = checkpoints.failures_in_a_row;
            let disk_full = checkpoints.disk_full;
            reasons.push(Reason::CheckpointsFailing { in_a_row, disk_full });
        } else if let Some(waiting) = longer_than(checkpoints.waiting, limits.checkpoint) {
            reasons.push(Reason::CheckpointSlow { waiting });
        }
        let expected_bytes = self.journal_bytes;
        if stats.journal_disk_bytes > expected_bytes {
            let bytes = stats.journal_disk_bytes;
            reasons.push(Reason::JournalLong { bytes, expected_bytes });
        }
        if stats.reserve_bytes == 0 {
            reasons.push(Reason::ReserveUsed);
        }
        if let Some(held) = longer_than(stats.snapshots.longest, limits.snapshot) {
            let snapshots = stats.snapshots.snapshots as u64;
            reasons.push(Reason::SnapshotOld { held, snapshots });
        }
        if stats.sync_time >= limits.sync {
            let (lately, critical) = (stats.sync_time, limits.sync * HealthLimits::CRITICAL);
            reasons.push(Reason::SyncsSlow { lately, critical: lately >= critical });
        }
        reasons
    }
}

impl ReadOnly {
    /// What the rows of a store that nobody has open say of its health, the worst first; nothing of
    /// the reasons that only a running store has. It is the time of the last commit.
    pub fn health(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let books = Books {
            reader: self.reader(),
            ledger: self.ledger(),
            life: None,
            now: Timestamp::from_micros(self.last_micros()),
            limits: &HealthLimits::new(),
        };
        if let Err(error) = books.look(&mut reasons) {
            reasons.push(Reason::Unreadable { error: chain(&error) });
        }
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.level()));
        reasons
    }
}

/// What is read of the rows.
struct Books<'s> {
    reader: &'s dyn Reader,
    ledger: Ledger<'s>,
    /// `None` where nobody has the store open.
    life: Option<&'s Life>,
    now: Timestamp,
    limits: &'s HealthLimits,
}

impl Books<'_> {
    fn look(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        // What cannot be read keeps nothing else from being told.
        let looked = [
            self.look_at_operations(reasons),
            self.look_at_accounts(reasons),
            self.look_at_boots(reasons),
            self.look_at_missing_prices(reasons),
        ];
        looked.into_iter().collect()
    }

    fn look_at_accounts(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        if let Some(first) = self.ledger.shortfalls()?.into_iter().next() {
            let (account, missing) = (first.account, first.balance);
            reasons.push(Reason::Shortfall { account, missing });
        }
        if let Some(reason) = self.ledger.halted()? {
            reasons.push(Reason::Halted { reason });
        }
        Ok(())
    }

    fn look_at_missing_prices(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        let limit = i64::try_from(self.limits.missing_price.as_micros()).unwrap_or(i64::MAX);
        let latest = Timestamp::from_micros(self.now.as_micros().saturating_sub(limit));
        let overdue = price_status::overdue(self.reader, latest, MOST_PRICES)?;
        if let Some(Overdue { count, since, first }) = overdue {
            reasons.push(Reason::PricesOverdue { prices: count, first: first.to_string(), since });
        }
        Ok(())
    }

    fn look_at_boots(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        let within = self.limits.boots_within;
        let boots = boots::count_since(self.reader, self.now, within)?;
        if boots >= self.limits.boots {
            reasons.push(Reason::ManyBoots { boots, within });
        }
        Ok(())
    }

    fn look_at_operations(&self, reasons: &mut Vec<Reason>) -> Result<(), Error> {
        let UnderWay { orphans, needs_attention, forgotten, long, oldest_start, .. } =
            UnderWay::look(self.reader, self.life, self.now, self.limits.in_progress)?;
        if !orphans.is_empty() {
            let refuses_beginnings = self.life.is_none_or(Life::refuses_beginnings);
            reasons.push(Reason::Orphans { operations: orphans, refuses_beginnings });
        }
        if !needs_attention.is_empty() {
            reasons.push(Reason::NeedsAttention { operations: needs_attention });
        }
        if !forgotten.is_empty() {
            reasons.push(Reason::Forgotten { operations: forgotten });
        }
        if let Some(since) = oldest_start {
            reasons.push(Reason::InProgressLong { operations: long, since });
        }
        Ok(())
    }
}

fn longer_than(time: Option<Duration>, limit: Duration) -> Option<Duration> {
    time.filter(|time| *time >= limit)
}
