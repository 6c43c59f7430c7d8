//! The base: a B-tree with two-phase commits, reduced to which of two states a reader finds.
//!
//! A commit first writes and syncs everything beside the state in force (`prepare`), then makes it the
//! state in force (`flip`) and syncs that (`settle`). A power cut before `settle` may show either. A
//! settled state may still fall back to the one before until the next commit is prepared: the database
//! does that when it finds the newer one broken. What a power cut has decided stays decided.

use fastrand::Rng;

use super::segment::{Lsn, Number};
use super::world::{Stop, World};

/// A checkpoint: everything up to `lsn` is in the base, everything later in this segment or behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) lsn: Lsn,
    pub(crate) number: Number,
    pub(crate) salt: u64,
}

/// What one transaction leaves in the base.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) last: Checkpoint,
    pub(crate) previous: Checkpoint,
    /// The commits with the LSNs 1 to `last.lsn`, in order.
    pub(crate) commits: Vec<u64>,
}

/// The base's file; `None` stands for a file that is not there.
#[derive(Debug, Default)]
pub(crate) struct Base {
    in_force: Option<State>,
    /// What a power cut may show instead.
    other: Option<Option<State>>,
    prepared: bool,
}

impl Base {
    pub(crate) fn state(&self) -> Option<&State> {
        self.in_force.as_ref()
    }

    fn swap(&mut self) {
        if let Some(other) = &mut self.other {
            std::mem::swap(&mut self.in_force, other);
        }
    }

    pub(crate) fn power_cut(&mut self, rng: &mut Rng) {
        if rng.bool() {
            self.swap();
        }
        self.other = None;
        self.prepared = false;
    }

    pub(crate) fn kill(&mut self, rng: &mut Rng) {
        if std::mem::take(&mut self.prepared) && rng.bool() {
            self.swap();
        }
    }
}

impl World {
    /// The renamed file of a new store; the directory sync behind it is the caller's.
    pub(crate) fn base_create(&mut self, state: State) -> Result<(), Stop> {
        self.call()?;
        self.base.other = Some(self.base.in_force.replace(state));
        Ok(())
    }

    /// Syncs the directory in which the base has its name; that is not the segments' directory.
    pub(crate) fn base_sync_name(&mut self) -> Result<(), Stop> {
        if self.call_fails()? {
            return Err(Stop::Failed);
        }
        if matches!(self.base.other, Some(None)) {
            self.base.other = None;
        }
        Ok(())
    }

    pub(crate) fn base_prepare(&mut self, state: State) -> Result<(), Stop> {
        if self.call_fails()? {
            return Err(Stop::Failed);
        }
        self.base.other = Some(Some(state));
        self.base.prepared = true;
        Ok(())
    }

    pub(crate) fn base_flip(&mut self) -> Result<(), Stop> {
        self.call()?;
        self.base.prepared = false;
        self.base.swap();
        Ok(())
    }

    pub(crate) fn base_settle(&mut self) -> Result<(), Stop> {
        if self.call_fails()? {
            if self.rng.bool() {
                self.base.swap();
            }
            return Err(Stop::Failed);
        }
        Ok(())
    }
}
