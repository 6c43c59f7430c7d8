//! The key of a row in the memtable: its table's number, then its own key.

use std::ops::Bound;

use super::index::Hash;
use crate::engine::row::Table;

/// Full keys up to this length are looked up without allocating.
const SHORT_LOOKUP_BYTES: usize = 160;

/// Full keys up to this length stand in the entry itself: one place in memory less to look at.
/// An Ethereum address with its chain takes 52 bytes, a Solana address 52.
const SHORT_KEY_BYTES: usize = 62;

/// The key of an entry.
#[derive(Clone, Debug)]
pub(super) enum FullKey {
    Short { len: u8, bytes: [u8; SHORT_KEY_BYTES] },
    Long(Box<[u8]>),
}

impl FullKey {
    pub(super) fn new(full_key: &[u8]) -> Self {
        let mut bytes = [0; SHORT_KEY_BYTES];
        match bytes.get_mut(..full_key.len()) {
            Some(start) => {
                start.copy_from_slice(full_key);
                // It fits, so its length does.
                Self::Short { len: full_key.len() as u8, bytes }
            }
            None => Self::Long(full_key.into()),
        }
    }

    /// The key of the row `key` of `table`.
    pub(super) fn of(table: Table, key: &[u8]) -> Self {
        with_full_key(table, key, Self::new)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }

    pub(super) fn table(&self) -> Table {
        Table(self.as_bytes()[0])
    }

    /// The row's own key.
    pub(super) fn key(&self) -> &[u8] {
        &self.as_bytes()[1..]
    }

    /// What it takes on the heap beside its entry: nothing, or its bytes and `allocation_bytes`.
    pub(super) fn heap_bytes(&self, allocation_bytes: usize) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(bytes) => bytes.len() + allocation_bytes,
        }
    }
}

/// A key that is looked up in one memtable or several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'k> {
    pub(super) full_key: &'k [u8],
    pub(super) hash: Hash,
}

/// Looks up the row `key` of `table`.
pub(crate) fn looking_up<T>(table: Table, key: &[u8], look: impl FnOnce(Lookup<'_>) -> T) -> T {
    with_full_key(table, key, |full_key| look(Lookup { full_key, hash: Hash::of(full_key) }))
}

fn with_full_key<T>(table: Table, key: &[u8], with: impl FnOnce(&[u8]) -> T) -> T {
    let mut short = [0; 1 + SHORT_LOOKUP_BYTES];
    match short.get_mut(..=key.len()) {
        Some(full_key) => {
            full_key[0] = table.0;
            full_key[1..].copy_from_slice(key);
            with(full_key)
        }
        None => {
            let mut full_key = Vec::with_capacity(1 + key.len());
            full_key.push(table.0);
            full_key.extend_from_slice(key);
            with(&full_key)
        }
    }
}

/// Both ends of a range of full keys.
pub(super) type FullBounds = (Bound<FullKey>, Bound<FullKey>);

/// The bounds of a range of a table's keys.
pub(super) fn full_bounds(table: Table, (start, end): (Bound<&[u8]>, Bound<&[u8]>)) -> FullBounds {
    let start = match start {
        Bound::Unbounded => Bound::Included(FullKey::of(table, &[])),
        bound => bound.map(|key| FullKey::of(table, key)),
    };
    let end = match (end, table.0.checked_add(1)) {
        (Bound::Unbounded, Some(next)) => Bound::Excluded(FullKey::of(Table(next), &[])),
        (Bound::Unbounded, None) => Bound::Unbounded,
        (bound, _) => bound.map(|key| FullKey::of(table, key)),
    };
    (start, end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full_key() -> impl Strategy<Value = Vec<u8>> {
        let lengths = prop_oneof![1..8_usize, 58..68_usize, 155..165_usize];
        lengths.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
    }

    proptest! {
        /// Long and short ones give back their bytes, whole and in parts.
        #[test]
        fn a_key_is_its_bytes(full_key in full_key()) {
            let key = FullKey::new(&full_key);
            prop_assert_eq!(key.as_bytes(), &full_key[..]);
            prop_assert_eq!((key.table(), key.key()), (Table(full_key[0]), &full_key[1..]));
            let of_parts = FullKey::of(key.table(), key.key());
            prop_assert_eq!(of_parts.as_bytes(), &full_key[..]);
            prop_assert!(looking_up(key.table(), key.key(), |lookup| lookup.full_key == full_key));
        }
    }
}
