//! The plan: where commits that are admitted will go at the latest.

use std::collections::VecDeque;

use super::segment::Segment;

/// Where the next commit would go if every commit were a batch of its own. Real batches take less,
/// so the appender never gets ahead of the plan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    /// Bytes left in the segment that the plan has come to.
    pub(super) left: u64,
    /// How many ready segments the plan has entered.
    pub(super) entered: usize,
}

impl Plan {
    /// The plan with one more batch, or `None` where there is no ready room for it.
    pub(super) fn with(mut self, batch_len: u64, ready: &VecDeque<Segment>) -> Option<Self> {
        while batch_len > self.left {
            self.left = ready.get(self.entered)?.room();
            self.entered += 1;
        }
        self.left -= batch_len;
        Some(self)
    }
}
