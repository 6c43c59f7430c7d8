//! What a store has promised so far: the least and the most that may be found after a crash.
//!
//! This module must not know the store, only what it answered.

use highwater::Durability;

/// How a life of a store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The process died; what the system had in memory is still there.
    Killed,
    /// The power went out, or the system forgot what it could not write.
    PowerCut,
}

/// The promises of one life of a store, as numbers of commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Promises {
    /// Survives power loss.
    durable: u64,
    /// Survives the death of the process.
    written: u64,
    /// Of each commit that has its place in the order, how long its caller waits.
    staged: Vec<Durability>,
}

impl Promises {
    /// An opening answered with `found` commits: it may not take back any of them.
    pub(crate) fn opened(found: u64) -> Self {
        Self { durable: found, written: found, staged: vec![Durability::Synced; found as usize] }
    }

    /// The number of the last commit that has its place in the order, or may have it.
    pub(crate) fn staged(&self) -> u64 {
        self.staged.len() as u64
    }

    /// The next commit got its place.
    pub(crate) fn stage(&mut self, durability: Durability) -> u64 {
        self.staged.push(durability);
        self.staged()
    }

    /// Somebody could read commit `number`: it is as durable as its caller asked, and so is every
    /// one before it.
    pub(crate) fn seen(&mut self, number: u64) {
        let shown = &self.staged[..number as usize];
        let synced = shown.iter().rposition(|kind| *kind == Durability::Synced);
        self.written = self.written.max(number);
        self.durable = self.durable.max(synced.map_or(0, |at| at as u64 + 1));
    }

    /// Everything up to commit `number` was said to survive power loss.
    pub(crate) fn synced(&mut self, number: u64) {
        self.written = self.written.max(number);
        self.durable = self.durable.max(number);
    }

    /// Panics unless `found` commits are what these promises allow after such an end.
    pub(crate) fn judge(&self, end: End, found: u64) {
        let least = match end {
            End::Killed => self.written,
            End::PowerCut => self.durable,
        };
        assert!(
            least <= found,
            "{found} commits were found, and {least} were acknowledged ({end:?})"
        );
        assert!(
            found <= self.staged(),
            "{found} commits were found, and there were never more than {}",
            self.staged()
        );
    }
}
