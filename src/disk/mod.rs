//! The one seam to the outside: everything highwater reads or writes goes through [`Disk`].
//!
//! A disk is one store's directory. Names are relative to it (`base.redb`,
//! `journal/00000000000000000001.wal`) and use `/` on every platform; one that would lead out of the
//! store, or mean something else on another platform, is refused as `InvalidInput`. The contract of
//! each call is written on the trait; one test suite (`tests/disk.rs`) holds every implementation to
//! it.
//!
//! This module must not know what the files mean: no journal, no base, no redb.

mod locks;
mod memory;
mod metered;
mod name;
mod overlay;
mod pages;
mod real;
#[cfg(feature = "simulation")]
pub mod simulated;
mod within;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use memory::MemoryDisk;
pub(crate) use metered::Metered;
pub use metered::Traffic;
pub(crate) use overlay::Overlay;
pub use real::RealDisk;
#[cfg(feature = "simulation")]
pub use simulated::{Call, CrashStyle, Fault, FaultPlan, SimulatedDisk};
pub use within::Within;

/// A directory of files that survives the process, and on a real disk the power.
///
/// What is durable when: bytes and lengths of a file after [`DiskFile::sync`] returned `Ok`; a name
/// (created, renamed or removed) after [`Disk::sync_dir`] of its directory returned `Ok`. Until then
/// a crash may keep or lose any part of it.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes the store's own directory where it is missing (readable by its owner only) and makes
    /// that durable. Does nothing where it exists.
    fn make_root(&self) -> io::Result<()>;

    /// Makes the directory `name` inside the store (owner only). Does nothing where it exists.
    /// Durable, with all it will hold, after `sync_dir` of the directory it stands in (`""`).
    /// `NotFound` where that is missing.
    fn make_dir(&self, name: &str) -> io::Result<()>;

    /// Creates a new empty file (owner only), open for reading and writing.
    /// `AlreadyExists` where the name is taken, `NotFound` where its directory is missing.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading and writing. `NotFound` where there is none.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens an existing file for reading; writing to the file it answers fails. Works on a
    /// read-only mount. `NotFound` where there is none.
    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// The names of the files directly inside directory `dir` (`""` is the store's own), without
    /// the directory, sorted; directories are left out. Empty where `dir` does not exist.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;

    /// Gives the file `from` the name `to`, replacing what stood there. Atomic: after a crash the
    /// file has one of the two names, never none and never both. `NotFound` where `from`, or the
    /// directory of `to`, is missing. The same for a directory with all that is in it, which replaces
    /// nothing: `AlreadyExists` where `to` is taken.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file, or a directory with nothing in it. `NotFound` where there is none. Open handles go
    /// on working.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes all creations, renames and removals in `dir` (`""` is the store's own) durable.
    /// `NotFound` where there is no such directory.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;

    /// Takes the exclusive lock named `name`, creating its file where missing. Held until the
    /// answer is dropped or the process dies. `WouldBlock` where somebody else holds it, in this
    /// process or another, exclusively or shared.
    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>>;

    /// Takes a shared lock on the existing file `name` without writing anything. `WouldBlock` where
    /// an exclusive lock is held, `NotFound` where there is no such file.
    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>>;

    /// What to call this disk in messages: the directory's path, or a word in angle brackets.
    fn label(&self) -> String;
}

/// An open file. All calls take a shared reference and may come from several threads.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset` on. `UnexpectedEof` where the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, growing the file where needed; a gap reads as zeros.
    /// After an error any part may have been written.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file, or grows it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes all bytes written before this call, and the length, durable. After an error none of
    /// them can be counted on, even if a later call succeeds.
    fn sync(&self) -> io::Result<()>;
}

/// A lock that is held as long as this value lives.
pub trait DiskLock: Send + Sync + fmt::Debug {}
