//! Which files a log consists of: those of a store's directory, or single segments that were named.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, RealDisk};
use crate::engine::journal::{self, DIRECTORY, Listing, SEGMENT_MAGIC};
use crate::store::Error;

/// One file with a segment.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) disk: Arc<dyn Disk>,
    /// Its name on the disk.
    pub(super) name: String,
    /// What to call it: its name in the store, or the path under which it was named.
    pub(super) label: Arc<str>,
    /// The number in its name.
    pub(super) number: Option<u64>,
    /// Whether nothing needs it any more.
    pub(super) is_kept: bool,
}

impl Source {
    /// Refuses what cannot be opened, and what is no segment by its name and its first bytes.
    pub(super) fn check(&self) -> Result<(), Error> {
        let failed = |action| {
            move |source| Error::Io { action, file: self.label.to_string(), offset: None, source }
        };
        let file = match self.disk.open_read_only(&self.name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::Missing { path: PathBuf::from(&*self.label) });
            }
            opened => opened.map_err(failed("open"))?,
        };
        if self.name.ends_with(".wal") || self.name.ends_with(".old") {
            return Ok(());
        }
        let mut magic = [0; SEGMENT_MAGIC.len()];
        let is_long_enough = file.len().map_err(failed("measure"))? >= magic.len() as u64;
        if is_long_enough {
            file.read_at(0, &mut magic).map_err(failed("read"))?;
        }
        if magic != SEGMENT_MAGIC {
            let words = "it is not a segment of a journal";
            return Err(failed("read")(io::Error::new(io::ErrorKind::InvalidInput, words)));
        }
        Ok(())
    }
}

/// The segments of the store on `disk`, kept ones included, by number.
pub(super) fn of_store(disk: &Arc<dyn Disk>) -> Result<Vec<Source>, Error> {
    let listing = Listing::read(&**disk)?;
    let source = |number, name: String, is_kept| Source {
        disk: disk.clone(),
        label: name.as_str().into(),
        name,
        number: Some(number),
        is_kept,
    };
    let kept = listing.kept.iter().map(|number| source(*number, journal::old_name(*number), true));
    let live =
        listing.segments.iter().map(|number| source(*number, journal::wal_name(*number), false));
    let mut sources: Vec<_> = kept.chain(live).collect();
    // Whoever copied a segment back left it under both names: the one that is part of the log counts.
    sources.sort_by_key(|source| (source.number, source.is_kept));
    sources.dedup_by_key(|source| source.number);
    Ok(sources)
}

/// One file that was named by its path.
pub(super) fn of_file(path: &Path) -> Result<Source, Error> {
    let (directory, name) = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => (PathBuf::from("."), name),
        (Some(parent), Some(name)) => (parent.to_owned(), name),
        _ => return Err(Error::Missing { path: path.to_owned() }),
    };
    let name = name.to_string_lossy().into_owned();
    let stem = name.strip_suffix(".wal").or_else(|| name.strip_suffix(".old"));
    Ok(Source {
        disk: Arc::new(RealDisk::new(directory)),
        label: path.display().to_string().into(),
        number: stem.and_then(|digits| digits.parse().ok()),
        is_kept: name.ends_with(".old"),
        name,
    })
}

/// Whether a store, or what is left of one, lies on `disk`.
pub(super) fn is_store(disk: &dyn Disk) -> Result<bool, Error> {
    let root = disk.list("").map_err(journal::Error::io("list", "the directory", 0))?;
    let journal = disk.list(DIRECTORY).map_err(journal::Error::io("list", DIRECTORY, 0))?;
    Ok(root.iter().any(|name| name == "base.redb") || !journal.is_empty())
}

/// The segment files directly in a directory that is no store: a journal that was copied alone.
pub(super) fn in_directory(path: &Path) -> Result<Vec<Source>, Error> {
    let names = RealDisk::new(path).list("");
    let names = names.map_err(journal::Error::io("list", "the directory", 0))?;
    let segments = names.iter().filter(|name| name.ends_with(".wal") || name.ends_with(".old"));
    let mut sources =
        segments.map(|name| of_file(&path.join(name))).collect::<Result<Vec<_>, _>>()?;
    sources.sort_by_key(|source| source.number);
    Ok(sources)
}
