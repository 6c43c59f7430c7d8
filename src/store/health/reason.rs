//! The reasons why a store is not healthy. `docs/operating.md` tells for each what to do.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::money::Money;
use crate::operations::SomeOperations;

use super::Level;

/// Something that an operator should know. Each is explained in `docs/operating.md` under its
/// [name](Reason::name).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "name", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// The store takes no writes since a batch could not be written or synced.
    Poisoned {
        /// What happened.
        cause: String,
    },
    /// The base holds something that was never written to it.
    BaseDamaged,
    /// A row that is looked at for this cannot be read.
    Unreadable {
        /// Why.
        error: String,
    },
    /// Operations need somebody to decide.
    NeedsAttention {
        /// Which.
        operations: SomeOperations,
    },
    /// Operations of an earlier opening are undecided.
    Orphans {
        /// Which.
        operations: SomeOperations,
        /// Whether nothing new begins until recovery ran.
        refuses_beginnings: bool,
    },
    /// Rows that wait for a checkpoint take all the memory set aside for one generation of them, or
    /// for both.
    MemoryHigh {
        /// What they take.
        bytes: u64,
        /// What is set aside for one generation.
        budget_bytes: u64,
    },
    /// Checkpoints fail.
    CheckpointsFailing {
        /// How many since one did not.
        in_a_row: u64,
        /// Whether the last one found no room.
        disk_full: bool,
    },
    /// A checkpoint does not come about.
    CheckpointSlow {
        /// For how long its rows have been waiting.
        waiting: Duration,
    },
    /// The files of the journal are longer than they should ever be.
    JournalLong {
        /// Their bytes.
        bytes: u64,
        /// What they may have.
        expected_bytes: u64,
    },
    /// The room set aside for writes that finish something is used up: the disk was full.
    ReserveUsed,
    /// Somebody has held a snapshot for long.
    SnapshotOld {
        /// For how long.
        held: Duration,
        /// How many are held.
        snapshots: u64,
    },
    /// Syncs take long.
    SyncsSlow {
        /// What one took lately.
        lately: Duration,
        /// Whether that is ten times the limit.
        critical: bool,
    },
    /// Not every page of the base was read yet since the opening.
    BaseUnverified,
    /// Operations are in progress whose handle was dropped.
    Forgotten {
        /// Which.
        operations: SomeOperations,
    },
    /// Operations have been in progress for long.
    InProgressLong {
        /// Which.
        operations: SomeOperations,
        /// When the first of them was started.
        since: Timestamp,
    },
    /// The books took from Adjustment what they lacked for a fact, and nobody has reconciled it.
    Shortfall {
        /// The first account with one.
        account: Box<str>,
        /// What it lacks, below zero.
        missing: Money,
    },
    /// The bound on the number of claims lets go of events that may still come to be accepted.
    ClaimWindowShort {
        /// The first namespace with such a bound.
        namespace: Box<str>,
        /// By how much the window of acceptance is too long for it.
        short: Duration,
    },
    /// Missing prices are due for long, and nobody asks for them.
    PricesOverdue {
        /// How many; a thousand are counted at most.
        prices: u64,
        /// The one that has waited longest.
        first: String,
        /// Since when it has been due.
        since: Timestamp,
    },
    /// Trading is halted.
    Halted {
        /// Why.
        reason: Box<str>,
    },
    /// The store was opened again and again.
    ManyBoots {
        /// How often.
        boots: u64,
        /// Within which time.
        within: Duration,
    },
    /// Maintenance fails.
    MaintenanceFailing {
        /// How often since it did not.
        in_a_row: u64,
        /// What it said last.
        error: String,
    },
}

impl Reason {
    /// How bad it is.
    pub fn level(&self) -> Level {
        match self {
            Self::Poisoned { .. }
            | Self::BaseDamaged
            | Self::Unreadable { .. }
            | Self::NeedsAttention { .. }
            | Self::ReserveUsed
            | Self::Orphans { refuses_beginnings: true, .. }
            | Self::CheckpointsFailing { disk_full: true, .. }
            | Self::SyncsSlow { critical: true, .. } => Level::Critical,
            Self::MemoryHigh { bytes, budget_bytes }
                if *bytes >= budget_bytes.saturating_mul(2) =>
            {
                Level::Critical
            }
            Self::CheckpointsFailing { in_a_row, .. } if *in_a_row >= 5 => Level::Critical,
            _ => Level::Warning,
        }
    }

    /// Its name in logs, metrics and `docs/operating.md`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Poisoned { .. } => "poisoned",
            Self::BaseDamaged => "base_damaged",
            Self::Unreadable { .. } => "unreadable",
            Self::NeedsAttention { .. } => "needs_attention",
            Self::Orphans { .. } => "orphans",
            Self::MemoryHigh { .. } => "memory_high",
            Self::CheckpointsFailing { .. } => "checkpoints_failing",
            Self::CheckpointSlow { .. } => "checkpoint_slow",
            Self::JournalLong { .. } => "journal_long",
            Self::ReserveUsed => "reserve_used",
            Self::SnapshotOld { .. } => "snapshot_old",
            Self::SyncsSlow { .. } => "syncs_slow",
            Self::BaseUnverified => "base_unverified",
            Self::Forgotten { .. } => "forgotten",
            Self::InProgressLong { .. } => "in_progress_long",
            Self::Shortfall { .. } => "shortfall",
            Self::ClaimWindowShort { .. } => "claim_window_short",
            Self::PricesOverdue { .. } => "prices_overdue",
            Self::Halted { .. } => "halted",
            Self::ManyBoots { .. } => "many_boots",
            Self::MaintenanceFailing { .. } => "maintenance_failing",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poisoned { cause } => {
                write!(f, "the store takes no writes until it is reopened: {cause}")
            }
            Self::BaseDamaged => write!(f, "the base is damaged; what it holds may be incomplete"),
            Self::Unreadable { error } => write!(f, "{error}"),
            Self::NeedsAttention { operations } => {
                write!(f, "nothing goes on with {} until somebody decides", Shown(operations))
            }
            Self::Orphans { operations, refuses_beginnings: true } => write!(
                f,
                "{} of an earlier opening wait for recovery; nothing new begins before",
                Shown(operations)
            ),
            Self::Orphans { operations, .. } => {
                write!(f, "{} of an earlier opening are undecided", Shown(operations))
            }
            Self::MemoryHigh { bytes, budget_bytes } => write!(
                f,
                "rows that wait for a checkpoint take {bytes} bytes; {budget_bytes} start one"
            ),
            Self::CheckpointsFailing { in_a_row, disk_full: true } => {
                write!(f, "the last {in_a_row} checkpoints failed: the disk is full")
            }
            Self::CheckpointsFailing { in_a_row, .. } => {
                write!(f, "the last {in_a_row} checkpoints failed")
            }
            Self::CheckpointSlow { waiting } => {
                write!(f, "rows have been waiting for their checkpoint for {waiting:.1?}")
            }
            Self::JournalLong { bytes, expected_bytes } => {
                write!(f, "the journal takes {bytes} bytes; more than {expected_bytes} is unusual")
            }
            Self::ReserveUsed => {
                write!(f, "the disk was full: the room for finishing writes is not there")
            }
            Self::SnapshotOld { held, snapshots } => {
                write!(f, "the oldest of {snapshots} snapshots has been held for {held:.1?}")
            }
            Self::SyncsSlow { lately, .. } => write!(f, "a sync took {lately:.1?} lately"),
            Self::BaseUnverified => write!(f, "the base was not read whole since the opening"),
            Self::Forgotten { operations } => {
                write!(f, "nobody has the handle of {}, in progress", Shown(operations))
            }
            Self::InProgressLong { operations, since } => write!(
                f,
                "{} in progress for long, the first since {} us",
                Shown(operations),
                since.as_micros()
            ),
            Self::Shortfall { account, missing } => {
                write!(f, "account {account} is out by {missing} against the outside")
            }
            Self::ClaimWindowShort { namespace, short } => write!(
                f,
                "events of {namespace} are too old {short:.0?} before their window of acceptance ends"
            ),
            Self::PricesOverdue { prices, first, since } => write!(
                f,
                "{prices} missing price{} to be asked for long ago, the first, of {first}, at {} us",
                if *prices == 1 { " was" } else { "s were" },
                since.as_micros()
            ),
            Self::Halted { reason } => write!(f, "trading is halted: {reason}"),
            Self::ManyBoots { boots, within } => {
                write!(f, "opened {boots} times within {within:.0?}")
            }
            Self::MaintenanceFailing { in_a_row, error } => {
                write!(f, "maintenance failed {in_a_row} times: {error}")
            }
        }
    }
}

/// Operations as a text: their number, and which come first.
struct Shown<'o>(&'o SomeOperations);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SomeOperations { count, first, .. } = self.0;
        write!(f, "{count} operation{}", if *count == 1 { "" } else { "s" })?;
        let names: Vec<String> = first.iter().map(|operation| operation.to_string()).collect();
        let more = if *count > first.len() as u64 { ", .." } else { "" };
        write!(f, " ({}{more})", names.join(", "))
    }
}
