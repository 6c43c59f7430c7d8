//! Where a store lies, and what is found there after its process died.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{CrashStyle, Disk, MemoryDisk, RealDisk, SimulatedDisk};
use tempfile::TempDir;

use super::configuration::Medium;

/// A disk of its own.
pub(crate) enum Place {
    Memory(MemoryDisk),
    Simulated(SimulatedDisk),
    Files(TempDir),
}

impl Place {
    pub(crate) fn new(medium: Medium, seed: u64) -> Self {
        match medium {
            Medium::Memory => Self::Memory(MemoryDisk::new()),
            Medium::Simulated => Self::Simulated(SimulatedDisk::new(seed)),
            Medium::Files => Self::Files(directory()),
        }
    }

    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        match self {
            Self::Memory(disk) => Arc::new(disk.clone()),
            Self::Simulated(disk) => Arc::new(disk.clone()),
            Self::Files(directory) => Arc::new(RealDisk::new(directory.path())),
        }
    }

    /// What the next process finds if this one is killed now.
    pub(crate) fn after_kill(&self) -> Self {
        match self {
            Self::Memory(disk) => {
                let copy = MemoryDisk::new();
                copy.make_dir("journal").expect("memory takes it");
                copy_files(disk, &copy, "");
                copy_files(disk, &copy, "journal");
                Self::Memory(copy)
            }
            Self::Simulated(disk) => Self::Simulated(disk.process_killed_image()),
            Self::Files(from) => {
                let to = directory();
                fs::create_dir(to.path().join("journal")).expect("there is room");
                copy_directory(from.path(), to.path());
                copy_directory(&from.path().join("journal"), &to.path().join("journal"));
                Self::Files(to)
            }
        }
    }

    /// What is found if the power goes out now.
    pub(crate) fn after_power_cut(&self, seed: u64, style: CrashStyle) -> Self {
        match self {
            Self::Simulated(disk) => Self::Simulated(disk.crash_image(seed, style)),
            _ => self.after_kill(),
        }
    }

    /// Whatever the old process still does is of no interest any more.
    pub(crate) fn forget(self) {
        if let Self::Simulated(disk) = self {
            disk.crash();
        }
    }
}

fn directory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).expect("there is a place for files")
}

fn copy_files(from: &dyn Disk, to: &dyn Disk, inside: &str) {
    for name in from.list(inside).expect("it lists") {
        let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        let file = from.open_read_only(&name).expect("it opens");
        let mut bytes = vec![0; file.len().expect("it has a length") as usize];
        file.read_at(0, &mut bytes).expect("it reads");
        to.create(&name).and_then(|copy| copy.write_at(0, &bytes)).expect("memory takes it");
    }
}

fn copy_directory(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("it lists") {
        let entry = entry.expect("it lists");
        if entry.file_type().expect("it has a type").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("there is room");
        }
    }
}
