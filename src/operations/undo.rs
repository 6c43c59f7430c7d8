//! The plan of undo: the inverse of what `apply` posted, kept row by row until the operation ends.
//!
//! Money is taken back by an entry that reverses the one posted ("add back 100", never "set the
//! balance to 500"); an attribute gets back what it held, unless somebody wrote it since.

use super::error::Error;
use super::row::{self, OperationRow};
use super::{OperationId, OperationsMut, PositionId, UNDO};
use crate::codec::{BorrowDecode, Encode};
use crate::engine::KeyRange;
use crate::ledger::{AttributeBefore, EntryId, Posted, Restored};

/// The most steps that one operation can apply.
const MAX_STEPS: u32 = 1_000;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) enum Step {
    /// The entry to reverse.
    Entry(u64),
    /// The attribute to restore.
    Attribute {
        position: u64,
        name: Box<str>,
        value: Option<Box<[u8]>>,
        /// The version that the operation gave it last.
        written: u64,
    },
}

/// A step and the key of its row.
struct Planned {
    key: Box<[u8]>,
    step: Step,
}

/// What a roll back took away again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Undone {
    /// The entries that reverse what was posted.
    pub entries: Vec<EntryId>,
    /// Attributes that hold again what they held.
    pub restored: Vec<(PositionId, Box<str>)>,
    /// Attributes that somebody wrote since: the later value stays.
    pub superseded: Vec<(PositionId, Box<str>)>,
}

impl OperationsMut<'_> {
    /// Adds the inverse of what was posted to the plan.
    pub(super) fn plan_undo(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        posted: &Posted,
    ) -> Result<(), Error> {
        for entry in &posted.entries {
            self.add_step(id, row, &Step::Entry(entry.get()))?;
        }
        for before in &posted.attributes {
            if !self.extend_step(id, before)? {
                self.add_step(id, row, &Step::restoring(before))?;
            }
        }
        Ok(())
    }

    fn add_step(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        step: &Step,
    ) -> Result<(), Error> {
        if row.undo >= MAX_STEPS {
            let (what, fault) = ("the number of steps applied", "has reached its limit");
            return Err(Error::InvalidIntent { what, fault });
        }
        self.tx().put(UNDO, &row::nth_key(id, row.undo), row::encode(step));
        row.undo += 1;
        Ok(())
    }

    /// Where the operation itself wrote this attribute last, its step is to restore what was there
    /// before both writes. Answers whether that was so.
    fn extend_step(&mut self, id: OperationId, before: &AttributeBefore) -> Result<bool, Error> {
        for Planned { key, step } in self.plan(id)? {
            let Step::Attribute { position, name, value, written } = step else { continue };
            let is_same = position == before.position.get() && name == before.name;
            if is_same && written.checked_add(1) == Some(before.written) {
                let written = before.written;
                let step = Step::Attribute { position, name, value, written };
                self.tx().put(UNDO, &key, row::encode(&step));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The steps of an operation with their keys, oldest first.
    fn plan(&self, id: OperationId) -> Result<Vec<Planned>, Error> {
        let rows = self.reader().scan(UNDO, KeyRange::prefix(&row::id_key(id)));
        let steps = rows.map(|found| {
            let (key, bytes) = found?;
            let step = row::decode(UNDO, &key, &bytes)?;
            Ok(Planned { key, step })
        });
        steps.collect()
    }

    /// Takes back all steps, newest first.
    pub(super) fn undo(&mut self, id: OperationId, reason: &str) -> Result<Undone, Error> {
        let mut undone = Undone::default();
        for Planned { key: _, step } in self.plan(id)?.into_iter().rev() {
            match step {
                Step::Entry(entry) => {
                    let entry = EntryId::new(entry);
                    undone.entries.push(self.ledger.reverse(Some(id), entry, reason)?);
                }
                Step::Attribute { position, name, value, written } => {
                    let position = PositionId::new(position);
                    let before = AttributeBefore { position, name, value, written };
                    let attribute = (position, before.name.clone());
                    match self.ledger.restore_attribute(&before)? {
                        Restored::Restored => undone.restored.push(attribute),
                        Restored::Superseded => undone.superseded.push(attribute),
                    }
                }
            }
        }
        Ok(undone)
    }
}

impl Step {
    fn restoring(before: &AttributeBefore) -> Self {
        Self::Attribute {
            position: before.position.get(),
            name: before.name.clone(),
            value: before.value.clone(),
            written: before.written,
        }
    }
}
