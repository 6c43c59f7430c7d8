//! A disk that loses power, fails and lies on demand, and does so again for the same seed.
//!
//! # The fault model
//!
//! A power cut (see [`SimulatedDisk::crash_at`], [`SimulatedDisk::crash_image`]):
//!
//! - What was synced is there. Of the writes that were not, any subset survives, in sectors of 512
//!   bytes that are aligned to the file's offsets. Writes are not kept in order, not even two on the
//!   same sector.
//! - A write may be torn inside one sector: its first bytes are new and the rest is old. Bytes that
//!   do not belong to the write never change (power-safe overwrite).
//! - Length changes that were not synced may vanish or stay, each on its own. Where a write made the
//!   file grow, the growth may stay without the bytes, which then read as zeros.
//! - Creations, renames and removals that were not synced with their directory may vanish or stay,
//!   in any subset that keeps the order on each single name. A rename is atomic: with it the old name
//!   is gone and the new one names the file, without it neither. A directory that is not durable
//!   takes everything inside with it. A rename between two directories is durable once either of
//!   them is synced.
//! - The call at which the power goes out may be done, not done, or in the case of a write torn. It
//!   and every call after it fails until [`SimulatedDisk::power_on`]; files opened before stay dead.
//!
//! The death of the process alone ([`SimulatedDisk::process_killed_image`]) loses nothing that the
//! system has in its cache, and a write in flight is done up to some byte.
//!
//! Faults ([`FaultPlan`]) hit the n-th call of a kind, on all or on some names, once or for ever:
//!
//! - It fails, as with EIO or a full disk, with nothing or a part of it done ([`Fault::Io`],
//!   [`Fault::IoHalfDone`], [`Fault::Full`], [`Fault::FullHalfDone`]).
//! - **A failed sync marks what was not synced as clean without saving it**: reads go on showing it
//!   until the power goes out, later syncs succeed, and it is gone all the same unless it was written
//!   again. A directory sync that fails leaves its names as un-synced as they were.
//! - It lies: a write that never reaches the disk, or that reaches another sector ([`Fault::Lost`],
//!   [`Fault::Misplaced`]). Reads show what was meant until the power goes out or
//!   [`SimulatedDisk::drop_caches`].
//! - Stored bits flip ([`SimulatedDisk::flip_bit`]), and room runs out
//!   ([`SimulatedDisk::set_capacity`]): growing a file fails, overwriting inside it never does.
//!
//! One seed drives everything. The same seed and the same calls in the same order give the same
//! bytes; threads that race give up that order.

mod calls;
mod crash;
mod directory;
mod fault;
mod file;
mod file_calls;
mod name_calls;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;

pub use self::crash::CrashStyle;
pub use self::fault::{Call, Fault, FaultPlan};
use self::state::{Power, State};
use super::pages::Pages;

/// A directory in memory that can lose power and fail, as the [fault model](self) says. Clones share
/// it; [`SimulatedDisk::fork`] copies it.
///
/// A bot's own logic is tested like this: run it on such a disk, cut the power at every call in
/// turn, open what is left, and see whether it still holds what it promised.
///
/// ```
/// use highwater::disk::{CrashStyle, Disk, SimulatedDisk};
///
/// /// Promises that `deal` is durable when it answers.
/// fn note_down(disk: &SimulatedDisk, deal: &[u8]) -> std::io::Result<()> {
///     let file = disk.create("deal.new")?;
///     file.write_at(0, deal)?;
///     file.sync()?;
///     disk.rename("deal.new", "deal")?;
///     disk.sync_dir("")
/// }
///
/// for nth in 1.. {
///     let disk = SimulatedDisk::new(7);
///     disk.crash_at(nth);
///     let answer = note_down(&disk, b"sell at nine");
///     let found = disk.crash_image(nth, CrashStyle::Random).read_file("deal");
///     match answer {
///         Ok(()) => {
///             assert_eq!(found.as_deref(), Some(&b"sell at nine"[..]));
///             break;
///         }
///         // In the middle of it: whole or not at all.
///         Err(_) => assert!(found.is_none() || found.as_deref() == Some(b"sell at nine")),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

/// Making, copying and ending disks.
impl SimulatedDisk {
    /// An empty disk whose every random choice follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::from_state(State::new(Rng::with_seed(seed)))
    }

    /// A copy of everything: bytes, names, what is un-synced, counters, fault plans, power. Files
    /// that are open and locks that are held stay with the original.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_state(self.state().copy())
    }

    /// The power goes out now. Every call fails from here on.
    pub fn crash(&self) {
        self.state().power = Power::Out;
    }

    /// The power goes out at the call with number `nth`, as [`SimulatedDisk::calls`] counts: the
    /// first call of a disk's life is 1. That call may be done in part, and fails. A number that has
    /// passed means the next call.
    pub fn crash_at(&self, nth: u64) {
        self.state().crash_at = Some(nth);
    }

    /// Whether the power is out.
    pub fn is_powered_off(&self) -> bool {
        self.state().power == Power::Out
    }

    /// Ends a power cut: the disk goes on with what a random cut leaves, drawn from the disk's own
    /// seed. Files opened before stay dead and locks are free; `crash_at` is over, counters, fault
    /// plans and capacity stay. Does nothing where the power is on.
    pub fn power_on(&self) {
        self.state().power_on();
    }

    /// The disk as it is found if the power goes out now (or went out, where it did). A disk of its
    /// own with free locks, fresh counters, no fault plans and everything on it durable; this one
    /// is not touched. Both the draws and the later choices of the image follow from `seed`.
    #[must_use]
    pub fn crash_image(&self, seed: u64, style: CrashStyle) -> Self {
        Self::from_state(self.state().after_power_cut(Rng::with_seed(seed), style))
    }

    /// The disk as a new process finds it if this one is killed now while the power stays on: a disk
    /// of its own with free locks, fresh counters and no fault plans. What was un-synced still is.
    #[must_use]
    pub fn process_killed_image(&self) -> Self {
        Self::from_state(self.state().after_kill())
    }

    fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// No call leaves the state half changed by a panic, so poisoning means nothing here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Faults.
impl SimulatedDisk {
    /// Adds a plan. Where several hit the same call, the earliest added decides.
    pub fn inject(&self, plan: FaultPlan) {
        self.state().faults.push(plan);
    }

    /// Takes all plans away.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// How many calls were hit by a fault plan. Zero at the end of a test says that its plan never
    /// came to anything.
    pub fn faults_hit(&self) -> u64 {
        self.state().counts.faults
    }

    /// Which faults hit which calls, and how often.
    pub fn hits(&self) -> Vec<(Fault, Call, u64)> {
        let state = self.state();
        state.hits.iter().map(|((fault, call), times)| (*fault, *call, *times)).collect()
    }

    /// How many bytes all files together may have; `None` is without a limit. A call that would
    /// grow a file beyond it fails with [`std::io::ErrorKind::StorageFull`], a write after the part
    /// that fits.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// Flips bit `bit` (0 to 7) of the byte at `offset`, on the disk and in what reads show. Answers
    /// whether there is such a byte.
    pub fn flip_bit(&self, name: &str, offset: u64, bit: u8) -> bool {
        self.state().flip_bit(name, offset, bit)
    }

    /// Makes the system forget what it has in memory only: from now on reads show what is on the
    /// disk and what is still un-synced. After a failed sync, or a write that was lost or misplaced,
    /// this brings the damage to light without a power cut.
    pub fn drop_caches(&self) {
        self.state().drop_caches();
    }
}

/// Counters. They start at zero with a new disk and with every image.
impl SimulatedDisk {
    /// The calls made so far that could change something, failed ones included: create, write,
    /// set_len, sync, rename, remove, make_dir, sync_dir.
    pub fn calls(&self) -> u64 {
        self.state().counts.calls
    }

    /// The calls made so far that could not: reads, opens and listings.
    pub fn reads(&self) -> u64 {
        self.state().counts.reads
    }

    /// The file syncs asked for so far.
    pub fn syncs(&self) -> u64 {
        self.state().counts.syncs
    }

    /// The directory syncs asked for so far.
    pub fn directory_syncs(&self) -> u64 {
        self.state().counts.directory_syncs
    }
}

/// Looking at the disk, and changing it, from outside: no call is counted and none fails, not even
/// while the power is out.
impl SimulatedDisk {
    /// The names of all files, sorted, with their directories.
    pub fn names(&self) -> Vec<String> {
        self.state().names().cloned().collect()
    }

    /// What reads show of a file.
    pub fn read_file(&self, name: &str) -> Option<Vec<u8>> {
        self.state().shown(name).map(|file| file.shown().to_vec())
    }

    /// What certainly survives a power cut of the file that is durably called `name`.
    pub fn durable_bytes(&self, name: &str) -> Option<Vec<u8>> {
        self.state().saved(name).map(|file| file.saved().to_vec())
    }

    /// Whether a power cut now could change what stands under `name`: its bytes, its length, or
    /// whether there is such a file. False is "this is durable".
    pub fn unsynced(&self, name: &str) -> bool {
        self.state().is_unsynced(name)
    }

    /// Gives the file `name` these bytes, durably, and makes it and its directory where missing.
    pub fn write_file(&self, name: &str, bytes: &[u8]) {
        let mut pages = Pages::default();
        // From offset zero no slice reaches the largest offset.
        let _ = pages.write_at(0, bytes);
        self.state().put(name, pages);
    }

    /// Takes the file `name` away, durably. Answers whether there was one.
    pub fn remove_file(&self, name: &str) -> bool {
        self.state().take_away(name)
    }
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("SimulatedDisk")
            .field("files", &state.names().count())
            .field("calls", &state.counts.calls)
            .finish_non_exhaustive()
    }
}
