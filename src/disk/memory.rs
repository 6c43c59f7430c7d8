//! A disk that lives in the process: for a store that nobody needs tomorrow, and for tests.
//!
//! Every change is durable at once, as far as memory can be; syncs do nothing. For power cuts and
//! faults take the simulated disk instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::locks::Locks;
use super::name;
use super::pages::Pages;
use super::{Disk, DiskFile, DiskLock};

/// A directory in memory. Clones share it; it is gone with the last of them.
///
/// ```
/// use highwater::disk::{Disk, MemoryDisk};
///
/// let disk = MemoryDisk::new();
/// disk.create("notes")?.write_at(0, b"sell at nine")?;
///
/// let mut word = [0; 4];
/// disk.clone().open("notes")?.read_at(0, &mut word)?;
/// assert_eq!(&word, b"sell");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryDisk {
    tree: Arc<Mutex<Tree>>,
    locks: Locks,
}

#[derive(Default)]
struct Tree {
    files: BTreeMap<String, Content>,
    directories: BTreeSet<String>,
}

type Content = Arc<RwLock<Pages>>;

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// No change below can panic half-way, so a poisoned mutex holds a whole tree.
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_as(&self, name: &str, access: Access) -> io::Result<Arc<dyn DiskFile>> {
        name::check(name)?;
        let content = self.tree().files.get(name).cloned().ok_or_else(|| name::not_found(name))?;
        Ok(Arc::new(MemoryFile { name: name.to_owned(), content, access }))
    }
}

impl Tree {
    fn holds_directory(&self, directory: &str) -> bool {
        directory.is_empty() || self.directories.contains(directory)
    }

    fn rename_directory(&mut self, from: &str, to: &str) -> io::Result<()> {
        if self.files.contains_key(to) {
            return Err(name::already_exists(to));
        }
        let moved = |name: String| name::moved(&name, from, to).unwrap_or(name);
        self.directories = std::mem::take(&mut self.directories).into_iter().map(moved).collect();
        let files = std::mem::take(&mut self.files).into_iter();
        self.files = files.map(|(name, content)| (moved(name), content)).collect();
        Ok(())
    }

    fn remove_directory(&mut self, name: &str) -> io::Result<()> {
        let mut all = self.files.keys().chain(&self.directories);
        if all.any(|other| name::directory_of(other) == name) {
            return Err(name::not_empty(name));
        }
        self.directories.remove(name);
        Ok(())
    }

    /// Refuses a name whose directory is missing.
    fn check_place(&self, name: &str) -> io::Result<()> {
        let directory = name::directory_of(name);
        if self.holds_directory(directory) { Ok(()) } else { Err(name::not_found(directory)) }
    }
}

impl Disk for MemoryDisk {
    fn make_root(&self) -> io::Result<()> {
        Ok(())
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        name::check(name)?;
        let mut tree = self.tree();
        tree.check_place(name)?;
        if tree.files.contains_key(name) {
            return Err(name::already_exists(name));
        }
        tree.directories.insert(name.to_owned());
        Ok(())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        name::check(name)?;
        let mut tree = self.tree();
        tree.check_place(name)?;
        if tree.files.contains_key(name) || tree.directories.contains(name) {
            return Err(name::already_exists(name));
        }
        let content = Content::default();
        tree.files.insert(name.to_owned(), content.clone());
        Ok(Arc::new(MemoryFile { name: name.to_owned(), content, access: Access::ReadWrite }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_as(name, Access::ReadWrite)
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.open_as(name, Access::ReadOnly)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        name::check_directory(dir)?;
        let tree = self.tree();
        let inside = tree.files.keys().filter(|file| name::directory_of(file) == dir);
        Ok(inside.map(|file| name::last_part(file).to_owned()).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        name::check(from)?;
        name::check(to)?;
        let mut tree = self.tree();
        tree.check_place(to)?;
        if tree.directories.contains(to) {
            return Err(name::already_exists(to));
        }
        if tree.directories.contains(from) {
            return tree.rename_directory(from, to);
        }
        let content = tree.files.remove(from).ok_or_else(|| name::not_found(from))?;
        tree.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        name::check(name)?;
        let mut tree = self.tree();
        if tree.directories.contains(name) {
            return tree.remove_directory(name);
        }
        tree.files.remove(name).map(drop).ok_or_else(|| name::not_found(name))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        name::check_directory(dir)?;
        if self.tree().holds_directory(dir) { Ok(()) } else { Err(name::not_found(dir)) }
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        match self.create(name) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.locks.exclusive(name),
        }
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        self.open_read_only(name)?;
        self.locks.shared(name)
    }

    fn label(&self) -> String {
        "<memory>".to_owned()
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDisk").field("files", &self.tree().files.len()).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

struct MemoryFile {
    /// What it was called when it was opened; for messages.
    name: String,
    content: Content,
    access: Access,
}

impl MemoryFile {
    /// Runs `change` on the bytes of a file that was opened for writing.
    fn change<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> io::Result<T> {
        if self.access == Access::ReadOnly {
            return Err(name::opened_for_reading(&self.name));
        }
        Ok(change(&mut self.content.write().unwrap_or_else(PoisonError::into_inner)))
    }

    fn look<T>(&self, look: impl FnOnce(&Pages) -> T) -> T {
        look(&self.content.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.look(Pages::len))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.look(|pages| pages.read_at(offset, buffer))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(|pages| pages.write_at(offset, bytes))?
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|pages| pages.set_len(len))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryFile").field("name", &self.name).finish_non_exhaustive()
    }
}
