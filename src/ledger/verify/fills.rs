//! The list of fills against the entries: each fill is listed with its entry, and posted once.

use std::collections::BTreeSet;

use super::Verifier;
use crate::engine::KeyRange;
use crate::ledger::entry::{self, EntryRecord};
use crate::ledger::fills::{FillRow, PostedFill, fill_key, reversal};
use crate::ledger::{EntryId, Error, FILLS, FillId, PositionId, REVERSALS, position, rows};

impl Verifier<'_> {
    /// Every listed fill is an entry of that operation under that id, and no two that count moved the
    /// same position in the same direction.
    pub(super) fn fills(&mut self) -> Result<(), Error> {
        for row in self.reader.scan(FILLS, KeyRange::all()) {
            let (key, row) = row?;
            let row: FillRow = rows::decode(FILLS, &key, &row)?;
            if row.posted.is_empty() {
                self.find(FILLS, key.escape_ascii(), "lists nothing");
            }
            let mut moved = BTreeSet::new();
            for posted in row.posted {
                self.listed(&key, posted, &mut moved)?;
            }
        }
        Ok(())
    }

    fn listed(
        &mut self,
        key: &[u8],
        posted: PostedFill,
        moved: &mut BTreeSet<(u64, bool)>,
    ) -> Result<(), Error> {
        self.listed_fills.insert(posted.entry);
        let id = EntryId::new(posted.entry);
        let record = match entry::load(self.reader, id) {
            Err(Error::UnknownEntry { .. }) => {
                self.find(
                    FILLS,
                    key.escape_ascii(),
                    format!("names entry {id}, which is not there"),
                );
                return Ok(());
            }
            record => record?,
        };
        if self.fill_key_of(&record)?.as_deref() != Some(key) {
            self.find(
                FILLS,
                key.escape_ascii(),
                format!("names entry {id}, which is another fill"),
            );
        }
        if record.operation.map(|operation| operation.get()) != Some(posted.operation) {
            self.find(FILLS, key.escape_ascii(), format!("names another operation for entry {id}"));
        }
        if entry::reversal_of(self.reader, id)?.is_some() {
            return Ok(());
        }
        for change in &record.changes {
            if !moved.insert((change.position, change.incoming)) {
                self.find(
                    FILLS,
                    key.escape_ascii(),
                    format!("is posted twice, also by entry {id}"),
                );
            }
        }
        Ok(())
    }

    /// The key under which the entry's fill has to be listed; none where it has no id.
    fn fill_key_of(&self, record: &EntryRecord) -> Result<Option<Vec<u8>>, Error> {
        let (Some(fill), Some(change)) = (&record.fill, record.changes.first()) else {
            return Ok(None);
        };
        let FillId::Execution(id) = &fill.id else { return Ok(None) };
        let owner = position::load(self.reader, PositionId::new(change.position))?.owner;
        Ok(Some(fill_key(&owner, &fill.venue, id)))
    }

    /// A fill that counts is listed, and what an entry corrects knows it.
    pub(super) fn fill(&mut self, record: &EntryRecord) -> Result<(), Error> {
        let reversed = entry::reversal_of(self.reader, record.id)?.is_some();
        let is_listed = self.listed_fills.contains(&record.id.get());
        if self.fill_key_of(record)?.is_some() && !is_listed && !reversed {
            self.find(FILLS, record.id, "is a fill and not listed");
        }
        if let Some(corrected) = record.corrects {
            let row = reversal(self.reader, corrected)?;
            if row.and_then(|row| row.corrected_by) != Some(record.id.get()) {
                self.find(
                    REVERSALS,
                    corrected,
                    format!("does not name {}, which corrects it", record.id),
                );
            }
        }
        Ok(())
    }
}
