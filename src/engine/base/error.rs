//! What can go wrong with the base, and the one place where redb's errors and panics become ours.
//!
//! redb trusts what it reads more than a damaged file deserves, so every call into it runs inside
//! [`guarded`]: a panic in there is an answer about the file, not the end of the process. (In a
//! program that is built to abort on panics nothing can be caught, and it is the end.)

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::io;
use std::panic::{self, AssertUnwindSafe};

use super::FILE_NAME;
use crate::engine::row::Table;

/// What went wrong with the base.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading, writing or syncing failed. The handle is of no further use, reads included: it has
    /// to be closed and the file opened again.
    #[error("{FILE_NAME}: {source}")]
    Io {
        /// What the disk answered.
        source: io::Error,
    },
    /// The base was closed, and this reader belongs to the time before.
    #[error("{FILE_NAME} was closed after this read began")]
    Closed,
    /// The file is not what was written.
    #[error("{FILE_NAME} is damaged: {damage}")]
    Corrupt {
        /// What does not fit.
        damage: Damage,
    },
    /// The file was written by a later release.
    #[error("{FILE_NAME} has format version {found}, and this release reads up to {known}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The latest version this release reads.
        known: u32,
    },
}

impl Error {
    /// Whether the disk had no room. It did not happen, or its outcome is unknown, as with every
    /// other failure; but it is the one that a human can mend.
    pub(crate) fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Io { source } if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            )
        )
    }

    /// Whether the reader belongs to a base that was closed.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }

    /// Whether the file says something that was never written to it.
    pub(crate) fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// The same, where it is of a tree said with its table, and with the last key that could be read.
    pub(super) fn in_table(self, table: Table, behind: Option<&[u8]>) -> Self {
        match self {
            Self::Corrupt { damage: Damage::Tree { message, behind: known, .. } } => {
                let behind = behind.map(Into::into).or(known);
                Self::corrupt(Damage::Tree { table: Some(table), behind, message })
            }
            other => other,
        }
    }

    pub(super) fn corrupt(damage: Damage) -> Self {
        Self::Corrupt { damage }
    }
}

/// What does not fit in a damaged base.
#[derive(Debug)]
#[non_exhaustive]
pub enum Damage {
    /// A row does not match its checksum.
    Row {
        /// The row's table.
        table: Table,
        /// The row's key.
        key: Box<[u8]>,
    },
    /// A row stands where its key does not belong, so that others may be out of reach.
    Order {
        /// The row's table.
        table: Table,
        /// The row's key.
        key: Box<[u8]>,
    },
    /// A table says it holds another number of rows than can be reached.
    Rows {
        /// The table.
        table: Table,
        /// How many rows it says it holds.
        recorded: u64,
        /// How many rows can be reached.
        reached: u64,
    },
    /// There is no description of the checkpoint, or it does not match its checksum.
    Meta,
    /// The B-tree itself is damaged; in redb's words.
    Tree {
        /// The table that was being read, where it was one.
        table: Option<Table>,
        /// The last key that could be read there, where rows were read one after the other.
        behind: Option<Box<[u8]>>,
        /// What redb says.
        message: String,
    },
}

impl Damage {
    pub(super) fn of_tree(message: String) -> Self {
        Self::Tree { table: None, behind: None, message }
    }
}

impl std::error::Error for Damage {}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row { table, key } => {
                write_row(f, *table, key)?;
                f.write_str(" does not match its checksum")
            }
            Self::Order { table, key } => {
                write_row(f, *table, key)?;
                f.write_str(" is out of order: the tree leads elsewhere than it did")
            }
            Self::Rows { table, recorded, reached } => write!(
                f,
                "table {} says it holds {recorded} rows, and {reached} can be reached",
                table.0
            ),
            Self::Meta => f.write_str("the description of its checkpoint is missing or broken"),
            Self::Tree { table, behind, message } => {
                if let Some(table) = table {
                    write!(f, "in table {}, ", table.0)?;
                }
                if let Some(key) = behind {
                    write!(f, "behind the row with key {}, ", Hex(key))?;
                }
                f.write_str(message)
            }
        }
    }
}

struct Hex<'k>(&'k [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside [`guarded`]: a panic there becomes an answer, and a program that has a
/// panic hook of its own need not tell it as well.
pub(crate) fn is_guarded() -> bool {
    IS_GUARDED.try_with(Cell::get).unwrap_or(false)
}

/// Says for as long as it lives that this thread is inside [`guarded`].
struct Guard {
    was_guarded: bool,
}

impl Guard {
    fn begin() -> Self {
        Self { was_guarded: IS_GUARDED.try_with(|is| is.replace(true)).unwrap_or(false) }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A thread that is ending has no flag any more, and calls nothing that is guarded.
        let _ = IS_GUARDED.try_with(|is| is.set(self.was_guarded));
    }
}

/// Calls into redb about one table, as [`guarded`]. Damage is told with it.
pub(super) fn guarded_in<T>(
    table: Table,
    call: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    guarded(call).map_err(|error| error.in_table(table, None))
}

fn write_row(f: &mut fmt::Formatter<'_>, table: Table, key: &[u8]) -> fmt::Result {
    write!(f, "in table {}, the row with key {}", table.0, Hex(key))
}

/// Calls into redb. A panic in there becomes [`Error::Corrupt`].
pub(super) fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What redb leaves behind when it panics is either not used again or guarded by its own
    // poisoned locks, whose panics end here as well.
    let _guard = Guard::begin();
    panic::catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|payload| {
        let message = format!("reading it failed with \"{}\"", panic_message(&*payload));
        Err(Error::corrupt(Damage::of_tree(message)))
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message")
}

impl From<redb::Error> for Error {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(source) => source.into(),
            redb::Error::PreviousIo => Self::Io {
                source: io::Error::other("an earlier failure of the disk has ended this handle"),
            },
            redb::Error::Unsupported | redb::Error::ValueTooLarge(_) => {
                Self::Io { source: io::Error::new(io::ErrorKind::Unsupported, error.to_string()) }
            }
            redb::Error::DatabaseClosed => Self::Closed,
            // Everything else is either damage by name or a state that the calls made here cannot
            // bring about with a sound file.
            error => Self::corrupt(Damage::of_tree(error.to_string())),
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            // redb's own word for bytes that make no sense, and what a disk answers to an offset
            // that lies behind the end or is no offset at all.
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof => Self::corrupt(Damage::of_tree(source.to_string())),
            _ => Self::Io { source },
        }
    }
}

/// redb has an error type per call and one that takes all of them.
macro_rules! from_redb {
    ($($error:ident),*) => {
        $(
            impl From<redb::$error> for Error {
                fn from(error: redb::$error) -> Self {
                    redb::Error::from(error).into()
                }
            }
        )*
    };
}

from_redb!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);
