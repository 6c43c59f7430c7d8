//! The log of a store, read as a story: every commit in order, every break, every segment's end.
//!
//! - It reads a store's directory in any state, also while a bot has it open, a copied `journal`
//!   directory, and single segment files. Nothing is locked while it reads and nothing is written.
//! - Memory follows the largest batch, not the log.
//! - A break does not end it: it says what is lost and goes on at the next whole batch.
//!
//! This module must not know what rows mean; [`rows`](super::rows) does.

mod breaks;
mod entry;
mod plan;
mod reversed;
mod source;
mod verify;
mod walk;

use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, RealDisk};
use crate::engine::{BaseAlone, Lsn, Reader};
use crate::money::TokenKey;
use crate::store::Error;
use crate::tokens::Tokens;

pub use entry::{
    BreakVerdict, LogBreak, LogCommit, LogEntry, LogFault, LogSegment, RowChange, SegmentEnd,
};
pub use reversed::LogReversed;
pub use verify::{LogVerdict, StoreVerdict};
pub use walk::LogEntries;

use super::rows::KnownAssets;
use source::Source;

/// The log of a store, or some segments of it.
///
/// ```
/// use highwater::inspect::{Log, LogEntry};
/// use highwater::{Asset, Mode, Options, Money};
///
/// let dir = tempfile::tempdir()?;
/// let usd = Asset::new("fiat", "USD", 6)?;
/// let store = Options::new(Mode::Paper, usd.clone()).open(dir.path())?;
/// store.ledger().deposit("main", &Money::parse(&usd, "100")?)?;
///
/// // The bot runs on; its log can be read beside it.
/// let mut notes = Vec::new();
/// for entry in Log::open(dir.path())?.entries()? {
///     if let LogEntry::Commit(commit) = entry? {
///         notes.push(commit.note);
///     }
/// }
/// assert!(notes.iter().any(|note| &**note == "ledger.deposit"), "{notes:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Log {
    sources: Vec<Source>,
    /// The store's disk, where this is a store.
    store: Option<Arc<dyn Disk>>,
    /// As the base says it.
    store_id: Option<[u8; 16]>,
    base: LogBase,
}

/// What was learnt of the base beside a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogBase {
    /// It holds everything up to this commit; older commits in the log are only kept.
    Checkpoint {
        /// The commit.
        lsn: Lsn,
        /// The segment that was written to then: no later commit is in a lower one.
        segment: u64,
    },
    /// A process has the store open, so the base was not looked at.
    InUse,
    /// There is none, or it cannot be read, which is said here.
    Unreadable {
        /// Why.
        reason: String,
    },
    /// Single segments were named.
    NotAsked,
}

impl Log {
    /// The log in `path`: a store's directory, a directory of segments, or one segment's file.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] where there is no log; [`Error::Version`], [`Error::Io`]. Damage is no
    /// error.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let disk = RealDisk::new(path);
        match disk.list("") {
            // A file has no list of names.
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                Self::of_files([path])
            }
            _ if source::is_store(&disk)? => Self::open_on(Arc::new(disk)),
            _ => {
                let sources = source::in_directory(path)?;
                if sources.is_empty() {
                    return Err(Error::Missing { path: path.to_owned() });
                }
                Ok(Self { sources, store: None, store_id: None, base: LogBase::NotAsked })
            }
        }
    }

    /// The log of the store on any [`Disk`].
    ///
    /// # Errors
    ///
    /// As [`Log::open`].
    pub fn open_on(disk: Arc<dyn Disk>) -> Result<Self, Error> {
        if !source::is_store(&*disk)? {
            return Err(Error::Missing { path: disk.label().into() });
        }
        let (base, store_id) = base_of(&*disk)?;
        Ok(Self { sources: source::of_store(&disk)?, store: Some(disk), store_id, base })
    }

    /// Single segments by their paths, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for what is no file; [`Error::Io`], also for a file that neither is named as a
    /// segment nor begins as one.
    pub fn of_files<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let sources = paths.into_iter().map(|path| source::of_file(path.as_ref()));
        let mut sources = sources.collect::<Result<Vec<_>, _>>()?;
        sources.sort_by_key(|source| source.number);
        for source in &sources {
            source.check()?;
        }
        Ok(Self { sources, store: None, store_id: None, base: LogBase::NotAsked })
    }

    /// What was learnt of the base.
    pub fn base(&self) -> &LogBase {
        &self.base
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.sources.len()
    }

    /// Everything in the log, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::Version`], [`Error::Io`].
    pub fn entries(&self) -> Result<LogEntries, Error> {
        LogEntries::new(self, plan::plan(&self.sources)?)
    }

    /// Everything in one segment, of those that are counted by [`Log::segment_count`]. What comes
    /// before it is not looked at, so commits that are missing at its beginning are not told.
    ///
    /// # Errors
    ///
    /// As [`Log::entries`].
    pub fn segment_entries(&self, index: usize) -> Result<LogEntries, Error> {
        let all = LogEntries::new(self, plan::plan(&self.sources)?)?;
        Ok(all.only(self.sources.get(index)))
    }

    /// Everything in the log, and then what a running bot appends. The iterator answers `None` where
    /// there is nothing more for now: asked again later, it goes on.
    ///
    /// # Errors
    ///
    /// As [`Log::entries`].
    pub fn follow(&self) -> Result<LogEntries, Error> {
        Ok(self.entries()?.following())
    }

    /// Everything in the log, the newest first. Each segment is read twice; commits that are missing
    /// between two segments are not told.
    pub fn reversed(&self) -> LogReversed {
        LogReversed::new(self.clone())
    }

    /// Which asset has which number, as the base says. Nothing where it cannot be read.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn known_assets(&self) -> Result<KnownAssets, Error> {
        let mut known = KnownAssets::default();
        self.with_base(&mut |base| known.learn_all(base))?;
        Ok(known)
    }

    /// The tokens that have this symbol in the base. Nothing where it cannot be read.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn tokens_with_symbol(&self, symbol: &str) -> Result<Vec<TokenKey>, Error> {
        let mut found = Vec::new();
        self.with_base(&mut |base| {
            for token in Tokens::new(base).iter() {
                let token = token?;
                if token.symbol.as_ref().is_some_and(|seen| *seen.value == *symbol) {
                    found.push(token.key);
                }
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn with_base(
        &self,
        look: &mut dyn FnMut(&dyn Reader) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (Some(disk), Some(_)) = (self.store(), self.checkpoint()) else { return Ok(()) };
        let looked = match BaseAlone::open(&**disk).map_err(Error::from) {
            Ok(base) => look(&base),
            Err(error) => Err(error),
        };
        match looked {
            // What cannot be read is no help in reading the log, and no hindrance.
            Err(Error::Locked { .. }) => Ok(()),
            Err(error) if error.is_corrupt() => Ok(()),
            looked => looked,
        }
    }

    pub(crate) fn store(&self) -> Option<&Arc<dyn Disk>> {
        self.store.as_ref()
    }

    fn checkpoint(&self) -> Option<(Lsn, u64)> {
        match self.base {
            LogBase::Checkpoint { lsn, segment } => Some((lsn, segment)),
            _ => None,
        }
    }
}

/// What the base says of the log. Only a machine's fault and an unknown version are errors here:
/// whatever else is wrong with the base, the log can be read.
fn base_of(disk: &dyn Disk) -> Result<(LogBase, Option<[u8; 16]>), Error> {
    let base = match BaseAlone::open(disk).map_err(Error::from) {
        Ok(base) => {
            let (lsn, segment) = (base.meta.checkpoint, base.meta.segment.number);
            return Ok((LogBase::Checkpoint { lsn, segment }, Some(base.meta.store_id)));
        }
        Err(Error::Locked { .. }) => LogBase::InUse,
        Err(Error::Missing { .. }) => {
            LogBase::Unreadable { reason: "base.redb is missing".to_owned() }
        }
        Err(error) if error.is_corrupt() => LogBase::Unreadable { reason: error.to_string() },
        Err(error) => return Err(error),
    };
    Ok((base, None))
}
