//! What the engine can answer instead of success, each with what it means for the caller.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::base;
use super::journal::{self, Poison};

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal is damaged, of another version, or cannot be read or made ready.
    #[error(transparent)]
    Journal(journal::Error),
    /// The base is damaged, of another version, or cannot be read or written.
    #[error(transparent)]
    Base(base::Error),
    /// The operating system refused something beside journal and base.
    #[error("could not {action} {file}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file's name inside the store.
        file: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody else has the store open.
    #[error("the store at {store} is open in another process or in this one")]
    Locked {
        /// The store's directory.
        store: String,
    },
    /// There is no store to read.
    #[error("there is no store at {store}")]
    Missing {
        /// The store's directory.
        store: String,
    },
    /// The store was created as another kind.
    #[error("the store was created with another identity")]
    Identity {
        /// What the store says it is.
        found: Vec<u8>,
    },
    /// The disk has no room. It did not happen; it works again once there is room.
    #[error("the disk is full: nothing was changed")]
    Full {
        /// What could not be made ready.
        source: Box<Error>,
    },
    /// A key, a row or a commit is above its limit. It did not happen.
    #[error("{what} of {len} bytes is above the limit of {limit}")]
    TooLarge {
        /// `a key`, `a row`, `a commit`.
        what: &'static str,
        /// Its length in bytes.
        len: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A write was begun inside another one on the same thread. It did not happen.
    #[error("a write was begun inside another write on the same thread")]
    Nested,
    /// The store waited for memory to be written down, in vain. It did not happen; try again.
    #[error("gave up after {waited:?}: the checkpoint does not keep up with the writes")]
    Stalled {
        /// How long the call waited.
        waited: Duration,
    },
    /// The commit was in flight when the store was poisoned: nobody knows whether it will survive.
    /// Reopen the store and look.
    #[error("the store was poisoned while this was in flight; reopen it to learn the outcome")]
    Unknown {
        /// What poisoned the store.
        #[source]
        cause: Arc<Poison>,
    },
    /// The store takes no writes since an earlier error. This was never tried. Reopen the store.
    #[error("the store takes no writes since an earlier error; reopen it")]
    Poisoned {
        /// What poisoned the store.
        #[source]
        cause: Arc<Poison>,
    },
    /// The snapshot pinned more than its limit, or the base had to be reopened. Take a new one.
    #[error("the snapshot was ended; take a new one")]
    SnapshotLost,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Self {
        let full = error.is_full();
        let error = Self::Journal(error);
        if full { Self::Full { source: Box::new(error) } } else { error }
    }
}

impl From<base::Error> for Error {
    fn from(error: base::Error) -> Self {
        if error.is_closed() {
            return Self::SnapshotLost;
        }
        let full = error.is_full();
        let error = Self::Base(error);
        if full { Self::Full { source: Box::new(error) } } else { error }
    }
}

impl Error {
    pub(crate) fn io(action: &'static str, file: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let full = journal::is_full(&source);
            let error = Self::Io { action, file, source };
            if full { Self::Full { source: Box::new(error) } } else { error }
        }
    }
}
