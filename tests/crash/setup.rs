//! How the stores under test are opened: small, by hand, and so that one seed gives one run.

use std::sync::Arc;
use std::time::Duration;

use highwater::disk::SimulatedDisk;
use highwater::{Asset, Background, Error, KeepLog, ManualClock, Mode, Options, Store, Timestamp};

/// Everything that one run depends on beside its workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// Whether retired segments are kept; where not, they are recycled.
    pub(crate) keeps_log: bool,
}

impl Setup {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, keeps_log: seed % 2 == 1 }
    }

    pub(crate) fn options(self) -> Options {
        let usd = Asset::new("fiat", "USD", 6).expect("a plain asset");
        let keep = KeepLog {
            bytes: if self.keeps_log { 1 << 20 } else { 0 },
            age: Duration::from_secs(3600),
        };
        let clock = ManualClock::new(Timestamp::from_micros(1_700_000_000_000_000));
        Options::new(Mode::Paper, usd)
            .background(Background::Manual)
            .clock(Arc::new(clock))
            .seed(self.seed)
            .memory_bytes(256 * 1024)
            .segment_bytes(64 * 1024, 128 * 1024)
            .keep_log(keep)
    }

    pub(crate) fn open(self, disk: &SimulatedDisk) -> Result<Store, Error> {
        self.options().open_on(Arc::new(disk.clone()))
    }
}
