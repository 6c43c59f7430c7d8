//! The key of a row in the memtable's map: its table's number, then its own key.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Bound;

use super::fingerprints::Fingerprint;
use crate::engine::row::Table;

/// Full keys up to this length are looked up without allocating.
const SHORT_LOOKUP_BYTES: usize = 160;

/// Full keys up to this length stand in the map's node itself: one place in memory less at each step of a search.
/// An Ethereum address with its chain takes 52 bytes, a Solana address 52.
const SHORT_KEY_BYTES: usize = 62;

/// A key of the map.
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

    /// What it takes on the heap beside its node: nothing, or its bytes and `allocation_bytes`.
    pub(super) fn heap_bytes(&self, allocation_bytes: usize) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Long(bytes) => bytes.len() + allocation_bytes,
        }
    }
}

/// They are ordered as their bytes are, so the map can be asked by bytes.
impl Borrow<[u8]> for FullKey {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Ord for FullKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for FullKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FullKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for FullKey {}

/// A key that is looked up in one memtable or several.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'k> {
    pub(super) full_key: &'k [u8],
    pub(super) fingerprint: Fingerprint,
}

/// Looks up the row `key` of `table`.
pub(crate) fn looking_up<T>(table: Table, key: &[u8], look: impl FnOnce(Lookup<'_>) -> T) -> T {
    with_full_key(table, key, |full_key| {
        look(Lookup { full_key, fingerprint: Fingerprint::of(full_key) })
    })
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

/// The bounds in the map of a range of a table's keys.
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
        lengths.prop_flat_map(|len| {
            // Few different bytes, so that many keys are alike for long.
            prop::collection::vec(prop::sample::select(vec![0_u8, 1, 255]), len)
        })
    }

    proptest! {
        /// Long and short ones are ordered as their bytes are and give them back.
        #[test]
        fn keys_are_ordered_as_their_bytes(one in full_key(), other in full_key()) {
            let (short, long) = (FullKey::new(&one), FullKey::new(&other));
            prop_assert_eq!(short.as_bytes(), &one[..]);
            prop_assert_eq!(short.cmp(&long), one.cmp(&other));
            prop_assert_eq!(short == long, one == other);
            prop_assert_eq!(FullKey::of(Table(one[0]), &one[1..]), short);
        }
    }
}
