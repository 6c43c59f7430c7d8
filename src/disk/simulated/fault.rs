//! What can go wrong with a call, and the plan that says with which one.
//!
//! A plan is a filter (kind of call, name), a count of the calls that passed it, and a fault. This
//! module only decides *whether* a call is hit; what a fault does to it stands beside the call.

use std::io;

use serde::{Deserialize, Serialize};

/// A kind of call that a [`FaultPlan`] can be aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Call {
    /// `Disk::create`, and `Disk::lock` where it makes the file.
    Create,
    /// `DiskFile::write_at`.
    Write,
    /// `DiskFile::set_len`.
    SetLen,
    /// `DiskFile::sync`.
    Sync,
    /// `Disk::rename`; its name is the new one.
    Rename,
    /// `Disk::remove`.
    Remove,
    /// `Disk::make_dir`.
    MakeDir,
    /// `Disk::sync_dir`; its name is that of the directory.
    SyncDir,
    /// `DiskFile::read_at`.
    Read,
    /// `Disk::open`, `Disk::open_read_only` and `Disk::list`.
    Open,
}

impl Call {
    /// Whether the call could change what is on the disk. Only such calls are counted by
    /// `SimulatedDisk::calls` and can be the one at which the power goes out.
    pub fn changes(self) -> bool {
        !matches!(self, Self::Read | Self::Open)
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails as with EIO, and nothing of it is done. A sync that fails marks what was not
    /// synced as clean without saving it.
    Io,
    /// The call fails as with EIO after a part of it was done: a write up to some byte, a sync for
    /// some of the sectors, a rename wholly or not at all.
    IoHalfDone,
    /// The call fails with [`io::ErrorKind::StorageFull`]; otherwise as [`Fault::Io`].
    Full,
    /// The call fails with [`io::ErrorKind::StorageFull`]; otherwise as [`Fault::IoHalfDone`].
    FullHalfDone,
    /// The call answers `Ok`, and reads show it, but it never reaches the disk. A sync answers `Ok`
    /// and leaves everything un-synced. Hits only calls that change something.
    Lost,
    /// The write answers `Ok`, and reads show it where it should be, but it reaches the disk in
    /// another sector of the same file. Hits only writes.
    Misplaced,
}

impl Fault {
    fn fits(self, call: Call) -> bool {
        match self {
            Self::Lost => call.changes(),
            Self::Misplaced => call == Call::Write,
            Self::Io | Self::IoHalfDone | Self::Full | Self::FullHalfDone => true,
        }
    }

    /// Whether a part of the call may be done all the same.
    pub(super) fn does_part(self) -> bool {
        matches!(self, Self::IoHalfDone | Self::FullHalfDone)
    }

    /// The error that a call hit by this fault answers; `None` where it lies.
    pub(super) fn error(self) -> Option<io::Error> {
        match self {
            Self::Io | Self::IoHalfDone => Some(io::Error::other("injected input/output error")),
            Self::Full | Self::FullHalfDone => Some(full()),
            Self::Lost | Self::Misplaced => None,
        }
    }
}

/// The error of a disk without room.
pub(super) fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no room left on the simulated disk")
}

/// One fault, and which calls it hits. Without any restriction: the first call it fits.
///
/// ```
/// use highwater::disk::{Call, Fault, FaultPlan};
///
/// // From the third sync of any file in `journal/` on, every one of them fails.
/// let plan = FaultPlan::new(Fault::Io).on(Call::Sync).within("journal/").at(3).for_ever();
/// # let _ = plan;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct FaultPlan {
    fault: Fault,
    call: Option<Call>,
    within: String,
    /// The first call that is hit, counted from 1 among those that pass the filter.
    first: u64,
    /// How many calls from there on are hit.
    times: u64,
    #[serde(skip)]
    passed: u64,
}

impl FaultPlan {
    /// A plan that hits the first call that `fault` fits.
    pub fn new(fault: Fault) -> Self {
        Self { fault, call: None, within: String::new(), first: 1, times: 1, passed: 0 }
    }

    /// Only calls of this kind count. Without it: all calls that change something.
    pub fn on(mut self, call: Call) -> Self {
        self.call = Some(call);
        self
    }

    /// Only calls count whose file or directory has `part` somewhere in its name. A file is called
    /// what it is called at the time of the call.
    pub fn within(mut self, part: impl Into<String>) -> Self {
        self.within = part.into();
        self
    }

    /// The `nth` call that counts is hit, the first being 1, from the time the plan is given to the
    /// disk.
    pub fn at(mut self, nth: u64) -> Self {
        self.first = nth;
        self
    }

    /// So many calls in a row are hit.
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Every call from the first hit on is hit.
    pub fn for_ever(self) -> Self {
        self.times(u64::MAX)
    }

    /// Counts the call and answers the fault that hits it.
    pub(super) fn judge(&mut self, call: Call, name: &str) -> Option<Fault> {
        let aimed_at = self.call.map_or(call.changes(), |aim| aim == call);
        if !aimed_at || !self.fault.fits(call) || !name.contains(&self.within) {
            return None;
        }
        self.passed += 1;
        let hit = self.passed >= self.first && self.passed - self.first < self.times;
        hit.then_some(self.fault)
    }
}
