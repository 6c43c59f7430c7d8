//! Reads of one state of the base, which stays as it is while checkpoints go on.
//!
//! Every table is opened once, with the snapshot, so that a point read opens nothing. A snapshot
//! keeps the pages of its state from being used again: the file grows while it is held.

use std::ops::Bound;

use redb::{
    OwnedAccessGuard, OwnedRange, ReadOnlyTable, ReadTransaction, ReadableTableMetadata,
    TableDefinition, TableHandle,
};

use super::error::{Damage, Error, guarded_in};
use super::meta::Meta;
use super::row::{self, BaseRow};
use super::{META, META_KEY, RowTable};
use crate::engine::row::Table;

type RowRange = OwnedRange<&'static [u8], &'static [u8]>;
type StoredEntry = (OwnedAccessGuard<&'static [u8]>, OwnedAccessGuard<&'static [u8]>);

/// One state of the base.
pub(crate) struct BaseSnapshot {
    meta: Meta,
    /// By number; `None` where the base has no such table.
    tables: Vec<Option<ReadOnlyTable<&'static [u8], &'static [u8]>>>,
}

impl BaseSnapshot {
    pub(super) fn of(transaction: &ReadTransaction) -> Result<Self, Error> {
        let mut tables = Vec::new();
        for handle in transaction.list_tables()? {
            let Some(table) = row::table_of(handle.name()) else {
                continue;
            };
            let number = usize::from(table.0);
            if tables.len() <= number {
                tables.resize_with(number + 1, || None);
            }
            let definition: RowTable = TableDefinition::new(handle.name());
            tables[number] = Some(transaction.open_table(definition)?);
        }
        Ok(Self { meta: read_meta(transaction)?, tables })
    }

    /// What the base says about this state.
    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The tables there are, by number.
    pub(crate) fn tables(&self) -> impl Iterator<Item = Table> {
        (0..=u8::MAX).map(Table).filter(|&table| self.rows_of(table).is_some())
    }

    /// The number of rows of `table`, as the base has it written down.
    pub(crate) fn len(&self, table: Table) -> Result<u64, Error> {
        self.rows_of(table).map_or(Ok(0), |rows| guarded_in(table, || Ok(rows.len()?)))
    }

    /// The row under `key`, or `None` where there is none.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<BaseRow>, Error> {
        let Some(rows) = self.rows_of(table) else {
            return Ok(None);
        };
        guarded_in(table, || {
            let stored = rows.get_owned(key)?;
            stored.map(|stored| BaseRow::checked(table, key, stored)).transpose()
        })
    }

    /// The rows of `table` with keys within the bounds.
    pub(crate) fn range(
        &self,
        table: Table,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> Result<BaseRange, Error> {
        let rows = match self.rows_of(table) {
            Some(rows) => Some(guarded_in(table, || Ok(rows.range_owned::<&[u8]>(bounds)?))?),
            None => None,
        };
        Ok(BaseRange { table, rows, left: Left::default() })
    }

    /// Reads every row, checks it against its CRC, and each table against its number of rows, and goes
    /// on behind what is damaged. A whole table can still be missing, or stand there as it once was,
    /// and redb's own pages are not looked at: for that, [`Base::check`](super::Base::check) is needed.
    ///
    /// `found` is told of everything that is damaged. Answers how many rows were read.
    pub(crate) fn verify(&self, found: &mut dyn FnMut(Error)) -> Result<u64, Error> {
        let mut verified = 0;
        for table in self.tables() {
            verified += self.verify_table(table, found)?;
        }
        Ok(verified)
    }

    fn verify_table(&self, table: Table, found: &mut dyn FnMut(Error)) -> Result<u64, Error> {
        let (mut sound, mut reached, mut last) = (0, 0, None);
        loop {
            let start = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            let damage = match self.range(table, (start, Bound::Unbounded)) {
                Ok(rows) => count_sound(rows, &mut sound, &mut last).err(),
                Err(error) => Some(error),
            };
            match damage {
                None => break,
                Some(Error::Corrupt { damage: Damage::Row { table, key } })
                    if is_behind(&key, last.as_deref()) =>
                {
                    reached += 1;
                    last = Some(key.to_vec());
                    found(Error::corrupt(Damage::Row { table, key }));
                }
                // What lies behind a break in the tree cannot be had, nor counted.
                Some(error @ Error::Corrupt { .. }) => {
                    found(error.in_table(table, last.as_deref()));
                    return Ok(sound);
                }
                Some(error) => return Err(error),
            }
        }
        reached += sound;
        match self.len(table) {
            Ok(recorded) if recorded == reached => {}
            Ok(recorded) => found(Error::corrupt(Damage::Rows { table, recorded, reached })),
            Err(error @ Error::Corrupt { .. }) => found(error),
            Err(error) => return Err(error),
        }
        Ok(sound)
    }

    fn rows_of(&self, table: Table) -> Option<&ReadOnlyTable<&'static [u8], &'static [u8]>> {
        self.tables.get(usize::from(table.0))?.as_ref()
    }
}

/// Counts the rows up to the first that cannot be read. A damaged tree may lead back to where it was, again
/// and again, so the keys have to rise.
fn count_sound(rows: BaseRange, sound: &mut u64, last: &mut Option<Vec<u8>>) -> Result<(), Error> {
    for row in rows {
        let (key, _) = row?;
        if !is_behind(&key, last.as_deref()) {
            return Err(Error::corrupt(Damage::of_tree("its keys are out of order".to_owned())));
        }
        let last = last.get_or_insert_default();
        last.clear();
        last.extend_from_slice(&key);
        *sound += 1;
    }
    Ok(())
}

fn is_behind(key: &[u8], last: Option<&[u8]>) -> bool {
    last.is_none_or(|last| key > last)
}

pub(super) fn read_meta(transaction: &ReadTransaction) -> Result<Meta, Error> {
    let stored = match transaction.open_table(META) {
        Ok(table) => table.get_owned(META_KEY)?,
        Err(redb::TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let stored = stored.ok_or_else(|| Error::corrupt(Damage::Meta))?;
    Meta::decode(stored.value())
}

/// A key and its row.
type KeyedRow = (Box<[u8]>, BaseRow);

/// The rows of a range of a table of the base. It owns what it reads from, and yields nothing
/// more after an error.
///
/// The keys have to rise: a tree whose pages are not as they were written may lead back to where it was,
/// and nobody checks the pages of a large base before it is read.
pub(crate) struct BaseRange {
    table: Table,
    rows: Option<RowRange>,
    left: Left,
}

/// Which keys may still come: those between what was drawn from the front and from the back.
#[derive(Debug, Default)]
struct Left {
    front: Option<Vec<u8>>,
    back: Option<Vec<u8>>,
}

#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}

impl Left {
    /// Whether `key` may come from that end. If so it may not come again.
    fn take(&mut self, end: End, key: &[u8]) -> bool {
        let is_left = self.front.as_deref().is_none_or(|front| front < key)
            && self.back.as_deref().is_none_or(|back| key < back);
        if is_left {
            let edge = match end {
                End::Front => &mut self.front,
                End::Back => &mut self.back,
            };
            let edge = edge.get_or_insert_default();
            edge.clear();
            edge.extend_from_slice(key);
        }
        is_left
    }
}

impl BaseRange {
    /// A range without rows.
    pub(super) fn empty(table: Table) -> Self {
        Self { table, rows: None, left: Left::default() }
    }

    fn step(
        &mut self,
        end: End,
        advance: impl FnOnce(&mut RowRange) -> Option<Result<StoredEntry, redb::StorageError>>,
    ) -> Option<Result<KeyedRow, Error>> {
        let (table, left) = (self.table, &mut self.left);
        let rows = self.rows.as_mut()?;
        let step = guarded_in(table, || {
            let Some(entry) = advance(rows) else {
                return Ok(None);
            };
            let (key, stored) = entry?;
            let row = BaseRow::checked(table, key.value(), stored)?;
            if !left.take(end, key.value()) {
                return Err(Error::corrupt(Damage::Order { table, key: key.value().into() }));
            }
            Ok(Some((key.value().into(), row)))
        })
        .transpose();
        if !matches!(step, Some(Ok(_))) {
            self.rows = None;
        }
        step
    }
}

impl Iterator for BaseRange {
    type Item = Result<KeyedRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(End::Front, RowRange::next)
    }
}

impl DoubleEndedIterator for BaseRange {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(End::Back, RowRange::next_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each key comes once, from whichever end, and the two ends do not pass each other.
    #[test]
    fn keys_rise_from_the_front_and_fall_from_the_back() {
        let mut left = Left::default();
        assert!(left.take(End::Front, b"b") && left.take(End::Back, b"y"));
        for key in [b"a", b"b", b"y", b"z"] {
            assert!(!left.take(End::Front, key) && !left.take(End::Back, key));
        }
        assert!(left.take(End::Back, b"n") && !left.take(End::Front, b"o"));
        assert!(left.take(End::Front, b"m") && !left.take(End::Back, b"m"));
    }
}
