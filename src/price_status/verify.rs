//! Verification: what has no price against the list of what is due, both ways.

use super::view::place;
use super::{DUE, Error, MISSING, MissingPrice, all, get, key, table_name};
use crate::engine::{KeyRange, Reader, Table};

/// Something that is not as it must be.
pub(crate) struct Contradiction {
    pub(crate) table: &'static str,
    /// The row, in words.
    pub(crate) row: String,
    pub(crate) problem: &'static str,
}

impl Contradiction {
    /// In the table of what has no price.
    pub(crate) fn of_missing(row: impl std::fmt::Display, problem: &'static str) -> Self {
        Self::of(MISSING, row, problem)
    }

    fn of(table: Table, row: impl std::fmt::Display, problem: &'static str) -> Self {
        Self { table: table_name(table), row: row.to_string(), problem }
    }
}

/// Everything that one table says and the other does not; empty where they are sound.
pub(crate) fn verify(reader: &dyn Reader) -> Result<Vec<Contradiction>, Error> {
    let mut found = Vec::new();
    for price in all(reader) {
        let MissingPrice { of, missing } = price?;
        let place = key::due_key(missing.next_attempt_at, &of.subject().stored());
        if reader.get(DUE, &place)?.is_none() {
            found.push(Contradiction::of(MISSING, of, "is not listed for its next attempt"));
        }
    }
    for listed in reader.scan(DUE, KeyRange::all()) {
        let (at, of) = place(listed?.0)?;
        let missing = get(reader, of.subject())?;
        if missing.is_none_or(|missing| missing.next_attempt_at != at) {
            found.push(Contradiction::of(DUE, of, "is listed for another time than its own"));
        }
    }
    Ok(found)
}
