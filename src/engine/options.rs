//! What an engine is opened with, and the limits it keeps.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;

use super::journal::{RoomOptions, largest_commit};

/// The longest key, in bytes.
pub(crate) const MAX_KEY_BYTES: u64 = 1024;
/// The longest row, in bytes.
pub(crate) const MAX_ROW_BYTES: u64 = 1024 * 1024;
/// The longest segment that is made without need.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 8 * 1024 * 1024;
/// The largest commit: what a segment of the largest size takes.
pub(crate) const MAX_COMMIT_BYTES: u64 = largest_commit(MAX_SEGMENT_BYTES);
/// Bases up to this size are checked whole at every opening.
pub(crate) const CHECKED_BASE_BYTES: u64 = 64 * 1024 * 1024;

/// Who checkpoints and syncs in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Two threads of the store's own.
    Threads,
    /// Nobody: the caller calls `checkpoint` and `sync`. For tests and simulations, where one seed
    /// has to give one run.
    Manual,
}

/// Everything that can be set about an engine.
#[derive(Clone, Debug)]
pub(crate) struct EngineOptions {
    /// What the store is created as; opening it as something else is refused.
    pub(crate) identity: Vec<u8>,
    /// Bytes that a memtable may take before it is checkpointed. Two can be there at once.
    pub(crate) memtable_bytes: usize,
    /// Bytes of the base's page cache.
    pub(crate) cache_bytes: usize,
    /// Bytes of journal after which a checkpoint is due even if the memtable has room.
    pub(crate) journal_bytes: u64,
    pub(crate) snapshot_limit_bytes: u64,
    pub(crate) sync_interval: Duration,
    pub(crate) stall_limit: Duration,
    pub(crate) room: RoomOptions,
    pub(crate) background: Background,
    pub(crate) clock: Arc<dyn Clock>,
    /// Makes salts and identifiers repeatable; drawn from the operating system where `None`.
    pub(crate) seed: Option<u64>,
}
