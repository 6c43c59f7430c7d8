//! Recovery of operations as a loop that the caller drives, so that it can wait for the outside
//! between two steps; and the same loop around a closure.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;
use std::vec;

use crate::ledger::{OperationId, Posted};
use crate::operations::{
    Case, Decision, InProgress, Orphan, Presented, RecoveryReport, Verdict, orphans,
};

use super::{Error, Store};
use crate::events::tell;

/// How many undecided cases are left in one commit.
const AT_ONCE: usize = 256;

/// A recovery under way: each unfinished operation of an earlier opening of the store is rolled back,
/// if nothing was done for it, or presented to be decided.
///
/// Each step is a commit of its own, so a crash anywhere in it loses nothing: recover again, and what
/// was decided is not presented again. Dropping it ends it without a report; it is then still needed.
///
/// A case counts as presented in vain until something is said to it. So where asking fails, say so
/// with [`Recovery::give_up`]: a `?` of your own between `next` and `decide` drops the loop as a crash
/// would, and the third time the operation is quarantined.
///
/// ```
/// # use highwater::{Asset, Case, Error, Mode, Store, Verdict};
/// # let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
/// # fn ask_the_venue(_: &Case) -> Verdict { Verdict::Leave }
/// let mut recovery = store.recovery()?;
/// while let Some(case) = recovery.next()? {
///     let verdict = ask_the_venue(&case); // or wait for it
///     recovery.decide(case, verdict)?;
/// }
/// let report = recovery.finish()?;
/// assert_eq!(report.found(), report.outcomes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a recovery that is not finished is still needed"]
pub struct Recovery<'s> {
    store: &'s Store,
    orphans: vec::IntoIter<Orphan>,
    /// Presented and not decided.
    open: BTreeSet<OperationId>,
    /// Of operations that go on, to be handed out at the end.
    handles: Vec<InProgress>,
    report: RecoveryReport,
    since: Duration,
    finished: bool,
}

/// What came of one verdict.
#[derive(Debug)]
#[non_exhaustive]
pub enum Decided {
    /// It is completed, and this was posted.
    Completed(Posted),
    /// It is rolled back.
    RolledBack,
    /// It goes on, and this is its handle.
    Continued(InProgress),
    /// It waits for its time.
    RetryLater,
    /// It is as it was.
    Left,
    /// Somebody else changed it since it was presented: it is as they left it.
    Raced,
    /// The verdict does not fit, such as [`Error::HasFills`] for a roll back. It is as it was, but
    /// for what the error says, and counted among the errors.
    Refused(Error),
}

impl Decided {
    /// What it came to, in a word.
    fn name(&self) -> &'static str {
        match self {
            Self::Completed(_) => "completed",
            Self::RolledBack => "rolled back",
            Self::Continued(_) => "continued",
            Self::RetryLater => "retry later",
            Self::Left => "left",
            Self::Raced => "raced",
            Self::Refused(_) => "refused",
        }
    }
}

impl<'s> Recovery<'s> {
    pub(super) fn begin(store: &'s Store) -> Result<Self, Error> {
        store.life.begin_recovery()?;
        let mut recovery = Self {
            store,
            orphans: Vec::new().into_iter(),
            open: BTreeSet::new(),
            handles: Vec::new(),
            report: RecoveryReport::default(),
            since: store.clock.monotonic(),
            finished: false,
        };
        let snapshot = store.snapshot();
        let found = orphans(snapshot.reader(), store.life.epoch())?;
        found.iter().for_each(|orphan| recovery.report.count_found(orphan.status));
        if !found.is_empty() {
            let operations = found.len();
            tell(|| tracing::info!(operations, "recovery of operations begins"));
        }
        recovery.orphans = found.into_iter();
        Ok(recovery)
    }

    /// The next operation to be decided; none once all were presented. Operations that were not
    /// started are rolled back on the way, and those that were presented in vain too often are
    /// quarantined.
    ///
    /// That it is presented is durable before this returns.
    ///
    /// # Errors
    /// As [`Store::write_finishing`]; [`Error::Operation`] where a row cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and is driven by hand")]
    pub fn next(&mut self) -> Result<Option<Case>, Error> {
        while let Some(orphan) = self.orphans.as_slice().first().copied() {
            let presented = self.store.operations().finishing(|all| all.present(orphan))?;
            self.orphans.next();
            match presented {
                Presented::Case(case) => {
                    self.open.insert(case.id());
                    return Ok(Some(*case));
                }
                Presented::AutoRolledBack(released) => {
                    self.report.auto_rolled_back += 1;
                    self.report.add_released(&released);
                }
                Presented::Quarantined => self.report.quarantined += 1,
                Presented::Raced => self.report.raced += 1,
            }
        }
        Ok(None)
    }

    /// Carries out what was decided about a case, in one commit. Cases can be decided in any order.
    ///
    /// # Errors
    /// As [`Store::write_finishing`]: the case is still open. [`Error::StaleOwner`] where the case is
    /// none of this recovery's, or was decided. A verdict that does not fit is no error; see
    /// [`Decided::Refused`].
    #[expect(clippy::needless_pass_by_value, reason = "a case is decided once")]
    pub fn decide(&mut self, case: Case, verdict: Verdict) -> Result<Decided, Error> {
        self.expect_open(&case)?;
        let call = |all: &mut crate::operations::OperationsMut<'_>| all.decide(&case, &verdict);
        let (decision, released) = self.store.operations().finishing(call)?;
        self.open.remove(&case.id());
        self.report.add_released(&released);
        let (count, decided) = match decision {
            Decision::Completed(posted) => (&mut self.report.completed, Decided::Completed(posted)),
            Decision::RolledBack => (&mut self.report.rolled_back, Decided::RolledBack),
            Decision::Continued(handle) => (&mut self.report.continued, Decided::Continued(handle)),
            Decision::RetryLater => (&mut self.report.retry_later, Decided::RetryLater),
            Decision::Left => (&mut self.report.left, Decided::Left),
            Decision::Raced => (&mut self.report.raced, Decided::Raced),
            Decision::Refused(error) => {
                (&mut self.report.errors, Decided::Refused((*error).into()))
            }
        };
        *count += 1;
        let (operation, outcome) = (case.id().get(), decided.name());
        tell(|| tracing::info!(operation, outcome, "recovery decided an operation"));
        Ok(decided)
    }

    /// There is no verdict for a case: asking failed. It is left as it was and counted as an error.
    ///
    /// # Errors
    /// As [`Recovery::decide`].
    #[expect(clippy::needless_pass_by_value, reason = "a case is decided once")]
    pub fn give_up(&mut self, case: Case, why: &str) -> Result<(), Error> {
        self.expect_open(&case)?;
        self.store.operations().finishing(|all| all.answered(&case, why))?;
        self.open.remove(&case.id());
        self.report.errors += 1;
        Ok(())
    }

    fn expect_open(&self, case: &Case) -> Result<(), Error> {
        let operation = case.id();
        let is_ours = self.open.contains(&operation) && case.is_of(&self.store.life);
        if is_ours { Ok(()) } else { Err(Error::StaleOwner { operation }) }
    }

    /// Whoever was asked panicked: that counts as no answer, and the third time it is quarantined.
    fn panicked(&mut self, case: &Case) -> Result<(), Error> {
        let quarantined = self.store.operations().finishing(|all| all.unanswered(case))?;
        self.open.remove(&case.id());
        match quarantined {
            true => self.report.quarantined += 1,
            false => self.report.panicked += 1,
        }
        Ok(())
    }

    /// Leaves the cases that nobody decided, a bounded number in each commit.
    fn leave_open(&mut self) -> Result<(), Error> {
        while !self.open.is_empty() {
            let some: Vec<OperationId> = self.open.iter().copied().take(AT_ONCE).collect();
            self.store.operations().finishing(|all| {
                some.iter().try_for_each(|operation| all.leave_undecided(*operation))
            })?;
            some.iter().for_each(|operation| {
                self.open.remove(operation);
            });
            self.report.left += some.len() as u64;
        }
        Ok(())
    }

    /// Ends the recovery: what was not decided is left as with [`Verdict::Leave`], the report is kept,
    /// and new operations may begin.
    ///
    /// # Errors
    /// As [`Store::write_finishing`]; recovery is then still needed.
    pub fn finish(mut self) -> Result<RecoveryReport, Error> {
        self.leave_open()?;
        let mut report = std::mem::take(&mut self.report);
        report.left += self.orphans.len() as u64;
        report.duration = self.store.clock.monotonic().saturating_sub(self.since);
        if report.found() > 0 {
            self.store.operations().finishing(|all| {
                all.keep_report(&report);
                Ok(())
            })?;
        }
        self.finished = true;
        let RecoveryReport { left, errors, panicked, quarantined, .. } = report;
        let (found, took) = (report.found(), report.duration);
        if found > 0 {
            tell(|| {
                tracing::info!(
                    found,
                    left,
                    errors,
                    panicked,
                    quarantined,
                    ?took,
                    "recovery of operations is done"
                );
            });
        }
        report.handles = self.store.kept_handles().split_off(0);
        report.handles.append(&mut self.handles);
        Ok(report)
    }
}

impl Drop for Recovery<'_> {
    fn drop(&mut self) {
        self.store.kept_handles().append(&mut self.handles);
        self.store.life.end_recovery(self.finished);
    }
}

impl Store {
    /// Recovers the operations that an earlier opening left unfinished, case by case.
    ///
    /// # Errors
    /// [`Error::RecoveryRunning`] where another recovery runs; [`Error::Operation`] where a row cannot
    /// be read.
    pub fn recovery(&self) -> Result<Recovery<'_>, Error> {
        Recovery::begin(self)
    }

    /// Recovers the operations that an earlier opening left unfinished, with a closure that decides
    /// each. Where it answers an error or panics, the operation is left as it was and the next one is
    /// presented; one that panics three times is quarantined.
    ///
    /// Handles of operations that go on are in the report.
    ///
    /// An `Err` of the closure, or a verdict that does not fit, is counted as an error of its case and
    /// noted as the evidence of the operation's last event; the recovery goes on, and new operations may
    /// begin when it ends.
    ///
    /// ```
    /// # use highwater::{Asset, Case, Effect, Error, Mode, Store, Verdict};
    /// # let store = Store::memory(Mode::Paper, Asset::new("fiat", "USD", 6)?)?;
    /// # fn fills_of(_: highwater::ExternalId) -> Option<Effect> { None }
    /// let report = store.recover(|case| {
    ///     Ok::<_, Error>(match fills_of(case.operation.external_id) {
    ///         Some(effect) => Verdict::Complete(effect),
    ///         None => Verdict::RollBack { reason: "the venue never saw it".into() },
    ///     })
    /// })?;
    /// assert_eq!(report.errors, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::recovery`] and [`Store::write_finishing`]. What was decided before the error stays
    /// so; the handles of operations that go on are kept, and are in the report of the next recovery
    /// of this opening that ends well.
    pub fn recover<E: Display>(
        &self,
        mut decide: impl FnMut(&Case) -> Result<Verdict, E>,
    ) -> Result<RecoveryReport, Error> {
        let mut recovery = self.recovery()?;
        while let Some(case) = recovery.next()? {
            match catch_unwind(AssertUnwindSafe(|| decide(&case))) {
                Ok(Ok(verdict)) => {
                    if let Decided::Continued(handle) = recovery.decide(case, verdict)? {
                        recovery.handles.push(handle);
                    }
                }
                Ok(Err(error)) => recovery.give_up(case, &told(error))?,
                Err(payload) => {
                    drop_quietly(payload);
                    recovery.panicked(&case)?;
                }
            }
        }
        recovery.finish()
    }

    /// The handles of recoveries that ended with an error.
    fn kept_handles(&self) -> MutexGuard<'_, Vec<InProgress>> {
        // Handles are moved in and out whole, so the list is sound even after a panic.
        self.handles_to_hand_out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets new operations begin although some of an earlier opening are unfinished. They keep what
    /// they hold; recover them later, or call for them by number.
    ///
    /// # Errors
    /// [`Error::RecoveryRunning`].
    pub fn skip_recovery(&self) -> Result<(), Error> {
        Ok(self.life.skip_recovery()?)
    }
}

/// What a handler's error says, also where it panics when it is asked.
fn told<E: Display>(error: E) -> String {
    let told = catch_unwind(AssertUnwindSafe(|| error.to_string()));
    drop_quietly(error);
    told.unwrap_or_else(|payload| {
        drop_quietly(payload);
        "the handler's error cannot be shown".to_owned()
    })
}

/// Drops what a handler made. A panic of its drop is not the library's.
fn drop_quietly<T>(made: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(made))) {
        // Dropping it might panic again, and for ever.
        std::mem::forget(payload);
    }
}
