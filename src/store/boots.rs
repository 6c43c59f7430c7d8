//! The log of openings: when the store was opened lately, so that a bot which dies at every start is
//! seen.
//!
//! The first commit of each opening carries the row, so an opening costs no commit of its own, and
//! one that never wrote anything is not in the log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::codec::{self, BorrowDecode, Encode, Told, Value, no_key};
use crate::engine::{MAX_COMMIT_BYTES, Reader, Table, Tx};

use super::Error;

/// The engine's table of what belongs to the store as a whole.
pub(crate) const STORE: Table = Table(64);

const KEY: &[u8] = b"boots";
const VERSION: u8 = 1;
/// How many openings are remembered.
const KEPT: usize = 32;
/// Commits with more bytes than this, half of the most, do not carry the row.
const LARGE_COMMIT_BYTES: usize = (MAX_COMMIT_BYTES / 2) as usize;

/// An opening of the store that wrote something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Boot {
    /// When it first wrote, by the clock as it stood.
    pub at: Timestamp,
    /// Whether the store had been closed before, so that there was nothing to recover.
    pub clean: bool,
}

#[derive(Encode, BorrowDecode)]
struct BootsRow {
    /// Time and `clean` of each, the oldest first.
    boots: Vec<(i64, bool)>,
}

/// The openings that are remembered, the oldest first.
pub(crate) fn read(reader: &dyn Reader) -> Result<Vec<Boot>, Error> {
    let Some(row) = reader.get(STORE, KEY)? else { return Ok(Vec::new()) };
    let boots = |(at, clean)| Boot { at: Timestamp::from_micros(at), clean };
    Ok(decode(&row)?.boots.into_iter().map(boots).collect())
}

/// How many of them were less than `within` before `now`.
pub(super) fn count_since(
    reader: &dyn Reader,
    now: Timestamp,
    within: Duration,
) -> Result<u64, Error> {
    let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX);
    let earliest = now.as_micros().saturating_sub(within);
    // What the clock has gone back behind says nothing of lately.
    let is_recent = |boot: &Boot| boot.at.as_micros() > earliest && boot.at <= now;
    let recent = read(reader)?.into_iter().filter(is_recent);
    Ok(recent.count() as u64)
}

fn decode(bytes: &[u8]) -> Result<BootsRow, Error> {
    codec::decode(VERSION, bytes).map_err(|source| Error::Corrupt {
        file: "the log of openings".to_owned(),
        offset: None,
        lsn: None,
        source: Box::new(source),
    })
}

/// What the key says, as a tree.
pub(crate) fn told_key(key: &[u8]) -> Told {
    match key {
        KEY => Ok(Value::Fields(vec![("row", Value::bytes(key))])),
        _ => Err(no_key()),
    }
}

/// What the row says, as a tree.
pub(crate) fn told(bytes: &[u8]) -> Told {
    let row: BootsRow = codec::decode(VERSION, bytes)?;
    let boots = Value::list(row.boots, |(at, clean)| {
        Value::Fields(vec![("at", Value::time(at)), ("clean", Value::Flag(clean))])
    });
    Ok(Value::Fields(vec![("boots", boots)]))
}

/// The same row again, as the fuzzing wants it.
#[cfg(feature = "simulation")]
pub(super) fn recode(bytes: &[u8]) -> Option<Vec<u8>> {
    decode(bytes).ok().map(|row| codec::encode(VERSION, &row))
}

/// Whether this opening is in the log.
#[derive(Debug)]
pub(super) struct BootLog {
    clean: bool,
    logged: AtomicBool,
}

impl BootLog {
    /// Of an opening that found the store `clean`.
    pub(super) fn new(clean: bool) -> Self {
        Self { clean, logged: AtomicBool::new(false) }
    }

    /// Puts this opening into the log with whatever else is staged, unless it is there. Where nothing
    /// is staged, or so much that there may be no room, a later commit has to. Answers whether this one
    /// does.
    pub(super) fn stage(&self, tx: &mut Tx, now: Timestamp) -> bool {
        if self.logged.load(Ordering::Relaxed) {
            return false;
        }
        if tx.staged_bytes().is_none_or(|bytes| bytes > LARGE_COMMIT_BYTES) {
            return false;
        }
        // No write fails for a log that cannot be read; health tells of it.
        let Ok(mut boots) = read(tx) else { return false };
        boots.push(Boot { at: now, clean: self.clean });
        let kept = boots.split_off(boots.len().saturating_sub(KEPT));
        let boots = kept.iter().map(|boot| (boot.at.as_micros(), boot.clean)).collect();
        tx.put(STORE, KEY, codec::encode(VERSION, &BootsRow { boots }));
        self.logged.store(true, Ordering::Relaxed);
        true
    }

    /// The commit that was to carry it did not come about: another one has to.
    pub(super) fn take_back(&self) {
        self.logged.store(false, Ordering::Relaxed);
    }
}
