//! What the store has promised so far, and whether an opening kept it.
//!
//! This is the oracle. It sees what was staged, what became visible and when syncs began and ended, and
//! nothing of how the journal works.

use super::segment::Lsn;
use super::store::Durability;

/// The promises P1 to P3 as figures.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    /// Every commit in the order of its LSN, as far as it may still turn up.
    pub(crate) order: Vec<u64>,
    /// Up to here everything survives the death of the process.
    after_kill: Lsn,
    /// Up to here everything survives a power cut.
    after_power_cut: Lsn,
    /// What was acknowledged when the sync in flight began.
    acknowledged_before_sync: Lsn,
}

impl Promises {
    pub(crate) fn sync_began(&mut self, visible: Lsn) {
        self.acknowledged_before_sync = visible;
    }

    pub(crate) fn sync_completed(&mut self) {
        self.after_power_cut = self.after_power_cut.max(self.acknowledged_before_sync);
    }

    /// Everything up to `visible` can be read, and its calls have returned.
    pub(crate) fn visible(&mut self, visible: Lsn, asked: &[Durability]) {
        let synced = asked[..visible as usize].iter().rposition(|&one| one == Durability::Synced);
        self.after_power_cut = self.after_power_cut.max(synced.map_or(0, |index| index as Lsn + 1));
        self.after_kill = self.after_kill.max(visible);
    }

    pub(crate) fn power_was_cut(&mut self) {
        self.after_kill = self.after_power_cut;
    }

    /// Holds an opening against the promises; afterwards what it found is promised anew.
    pub(crate) fn opened(&mut self, found: &[u64]) -> Result<(), String> {
        if !self.order.starts_with(found) {
            return Err(format!("{found:?} is no prefix of {:?}", self.order));
        }
        let lsn = found.len() as Lsn;
        if lsn < self.after_kill {
            return Err(format!("LSN {} was promised, found up to {lsn}", self.after_kill));
        }
        self.order.truncate(found.len());
        self.after_kill = lsn;
        self.after_power_cut = lsn;
        Ok(())
    }
}
