//! The engine: durable commits of byte rows under byte keys, and consistent reads of them.
//!
//! A write goes through [`Engine::stage`]: one writer at a time stages rows, gets an LSN, and waits
//! for the journal outside the lock. Reads go through snapshots of a view: memtables over the base.
//! Checkpoints move memtables into the base; recovery puts what the journal has above the base into
//! a memtable, with the same "put these rows" that the commit did.
//!
//! This module must not know what the rows mean: no tokens, no money, no operations.

mod base;
mod checkpoint;
mod create;
mod draft;
#[cfg(test)]
mod epoch_tests;
mod error;
pub(crate) mod journal;
mod life;
mod memtable;
mod merge;
#[cfg(all(test, shuttle))]
mod model_checking;
mod offline;
mod open;
mod options;
mod outline;
mod pressure;
mod read;
mod recover;
mod registry;
mod repair;
mod row;
mod snapshot;
mod staged;
mod sync;
#[cfg(test)]
mod tests;
mod tx;
mod verify;
mod view;
mod write;

use std::sync::{Arc, PoisonError};

use crate::disk::{DiskLock, Metered};

use checkpoint::Checkpointer;
use journal::Journal;
use pressure::Pressure;
use registry::Registry;
use sync::atomic::{AtomicBool, AtomicU64};
use sync::{Mutex, RwLock};
use view::View;
use write::Writer;

pub(crate) use base::is_guarded;
#[cfg(feature = "simulation")]
pub(crate) use base::recode_meta;
pub use base::{Damage, Error as BaseError};
pub(crate) use draft::{Contents, Draft, all_rows, check_row, draw_salt};
pub use error::Error;
pub(crate) use life::{EngineStats, Running};
pub(crate) use offline::{BaseAlone, Offline, verdict};
pub(crate) use open::{Opening, open};
pub use options::Background;
pub(crate) use options::{EngineOptions, MAX_COMMIT_BYTES, MAX_SEGMENT_BYTES};
pub(crate) use outline::outline;
pub(crate) use read::{KeyRange, Reader, Scan};
#[cfg(feature = "simulation")]
pub(crate) use recover::anchor;
pub(crate) use repair::{Repairable, repair, repairable_locked};
pub use row::Lsn;
pub(crate) use row::{Row, Table};
pub(crate) use snapshot::Snapshot;
pub(crate) use tx::Tx;
pub(crate) use verify::{Examined, Weight, verify};
pub use write::Durability;
pub(crate) use write::{Staged, Ticket, WaitingTask};

/// An open store of byte rows.
pub(crate) struct Engine {
    options: EngineOptions,
    disk: Metered,
    journal: Journal,
    writer: Mutex<Writer>,
    view: RwLock<Arc<View>>,
    registry: Arc<Registry>,
    checkpointer: Mutex<Checkpointer>,
    pressure: Pressure,
    /// Set when the base answered with an I/O error: its handle is of no further use.
    base_suspect: AtomicBool,
    /// Whether every page of the base was read and found sound since the opening.
    base_checked: AtomicBool,
    /// Set when reading all of the base found damage in it.
    base_damaged: AtomicBool,
    /// The longest that a write has waited for the writers before it, in microseconds.
    longest_lock_wait: AtomicU64,
    commits: AtomicU64,
    /// Rows of all those commits.
    rows: AtomicU64,
    opening: Opening,
    store_id: [u8; 16],
    epoch: u64,
    /// Last, so that it is given up when everything else is gone.
    _lock: Box<dyn DiskLock>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("opening", &self.opening).finish_non_exhaustive()
    }
}

impl Engine {
    fn view(&self) -> Arc<View> {
        // Publishing is one assignment: the view is whole even after a panic.
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The number of this opening: greater than that of any opening before it.
    ///
    /// It is the number of the first segment that this opening wrote, which had its name durably
    /// before the opening returned.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    fn publish(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }
}
