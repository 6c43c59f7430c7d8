//! Bulk sync: a source's list of tokens, however long, into the store in batches that a crash can part
//! but not undo.
//!
//! This is the loop over commits; what a session is and how its rows are counted is the tokens' affair
//! (`tokens::sources`). Rows are read outside the writer's lock: a slow source holds up nobody.

mod report;
mod row;
mod run;

use std::fmt;
use std::ops::ControlFlow;

use crate::clock::Timestamp;
use crate::tokens::{SyncSession, Update};

use super::{Error, Store, StoreTokens};

pub use report::{RowSample, SyncEnding, SyncFailed, SyncProgress, SyncReport};
pub use row::{Malformed, SyncRow};

/// How many rows share a commit where nothing else was said.
const DEFAULT_BATCH_ROWS: usize = 1_000;
/// So many rows, each as long as a row can be, still fit into one commit.
const MOST_BATCH_ROWS: usize = 2_000;
/// And so many where each brings its tick and candles along.
const MOST_BATCH_ROWS_WITH_HISTORY: usize = 1_000;

/// What is to be synced: which source's list, in which session, and how much of it.
///
/// A *session* is one pass over the list, under a name that the caller gives. A sync that was cut short
/// (the process died, the disk was full, somebody asked it to stop) goes on when it is run again with the
/// same list, from its start, under the same name: each row is counted once. Another name begins anew.
///
/// ```
/// use highwater::{Asset, Filter, Mode, Store, SyncEnding, TokenKey, TokenSync, Update};
///
/// let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
/// let listed = |address: &str| TokenKey::new("solana", address).map(Update::new);
/// let monday = TokenSync::new("dexscreener", "2024-08-05", Filter::All);
/// let report = store.tokens().sync(monday, [listed("mintA")?, listed("mintB")?])?;
/// assert_eq!((report.ending, report.session.counts.new), (SyncEnding::Complete, 2));
///
/// // What the next list does not name any more is marked.
/// let tuesday = TokenSync::new("dexscreener", "2024-08-06", Filter::All);
/// let report = store.tokens().sync(tuesday, [listed("mintB")?])?;
/// assert_eq!((report.session.counts.unchanged, report.session.counts.marked_stale), (1, 1));
/// let snapshot = store.snapshot();
/// let stale: Vec<_> = snapshot.tokens().stale("dexscreener").collect::<Result<_, _>>()?;
/// assert_eq!(stale[0].key.address(), "mintA");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TokenSync<'a> {
    source: Box<str>,
    session: Box<str>,
    filter: Filter<'a>,
    batch_rows: usize,
    max_rows: u64,
    stop_at_malformed: bool,
    progress: Option<Progress<'a>>,
}

type Progress<'a> = Box<dyn FnMut(&SyncProgress) -> ControlFlow<()> + 'a>;
type Passes<'a> = Box<dyn FnMut(&Update) -> bool + 'a>;

/// Which rows of a list are wanted. There is no default: whoever wants all says so.
///
/// A filter's name stands for what it lets pass. A session under another name than the one before marks
/// nothing as stale, for what it does not see may only have been left out.
pub enum Filter<'a> {
    /// Every row.
    All,
    /// The rows that pass.
    Only {
        /// The filter's name, 1 to 128 bytes, such as `liquidity>=1000`.
        name: Box<str>,
        /// Whether a row passes.
        passes: Passes<'a>,
    },
}

impl<'a> Filter<'a> {
    /// The rows that `passes` says yes to. Another predicate needs another name.
    pub fn only(name: impl Into<Box<str>>, passes: impl FnMut(&Update) -> bool + 'a) -> Self {
        Self::Only { name: name.into(), passes: Box::new(passes) }
    }

    /// A filter that was applied already, to more than updates say: what it left out comes as
    /// [`SyncRow::LeftOut`], or does not come.
    pub fn applied(name: impl Into<Box<str>>) -> Self {
        Self::only(name, |_| true)
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Only { name, .. } => Some(name),
        }
    }

    fn lets_pass(&mut self, update: &Update) -> bool {
        match self {
            Self::All => true,
            Self::Only { passes, .. } => passes(update),
        }
    }
}

impl fmt::Debug for Filter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.name()).finish()
    }
}

impl<'a> TokenSync<'a> {
    /// A sync of all rows of the list of `source` that pass `filter`, in the session of that name. The
    /// source's name has 1 to 64 bytes, the session's 1 to 128, without control characters.
    pub fn new(
        source: impl Into<Box<str>>,
        session: impl Into<Box<str>>,
        filter: Filter<'a>,
    ) -> Self {
        Self {
            source: source.into(),
            session: session.into(),
            filter,
            batch_rows: DEFAULT_BATCH_ROWS,
            max_rows: u64::MAX,
            stop_at_malformed: false,
            progress: None,
        }
    }

    /// How many rows share a commit, from 1 to 2,000, or to 1,000 in a store with a history of
    /// prices. Default 1,000. So many are in memory at a time.
    pub fn batch_rows(mut self, rows: usize) -> Self {
        self.batch_rows = rows.clamp(1, MOST_BATCH_ROWS);
        self
    }

    /// Takes at most so many rows of the list. Where there are more, the report says
    /// [`SyncEnding::Truncated`]. Default: no limit.
    pub fn max_rows(mut self, rows: u64) -> Self {
        self.max_rows = rows;
        self
    }

    /// Ends at the first row that cannot be read, which is not counted: with the list mended, the session
    /// goes on. Default: such rows are counted and passed over.
    pub fn stop_at_malformed(mut self) -> Self {
        self.stop_at_malformed = true;
        self
    }

    /// Called after every commit. [`ControlFlow::Break`] ends the sync there; run again, it goes on.
    pub fn on_progress(
        mut self,
        progress: impl FnMut(&SyncProgress) -> ControlFlow<()> + 'a,
    ) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }
}

impl fmt::Debug for TokenSync<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, session, filter, .. } = self;
        f.debug_struct("TokenSync")
            .field("source", source)
            .field("session", session)
            .field("filter", filter)
            .finish_non_exhaustive()
    }
}

/// A sync whose session has begun, or goes on, and that waits for its list.
#[derive(Debug)]
#[must_use = "nothing is synced before the list is fed in"]
pub struct SyncRun<'s, 'a> {
    store: &'s Store,
    sync: TokenSync<'a>,
    session: SyncSession,
}

impl SyncRun<'_, '_> {
    /// The session as it begins, or as an earlier run left it.
    pub fn session(&self) -> &SyncSession {
        &self.session
    }

    /// When what the list says without a time was seen, if it is the same list in every run: at the
    /// session's [`started_at`](SyncSession::started_at), so that it is the same tick in all of them. What
    /// was fetched anew since then is of the time at which it was. Where the clock was set back behind
    /// `started_at`, it is the present: no store believes a price of the future.
    pub fn seen_at(&self) -> Timestamp {
        self.session.started_at.min(self.store.clock.now())
    }

    /// How many rows share a commit in this store.
    fn batch_rows(&self) -> usize {
        match self.store.tokens().history() {
            Some(_) => self.sync.batch_rows.min(MOST_BATCH_ROWS_WITH_HISTORY),
            None => self.sync.batch_rows,
        }
    }

    /// Takes in the list, from its first row, and answers what it came to.
    ///
    /// # Errors
    ///
    /// [`SyncFailed`] has the error of the commit that failed, as [`Store::write`], and what was done
    /// before; [`Error::Token`] where a later sync of the source has begun meanwhile. Run again, the
    /// sync goes on.
    pub fn feed<R: Into<SyncRow>>(
        self,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<SyncReport, SyncFailed> {
        run::run(self, rows.into_iter().map(Into::into))
    }
}

impl<'s> StoreTokens<'s> {
    /// Takes in a source's list of tokens, of any length, in commits of the store's durability; see
    /// [`TokenSync`]. Memory is bounded by one batch, whatever the list.
    ///
    /// A row that is refused, or cannot be read, is counted, and the others go on. The session ends once
    /// the list does; then what the source named before and does not name any more is marked as stale
    /// ([`Tokens::stale`](crate::Tokens::stale)), unless [`SyncEnding`] says why it could not be.
    ///
    /// # Errors
    ///
    /// As [`StoreTokens::begin_sync`] and [`SyncRun::feed`].
    pub fn sync<R: Into<SyncRow>>(
        &self,
        sync: TokenSync<'_>,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<SyncReport, SyncFailed> {
        self.begin_sync(sync)?.feed(rows)
    }

    /// Begins the session of a sync, or goes on with it, and commits that: for lists that are read only
    /// once it is known which session they are for.
    ///
    /// # Errors
    ///
    /// [`Error::Token`] where a name is too long or empty; otherwise as [`Store::write`].
    pub fn begin_sync<'a>(&self, sync: TokenSync<'a>) -> Result<SyncRun<'s, 'a>, Error> {
        let session = self.store.write(|tx| {
            let mut tokens = tx.tokens();
            Ok::<_, Error>(tokens.begin_session(&sync.source, &sync.session, sync.filter.name())?)
        })?;
        Ok(SyncRun { store: self.store, sync, session })
    }
}
