//! Figures of an open store.

use std::time::Duration;

use crate::disk::Traffic;
use crate::engine::{EngineStats, Lsn};

/// What an open store has done since it was opened, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Commits since the opening.
    pub commits: u64,
    /// Rows that those commits wrote.
    pub rows: u64,
    /// Batches that they were written in; one sync makes one batch durable, or several.
    pub batches: u64,
    /// Bytes of those batches.
    pub appended_bytes: u64,
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
    /// Microseconds that they took together.
    pub checkpoint_micros: u64,
    /// Rows that they moved into the base.
    pub checkpoint_rows: u64,
    /// Bytes of memory that those rows took.
    pub checkpoint_bytes: u64,
    /// How many checkpoints have failed since the last that did not.
    pub checkpoint_failures: u64,
    /// About how many bytes of memory rows, queue and cache take; the cache counts whole.
    pub memory_bytes: u64,
    /// Of that, rows that are not checkpointed yet.
    pub uncheckpointed_bytes: u64,
    /// About how many microseconds a sync of the journal took lately.
    pub sync_micros: u64,
    /// Microseconds that all syncs of the journal took together.
    pub all_syncs_micros: u64,
    /// Writes that wait for memory now.
    pub writes_waiting: u64,
    /// Writes that had to wait for memory since the opening.
    pub writes_waited: u64,
    /// Writes that were refused since the opening because there was no memory for them.
    pub writes_refused: u64,
    /// Microseconds of the longest wait for memory since the opening.
    pub longest_memory_wait_micros: u64,
    /// Microseconds that a write has waited at most, since the opening, for writers before it to stage theirs.
    pub longest_lock_wait_micros: u64,
    /// Microseconds that a commit has waited at most, since the opening, for the write and sync of others that was
    /// under way when it was staged.
    pub longest_turn_wait_micros: u64,
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
    /// For how many microseconds the one that was taken first has been held; 0 where there is none.
    pub oldest_snapshot_micros: u64,
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl From<EngineStats> for Stats {
    fn from(stats: EngineStats) -> Self {
        let (journal, base): (Traffic, Traffic) = (stats.journal, stats.base);
        Self {
            commits: stats.commits,
            rows: stats.rows,
            batches: stats.batches,
            appended_bytes: stats.appended_bytes,
            visible_lsn: stats.visible,
            synced_lsn: stats.synced,
            syncs: stats.total.syncs,
            bytes_written: stats.total.bytes_written,
            journal_syncs: journal.syncs,
            journal_bytes_written: journal.bytes_written,
            base_syncs: base.syncs,
            base_bytes_written: base.bytes_written,
            directory_syncs: stats.total.directory_syncs,
            checkpoints: stats.checkpoints.totals.completed,
            checkpoint_micros: micros(stats.checkpoints.totals.time),
            checkpoint_rows: stats.checkpoints.totals.rows,
            checkpoint_bytes: stats.checkpoints.totals.bytes,
            checkpoint_failures: stats.checkpoints.failures_in_a_row,
            memory_bytes: stats.memory_bytes,
            uncheckpointed_bytes: stats.uncheckpointed_bytes,
            sync_micros: micros(stats.sync_time),
            all_syncs_micros: micros(stats.all_syncs_time),
            writes_waiting: stats.waits.now,
            writes_waited: stats.waits.all,
            writes_refused: stats.waits.refused,
            longest_memory_wait_micros: micros(stats.waits.longest),
            longest_lock_wait_micros: stats.longest_lock_wait_micros,
            longest_turn_wait_micros: micros(stats.longest_turn_wait),
            journal_disk_bytes: stats.journal_disk_bytes,
            reserve_bytes: stats.reserve_bytes,
            base_disk_bytes: stats.base_disk_bytes,
            base_verified: stats.base_verified,
            snapshots: stats.snapshots.snapshots as u64,
            oldest_snapshot_lsn: stats.snapshots.oldest_lsn,
            oldest_snapshot_micros: stats.snapshots.longest.map_or(0, micros),
        }
    }
}
