//! What changed between two commits: rows that differ between the states after them.
//!
//! The later values come from the log. The earlier ones come from the log too where an older commit
//! in it wrote the row, else from the base, which is as of its checkpoint; before the checkpoint only a
//! log that goes back to the first commit can tell them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, RealDisk};
use crate::engine::{BaseAlone, Lsn, Reader, Table};
use crate::store::Error;

use super::log::{BreakVerdict, Log, LogBase, LogBreak, LogEntry};

/// A row that is not the same after two commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRow {
    /// The table's number.
    pub table: u8,
    /// The row's key.
    pub key: Box<[u8]>,
    /// The row after the earlier commit; `None` where there was none.
    pub before: Option<Box<[u8]>>,
    /// The row after the later commit; `None` where there is none.
    pub after: Option<Box<[u8]>>,
    /// The commit that wrote it last, up to the later one.
    pub lsn: Lsn,
}

/// Why two states cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// The files do not tell a state that old, or there is no commit with this number yet.
    #[error(
        "the files tell states from commit {oldest} to commit {newest}, and {asked} was asked for"
    )]
    BeyondLog {
        /// The commit that was asked for.
        asked: Lsn,
        /// The oldest one whose state can be told.
        oldest: Lsn,
        /// The newest one.
        newest: Lsn,
    },
    /// The log is damaged in between, so that a change may be missing.
    #[error("{} is damaged at offset {}: which rows changed there cannot be told", .0.file, .0.offset)]
    Damaged(Box<LogBreak>),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] Error),
}

type Key = (u8, Box<[u8]>);
type Row = Option<Box<[u8]>>;

/// The rows of the store in `path` that differ between the states after two commits, by table and key.
/// 0 is the state before the first commit.
///
/// Memory follows the rows that were written between the two.
///
/// # Errors
///
/// [`DiffError::BeyondLog`] where the base is newer than the earlier commit and the log does not go back
/// to the first one, or where the later one does not exist; [`DiffError::Damaged`]; what [`Log::open`]
/// answers.
pub fn diff(path: impl AsRef<Path>, from: Lsn, to: Lsn) -> Result<Vec<ChangedRow>, DiffError> {
    diff_on(Arc::new(RealDisk::new(path.as_ref())), from, to)
}

/// The same on any [`Disk`].
///
/// # Errors
///
/// As [`diff`].
pub fn diff_on(disk: Arc<dyn Disk>, from: Lsn, to: Lsn) -> Result<Vec<ChangedRow>, DiffError> {
    let (from, to) = (from.min(to), from.max(to));
    let log = Log::open_on(disk.clone())?;
    let checkpoint = match log.base() {
        LogBase::Checkpoint { lsn, .. } => Some(*lsn),
        _ => None,
    };
    let found = Found::read(&log, from, to)?;
    if let Some(hurt) = found.hurt.as_ref().filter(|hurt| is_between(hurt, checkpoint, to)) {
        return Err(DiffError::Damaged(Box::new(hurt.clone())));
    }
    let goes_back = found.first == Some(1) && found.hurt.is_none();
    if !goes_back && checkpoint.is_none() {
        // It says itself why it cannot be asked.
        BaseAlone::open(&*disk).map_err(Error::from)?;
    }
    let oldest = if goes_back { 0 } else { checkpoint.unwrap_or(Lsn::MAX) };
    let newest = found.newest.max(checkpoint.unwrap_or(0));
    if let Some(asked) = [from, to].into_iter().find(|lsn| *lsn < oldest || *lsn > newest) {
        return Err(DiffError::BeyondLog { asked, oldest, newest });
    }
    let before = earlier(&log, &found.written, from)?;
    let base = match checkpoint {
        // Where the log goes back to the first commit, what it does not have was not there.
        Some(checkpoint) if checkpoint <= from => {
            Some(BaseAlone::open(&*disk).map_err(Error::from)?)
        }
        _ => None,
    };
    let mut changed = Vec::new();
    for ((table, key), (lsn, after)) in found.written {
        let place = (table, key);
        let before = match (before.get(&place), &base) {
            (Some(row), _) => row.clone(),
            (None, Some(base)) => {
                let row = base.get(Table(table), &place.1).map_err(Error::from)?;
                row.map(|row| Box::from(&*row))
            }
            (None, None) => None,
        };
        if before != after {
            let (table, key) = place;
            changed.push(ChangedRow { table, key, before, after, lsn });
        }
    }
    Ok(changed)
}

/// Whether commits that are lost at a break may lie between the base and `to`.
fn is_between(hurt: &LogBreak, checkpoint: Option<Lsn>, to: Lsn) -> bool {
    let checkpoint = checkpoint.unwrap_or(0);
    let first = hurt.first_lost.unwrap_or(0);
    let last = hurt.lost.map_or(Lsn::MAX, |lost| first.saturating_add(lost));
    first <= to && last > checkpoint && hurt.lost != Some(0)
}

/// What a first pass over the log finds.
#[derive(Default)]
struct Found {
    first: Option<Lsn>,
    newest: Lsn,
    /// The last writes behind `from` up to `to`.
    written: BTreeMap<Key, (Lsn, Row)>,
    /// The first break that is no torn tail.
    hurt: Option<LogBreak>,
}

impl Found {
    fn read(log: &Log, from: Lsn, to: Lsn) -> Result<Self, Error> {
        let mut found = Self::default();
        for entry in log.entries()? {
            match entry? {
                LogEntry::Commit(commit) if commit.behind.is_none() => {
                    found.first.get_or_insert(commit.lsn);
                    found.newest = commit.lsn;
                    if commit.lsn <= from || commit.lsn > to {
                        continue;
                    }
                    for change in commit.rows() {
                        let row = change.row.map(Box::from);
                        found.written.insert((change.table, change.key.into()), (commit.lsn, row));
                    }
                }
                LogEntry::Break(hurt) if hurt.verdict != BreakVerdict::TornTail => {
                    found.hurt.get_or_insert(hurt);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// The last values up to `from` that the log has of these rows.
fn earlier(
    log: &Log,
    written: &BTreeMap<Key, (Lsn, Row)>,
    from: Lsn,
) -> Result<BTreeMap<Key, Row>, Error> {
    let mut before = BTreeMap::new();
    for entry in log.entries()? {
        let LogEntry::Commit(commit) = entry? else { continue };
        if commit.lsn > from {
            break;
        }
        for change in commit.rows() {
            let key = (change.table, Box::from(change.key));
            if written.contains_key(&key) {
                before.insert(key, change.row.map(Box::from));
            }
        }
    }
    Ok(before)
}
