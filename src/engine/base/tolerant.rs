//! Reading a damaged base as far as it can be read: damaged rows are stepped over.
//!
//! Nothing of this is for a store that is open. What is stepped over is told by
//! [`BaseSnapshot::verify`]; here it is as if it were not there.

use std::ops::{Bound, RangeBounds};

use super::error::{Damage, Error};
use super::row::BaseRow;
use super::snapshot::{BaseRange, BaseSnapshot};
use crate::engine::row::Table;

type OwnedBounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The rows of a range of a table, without those that are damaged. Where the tree itself is damaged it
/// ends; only a failing disk is an error.
pub(crate) struct TolerantRange<'b> {
    base: &'b BaseSnapshot,
    table: Table,
    /// What was not drawn yet.
    left: OwnedBounds,
    /// None where it is to be opened (anew).
    rows: Option<BaseRange>,
    ended: bool,
}

impl BaseSnapshot {
    /// The row under `key`; none also where it is damaged.
    pub(crate) fn get_tolerant(&self, table: Table, key: &[u8]) -> Result<Option<BaseRow>, Error> {
        match self.get(table, key) {
            Err(Error::Corrupt { .. }) => Ok(None),
            row => row,
        }
    }

    /// The rows of `table` with keys within the bounds that can be read.
    pub(crate) fn range_tolerant(
        &self,
        table: Table,
        (start, end): (Bound<&[u8]>, Bound<&[u8]>),
    ) -> TolerantRange<'_> {
        let left = (start.map(<[u8]>::to_vec), end.map(<[u8]>::to_vec));
        TolerantRange { base: self, table, left, rows: None, ended: false }
    }
}

impl TolerantRange<'_> {
    fn step(
        &mut self,
        advance: fn(&mut BaseRange) -> Option<<BaseRange as Iterator>::Item>,
        drawn: fn(&mut OwnedBounds, Vec<u8>),
    ) -> Option<<BaseRange as Iterator>::Item> {
        while !self.ended {
            let step = match self.open() {
                Ok(rows) => advance(rows),
                Err(error) => Some(Err(error)),
            };
            match step {
                Some(Ok((key, row))) if self.is_left(&key) => {
                    drawn(&mut self.left, key.to_vec());
                    return Some(Ok((key, row)));
                }
                Some(Err(Error::Corrupt { damage: Damage::Row { key, .. } }))
                    if self.is_left(&key) =>
                {
                    drawn(&mut self.left, key.into());
                    self.rows = None;
                }
                // A damaged tree may lead back to where it was, again and again.
                None | Some(Ok(_) | Err(Error::Corrupt { .. })) => self.ended = true,
                Some(Err(error)) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    /// Whether the key was not drawn yet, and is within the bounds.
    fn is_left(&self, key: &[u8]) -> bool {
        let (start, end) = &self.left;
        let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        RangeBounds::<[u8]>::contains(&bounds, key)
    }

    fn open(&mut self) -> Result<&mut BaseRange, Error> {
        if self.rows.is_none() {
            let (start, end) = &self.left;
            let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
            if is_empty(bounds) {
                self.ended = true;
            }
            self.rows = Some(match self.ended {
                // A range that ends before it starts is nothing that redb takes.
                true => BaseRange::empty(self.table),
                false => self.base.range(self.table, bounds)?,
            });
        }
        // It was just made where there was none, so this is never made twice.
        Ok(self.rows.get_or_insert_with(|| BaseRange::empty(self.table)))
    }
}

fn is_empty(bounds: (Bound<&[u8]>, Bound<&[u8]>)) -> bool {
    match bounds {
        (Bound::Included(start), Bound::Included(end)) => start > end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start >= end,
        _ => false,
    }
}

impl Iterator for TolerantRange<'_> {
    type Item = <BaseRange as Iterator>::Item;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(BaseRange::next, |left, key| left.0 = Bound::Excluded(key))
    }
}

impl DoubleEndedIterator for TolerantRange<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(BaseRange::next_back, |left, key| left.1 = Bound::Excluded(key))
    }
}
