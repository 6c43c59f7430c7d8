//! One ordered scan over several sources of rows, of which the newer hide the older.
//!
//! Both ends can be drawn from, and meet exactly once: a key is taken off every source that has it
//! in the same step, whichever end it is taken from, so a hidden row cannot come back later.
//!
//! This module must not know what the sources are.

use super::base::Error;
use super::row::Row;

/// Rows in key order; `None` says that the key was deleted. Both ends can be drawn from.
pub(crate) type Source<'a> = Box<dyn DoubleEndedIterator<Item = Result<Entry, Error>> + 'a>;

/// A key and its row, or its deletion.
pub(crate) type Entry = (Box<[u8]>, Option<Row>);

/// A key and its row.
pub(crate) type KeyedRow = (Box<[u8]>, Row);

/// The rows of all sources in key order, each key once, as its newest source has it. It yields
/// nothing more after the first error.
pub(crate) struct MergedScan<'a> {
    /// Newest first.
    sources: Vec<Peeked<'a>>,
}

impl<'a> MergedScan<'a> {
    /// Merges `sources`, given newest first.
    pub(crate) fn new(sources: impl IntoIterator<Item = Source<'a>>) -> Self {
        Self { sources: sources.into_iter().map(Peeked::new).collect() }
    }

    /// The next row from one end, deletions passed over.
    fn step(&mut self, end: End) -> Option<Result<KeyedRow, Error>> {
        loop {
            match self.take_outermost(end) {
                Ok(Some((key, Some(row)))) => return Some(Ok((key, row))),
                Ok(Some((_, None))) => {}
                Ok(None) => return None,
                Err(error) => {
                    self.sources.clear();
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes the outermost key at one end off every source that has it, and answers what the
    /// newest of them says.
    fn take_outermost(&mut self, end: End) -> Result<Option<Entry>, Error> {
        for source in &mut self.sources {
            source.fill(end)?;
        }
        let mut outermost: Option<(usize, &[u8])> = None;
        for (index, source) in self.sources.iter().enumerate() {
            let Some(key) = source.key(end) else {
                continue;
            };
            if outermost.is_none_or(|(_, other)| end.is_further_out(key, other)) {
                outermost = Some((index, key));
            }
        }
        let Some((newest, _)) = outermost else {
            return Ok(None);
        };
        let entry = self.sources[newest].take(end);
        if let Some((key, _)) = &entry {
            for older in &mut self.sources[newest + 1..] {
                if older.key(end) == Some(key) {
                    older.take(end);
                }
            }
        }
        Ok(entry)
    }
}

impl Iterator for MergedScan<'_> {
    type Item = Result<KeyedRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(End::Front)
    }
}

impl DoubleEndedIterator for MergedScan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(End::Back)
    }
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl End {
    /// Whether `key` comes before `other`, seen from this end.
    fn is_further_out(self, key: &[u8], other: &[u8]) -> bool {
        match self {
            Self::Front => key < other,
            Self::Back => key > other,
        }
    }
}

/// A source and the entries at its ends that were looked at and not taken yet.
struct Peeked<'a> {
    source: Source<'a>,
    front: Option<Entry>,
    back: Option<Entry>,
}

impl<'a> Peeked<'a> {
    fn new(source: Source<'a>) -> Self {
        Self { source, front: None, back: None }
    }

    /// Looks at the entry at `end`. The last entry of a source stands at both ends: whichever end
    /// is asked for has it.
    fn fill(&mut self, end: End) -> Result<(), Error> {
        let (here, there) = match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        };
        if here.is_none() {
            let drawn = match end {
                End::Front => self.source.next(),
                End::Back => self.source.next_back(),
            };
            *here = drawn.transpose()?.or_else(|| there.take());
        }
        Ok(())
    }

    fn key(&self, end: End) -> Option<&[u8]> {
        let (key, _) = match end {
            End::Front => self.front.as_ref()?,
            End::Back => self.back.as_ref()?,
        };
        Some(key)
    }

    fn take(&mut self, end: End) -> Option<Entry> {
        match end {
            End::Front => self.front.take(),
            End::Back => self.back.take(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    type Model = BTreeMap<u8, Option<u8>>;

    fn source(rows: &Model) -> Source<'static> {
        let rows: Vec<_> = rows.clone().into_iter().collect();
        Box::new(rows.into_iter().map(|(key, row)| {
            let row = row.map(|byte| Row::Memory(Arc::new([byte])));
            Ok(([key].into(), row))
        }))
    }

    proptest! {
        /// A row hidden by a newer source, drawn from the other end, must stay hidden; a key must
        /// never be seen twice nor be lost where the two ends meet.
        #[test]
        fn both_ends_meet_exactly_once(
            sources in prop::collection::vec(
                prop::collection::btree_map(0..24_u8, prop::option::of(any::<u8>()), 0..16),
                0..4,
            ),
            from_front in prop::collection::vec(any::<bool>(), 40),
        ) {
            let mut merged = Model::new();
            for older in sources.iter().rev() {
                merged.extend(older.iter().map(|(&key, &row)| (key, row)));
            }
            let mut expected = merged
                .into_iter()
                .filter_map(|(key, row)| Some((key, row?)));
            let mut scan = MergedScan::new(sources.iter().map(source));
            for from_front in from_front {
                let (found, expected) = if from_front {
                    (scan.next(), expected.next())
                } else {
                    (scan.next_back(), expected.next_back())
                };
                let found = found.transpose().unwrap().map(|(key, row)| (key[0], row[0]));
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// After a failed read nobody can tell what is hidden, so nothing may follow it.
    #[test]
    fn nothing_follows_an_error() {
        let newer: Source<'_> = Box::new(vec![Err(Error::Closed)].into_iter());
        let older = source(&Model::from([(1, Some(1)), (2, Some(2))]));
        let mut scan = MergedScan::new([newer, older]);
        assert!(matches!(scan.next(), Some(Err(Error::Closed))));
        assert!(scan.next().is_none());
        assert!(scan.next_back().is_none());
    }
}
