//! How the stores of one run are opened: small and by hand, so that everything happens soon and in the
//! same order each time.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cast::Coin;
use super::choices::Choices;
use super::model::Limits;
use super::model::claims::{Bounds, NAMESPACES};
use super::subject::deeds::namespace;
use super::subject::translate;
use crate::clock::Clock;
use crate::engine::{Background, Durability};
use crate::store::{KeepLog, Mode, Options};

/// Everything that a run depends on beside its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Of the disk, and of what the store draws itself.
    pub(crate) seed: u64,
    /// Whether commits that say nothing of it survive power loss.
    pub(crate) synced: bool,
    pub(crate) memory_bytes: u64,
    pub(crate) segment_bytes: u64,
    /// How much an old snapshot may keep back.
    pub(crate) snapshot_bytes: u64,
    /// Whether retired segments are kept; where not, they are recycled.
    pub(crate) keeps_log: bool,
    pub(crate) limits: Limits,
}

impl Setup {
    /// An ordinary one.
    pub(crate) fn plain(seed: u64) -> Self {
        Self {
            seed,
            synced: true,
            memory_bytes: 1 << 20,
            segment_bytes: 64 * 1024,
            snapshot_bytes: 2 << 20,
            keeps_log: false,
            limits: Limits::default(),
        }
    }

    pub(crate) fn draw(choices: &mut Choices<'_>) -> Self {
        Self {
            seed: choices.u64(..1 << 40),
            synced: choices.u8(..3) > 0,
            memory_bytes: *choices.pick(&[128 * 1024, 256 * 1024, 1 << 20]),
            segment_bytes: *choices.pick(&[64 * 1024, 64 * 1024, 96 * 1024]),
            snapshot_bytes: *choices.pick(&[16 * 1024, 2 << 20]),
            keeps_log: choices.bool(),
            limits: Limits { claims: claim_bounds(choices), ..limits(choices) },
        }
    }

    /// How long commits that say nothing of it wait.
    pub(crate) fn durability(&self) -> Durability {
        if self.synced { Durability::Synced } else { Durability::Written }
    }

    pub(crate) fn options(&self, clock: Arc<dyn Clock>) -> Options {
        let bytes = if self.keeps_log { 1 << 20 } else { 0 };
        let keep = KeepLog { bytes, age: Duration::from_secs(3600) };
        let options = Options::new(Mode::Paper, translate::asset(Coin::Usd));
        let claims = (0..).zip(self.limits.claims);
        let options = claims.fold(options, |options, (space, bounds)| {
            options.claims(namespace(space), translate::claim_bounds(bounds))
        });
        options
            .background(Background::Manual)
            .clock(clock)
            .durability(self.durability())
            .seed(self.seed)
            .memory_bytes(self.memory_bytes)
            .snapshot_limit_bytes(self.snapshot_bytes)
            .segment_bytes(self.segment_bytes, 2 * self.segment_bytes)
            .keep_log(keep)
            .limits(translate::limits(self.limits))
            .price_backoff(translate::price_backoff())
    }
}

fn limits(choices: &mut Choices<'_>) -> Limits {
    match choices.u8(..4) {
        0 => Limits { open_positions: Some(2), cost: Some(250), ..Limits::default() },
        _ => Limits::default(),
    }
}

/// Bounds for the claims of each namespace: few are kept, so that the watermark moves soon.
pub(crate) fn claim_bounds(choices: &mut Choices<'_>) -> [Bounds; NAMESPACES as usize] {
    std::array::from_fn(|_| match choices.u8(..6) {
        0..2 => Bounds::default(),
        2 => Bounds { count: Some(choices.usize(..3)), horizon_micros: None },
        3 => Bounds { count: Some(choices.usize(1..5)), horizon_micros: None },
        4 => Bounds { count: None, horizon_micros: Some(choices.i64(5..40) * 60_000_000) },
        _ => Bounds {
            count: Some(choices.usize(1..4)),
            horizon_micros: Some(choices.i64(0..60) * 60_000_000),
        },
    })
}
