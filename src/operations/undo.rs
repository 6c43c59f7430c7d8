//! The plan of undo: the inverse of what `apply` posted, kept row by row until the operation ends.
//!
//! Money is taken back by an entry that reverses the one posted ("add back 100", never "set the
//! balance to 500"); an attribute gets back what it held, unless somebody wrote it since.

use super::error::Error;
use super::row::{self, OperationRow};
use super::{OperationId, OperationsMut, PositionId, UNDO};
use crate::codec::{BorrowDecode, Encode, Value};
use crate::engine::{KeyRange, Reader};
use crate::ledger::{self, AttributeBefore, EntryId, Ledger, Posted, Restored};

/// The most steps that one operation can apply.
const MAX_STEPS: u32 = 1_000;
/// The most bytes that taking back all steps may add to a commit: half of what one can hold, for
/// a plan is carried out as a whole.
const MAX_BYTES: u32 = 4 << 20;
/// What an entry that reverses takes at most, beside its legs.
const ENTRY_BYTES: usize = 768;
/// What one leg of it takes at most: in the entry, in the indexes, and its account's row.
const LEG_BYTES: usize = 320;
/// What restoring an attribute takes at most, beside its value.
const ATTRIBUTE_BYTES: usize = 256;

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

/// A step as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct StepRow {
    step: Step,
    /// What taking back this step and all before it may add to a commit.
    bytes: u32,
}

impl StepRow {
    /// The step as a tree.
    pub(super) fn told(self) -> Vec<(&'static str, Value)> {
        match self.step {
            Step::Entry(entry) => vec![("entry", Value::Number(entry))],
            Step::Attribute { position, name, value, written } => vec![
                ("position", Value::Number(position)),
                ("attribute", Value::Text(name)),
                ("before", Value::optional(value, Value::Bytes)),
                ("written", Value::Number(written)),
            ],
        }
    }
}

/// A step and the key of its row.
struct Planned {
    key: Box<[u8]>,
    step: Step,
    bytes: u32,
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

/// What a roll back would take away again, one step of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum UndoStep {
    /// The entry is reversed.
    Reverse {
        /// The entry.
        entry: EntryId,
    },
    /// The attribute gets back what it held, unless somebody wrote it since.
    Restore {
        /// The position.
        position: PositionId,
        /// The attribute's name.
        name: Box<str>,
        /// What it held; none where it was not there.
        value: Option<Box<[u8]>>,
    },
}

/// The steps of an operation's plan, in the order in which a roll back would take them: newest first.
pub(super) fn of_operation(reader: &dyn Reader, id: OperationId) -> Result<Vec<UndoStep>, Error> {
    let rows = reader.scan(UNDO, KeyRange::prefix(&row::id_key(id)));
    let steps = rows.rev().map(|found| {
        let (key, bytes) = found?;
        let StepRow { step, .. } = row::decode(UNDO, &key, &bytes)?;
        Ok(match step {
            Step::Entry(entry) => UndoStep::Reverse { entry: EntryId::new(entry) },
            Step::Attribute { position, name, value, .. } => {
                UndoStep::Restore { position: PositionId::new(position), name, value }
            }
        })
    });
    steps.collect()
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
            let legs = Ledger::new(self.reader(), None, self.now).entry(*entry)?.legs.len();
            let bytes = legs.saturating_mul(LEG_BYTES).saturating_add(ENTRY_BYTES);
            self.add_step(id, row, Step::Entry(entry.get()), bytes)?;
        }
        for before in &posted.attributes {
            if !self.extend_step(id, before)? {
                let value = before.value.as_deref().map_or(0, <[u8]>::len);
                self.add_step(id, row, Step::restoring(before), value + ATTRIBUTE_BYTES)?;
            }
        }
        Ok(())
    }

    fn add_step(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        step: Step,
        bytes: usize,
    ) -> Result<(), Error> {
        if row.undo >= MAX_STEPS {
            let (what, fault) = ("the number of steps applied", "has reached its limit");
            return Err(Error::InvalidIntent { what, fault });
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bytes = self.planned_bytes(id, row)?.saturating_add(bytes);
        if bytes > MAX_BYTES {
            let (what, fault) = ("what was applied", "is more than one commit could take back");
            return Err(Error::InvalidIntent { what, fault });
        }
        let step = StepRow { step, bytes };
        row::put(self.tx(), UNDO, &row::nth_key(id, row.undo), &step);
        row.undo += 1;
        Ok(())
    }

    /// What taking back all steps there are may add to a commit.
    fn planned_bytes(&self, id: OperationId, row: &OperationRow) -> Result<u32, Error> {
        let Some(last) = row.undo.checked_sub(1) else { return Ok(0) };
        let last: Option<StepRow> = row::load(self.reader(), UNDO, &row::nth_key(id, last))?;
        Ok(last.map_or(0, |last| last.bytes))
    }

    /// Where the operation itself wrote this attribute last, its step is to restore what was there
    /// before both writes. Answers whether that was so.
    fn extend_step(&mut self, id: OperationId, before: &AttributeBefore) -> Result<bool, Error> {
        for Planned { key, step, bytes } in self.plan(id)? {
            let Step::Attribute { position, name, value, written } = step else { continue };
            let is_same = position == before.position.get() && name == before.name;
            if is_same && written.checked_add(1) == Some(before.written) {
                let written = before.written;
                let step = Step::Attribute { position, name, value, written };
                row::put(self.tx(), UNDO, &key, &StepRow { step, bytes });
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
            let StepRow { step, bytes } = row::decode(UNDO, &key, &bytes)?;
            Ok(Planned { key, step, bytes })
        });
        steps.collect()
    }

    /// Takes back all steps, newest first.
    pub(super) fn undo(&mut self, id: OperationId, reason: &str) -> Result<Undone, Error> {
        let mut undone = Undone::default();
        for Planned { step, .. } in self.plan(id)?.into_iter().rev() {
            match step {
                Step::Entry(entry) => {
                    let entry = EntryId::new(entry);
                    match self.ledger.reverse(Some(id), entry, reason) {
                        Ok(reversal) => undone.entries.push(reversal),
                        // Somebody corrected it by hand: it is undone.
                        Err(ledger::Error::AlreadyReversed { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
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
