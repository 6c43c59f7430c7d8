//! Everything about a store that must not show in what it answers.

use std::time::Duration;

use crate::disk::CrashStyle;
use crate::simulation::cast::Coin;
use crate::simulation::subject::translate;
use crate::{Background, ClaimBounds, Durability, KeepLog, Mode, Options};
use fastrand::Rng;

const KIB: u64 = 1024;

/// What the store lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Medium {
    Memory,
    Simulated,
    Files,
}

/// When the script's player checkpoints, beside what the store does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checkpoints {
    Never,
    /// Before every so-manieth step.
    Every(usize),
}

/// What becomes of the store where the script says that it is closed or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    AsTheScriptSays,
    Closed,
    Killed,
    PowerCut(CrashStyle),
}

/// By which call a commit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// By the store's own call where there is one.
    Direct,
    Closure,
    Finishing,
    /// With a durability of its own, never less than the store's.
    Synced,
    /// Staged first and waited for later.
    Ticket,
}

/// How one store differs from others.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    pub(crate) medium: Medium,
    pub(crate) threaded_background: bool,
    memory_bytes: u64,
    segment_bytes: (u64, u64),
    pub(crate) durability: Durability,
    pub(crate) checkpoints: Checkpoints,
    keeps_log: bool,
    pub(crate) ends: Ends,
    /// Whether the store is closed or killed before every so-manieth step where that must not
    /// matter: where no operation is under way.
    pub(crate) reopens: Option<usize>,
    pub(crate) form: Form,
    /// So many threads take turns at the script.
    pub(crate) threads: usize,
    pub(crate) seed: u64,
}

impl Configuration {
    /// Nothing special about it: the one that the others are held against.
    pub(crate) fn plain() -> Self {
        Self {
            medium: Medium::Memory,
            threaded_background: false,
            memory_bytes: 32 * KIB * KIB,
            segment_bytes: (128 * KIB, 8 * KIB * KIB),
            durability: Durability::Synced,
            checkpoints: Checkpoints::Never,
            keeps_log: false,
            ends: Ends::AsTheScriptSays,
            reopens: None,
            form: Form::Closure,
            threads: 1,
            seed: 7,
        }
    }

    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let medium = match rng.u8(..16) {
            0 => Medium::Files,
            1..6 => Medium::Memory,
            _ => Medium::Simulated,
        };
        let durability = if rng.bool() { Durability::Synced } else { Durability::Written };
        let is_tiny = rng.bool();
        let threaded_background = rng.u8(..3) == 0;
        let checkpoints = match rng.u8(..6) {
            // Without a thread that checkpoints, somebody has to make room in a small memory.
            0..2 if !is_tiny || threaded_background => Checkpoints::Never,
            0..4 if !threaded_background || rng.bool() => Checkpoints::Every(1),
            _ if is_tiny => Checkpoints::Every(1),
            _ => Checkpoints::Every(rng.usize(2..9)),
        };
        Self {
            medium,
            threaded_background,
            memory_bytes: if is_tiny { 256 * KIB } else { 64 * KIB * KIB },
            segment_bytes: match rng.u8(..3) {
                0 => (64 * KIB, 64 * KIB),
                1 => (64 * KIB, 256 * KIB),
                _ => (256 * KIB, 1024 * KIB),
            },
            durability,
            checkpoints,
            keeps_log: rng.bool(),
            ends: ends(rng, medium, durability, threaded_background),
            reopens: (rng.u8(..3) == 0).then(|| *pick(rng, &[1, 1, 2, 5])),
            form: *pick(
                rng,
                &[Form::Direct, Form::Closure, Form::Finishing, Form::Synced, Form::Ticket],
            ),
            threads: *pick(rng, &[1, 1, 2, 4]),
            seed: rng.u64(..),
        }
    }

    pub(crate) fn options(&self) -> Options {
        let kept = if self.keeps_log { 1 << 30 } else { 0 };
        let (first, largest) = self.segment_bytes;
        let background =
            if self.threaded_background { Background::Threads } else { Background::Manual };
        Options::new(Mode::Paper, translate::asset(Coin::Usd))
            .background(background)
            .memory_bytes(self.memory_bytes)
            .segment_bytes(first, largest)
            .durability(self.durability)
            .keep_log(KeepLog { bytes: kept, age: Duration::from_secs(3600) })
            .snapshot_limit_bytes(1 << 40)
            .sync_interval(Duration::from_millis(1))
            .seed(self.seed)
            .claims("volley", ClaimBounds::new().count(5))
    }
}

fn ends(rng: &mut Rng, medium: Medium, durability: Durability, threads: bool) -> Ends {
    let simulated = medium == Medium::Simulated;
    let killed = match (simulated, durability) {
        // What was only written may be lost with the power.
        (true, Durability::Synced) => *pick(
            rng,
            &[
                Ends::Killed,
                Ends::PowerCut(CrashStyle::LoseAll),
                Ends::PowerCut(CrashStyle::KeepAll),
                Ends::PowerCut(CrashStyle::Random),
            ],
        ),
        (true, Durability::Written) => Ends::Killed,
        // A copy of files that are written to meanwhile is no image of any moment.
        (false, _) if threads => return Ends::Closed,
        (false, _) => Ends::Killed,
    };
    *pick(rng, &[Ends::AsTheScriptSays, Ends::Closed, killed, killed])
}

pub(crate) fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
