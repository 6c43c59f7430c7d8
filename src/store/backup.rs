//! Backups: a store is written anew beside where it is to stand, from one consistent state, and gets its
//! name when it is whole.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, RealDisk};
use crate::engine::{Contents, Draft, Lsn, Reader, all_rows, draw_salt};
use crate::events::tell;

use super::{Error, ReadOnly, Store};

impl Store {
    /// Makes a backup in the directory `path`, where there must be nothing yet, while others go on reading
    /// and writing. Answers the last commit that it holds.
    ///
    /// The backup is the store as of one commit: the same rows, the same last commit, the same identity, as
    /// a close would have left it. It is made under the name `path` with `.partial` behind it, synced, and
    /// renamed: cut short anywhere there is no backup, and the next try clears away what is left. Beside
    /// the source it never opens as its older self, as the two have segments of their own.
    ///
    /// While it is made a snapshot is held; where writers outrun it by more than
    /// [`Options::snapshot_limit_bytes`](crate::Options::snapshot_limit_bytes) it is ended.
    ///
    /// ```
    /// use highwater::{Asset, Mode, Options, ReadOnly};
    ///
    /// let dir = tempfile::tempdir()?;
    /// let store = Options::new(Mode::Paper, Asset::new("fiat", "USD", 6)?).open(dir.path().join("bot"))?;
    /// let lsn = store.backup(dir.path().join("backup"))?;
    /// assert_eq!(ReadOnly::open(dir.path().join("backup"))?.lsn(), lsn);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where `path` is taken, has a name that no store can have (with `:` or `\`), or cannot be
    /// written; [`Error::Full`]; [`Error::Corrupt`] where a row cannot be read; [`Error::SnapshotLost`];
    /// [`Error::Nested`] inside a write; [`Error::Locked`] where another backup is being made there. There is
    /// no backup then, and the source is as it was.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<Lsn, Error> {
        let (above, name) = place_of(path.as_ref())?;
        self.backup_on(above, &name)
    }

    /// Makes a backup in the directory `name` of any [`Disk`], as [`Store::backup`].
    ///
    /// # Errors
    ///
    /// As [`Store::backup`].
    pub fn backup_on(&self, above: Arc<dyn Disk>, name: &str) -> Result<Lsn, Error> {
        let engine = self.running.engine();
        let snapshot = engine.snapshot();
        let contents = engine.contents(snapshot.lsn())?;
        copy(&contents, &snapshot, above, name)
    }
}

impl ReadOnly {
    /// Makes a backup of a store that nobody has open, in any state it can be read in, as
    /// [`Store::backup`]. A torn tail is left out of it. Answers the last commit that it holds.
    ///
    /// # Errors
    ///
    /// As [`Store::backup`], but for those of a running store.
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<Lsn, Error> {
        let (above, name) = place_of(path.as_ref())?;
        self.backup_on(above, &name)
    }

    /// Makes a backup in the directory `name` of any [`Disk`], as [`ReadOnly::backup`].
    ///
    /// # Errors
    ///
    /// As [`ReadOnly::backup`].
    pub fn backup_on(&self, above: Arc<dyn Disk>, name: &str) -> Result<Lsn, Error> {
        copy(&self.contents(), self.reader(), above, name)
    }
}

fn copy(
    contents: &Contents,
    reader: &dyn Reader,
    above: Arc<dyn Disk>,
    name: &str,
) -> Result<Lsn, Error> {
    let draft = Draft::begin(above, name, draw_salt()?)?;
    draft.fill(contents, all_rows(reader).map(|row| row.map_err(Error::from)))?;
    draft.finish()?;
    tell(|| tracing::info!(last = contents.last, name, "a backup was made"));
    Ok(contents.last)
}

/// The directory above `path` as a disk, and the name that `path` has in it. Nothing must be there yet.
pub(crate) fn place_of(path: &Path) -> Result<(Arc<dyn Disk>, String), Error> {
    let refused = |kind: io::ErrorKind| Error::Io {
        action: "make",
        file: path.display().to_string(),
        offset: None,
        source: kind.into(),
    };
    if path.symlink_metadata().is_ok() {
        return Err(refused(io::ErrorKind::AlreadyExists));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.filter(|name| !name.contains([':', '\\']));
    let name = name.ok_or_else(|| refused(io::ErrorKind::InvalidInput))?;
    let above = match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    };
    Ok((Arc::new(RealDisk::new(above)), name.to_owned()))
}
