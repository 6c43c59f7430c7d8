//! What can be told of a store's files without reading what is in them: their lengths, and the versions
//! that they state. That works for a store of another version as well.
//!
//! In every version the headers of segments keep magic, version and checksum where they are, and the base's
//! description of itself begins with its version. Anything else is read of files of this version only.

use crate::disk::Disk;

use super::Error;
use super::base;
use super::journal::{self, Listing, old_name, wal_name};
use super::offline::lock_shared;
use super::recover::open_over_overlay;

/// One file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileOutline {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// The version that it states; none where that cannot be read.
    pub(crate) version: Option<u32>,
    /// Whose it is, where its version is known.
    pub(crate) store_id: Option<[u8; 16]>,
}

/// The files of the store on `disk`: the base, then the segments by number, kept ones first.
pub(crate) fn outline(disk: &dyn Disk) -> Result<Vec<FileOutline>, Error> {
    let _lock = lock_shared(disk)?;
    let names = disk.list("").map_err(Error::io("list", "the store"))?;
    let mut files = Vec::new();
    if names.iter().any(|name| name == base::FILE_NAME) {
        let (version, store_id) = of_base(disk)?;
        let (name, bytes) = (base::FILE_NAME.to_owned(), len_of(disk, base::FILE_NAME)?);
        files.push(FileOutline { name, bytes, version, store_id });
    }
    let listing = Listing::read(disk)?;
    let kept = listing.kept.iter().map(|number| old_name(*number));
    for name in kept.chain(listing.segments.iter().map(|number| wal_name(*number))) {
        let (version, store_id) = journal::stated(disk, &name)?.unzip();
        let store_id = store_id.flatten();
        files.push(FileOutline { bytes: len_of(disk, &name)?, name, version, store_id });
    }
    Ok(files)
}

fn len_of(disk: &dyn Disk, name: &str) -> Result<u64, Error> {
    let file = disk.open_read_only(name).map_err(Error::io("open", "the store"))?;
    file.len().map_err(Error::io("measure", "the store"))
}

fn of_base(disk: &dyn Disk) -> Result<(Option<u32>, Option<[u8; 16]>), Error> {
    let meta = open_over_overlay(disk).and_then(|(base, ..)| Ok(base.meta()?));
    match meta {
        Ok(meta) => Ok((Some(base::VERSION), Some(meta.store_id))),
        Err(Error::Base(base::Error::Version { found, .. })) => Ok((Some(found), None)),
        Err(Error::Base(base::Error::Corrupt { .. })) => Ok((None, None)),
        Err(error) => Err(error),
    }
}
