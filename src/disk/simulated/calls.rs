//! The simulated disk as a [`Disk`]: names are checked here, everything else is decided in the state.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::super::name;
use super::super::{Disk, DiskFile, DiskLock};
use super::SimulatedDisk;
use super::directory::FileId;
use super::state::{Power, State, power_is_out};

impl SimulatedDisk {
    /// The handle on the file that `find` answers. Both happen in one step, so that the file cannot
    /// be forgotten in between.
    fn handle(
        &self,
        access: Access,
        find: impl FnOnce(&mut State) -> io::Result<FileId>,
    ) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let file = find(&mut state)?;
        state.opened(file)?;
        drop(state);
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file, access }))
    }
}

impl Disk for SimulatedDisk {
    /// Does nothing: the root is always there.
    fn make_root(&self) -> io::Result<()> {
        if self.state().power == Power::On { Ok(()) } else { Err(power_is_out()) }
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        name::check(name)?;
        self.state().make_directory(name)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        name::check(name)?;
        self.handle(Access::ReadWrite, |state| state.create(name))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        name::check(name)?;
        self.handle(Access::ReadWrite, |state| state.open(name))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        name::check(name)?;
        self.handle(Access::ReadOnly, |state| state.open(name))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        name::check_directory(dir)?;
        self.state().list(dir)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        name::check(from)?;
        name::check(to)?;
        self.state().rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        name::check(name)?;
        self.state().remove(name)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        name::check_directory(dir)?;
        self.state().sync_directory(dir)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        name::check(name)?;
        let mut state = self.state();
        match state.open(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => drop(state.create(name)?),
            result => drop(result?),
        }
        state.locks.exclusive(name)
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        name::check(name)?;
        let mut state = self.state();
        state.open(name)?;
        state.locks.shared(name)
    }

    fn label(&self) -> String {
        "<simulated>".to_owned()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

/// An open file. It leads nowhere once the power was out.
struct SimulatedFile {
    disk: SimulatedDisk,
    file: FileId,
    access: Access,
}

impl SimulatedFile {
    fn check_writable(&self) -> io::Result<()> {
        if self.access == Access::ReadWrite {
            return Ok(());
        }
        Err(name::opened_for_reading("this file"))
    }
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.state().len(self.file)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.state().read(self.file, offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.check_writable()?;
        self.disk.state().write(self.file, offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_writable()?;
        self.disk.state().set_len(self.file, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        self.disk.state().closed(self.file);
    }
}

impl fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedFile")
            .field("file", &self.file)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
