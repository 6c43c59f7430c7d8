//! The argument that names a store, the same for every command.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;

/// Where the store is.
#[derive(Args, Clone, Debug)]
pub(crate) struct StoreArgument {
    /// Directory of the store
    #[arg(long, value_name = "DIR", env = "HIGHWATER_STORE")]
    store: Option<PathBuf>,
}

impl StoreArgument {
    /// The directory that was named.
    pub(crate) fn directory(&self) -> Result<&Path, Failure> {
        self.store.as_deref().ok_or(Failure::NoStoreNamed)
    }

    /// The directory that was named, which has to be there: a command that reads never makes one.
    pub(crate) fn existing_directory(&self) -> Result<&Path, Failure> {
        existing(self.directory()?)
    }
}

/// `directory`, if it is one.
pub(crate) fn existing(directory: &Path) -> Result<&Path, Failure> {
    match directory.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(directory),
        Ok(_) => Err(Failure::NotADirectory { directory: directory.to_owned() }),
        Err(source) => Err(Failure::NoDirectory { directory: directory.to_owned(), source }),
    }
}
