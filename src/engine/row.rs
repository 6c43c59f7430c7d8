//! What the engine stores: byte rows under byte keys in numbered tables.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::base::BaseRow;

/// The number of one commit: 1 for the first of a store's life, then without gaps. 0 is "before
/// everything".
pub type Lsn = u64;

/// A table, by its number. The engine gives it no meaning; the layer above names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u8);

/// One row write of a commit: the row's new bytes, or `None` where the row is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowRef<'a> {
    pub(crate) table: Table,
    pub(crate) key: &'a [u8],
    pub(crate) row: Option<&'a [u8]>,
}

/// The bytes of a row that was read. Cheap to make: they are shared, not copied.
pub(crate) enum Row {
    /// From the memtable, or staged by the transaction that reads.
    Memory(Arc<[u8]>),
    /// From the base.
    Base(BaseRow),
}

impl Deref for Row {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::Base(row) => row.bytes(),
        }
    }
}

impl AsRef<[u8]> for Row {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({} bytes)", self.len())
    }
}
