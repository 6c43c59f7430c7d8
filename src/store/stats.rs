//! Figures of an open store.

use crate::disk::Traffic;
use crate::engine::{EngineStats, Lsn};

/// What an open store has done since it was opened, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Commits since the opening.
    pub commits: u64,
    /// The last commit that readers may see.
    pub visible_lsn: Lsn,
    /// The last commit that is known to survive power loss.
    pub synced_lsn: Lsn,
    /// Syncs of files since the opening, of all kinds.
    pub syncs: u64,
    /// Bytes written since the opening, to all files.
    pub bytes_written: u64,
    /// Syncs of journal segments since the opening, those that made room included.
    pub journal_syncs: u64,
    /// Bytes written to the journal since the opening, room made ready included.
    pub journal_bytes_written: u64,
    /// Syncs of the base since the opening.
    pub base_syncs: u64,
    /// Bytes written to the base since the opening.
    pub base_bytes_written: u64,
    /// Syncs of directories since the opening.
    pub directory_syncs: u64,
    /// Checkpoints since the opening.
    pub checkpoints: u64,
    /// How many checkpoints have failed since the last that did not.
    pub checkpoint_failures: u64,
    /// About how many bytes of memory rows, queue and cache take; the cache counts whole.
    pub memory_bytes: u64,
    /// Of that, rows that are not checkpointed yet.
    pub uncheckpointed_bytes: u64,
    /// About how many microseconds a sync of the journal took lately.
    pub sync_micros: u64,
    /// Bytes of all journal files.
    pub journal_disk_bytes: u64,
    /// Bytes set aside for writes that finish something; 0 after the disk was full.
    pub reserve_bytes: u64,
    /// Bytes of the base's file.
    pub base_disk_bytes: u64,
    /// Whether every row of the base was read and found sound since the opening. Up to 64 MiB that is
    /// part of the opening; larger bases are read in the background.
    pub base_verified: bool,
    /// Snapshots that are held.
    pub snapshots: u64,
    /// The LSN of the oldest of them.
    pub oldest_snapshot_lsn: Option<Lsn>,
}

impl From<EngineStats> for Stats {
    fn from(stats: EngineStats) -> Self {
        let (journal, base): (Traffic, Traffic) = (stats.journal, stats.base);
        Self {
            commits: stats.commits,
            visible_lsn: stats.visible,
            synced_lsn: stats.synced,
            syncs: stats.total.syncs,
            bytes_written: stats.total.bytes_written,
            journal_syncs: journal.syncs,
            journal_bytes_written: journal.bytes_written,
            base_syncs: base.syncs,
            base_bytes_written: base.bytes_written,
            directory_syncs: stats.total.directory_syncs,
            checkpoints: stats.checkpoints.completed,
            checkpoint_failures: stats.checkpoints.failures_in_a_row,
            memory_bytes: stats.memory_bytes,
            uncheckpointed_bytes: stats.uncheckpointed_bytes,
            sync_micros: u64::try_from(stats.sync_time.as_micros()).unwrap_or(u64::MAX),
            journal_disk_bytes: stats.journal_disk_bytes,
            reserve_bytes: stats.reserve_bytes,
            base_disk_bytes: stats.base_disk_bytes,
            base_verified: stats.base_verified,
            snapshots: stats.snapshots.snapshots as u64,
            oldest_snapshot_lsn: stats.snapshots.oldest_lsn,
        }
    }
}
