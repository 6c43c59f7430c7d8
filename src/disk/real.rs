//! Files of the operating system, with the standard library alone.
//!
//! What holds here and what it rests on:
//!
//! - Only the owner can read what is made: directories have mode 0700 and files 0600 (on Unix).
//! - [`DiskFile::sync`] is `fdatasync` on Linux, which saves a changed length as well, because the
//!   bytes could not be read back without it; on macOS it is `F_FULLFSYNC`, on Windows
//!   `FlushFileBuffers`.
//! - [`Disk::sync_dir`] syncs the directory itself. Windows has no such call and it does nothing
//!   there: that a name is durable is then up to the file system's own log.
//! - Locks are `flock` (on Windows `LockFileEx`): they end with the process, and two handles
//!   inside one process exclude each other too. Network file systems may not honour them.
//! - A lock is given back by a call, not by closing its file: a program that is being started holds copies
//!   of all open files until it is loaded, and a lock that waits for them is held by nobody.
//!
//! Errors name the path and keep the [`io::ErrorKind`], so a full disk stays
//! [`io::ErrorKind::StorageFull`].

use std::ffi::OsStr;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::name;
use super::{Disk, DiskFile, DiskLock};

/// A directory of the operating system.
///
/// ```no_run
/// use highwater::disk::{Disk, RealDisk};
///
/// let disk = RealDisk::new("/var/lib/bot/store");
/// disk.make_root()?;
/// let file = disk.create("notes")?;
/// file.write_at(0, b"sell at nine")?;
/// file.sync()?; // the bytes are durable,
/// disk.sync_dir("")?; // and so is the name
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// The disk in directory `path`, which need not exist yet. Touches nothing.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { root: path.into() }
    }

    /// The path of file `name`.
    fn path(&self, name: &str) -> io::Result<PathBuf> {
        name::check(name)?;
        Ok(self.root.join(name))
    }

    /// The path of directory `dir`.
    fn directory_path(&self, dir: &str) -> io::Result<PathBuf> {
        name::check_directory(dir)?;
        // Joining an empty name would add a slash.
        Ok(if dir.is_empty() { self.root.clone() } else { self.root.join(dir) })
    }

    fn open_as(&self, name: &str, options: &OpenOptions, action: &str) -> io::Result<RealFile> {
        let path = self.path(name)?;
        match options.open(&path) {
            Ok(file) => Ok(RealFile { file, path }),
            Err(error) => Err(failed(action, &path, &error)),
        }
    }
}

impl Disk for RealDisk {
    /// Missing directories above it are made too, with the system's default mode. Where the
    /// directory exists, the one above is synced all the same: whoever made it may have been killed
    /// before that.
    fn make_root(&self) -> io::Result<()> {
        make_directory_and_parents(&self.root, Reach::OwnerOnly)
    }

    fn make_dir(&self, name: &str) -> io::Result<()> {
        let path = self.path(name)?;
        make_directory(&path, Reach::OwnerOnly).map(drop)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = owner_only();
        options.read(true).write(true).create_new(true);
        Ok(Arc::new(self.open_as(name, &options, "create")?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        Ok(Arc::new(self.open_as(name, &options, "open")?))
    }

    fn open_read_only(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(self.open_as(name, OpenOptions::new().read(true), "open")?))
    }

    /// Names that are not UTF-8 are left out: a store has none.
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let path = self.directory_path(dir)?;
        let mut names = Vec::new();
        match path.read_dir() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(error) => return Err(failed("list", &path, &error)),
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|error| failed("list", &path, &error))?;
                    let kind = entry.file_type().map_err(|error| failed("list", &path, &error))?;
                    if let (false, Some(name)) = (kind.is_dir(), entry.file_name().to_str()) {
                        names.push(name.to_owned());
                    }
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        // The system would replace an empty directory without a word.
        if from.is_dir() && to.symlink_metadata().is_ok() {
            let taken = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(failed("rename to", &to, &taken));
        }
        std::fs::rename(&from, &to)
            .map_err(|error| failed(&format!("rename to {}", to.display()), &from, &error))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path(name)?;
        let removed =
            if path.is_dir() { std::fs::remove_dir(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| failed("remove", &path, &error))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        sync_directory(&self.directory_path(dir)?)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        let mut options = owner_only();
        options.read(true).write(true).create(true).truncate(false);
        let file = self.open_as(name, &options, "open")?;
        file.file.try_lock().map_err(|error| not_locked(&file.path, error))?;
        Ok(Box::new(RealLock(file)))
    }

    fn lock_shared(&self, name: &str) -> io::Result<Box<dyn DiskLock>> {
        let file = self.open_as(name, OpenOptions::new().read(true), "open")?;
        file.file.try_lock_shared().map_err(|error| not_locked(&file.path, error))?;
        Ok(Box::new(RealLock(file)))
    }

    fn label(&self) -> String {
        self.root.display().to_string()
    }
}

struct RealFile {
    file: File,
    /// Where it was when it was opened; for messages.
    path: PathBuf,
}

/// The lock is the system's, on the open file.
#[derive(Debug)]
struct RealLock(RealFile);

impl DiskLock for RealLock {}

impl Drop for RealLock {
    fn drop(&mut self) {
        // Where that fails, it ends with the last copy of the file.
        let _ = self.0.file.unlock();
    }
}

impl DiskFile for RealFile {
    fn len(&self) -> io::Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| failed("look at", &self.path, &error))?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        positioned::read_exact(&self.file, buffer, offset)
            .map_err(|error| failed(&format!("read at offset {offset} of"), &self.path, &error))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        positioned::write_all(&self.file, bytes, offset)
            .map_err(|error| failed(&format!("write at offset {offset} of"), &self.path, &error))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file
            .set_len(len)
            .map_err(|error| failed(&format!("set to {len} bytes"), &self.path, &error))
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(|error| failed("sync", &self.path, &error))
    }
}

impl fmt::Debug for RealFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RealFile").field(&self.path).finish()
    }
}

/// Who may look into a directory that is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    OwnerOnly,
    SystemDefault,
}

fn make_directory_and_parents(path: &Path, reach: Reach) -> io::Result<()> {
    let parent = parent_of(path);
    if !parent.is_dir() && parent != path {
        make_directory_and_parents(parent, Reach::SystemDefault)?;
    }
    let made = make_directory(path, reach)?;
    match sync_directory(parent) {
        // Of a directory that somebody else made, the one above need not be readable for us.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && made == Made::Before => {
            Ok(())
        }
        result => result,
    }
}

/// The directory above `path`; `.` above a plain name, and `/` above itself.
fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str() == OsStr::new("") => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[derive(PartialEq, Eq)]
enum Made {
    Now,
    Before,
}

fn make_directory(path: &Path, reach: Reach) -> io::Result<Made> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    if reach == Reach::OwnerOnly {
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    }
    #[cfg(not(unix))]
    let _ = reach;
    match builder.create(path) {
        Ok(()) => Ok(Made::Now),
        Err(_) if path.is_dir() => Ok(Made::Before),
        Err(error) => Err(failed("make directory", path, &error)),
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| failed("sync directory", path, &error))
}

#[cfg(not(unix))]
fn sync_directory(path: &Path) -> io::Result<()> {
    path.metadata().map(drop).map_err(|error| failed("sync directory", path, &error))
}

fn owner_only() -> OpenOptions {
    #[allow(unused_mut)]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn not_locked(path: &Path, error: TryLockError) -> io::Error {
    match error {
        TryLockError::WouldBlock => {
            let message = format!("{} is locked by somebody else", path.display());
            io::Error::new(io::ErrorKind::WouldBlock, message)
        }
        TryLockError::Error(error) => failed("lock", path, &error),
    }
}

/// `error` with what was tried and on which path, of the same kind.
fn failed(action: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("could not {action} {}: {error}", path.display()))
}

/// Reading and writing at an offset, whole or not at all as far as the answer goes.
#[cfg(unix)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::unix::fs::FileExt;

    pub(super) fn read_exact(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        // The system would call such an offset invalid; it is only behind the end of every file.
        if i64::try_from(offset).is_err() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.read_exact_at(buffer, offset)
    }

    pub(super) fn write_all(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }
}

/// Reading and writing at an offset, whole or not at all as far as the answer goes.
#[cfg(windows)]
mod positioned {
    use std::fs::File;
    use std::io;
    use std::os::windows::fs::FileExt;

    pub(super) fn read_exact(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < buffer.len() {
            match file.seek_read(&mut buffer[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn write_all(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match file.seek_write(&bytes[done..], offset + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
