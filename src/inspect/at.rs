//! The state as it was after an earlier commit, asked like the one of now.
//!
//! From the base's checkpoint on it is the base and the log up to the commit. Before the checkpoint it
//! is the base, with every row that was written since put back to what it was: to the last version up to
//! the commit that the log has. A row of which the log has no such version was either not there or
//! written before the log begins, and only a log that goes back to the first commit can tell which. So
//! there is an oldest commit that can be told: the last one that the base has and that writes a row which
//! no commit before it in the log writes; and every later one can.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, RealDisk};
use crate::engine::{Lsn, Offline, Table};
use crate::store::{Error, ReadOnly};

use super::log::{Log, LogCommit, LogEntry};

/// Why the state after a commit cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The log that is kept does not tell a state that old.
    #[error(
        "the log that is kept does not tell the state after commit {asked}: \
         {oldest} is the oldest commit whose state it tells"
    )]
    BeyondLog {
        /// The commit that was asked for.
        asked: Lsn,
        /// The oldest one whose state can be told: every one from here to the last can.
        oldest: Lsn,
    },
    /// There is no such commit.
    #[error("there is no commit {asked}: the last one is {last}")]
    NotYet {
        /// The commit that was asked for.
        asked: Lsn,
        /// The last one that the next opening would find.
        last: Lsn,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] Error),
}

/// The store in the directory `path` as it was after the commit `lsn`; 0 is before the first one.
/// Nothing is written, and while it is held, nobody can open the store for writing.
///
/// How far back it goes is a matter of the log: see [`Options::keep_log`](crate::Options::keep_log). From
/// the last checkpoint on every state can be told. A state before it takes what the log says of each row
/// that was written since: as soon as one of these is in the log for the first time, and the log does not
/// go back to the first commit, nobody can say what that row was before.
///
/// Memory follows the rows that were written between the checkpoint and the commit, the later or the
/// earlier; before the checkpoint the log is read twice.
///
/// ```
/// use highwater::{Asset, Mode, Money, Options, inspect};
///
/// let dir = tempfile::tempdir()?;
/// let usd = Asset::new("fiat", "USD", 6)?;
/// let store = Options::new(Mode::Paper, usd.clone()).open(dir.path().join("bot"))?;
/// store.ledger().deposit("main", &Money::parse(&usd, "100")?)?;
/// let then = store.snapshot().lsn();
/// store.ledger().withdraw("main", &Money::parse(&usd, "30")?)?;
/// store.close()?;
///
/// let state = inspect::state_at(dir.path().join("bot"), then)?;
/// assert_eq!(state.lsn(), then);
/// let cash = state.ledger().all_accounts()?;
/// assert_eq!(cash[0].balance, Money::parse(&usd, "100")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`StateError::BeyondLog`], which names the oldest commit that can be told; [`StateError::NotYet`]; what
/// [`ReadOnly::open`] answers.
pub fn state_at(path: impl AsRef<Path>, lsn: Lsn) -> Result<ReadOnly, StateError> {
    state_at_on(Arc::new(RealDisk::new(path.as_ref())), lsn)
}

/// The same on any [`Disk`].
///
/// # Errors
///
/// As [`state_at`].
pub fn state_at_on(disk: Arc<dyn Disk>, lsn: Lsn) -> Result<ReadOnly, StateError> {
    let mut offline = Offline::open_at(&*disk, lsn).map_err(Error::from)?;
    let (checkpoint, last) = (offline.meta.checkpoint, offline.findings.last);
    if lsn > last {
        return Err(StateError::NotYet { asked: lsn, last });
    }
    if lsn < checkpoint {
        let reach = Reach::find(&Log::open_on(disk)?, lsn, checkpoint)?;
        if lsn < reach.oldest() {
            return Err(StateError::BeyondLog { asked: lsn, oldest: reach.oldest() });
        }
        let rows = reach.rows.into_iter();
        let rows = rows.map(|((table, key), row)| (table, key, row.then.flatten()));
        offline.go_back((lsn, reach.micros), rows);
    }
    Ok(ReadOnly::of(offline))
}

/// The rows that were written behind a commit, up to the checkpoint, and what the log knows of them.
struct Reach {
    /// The first commit of the log from which it leads up to the checkpoint without a break; the
    /// checkpoint itself where none does.
    first: Lsn,
    /// When the commit was made.
    micros: i64,
    rows: BTreeMap<(Table, Box<[u8]>), Known>,
}

/// What the log knows of a row that was written later.
struct Known {
    /// The first of the later commits that wrote it.
    written: Lsn,
    /// What it was at the commit; `None` where the log does not say.
    then: Option<Option<Arc<[u8]>>>,
}

impl Reach {
    fn find(log: &Log, at: Lsn, checkpoint: Lsn) -> Result<Self, Error> {
        let mut reach = Self::from(checkpoint);
        let leads_there = each_commit(log, checkpoint, |commit, goes_on| {
            if !goes_on {
                reach = Self::from(commit.lsn);
            }
            if commit.lsn > at {
                reach.take_later(commit);
            }
        })?;
        if !leads_there {
            return Ok(Self::from(checkpoint));
        }
        if reach.first <= at {
            let first = reach.first;
            each_commit(log, at, |commit, _| {
                if commit.lsn >= first {
                    reach.take_earlier(commit);
                }
            })?;
        }
        Ok(reach)
    }

    fn from(first: Lsn) -> Self {
        Self { first, micros: i64::MIN, rows: BTreeMap::new() }
    }

    fn take_later(&mut self, commit: &LogCommit) {
        for change in commit.rows() {
            let place = (Table(change.table), Box::from(change.key));
            self.rows.entry(place).or_insert(Known { written: commit.lsn, then: None });
        }
    }

    fn take_earlier(&mut self, commit: &LogCommit) {
        self.micros = self.micros.max(commit.at.as_micros());
        for change in commit.rows() {
            let place = (Table(change.table), Box::from(change.key));
            if let Some(known) = self.rows.get_mut(&place) {
                known.then = Some(change.row.map(Arc::from));
            }
        }
    }

    /// The oldest commit whose state can be told, or the one asked for where that is no older.
    fn oldest(&self) -> Lsn {
        if self.first == 1 {
            return 0;
        }
        let unknown = self.rows.values().filter(|known| known.then.is_none());
        unknown.map(|known| known.written).max().unwrap_or(0).max(self.first)
    }
}

/// Hands on the commits of a log up to `last`, and whether each goes on where the one before it ended.
/// Answers whether `last` was there.
fn each_commit(
    log: &Log,
    last: Lsn,
    mut take: impl FnMut(&LogCommit, bool),
) -> Result<bool, Error> {
    let mut before = None;
    for entry in log.entries()? {
        match entry? {
            LogEntry::Commit(commit) if commit.lsn > last => break,
            LogEntry::Commit(commit) => {
                take(&commit, before.is_some_and(|before| before + 1 == commit.lsn));
                if commit.lsn == last {
                    return Ok(true);
                }
                before = Some(commit.lsn);
            }
            // Whatever is lost there, it may be a commit.
            LogEntry::Break(_) => before = None,
            LogEntry::Segment(_) => {}
        }
    }
    Ok(false)
}
