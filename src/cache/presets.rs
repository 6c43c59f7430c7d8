//! Bounds for what bots cache most. They are beginnings: each can be changed by the calls behind it.

use std::time::Duration;

use super::options::{CacheOptions, LONGEST_TTL};

impl CacheOptions {
    /// For prices: 500 entries, 256 KiB, 30 seconds. Older prices decide nothing.
    pub const fn prices() -> Self {
        Self::with(500, 256 << 10, Duration::from_secs(30))
    }

    /// For rows of positions that are shown often: 500 entries, 1 MiB, one minute. The position itself
    /// is the ledger's: what is bought or sold is decided on a snapshot or in a write, never on this.
    pub const fn positions() -> Self {
        Self::with(500, 1 << 20, Duration::from_secs(60))
    }

    /// For transactions that were read from a node or an explorer: 10,000 entries, 4 MiB, half an hour.
    /// Whether one was dealt with already is for a claim to say, which is never evicted.
    pub const fn transactions() -> Self {
        Self::with(10_000, 4 << 20, LONGEST_TTL)
    }
}
