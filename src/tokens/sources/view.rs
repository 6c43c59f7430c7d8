//! Reads of what sources said: their last sessions, and the tokens that they name no more.

use std::ops::Bound;

use super::key::{SeenKey, check_name, seen_prefix};
use super::row::{self, SeenRow};
use super::{SEEN, SOURCES, SyncSession};
use crate::clock::Timestamp;
use crate::engine::{KeyRange, Reader, Row, Scan};
use crate::money::TokenKey;
use crate::tokens::{Error, Tokens};

/// How many rows are looked at for one that was not seen, before the look is ended to be taken up again.
const ROWS_PER_LOOK: usize = 20_000;

/// A token that a source named once and did not name in a later session that saw its whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct StaleToken {
    /// The token.
    pub key: TokenKey,
    /// When it was found missing.
    pub since: Timestamp,
}

impl<'a> Tokens<'a> {
    /// The last session of `source`, or `None` where it was never synced.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::CorruptSource`], [`Error::Engine`].
    pub fn source(&self, source: &str) -> Result<Option<SyncSession>, Error> {
        check_name("source", source)?;
        match self.reader.get(SOURCES, source.as_bytes())? {
            Some(row) => Ok(Some(decode_source(source, &row)?)),
            None => Ok(None),
        }
    }

    /// The last session of every source, by the source's name. One that cannot be read is an error in its
    /// place; the ones behind it still follow.
    pub fn sources(&self) -> impl DoubleEndedIterator<Item = Result<SyncSession, Error>> + use<'a> {
        let rows: Scan<'a> = self.reader.scan(SOURCES, KeyRange::all());
        rows.map(|row| {
            let (key, row) = row?;
            let name = std::str::from_utf8(&key).ok();
            match name.filter(|name| check_name("source", name).is_ok()) {
                Some(name) => decode_source(name, &row),
                None => Err(Error::CorruptKey { key }),
            }
        })
    }

    /// The tokens that `source` named once and names no more, by their keys. The rows of tokens that it
    /// still names are read and passed over.
    pub fn stale(&self, source: &str) -> impl Iterator<Item = Result<StaleToken, Error>> + use<'a> {
        let rows: Scan<'a> = self.reader.scan(SEEN, KeyRange::prefix(&seen_prefix(source)));
        rows.filter_map(|row| match row.map_err(Error::from).and_then(decode_seen) {
            Ok((key, seen)) => {
                let since = Timestamp::from_micros(seen.stale_since?);
                Some(Ok(StaleToken { key, since }))
            }
            Err(error) => Some(Err(error)),
        })
    }
}

/// Tokens that a session did not see, and where the look at them ended.
pub(crate) struct Unseen {
    /// The tokens, at most as many as were asked for.
    pub(crate) keys: Vec<TokenKey>,
    /// The last token looked at, to go on behind it; `None` where there is none behind it.
    pub(crate) go_on_behind: Option<TokenKey>,
}

/// Some of the tokens behind `behind` that `session` did not see, though they could have passed its
/// filter, and that are not stale yet; at most `limit`, and after a bounded number of rows.
pub(crate) fn unseen(
    reader: &dyn Reader,
    session: &SyncSession,
    behind: Option<&TokenKey>,
    limit: usize,
) -> Result<Unseen, Error> {
    let mut range = KeyRange::prefix(&seen_prefix(&session.source));
    if let Some(behind) = behind {
        range.start = Bound::Excluded(super::key::seen_key(&session.source, behind));
    }
    let mut keys = Vec::new();
    let mut rows = reader.scan(SEEN, range);
    for looked_at in 1..=ROWS_PER_LOOK {
        let Some(row) = rows.next() else { break };
        let (key, row) = row?;
        // Most tokens were seen, and nobody asks for their keys.
        if session.misses(seen_row(&key, &row)?) {
            keys.push(token_of(&key)?);
        }
        if keys.len() == limit || looked_at == ROWS_PER_LOOK {
            return Ok(Unseen { keys, go_on_behind: Some(token_of(&key)?) });
        }
    }
    Ok(Unseen { keys, go_on_behind: None })
}

impl SyncSession {
    /// Whether a token of which `seen` is noted was to be named in this session, and was not.
    pub(super) fn misses(&self, seen: SeenRow) -> bool {
        // What an earlier filter let pass says nothing about what this one would let pass.
        let could_pass = self.filter.is_none() || seen.session >= self.filter_since;
        seen.stale_since.is_none() && seen.session != self.number && could_pass
    }
}

pub(super) fn decode_source(source: &str, row: &[u8]) -> Result<SyncSession, Error> {
    row::decode_source(source, row)
        .map_err(|error| Error::CorruptSource { key: source.as_bytes().into(), source: error })
}

fn decode_seen((key, row): (Box<[u8]>, Row)) -> Result<(TokenKey, SeenRow), Error> {
    Ok((token_of(&key)?, seen_row(&key, &row)?))
}

fn token_of(key: &[u8]) -> Result<TokenKey, Error> {
    let stored = SeenKey::from_stored(key).ok_or_else(|| Error::CorruptKey { key: key.into() })?;
    Ok(stored.token)
}

fn seen_row(key: &[u8], row: &Row) -> Result<SeenRow, Error> {
    row::decode_seen(row).map_err(|source| Error::CorruptSource { key: key.into(), source })
}
