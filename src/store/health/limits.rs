//! From when on something is worth a word.

use std::time::Duration;

/// From when on [`Store::health`](crate::Store::health) speaks of something.
///
/// ```
/// use std::time::Duration;
///
/// use highwater::{Asset, HealthLimits, Mode, Options};
///
/// // A bot with resting orders: they may well be in progress for a day.
/// let limits = HealthLimits::new().in_progress(Duration::from_secs(24 * 3600));
/// let options = Options::new(Mode::Live, Asset::new("fiat", "USD", 6)?).health_limits(limits);
/// # drop(options);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthLimits {
    pub(super) in_progress: Duration,
    pub(super) snapshot: Duration,
    pub(super) sync: Duration,
    pub(super) checkpoint: Duration,
    pub(super) missing_price: Duration,
    pub(super) boots: u64,
    pub(super) boots_within: Duration,
}

impl HealthLimits {
    /// Syncs that take so many times longer than their limit are critical.
    pub(super) const CRITICAL: u32 = 10;

    /// The defaults.
    pub fn new() -> Self {
        Self {
            in_progress: Duration::from_secs(600),
            snapshot: Duration::from_secs(300),
            sync: Duration::from_millis(100),
            checkpoint: Duration::from_secs(60),
            missing_price: Duration::from_secs(15 * 60),
            boots: 5,
            boots_within: Duration::from_secs(300),
        }
    }

    /// Operations are in progress for too long from here on. Default 10 minutes.
    pub fn in_progress(mut self, limit: Duration) -> Self {
        self.in_progress = limit;
        self
    }

    /// A snapshot is held for too long from here on. Default 5 minutes.
    pub fn snapshot(mut self, limit: Duration) -> Self {
        self.snapshot = limit;
        self
    }

    /// Syncs of the journal take too long from here on, and ten times that is critical. Default
    /// 100 ms.
    pub fn sync(mut self, limit: Duration) -> Self {
        self.sync = limit;
        self
    }

    /// Rows wait for their checkpoint for too long from here on. Default 1 minute.
    pub fn checkpoint(mut self, limit: Duration) -> Self {
        self.checkpoint = limit;
        self
    }

    /// A missing price should have been asked for again from here on after it was due. Default 15 minutes.
    pub fn missing_price(mut self, limit: Duration) -> Self {
        self.missing_price = limit;
        self
    }

    /// So many openings `within` this time are too many; at most 32 are remembered. Default 5 within
    /// 5 minutes.
    pub fn boots(mut self, boots: u64, within: Duration) -> Self {
        (self.boots, self.boots_within) = (boots.max(1), within);
        self
    }
}

impl Default for HealthLimits {
    fn default() -> Self {
        Self::new()
    }
}
