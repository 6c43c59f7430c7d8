//! What can be read and how: ranges of keys, ordered scans, and the [`Reader`] that a snapshot and
//! a transaction have in common.
//!
//! This module must not know where rows come from.

use std::ops::Bound;

use super::Error;
use super::row::{Row, Table};

/// The rows of a scan in key order, each with its key. Both ends can be drawn from and meet.
/// After the first error it yields nothing more.
pub(crate) type Scan<'a> =
    Box<dyn DoubleEndedIterator<Item = Result<(Box<[u8]>, Row), Error>> + 'a>;

/// What a snapshot and a transaction have in common: reads of one consistent state.
pub(crate) trait Reader {
    /// The row under `key`, or `None` where there is none.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Row>, Error>;

    /// The rows of `table` whose keys lie in `range`.
    fn scan(&self, table: Table, range: KeyRange) -> Scan<'_>;
}

/// A range of keys of one table, in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// Where the range starts.
    pub(crate) start: Bound<Vec<u8>>,
    /// Where the range ends.
    pub(crate) end: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub(crate) fn all() -> Self {
        Self { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: &[u8]) -> Self {
        Self {
            start: Bound::Included(prefix.to_vec()),
            end: successor(prefix).map_or(Bound::Unbounded, Bound::Excluded),
        }
    }

    /// Both ends, borrowed.
    pub(crate) fn bounds(&self) -> KeyBounds<'_> {
        (self.start.as_ref().map(Vec::as_slice), self.end.as_ref().map(Vec::as_slice))
    }

    /// Whether no key can lie in the range, because its end does not lie behind its start.
    pub(crate) fn is_empty(&self) -> bool {
        match self.bounds() {
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
        }
    }
}

/// Both ends of a range of keys.
pub(crate) type KeyBounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// The least key that is greater than every key beginning with `prefix`. None is where the prefix
/// is nothing but 0xff.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut successor = prefix[..=last].to_vec();
    successor[last] += 1;
    Some(successor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::RangeBounds;

    /// A prefix scan must find every key with the prefix and nothing beside it, also where the
    /// prefix ends in 0xff and has no simple successor.
    #[test]
    fn a_prefix_range_holds_exactly_the_keys_with_the_prefix() {
        let bytes = [0x00, 0x01, 0x7f, 0xfe, 0xff];
        let mut keys = vec![vec![]];
        for length in 0..3 {
            for key in keys.clone().iter().filter(|key| key.len() == length) {
                keys.extend(bytes.iter().map(|&byte| [key.as_slice(), &[byte]].concat()));
            }
        }
        for prefix in &keys {
            let range = KeyRange::prefix(prefix);
            for key in &keys {
                assert_eq!(
                    range.bounds().contains(key.as_slice()),
                    key.starts_with(prefix),
                    "prefix {prefix:x?}, key {key:x?}"
                );
            }
        }
    }

    /// The standard maps panic on a range that ends before it starts; a scan must not.
    #[test]
    fn a_range_that_ends_before_it_starts_is_empty() {
        let range = |start, end| KeyRange { start, end };
        let (a, b) = (vec![1], vec![2]);
        assert!(range(Bound::Included(b.clone()), Bound::Included(a.clone())).is_empty());
        assert!(range(Bound::Excluded(a.clone()), Bound::Excluded(a.clone())).is_empty());
        assert!(range(Bound::Included(a.clone()), Bound::Excluded(a.clone())).is_empty());
        assert!(!range(Bound::Included(a.clone()), Bound::Included(a.clone())).is_empty());
        assert!(!range(Bound::Included(a), Bound::Excluded(b)).is_empty());
        assert!(!KeyRange::all().is_empty());
    }
}
