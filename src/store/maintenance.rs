//! Maintenance: what is due is done, in commits of bounded size, by hand or on a thread.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::ledger;
use crate::tokens::Purged;

use super::health::chain;
use super::{Error, Reason, Store};
use crate::events::{survive, tell};

/// How much is done in one commit.
const STEP: usize = 256;
/// How often maintenance is tried before health speaks of it.
const TRIES: u64 = 3;
/// How long the thread waits before it tries again, at first.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What maintenance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Maintained {
    /// Pending operations rolled back, since nobody could start them any more.
    pub rolled_back: u64,
    /// Finished operations whose rows were purged.
    pub purged: u64,
    /// Ticks and candles purged from the history of prices.
    pub history_purged: u64,
    /// Claims let go.
    pub claims_pruned: u64,
    /// Equity points recorded.
    pub equity_points: u64,
    /// Accounts without an equity point, since something they hold has no price, or all of it is worth more
    /// than can be counted.
    pub unmarked_accounts: u64,
}

/// What maintenance has come to since the opening.
#[derive(Debug, Default)]
pub(super) struct MaintenanceLog(Mutex<Log>);

#[derive(Clone, Debug, Default)]
struct Log {
    /// How often it has failed since it did not, and what it said.
    failures_in_a_row: u64,
    error: String,
    totals: MaintenanceTotals,
}

/// What all of it has done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MaintenanceTotals {
    pub(super) runs: u64,
    pub(super) failures: u64,
    /// As much of it as is counted; what a failed run did is in it.
    pub(super) done: Maintained,
}

impl MaintenanceLog {
    fn lock(&self) -> MutexGuard<'_, Log> {
        // Whole after every statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended(&self, result: &Result<(), Error>, done: &Maintained) {
        let failed_before = {
            let mut log = self.lock();
            log.totals.runs += 1;
            log.totals.done.rolled_back += done.rolled_back;
            log.totals.done.purged += done.purged;
            log.totals.done.history_purged += done.history_purged;
            let failed_before = log.failures_in_a_row;
            match result {
                Ok(()) => (log.failures_in_a_row, log.error) = (0, String::new()),
                Err(error) => log.failed(chain(error)),
            }
            failed_before
        };
        match result {
            Ok(()) if failed_before > 0 => {
                tell(|| tracing::info!(failed_before, ?done, "maintenance works again"));
            }
            Ok(()) => tell(|| tracing::debug!(?done, "maintenance ran")),
            Err(error) => {
                let error = chain(error);
                tell(|| tracing::warn!(error, "maintenance failed"));
            }
        }
    }

    fn panicked(&self, message: String) {
        tell(|| tracing::error!(panic = message, "maintenance panicked"));
        self.lock().failed(format!("it panicked: {message}"));
    }

    /// What it has done since the opening.
    #[cfg(feature = "metrics")]
    pub(super) fn totals(&self) -> MaintenanceTotals {
        self.lock().totals
    }

    /// What health has to say of it.
    pub(super) fn failing(&self) -> Option<Reason> {
        let Log { failures_in_a_row: in_a_row, error, .. } = self.lock().clone();
        (in_a_row >= TRIES).then_some(Reason::MaintenanceFailing { in_a_row, error })
    }
}

impl Log {
    fn failed(&mut self, error: String) {
        self.failures_in_a_row += 1;
        self.totals.failures += 1;
        self.error = error;
    }
}

impl Store {
    /// Does what is due: rolls back pending operations that nobody can start any more, purges finished
    /// ones that are past [`Options::operation_retention`](crate::Options::operation_retention), lets go
    /// of claims and takes away of the history of prices what their bounds do not keep, and records equity
    /// points where [`Options::record_equity`](crate::Options::record_equity) wants them. Each step is a commit of its own and bounded, so other writers get in between; where one
    /// fails, what was done before it stays done.
    ///
    /// Call it now and then, or let a [`Maintainer`] do so.
    ///
    /// ```
    /// # use highwater::{Asset, Mode, Store};
    /// # let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
    /// let done = store.maintain()?;
    /// assert_eq!(done.purged, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::write_finishing`]. The third time in a row, [`Store::health`] says so.
    ///
    /// With the feature `metrics` it ends with `publish_metrics`.
    pub fn maintain(&self) -> Result<Maintained, Error> {
        let mut done = Maintained::default();
        let result = self.maintain_into(&mut done);
        self.maintenance.ended(&result, &done);
        #[cfg(feature = "metrics")]
        self.publish_metrics();
        result.map(|()| done)
    }

    fn maintain_into(&self, done: &mut Maintained) -> Result<(), Error> {
        let operations = self.operations();
        done.rolled_back = until_nothing_is_left(|| operations.sweep(STEP))?;
        done.purged = until_nothing_is_left(|| operations.purge(STEP))?;
        done.claims_pruned = until_nothing_is_left(|| self.claims().prune(STEP))?;
        let Purged { ticks, candles } = self.tokens().purge_history()?;
        done.history_purged = ticks + candles;
        self.record_due_equity(done)
    }

    /// Records every point that is due. An account that cannot have one keeps none of the others from
    /// theirs; the first error is answered behind the last account.
    fn record_due_equity(&self, done: &mut Maintained) -> Result<(), Error> {
        let Some(every) = self.equity_every else { return Ok(()) };
        let (mut behind, mut failed): (Option<Box<str>>, Option<Error>) = (None, None);
        loop {
            let DueForEquity { due, looked_up_to, error } =
                self.due_for_equity(behind.as_deref(), every);
            failed = failed.or(error);
            for account in due {
                let recorded: Result<_, Error> =
                    self.write(|tx| Ok(tx.ledger().record_equity(&account)?));
                match recorded {
                    Ok(_) => done.equity_points += 1,
                    Err(Error::Unmarked { .. } | Error::Money(_)) => done.unmarked_accounts += 1,
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            match looked_up_to {
                Some(last) => behind = Some(last),
                None => return failed.map_or(Ok(()), Err),
            }
        }
    }

    /// Of the next accounts behind `behind`, those whose last equity point is `every` old, or that have
    /// none.
    fn due_for_equity(&self, behind: Option<&str>, every: Duration) -> DueForEquity {
        let snapshot = self.snapshot();
        let ledger = snapshot.ledger();
        let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
        let latest = self.clock.now().as_micros().saturating_sub(every);
        let is_due = |account: &str| -> Result<bool, ledger::Error> {
            let last = ledger.equity(account).next_back().transpose()?;
            Ok(last.is_none_or(|point| point.at <= Timestamp::from_micros(latest)))
        };
        let mut found = DueForEquity::default();
        for (looked_at, owner) in (1..).zip(ledger.owners(behind)) {
            let is_due = owner.and_then(|owner| Ok((is_due(&owner)?, owner)));
            match is_due {
                Ok((is_due, owner)) => {
                    if looked_at >= STEP {
                        found.looked_up_to = Some(owner.clone());
                    }
                    if is_due {
                        found.due.push(owner);
                    }
                }
                Err(error) => found.error = found.error.or(Some(error.into())),
            }
            if found.looked_up_to.is_some() {
                break;
            }
        }
        found
    }
}

/// Some accounts that are due for an equity point.
#[derive(Default)]
struct DueForEquity {
    due: Vec<Box<str>>,
    /// The last account that was looked at; `None` where that was the last there is.
    looked_up_to: Option<Box<str>>,
    /// What could not be read.
    error: Option<Error>,
}

/// Takes steps until one finds nothing to do. Answers how much all of them did.
fn until_nothing_is_left(step: impl Fn() -> Result<usize, Error>) -> Result<u64, Error> {
    let mut all = 0;
    loop {
        match step()? {
            0 => return Ok(all),
            some => all += some as u64,
        }
    }
}

/// A thread that calls [`Store::maintain`] now and then. Stopping or dropping it ends the thread and
/// waits for it; do so before closing the store.
///
/// Where maintenance fails it is tried again after one second, two, and so on up to the usual time;
/// after the third failure [`Store::health`] says so, until it works again.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use highwater::{Asset, Maintainer, Mode, Store};
///
/// let store = Arc::new(Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?);
/// let maintainer = Maintainer::start(&store, Duration::from_secs(60))?;
/// // ... the bot's life ...
/// maintainer.stop();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it stops it"]
pub struct Maintainer {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Maintainer {
    /// Starts one that maintains `store` at once and then every so often, until it is stopped or the
    /// store is gone.
    ///
    /// # Errors
    /// [`Error::Io`] where no thread can be started.
    pub fn start(store: &Arc<Store>, every: Duration) -> Result<Self, Error> {
        let stop = Arc::<Stop>::default();
        let (theirs, store) = (stop.clone(), Arc::downgrade(store));
        let thread = std::thread::Builder::new()
            .name("highwater-maintain".to_owned())
            .spawn(move || theirs.maintain_until_stopped(&store, every))
            .map_err(|source| Error::Io {
                action: "start",
                file: "the maintenance thread".to_owned(),
                offset: None,
                source,
            })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends it. What it is doing it does to its end.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Maintainer {
    fn drop(&mut self) {
        *self.stop.lock() = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tell(|| tracing::error!("the maintenance thread panicked"));
        }
    }
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, bool> {
        // A plain value, whole after every statement.
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn maintain_until_stopped(&self, store: &Weak<Store>, every: Duration) {
        let mut retry: Option<Duration> = None;
        loop {
            let Some(store) = store.upgrade() else { return };
            retry = match survive(|| store.maintain()) {
                Ok(Ok(_)) => None,
                Ok(Err(_)) => Some(longer(retry, every)),
                Err(panic) => {
                    // A clock of the caller's may panic.
                    store.maintenance.panicked(panic);
                    Some(longer(retry, every))
                }
            };
            // Where this was the last one to know the store, it is closed here.
            drop(store);
            let stopped = self.lock();
            let waited =
                self.changed
                    .wait_timeout_while(stopped, retry.unwrap_or(every), |stopped| !*stopped);
            if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                return;
            }
        }
    }
}

/// How long to wait after a failure, where the last pause for one was this long.
fn longer(last: Option<Duration>, every: Duration) -> Duration {
    last.map_or(FIRST_RETRY, |last| last * 2).min(every)
}
