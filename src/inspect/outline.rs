//! What can be told of a store of another version: its files, their lengths and versions, and whose it is.

use std::path::Path;

use crate::disk::{Disk, RealDisk};
use crate::engine::{self, journal};
use crate::store::Error;

/// The files of a store of any version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Outline {
    /// Tells this store from every other: 32 hex digits. `None` where no file of a version that is known
    /// says so.
    pub store_id: Option<String>,
    /// The version that this program reads.
    pub supported: u32,
    /// The base, then the segments by number, kept ones first.
    pub files: Vec<FileOutline>,
}

/// One file of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FileOutline {
    /// Its name inside the store's directory.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// The version that it states; `None` where that cannot be read.
    pub version: Option<u32>,
}

impl Outline {
    /// Looks at the files in the directory `path`. Nothing is written, and no more of them is read than what
    /// every version has in the same place.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`], [`Error::Io`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_on(&RealDisk::new(path.as_ref()))
    }

    /// Looks at the files on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Outline::read`].
    pub fn read_on(disk: &dyn Disk) -> Result<Self, Error> {
        let found = engine::outline(disk)?;
        let store_id = found.iter().find_map(|file| file.store_id);
        let files = found.into_iter();
        let files = files.map(|file| FileOutline {
            file: file.name,
            bytes: file.bytes,
            version: file.version,
        });
        Ok(Self {
            store_id: store_id.map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect()),
            supported: journal::VERSION,
            files: files.collect(),
        })
    }

    /// The length of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}
