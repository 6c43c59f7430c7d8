//! What one opening of a store knows of operations beside their rows: its number, the handles that
//! are alive, what external ids and owners are drawn from, and whether recovery is still due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::error::Error;
use super::external_id::ExternalIds;
use super::handle::HandleTable;
use super::row::unfinished;
use crate::engine::Reader;

/// The life of one opening.
#[derive(Debug)]
pub(crate) struct Life {
    epoch: u64,
    handles: Arc<HandleTable>,
    external_ids: ExternalIds,
    owners: AtomicU64,
    recovery: AtomicU8,
}

/// How far recovery has come in this opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecoveryState {
    /// Operations of earlier openings are unfinished.
    Needed = 0,
    /// One is running, and was needed.
    Running = 1,
    /// There is nothing to recover, or it was done or skipped.
    Done = 2,
    /// One is running although it is not needed for anything to begin.
    RunningAgain = 3,
}

impl Life {
    /// The life of the opening number `epoch` of the store that `reader` reads.
    pub(crate) fn new(reader: &dyn Reader, epoch: u64, seed: [u64; 2]) -> Result<Self, Error> {
        let orphans = unfinished(reader).next().transpose()?.is_some();
        let recovery = if orphans { RecoveryState::Needed } else { RecoveryState::Done };
        Ok(Self {
            epoch,
            handles: Arc::default(),
            external_ids: ExternalIds::new(seed, epoch),
            owners: AtomicU64::new(1),
            recovery: AtomicU8::new(recovery as u8),
        })
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn handles(&self) -> &Arc<HandleTable> {
        &self.handles
    }

    pub(super) fn draw_external_id(&self) -> [u8; 16] {
        self.external_ids.draw().to_bytes()
    }

    /// A number that no other owner of this opening has: it is used up also where the write that
    /// drew it is refused.
    pub(super) fn draw_owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn recovery(&self) -> RecoveryState {
        match self.recovery.load(Ordering::Acquire) {
            0 => RecoveryState::Needed,
            1 => RecoveryState::Running,
            2 => RecoveryState::Done,
            _ => RecoveryState::RunningAgain,
        }
    }

    /// Whether nothing begins before recovery ran.
    pub(crate) fn refuses_beginnings(&self) -> bool {
        matches!(self.recovery(), RecoveryState::Needed | RecoveryState::Running)
    }

    /// Lets the one caller recover who gets here first.
    pub(crate) fn begin_recovery(&self) -> Result<(), Error> {
        let moved =
            self.recovery.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
                state if state == RecoveryState::Needed as u8 => Some(RecoveryState::Running as u8),
                state if state == RecoveryState::Done as u8 => {
                    Some(RecoveryState::RunningAgain as u8)
                }
                _ => None,
            });
        moved.map(drop).map_err(|_| Error::RecoveryRunning)
    }

    /// The recovery that was running ended: it ran to its end, or was given up.
    pub(crate) fn end_recovery(&self, finished: bool) {
        let state = match self.recovery() {
            RecoveryState::Running if !finished => RecoveryState::Needed,
            _ => RecoveryState::Done,
        };
        self.recovery.store(state as u8, Ordering::Release);
    }

    /// Lets new operations begin although older ones are unfinished.
    pub(crate) fn skip_recovery(&self) -> Result<(), Error> {
        self.begin_recovery()?;
        self.end_recovery(true);
        Ok(())
    }
}
