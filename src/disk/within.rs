//! A directory of a disk as a disk of its own: what is made inside one can be renamed as a whole.

use std::io;
use std::sync::Arc;

use super::{Disk, DiskFile, DiskLock};

/// One directory of another disk, for a store that is to stand there.
///
/// ```
/// use std::sync::Arc;
///
/// use highwater::disk::{Disk, MemoryDisk, Within};
///
/// let disk = MemoryDisk::new();
/// let inside = Within::new(Arc::new(disk.clone()), "bots");
/// inside.make_root()?;
/// inside.create("notes")?.write_at(0, b"sell at nine")?;
/// disk.rename("bots", "retired")?;
/// assert!(disk.open("retired/notes").is_ok());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Within {
    disk: Arc<dyn Disk>,
    directory: String,
}

impl Within {
    /// The directory `directory` of `disk`, which need not exist yet. Touches nothing.
    pub fn new(disk: Arc<dyn Disk>, directory: impl Into<String>) -> Self {
        Self { disk, directory: directory.into() }
    }

    fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn directory(&self, dir: &str) -> String {
        if dir.is_empty() { self.directory.clone() } else { self.name(dir) }
    }
}

impl Disk for Within {
    fn make_root(&self) -> io::Result<()> {
        self.disk.make_dir(&self.directory)?;
        self.disk.sync_dir(self.directory.rsplit_once('/').map_or("", |(above, _)| above))
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        self.disk.make_dir(&self.name(name))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(&self.name(name))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(&self.name(name))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open_read_only(&self.name(name))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(&self.directory(dir))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.name(from), &self.name(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.name(name))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(&self.directory(dir))
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock(&self.name(name))
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.disk.lock_shared(&self.name(name))
    }

    fn label(&self) -> String {
        format!("{}/{}", self.disk.label(), self.directory)
    }
}
