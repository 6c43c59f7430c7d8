//! What gives numbers and says that something was done once: assets, next numbers, opened books.

use super::Verifier;
use crate::engine::KeyRange;
use crate::ledger::assets::{self, AssetId};
use crate::ledger::entry::{self, EntryRecord};
use crate::ledger::tx::next_numbers;
use crate::ledger::{
    ASSET_KEYS, ASSETS, BOOK, ENTRIES, EntryId, EntryKind, Error, POSITIONS, rows,
};

impl Verifier<'_> {
    pub(super) fn registers(&mut self) -> Result<(), Error> {
        self.assets()?;
        self.numbers()?;
        self.opened()
    }

    /// Assets are known by key and by number, and both say the same.
    fn assets(&mut self) -> Result<(), Error> {
        let mut known = 0u64;
        for row in self.reader.scan(ASSETS, KeyRange::all()) {
            let (key, row) = row?;
            let (number, scale): (u32, u8) = rows::decode(ASSETS, &key, &row)?;
            known += 1;
            let same = match assets::asset(self.reader, AssetId(number)) {
                Ok(asset) => *asset.key().as_bytes() == *key && asset.scale() == scale,
                Err(Error::MissingRow { .. }) => false,
                Err(error) => return Err(error),
            };
            if !same {
                self.find(ASSETS, key.escape_ascii(), "is another asset by its number");
            }
        }
        let mut numbered = 0u64;
        for row in self.reader.scan(ASSET_KEYS, KeyRange::all()) {
            row?;
            numbered += 1;
        }
        if known != numbered {
            self.find(ASSET_KEYS, "as a whole", format!("has {numbered} rows, not {known}"));
        }
        Ok(())
    }

    /// No number is given twice.
    fn numbers(&mut self) -> Result<(), Error> {
        let next = next_numbers(self.reader)?;
        for (table, next) in
            [(ASSET_KEYS, u64::from(next.asset)), (POSITIONS, next.position), (ENTRIES, next.entry)]
        {
            let last = self.reader.scan(table, KeyRange::all()).next_back().transpose()?;
            let last = last.map_or(0, |(key, _)| {
                key.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte))
            });
            if next.checked_sub(1) != Some(last) {
                self.find(BOOK, "numbers", format!("has {next} as the next one behind {last}"));
            }
        }
        Ok(())
    }

    /// What is booked once is noted with its entry, and nothing else is.
    fn opened(&mut self) -> Result<(), Error> {
        let mut noted = std::collections::BTreeSet::new();
        for row in self.reader.scan(BOOK, KeyRange::prefix(b"opened-")) {
            let (key, row) = row?;
            let entry: u64 = rows::decode(BOOK, &key, &row)?;
            noted.insert(entry);
            let record = match entry::load(self.reader, EntryId::new(entry)) {
                Ok(record) => Some(record),
                Err(Error::UnknownEntry { .. }) => None,
                Err(error) => return Err(error),
            };
            if !record.as_ref().is_some_and(opens) {
                self.find(BOOK, key.escape_ascii(), "names no entry that opened a book");
            }
        }
        for row in self.reader.scan(ENTRIES, KeyRange::all()) {
            let (key, row) = row?;
            let record = EntryRecord::decode(&key, &row)?;
            let reversed = entry::reversal_of(self.reader, record.id)?.is_some();
            if opens(&record) && !reversed && !noted.contains(&record.id.get()) {
                self.find(BOOK, record.id, "opened a book and is not noted");
            }
        }
        Ok(())
    }
}

fn opens(record: &EntryRecord) -> bool {
    matches!(record.kind, EntryKind::OpeningBalance | EntryKind::Import)
}
