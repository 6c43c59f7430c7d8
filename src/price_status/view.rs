//! Reads of what has no price, of any consistent state.

use super::key::{self, Subject, due_of, subject_of};
use super::{DUE, Error, MISSING, Missing, MissingPrice, PriceOf, row};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader};

/// What is known of the price of `subject`, where it is missing.
pub(crate) fn get(reader: &dyn Reader, subject: Subject<'_>) -> Result<Option<Missing>, Error> {
    let stored = subject.stored();
    let Some(row) = reader.get(MISSING, &stored)? else { return Ok(None) };
    decode(&stored, &row).map(Some)
}

/// Everything that has no price: tokens by chain and address, and then claims by namespace and key, from
/// either end. What cannot be read is an error in its place; the rest still follows.
pub(crate) fn all<'r>(
    reader: &'r dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'r> {
    scan(reader, KeyRange::all())
}

/// Every token without a price.
pub(crate) fn tokens<'r>(
    reader: &'r dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'r> {
    scan(reader, key::all_tokens())
}

/// Every claim without a price.
pub(crate) fn claims<'r>(
    reader: &'r dyn Reader,
) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'r> {
    scan(reader, key::all_claims())
}

fn scan<'r>(
    reader: &'r dyn Reader,
    range: KeyRange,
) -> impl DoubleEndedIterator<Item = Result<MissingPrice, Error>> + use<'r> {
    reader.scan(MISSING, range).map(|stored| {
        let (key, row) = stored?;
        let Some(of) = subject_of(&key) else { return Err(Error::CorruptKey { key }) };
        Ok(MissingPrice { of, missing: decode(&key, &row)? })
    })
}

/// What is to be asked for when it is `now`, what has waited longest first; at most `limit`. Reads no
/// more rows than it answers.
pub(crate) fn due(
    reader: &dyn Reader,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<MissingPrice>, Error> {
    let mut due = Vec::new();
    for listed in reader.scan(DUE, key::due_until(now)).take(limit) {
        let (_, of) = place(listed?.0)?;
        let Some(missing) = get(reader, of.subject())? else {
            return Err(Error::Unlisted { of: of.to_string() });
        };
        due.push(MissingPrice { of, missing });
    }
    Ok(due)
}

/// Prices that somebody should have asked for.
pub(crate) struct Overdue {
    /// How many, as far as was counted.
    pub(crate) count: u64,
    /// Since when the first of them has been due.
    pub(crate) since: Timestamp,
    /// Whose price that is.
    pub(crate) first: PriceOf,
}

/// What has been due since `latest` or longer, counted up to `most`.
pub(crate) fn overdue(
    reader: &dyn Reader,
    latest: Timestamp,
    most: usize,
) -> Result<Option<Overdue>, Error> {
    let mut overdue: Option<Overdue> = None;
    for listed in reader.scan(DUE, key::due_until(latest)).take(most) {
        let (key, _) = listed?;
        match &mut overdue {
            Some(overdue) => overdue.count += 1,
            None => {
                let (since, first) = place(key)?;
                overdue = Some(Overdue { count: 1, since, first });
            }
        }
    }
    Ok(overdue)
}

/// The time and the subject at a place in the list of what is due.
pub(super) fn place(stored: Box<[u8]>) -> Result<(Timestamp, PriceOf), Error> {
    let place = due_of(&stored).and_then(|(at, subject)| Some((at, subject_of(subject)?)));
    place.ok_or(Error::CorruptKey { key: stored })
}

fn decode(stored: &[u8], row: &[u8]) -> Result<Missing, Error> {
    row::decode(row).map_err(|source| {
        let of = subject_of(stored).map(|of| of.to_string());
        Error::CorruptRow { of: of.unwrap_or_else(|| stored.escape_ascii().to_string()), source }
    })
}
