//! Recovery of operations: what each orphan of an earlier opening is, what can be said to it, and
//! what is counted.
//!
//! An orphan that is pending is rolled back without asking: nothing can have happened outside before
//! it was started. Any other is a case. That a case is presented is written down before it is
//! presented, so that one which brings the process down is noticed: the third time that no answer
//! came back it is quarantined.
//!
//! The loop over all cases stands above, in the store.

use std::sync::Arc;
use std::time::Duration;

use super::ending::{Completed, RollBack, RolledBack};
use super::error::Error;
use super::handle::{HandleTable, InProgress, Named, OperationRef};
use super::life::Life;
use super::row::{self, Attention, NamedAsset, OperationRow};
use super::status::{Call, FailureClass, Status, legal};
use super::view::{Checkpoint, Operation, Operations};
use super::{OPERATION_STATE, OperationId, OperationsMut};
use crate::clock::Timestamp;
use crate::codec::{BorrowDecode, Encode, Value};
use crate::engine::Reader;
use crate::ledger::{Effect, Entry, Hold, HoldKind, Ledger, Posted, Released};
use crate::money::{Amount, Money};

/// How often a case is presented without an answer before it is quarantined.
const MAX_PRESENTATIONS: u8 = 3;

/// The row that holds the report of the last recovery.
pub(super) const REPORT: &[u8] = b"recovery";

/// An operation of an earlier opening that is to be decided, with all that is known of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// The operation, in progress or failed.
    pub operation: Operation,
    /// What it noted of the outside, oldest first.
    pub checkpoints: Vec<Checkpoint>,
    /// What it has set aside.
    pub holds: Vec<Hold>,
    /// What it posted so far, oldest first.
    pub entries: Vec<Entry>,
    /// Which opening of the store presented it.
    presented_by: Arc<HandleTable>,
}

impl Case {
    /// The operation's number.
    pub fn id(&self) -> OperationId {
        self.operation.id
    }

    /// Whether this opening of the store presented it.
    pub(crate) fn is_of(&self, life: &Life) -> bool {
        Arc::ptr_eq(&self.presented_by, life.handles())
    }
}

/// What becomes of an operation that lost its owner. Ask the venue before you say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// It was done: post this and complete it. What was recorded before is left out.
    Complete(Effect),
    /// It was not done: take it back.
    RollBack {
        /// How that is known.
        reason: Box<str>,
    },
    /// It is still being done, such as an order that rests at the venue: go on with it.
    Continue,
    /// It cannot be told yet.
    RetryLater {
        /// When it may be asked again or retried.
        not_before: Timestamp,
    },
    /// Leave it as it is, for the next recovery.
    Leave,
}

impl Verdict {
    /// It was not done: take it back.
    pub fn roll_back(reason: impl Into<Box<str>>) -> Self {
        Self::RollBack { reason: reason.into() }
    }
}

/// What came of one verdict.
#[derive(Debug)]
pub(crate) enum Decision {
    Completed(Posted),
    RolledBack,
    Continued(InProgress),
    RetryLater,
    Left,
    Raced,
    /// The verdict does not fit.
    Refused(Box<Error>),
}

/// What a recovery came to. What was found adds up to what became of it.
#[derive(Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RecoveryReport {
    /// Orphans that were pending.
    pub pending_found: u64,
    /// Orphans that were in progress.
    pub in_progress_found: u64,
    /// Orphans that had failed.
    pub failed_found: u64,
    /// Completed as the verdict said.
    pub completed: u64,
    /// Rolled back as the verdict said.
    pub rolled_back: u64,
    /// Rolled back without asking, because they were pending.
    pub auto_rolled_back: u64,
    /// Taken over by this opening.
    pub continued: u64,
    /// To be decided later.
    pub retry_later: u64,
    /// Left as they were, or not decided.
    pub left: u64,
    /// Cases in which no answer could be given, or the answer did not fit. Why is the evidence of the
    /// operation's last event; see [`Operations::events`](crate::Operations::events).
    pub errors: u64,
    /// Cases in which the handler panicked, but for those quarantined for it.
    pub panicked: u64,
    /// Given up after answers stayed away too often: somebody has to look.
    pub quarantined: u64,
    /// Changed by somebody else in the meantime.
    pub raced: u64,
    /// What was set aside and is free again, per asset.
    pub released: Vec<Money>,
    /// How long it took.
    pub duration: Duration,
    /// The handles of those that go on, where a handler decided; also of an earlier recovery of this
    /// opening that ended with an error. Not kept with the report.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub handles: Vec<InProgress>,
}

impl RecoveryReport {
    /// How many orphans there were.
    pub fn found(&self) -> u64 {
        self.pending_found + self.in_progress_found + self.failed_found
    }

    /// How many of them something became of, and that is all of them.
    pub fn outcomes(&self) -> u64 {
        self.completed
            + self.rolled_back
            + self.auto_rolled_back
            + self.continued
            + self.retry_later
            + self.left
            + self.errors
            + self.panicked
            + self.quarantined
            + self.raced
    }

    pub(crate) fn count_found(&mut self, status: Status) {
        match status {
            Status::Pending => self.pending_found += 1,
            Status::InProgress => self.in_progress_found += 1,
            _ => self.failed_found += 1,
        }
    }

    /// Adds what was set aside and is free again. What was only expected was never there.
    pub(crate) fn add_released(&mut self, released: &[Released]) {
        for released in released.iter().filter(|one| one.kind != HoldKind::Expected) {
            let asset = released.money.asset();
            match self.released.iter_mut().find(|sum| sum.asset() == asset) {
                // Sums of what the books hold fit, since the books hold their sum.
                Some(sum) => *sum = sum.checked_add(&released.money).unwrap_or(sum.clone()),
                None if released.money.amount().is_zero() => {}
                None => self.released.push(released.money.clone()),
            }
        }
    }
}

/// The report as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, BorrowDecode)]
pub(super) struct ReportRow {
    pub(super) found: [u64; 3],
    pub(super) outcomes: [u64; 10],
    pub(super) released: Vec<(NamedAsset, i128)>,
    pub(super) duration_micros: u64,
}

impl ReportRow {
    fn of(report: &RecoveryReport) -> Self {
        let released = report.released.iter();
        let released = released.map(|sum| (NamedAsset::of(sum.asset()), sum.amount().units()));
        Self {
            found: [report.pending_found, report.in_progress_found, report.failed_found],
            outcomes: [
                report.completed,
                report.rolled_back,
                report.auto_rolled_back,
                report.continued,
                report.retry_later,
                report.left,
                report.errors,
                report.panicked,
                report.quarantined,
                report.raced,
            ],
            released: released.collect(),
            duration_micros: u64::try_from(report.duration.as_micros()).unwrap_or(u64::MAX),
        }
    }

    /// The report as a tree.
    pub(super) fn told(self) -> Vec<(&'static str, Value)> {
        let numbers = |numbers: &[u64]| Value::list(numbers, |number| Value::Number(*number));
        let released = Value::list(&self.released, |(asset, units)| {
            let token = asset.asset().map(|asset| Value::Token(asset.key().clone()));
            let token = token.unwrap_or(Value::Absent);
            Value::Fields(vec![("token", token), ("units", Value::shown(units))])
        });
        vec![
            ("found", numbers(&self.found)),
            ("outcomes", numbers(&self.outcomes)),
            ("released", released),
            ("micros", Value::Number(self.duration_micros)),
        ]
    }

    fn shown(self) -> Option<RecoveryReport> {
        let [pending_found, in_progress_found, failed_found] = self.found;
        let [
            completed,
            rolled_back,
            auto_rolled_back,
            continued,
            retry_later,
            left,
            errors,
            panicked,
            quarantined,
            raced,
        ] = self.outcomes;
        let released = self.released.into_iter();
        let released = released
            .map(|(asset, units)| Some(Money::new(asset.asset()?, Amount::from_units(units))));
        Some(RecoveryReport {
            pending_found,
            in_progress_found,
            failed_found,
            completed,
            rolled_back,
            auto_rolled_back,
            continued,
            retry_later,
            left,
            errors,
            panicked,
            quarantined,
            raced,
            released: released.collect::<Option<_>>()?,
            duration: Duration::from_micros(self.duration_micros),
            handles: Vec::new(),
        })
    }
}

/// The report of the last recovery, if there ever was one.
pub(super) fn last_report(reader: &dyn Reader) -> Result<Option<RecoveryReport>, Error> {
    let report = row::load::<ReportRow>(reader, OPERATION_STATE, REPORT)?;
    let shown = report.map(|report| {
        report.shown().ok_or_else(|| row::impossible(OPERATION_STATE, REPORT, "released"))
    });
    shown.transpose()
}

/// An operation of an earlier opening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orphan {
    pub(crate) id: OperationId,
    pub(crate) status: Status,
}

/// What presenting an orphan came to.
#[derive(Debug)]
pub(crate) enum Presented {
    /// It was pending and is rolled back.
    AutoRolledBack(Vec<Released>),
    /// It is to be decided.
    Case(Box<Case>),
    /// No answer ever came back.
    Quarantined,
    /// Somebody else changed it.
    Raced,
}

/// The orphans among the unfinished operations, in order.
pub(crate) fn orphans(reader: &dyn Reader, epoch: u64) -> Result<Vec<Orphan>, Error> {
    let mut orphans = Vec::new();
    for id in row::unfinished(reader) {
        let id = id?;
        let row = row::operation(reader, id)?;
        if row.epoch < epoch {
            orphans.push(Orphan { id, status: row.status });
        }
    }
    Ok(orphans)
}

impl OperationsMut<'_> {
    /// Says that an orphan is about to be presented, before it is. The commit survives power loss
    /// when its call returns.
    pub(crate) fn present(&mut self, orphan: Orphan) -> Result<Presented, Error> {
        let id = orphan.id;
        let Some(row) = self.orphan(id)? else { return Ok(Presented::Raced) };
        if row.status != orphan.status {
            return Ok(Presented::Raced);
        }
        self.tx().require_sync();
        if row.status == Status::Pending {
            let released = self.expire(id, row, "its opening is over")?;
            return Ok(Presented::AutoRolledBack(released));
        }
        if row.presentations >= MAX_PRESENTATIONS {
            self.quarantine(id, row)?;
            return Ok(Presented::Quarantined);
        }
        let mut row = row;
        row.presentations += 1;
        row::put_operation(self.tx(), id, &row);
        self.tx().note(format!("operation.present {id}"));
        Ok(Presented::Case(Box::new(self.case(id, row)?)))
    }

    /// The operation, if it is still an orphan.
    fn orphan(&self, id: OperationId) -> Result<Option<OperationRow>, Error> {
        let row = row::find(self.reader(), id)?;
        let epoch = self.life.epoch();
        Ok(row.filter(|row| !row.status.is_finished() && row.epoch < epoch))
    }

    fn case(&self, id: OperationId, row: OperationRow) -> Result<Case, Error> {
        let operations = Operations::new(self.reader());
        let ledger = Ledger::new(self.reader(), None, self.now);
        Ok(Case {
            operation: Operation::shown(self.reader(), id, row)?,
            checkpoints: operations.checkpoints(id)?,
            holds: operations.holds(id)?,
            entries: ledger.entries_of(id).collect::<Result<_, _>>()?,
            presented_by: self.life.handles().clone(),
        })
    }

    fn quarantine(&mut self, id: OperationId, mut row: OperationRow) -> Result<(), Error> {
        if matches!(row.attention, Some(Attention::Quarantined)) {
            return Ok(());
        }
        legal(id, row.status, Call::Quarantine)?;
        let reason = "presented to recovery again and again without an answer";
        let attention = Some(Attention::Quarantined);
        let class = FailureClass::Ambiguous;
        self.mark_failed(id, &mut row, class, reason, Call::Quarantine, attention);
        self.tell_attention(id, "recovery had no answer again and again");
        Ok(())
    }

    /// Tells the operator that nothing goes on with an operation until somebody decides.
    pub(super) fn tell_attention(&mut self, id: OperationId, reason: &'static str) {
        let operation = id.get();
        self.tx().tell_after(move || {
            tracing::error!(operation, reason, "an operation needs attention");
        });
    }

    /// The case's operation, if it is as it was when it was presented.
    fn unchanged(&self, case: &Case) -> Result<Option<OperationRow>, Error> {
        let row = self.orphan(case.id())?;
        Ok(row.filter(|row| {
            row.events == case.operation.events && row.status == case.operation.status
        }))
    }

    /// Carries out a verdict, if the operation is still as it was presented.
    pub(crate) fn decide(
        &mut self,
        case: &Case,
        verdict: &Verdict,
    ) -> Result<(Decision, Vec<Released>), Error> {
        let Some(row) = self.unchanged(case)? else {
            self.came_back(case.id())?;
            return Ok((Decision::Raced, Vec::new()));
        };
        let id = case.id();
        match self.all_or_nothing(|operations| operations.carry_out(id, row, verdict)) {
            Err(error) if error.is_refused() => {
                self.answered(case, &error.to_string())?;
                Ok((Decision::Refused(Box::new(error)), Vec::new()))
            }
            decided => decided,
        }
    }

    fn carry_out(
        &mut self,
        id: OperationId,
        mut row: OperationRow,
        verdict: &Verdict,
    ) -> Result<(Decision, Vec<Released>), Error> {
        let orphan = OperationRef(Named::Recovered(id));
        row.presentations = 0;
        let decided = match verdict {
            Verdict::Complete(effect) => {
                let call = match row.status {
                    Status::Failed => Call::ResolveComplete,
                    _ => Call::Complete,
                };
                return match self.complete_by(orphan, call, effect)? {
                    Completed::Now { posted, released } => {
                        Ok((Decision::Completed(posted), released))
                    }
                    // An unfinished operation cannot have been completed before.
                    Completed::AlreadyDone => Ok((Decision::Raced, Vec::new())),
                };
            }
            Verdict::RollBack { reason } => return self.roll_back_orphan(id, row, reason),
            Verdict::Continue => Decision::Continued(self.take_over_by(orphan)?),
            Verdict::RetryLater { not_before } => {
                legal(id, row.status, Call::RetryLater)?;
                row.not_before = Some(not_before.as_micros());
                self.fail_if_running(id, &mut row, "to be decided later", Call::RetryLater);
                Decision::RetryLater
            }
            Verdict::Leave => {
                legal(id, row.status, Call::Leave)?;
                self.put_with_event(id, &mut row, Call::Leave, None);
                Decision::Left
            }
        };
        Ok((decided, Vec::new()))
    }

    /// One that was in progress becomes an ambiguous failure; one that had failed keeps its class.
    fn fail_if_running(
        &mut self,
        id: OperationId,
        row: &mut OperationRow,
        reason: &str,
        call: Call,
    ) {
        match row.status {
            Status::InProgress => {
                self.mark_failed(id, row, FailureClass::Ambiguous, reason, call, None);
            }
            _ => self.put_with_event(id, row, call, Some(reason)),
        }
    }

    fn roll_back_orphan(
        &mut self,
        id: OperationId,
        mut row: OperationRow,
        reason: &str,
    ) -> Result<(Decision, Vec<Released>), Error> {
        let roll_back = RollBack::new(reason).evidence(reason);
        roll_back.check()?;
        if row.status == Status::InProgress {
            let class = FailureClass::Ambiguous;
            self.mark_failed(id, &mut row, class, "its opening is over", Call::Fail, None);
        }
        legal(id, row.status, Call::RollBack)?;
        match self.take_back(id, row, &roll_back)? {
            RolledBack::Now { released, .. } => Ok((Decision::RolledBack, released)),
            RolledBack::AlreadyDone => Ok((Decision::Raced, Vec::new())),
            RolledBack::NeedsAttention(error) => Ok((Decision::Refused(error), Vec::new())),
        }
    }

    /// An answer came back, if not a verdict: it is not presented in vain any more.
    pub(crate) fn answered(&mut self, case: &Case, answer: &str) -> Result<(), Error> {
        let Some(mut row) = self.unchanged(case)? else { return self.came_back(case.id()) };
        row.presentations = 0;
        let answer: String = answer.chars().take(128).collect();
        self.put_with_event(case.id(), &mut row, Call::Leave, Some(&answer));
        Ok(())
    }

    /// An answer came back to a case that somebody else had changed meanwhile: it changes nothing more,
    /// but the presentation was not in vain.
    fn came_back(&mut self, id: OperationId) -> Result<(), Error> {
        if let Some(mut row) = self.orphan(id)?.filter(|row| row.presentations > 0) {
            row.presentations = 0;
            row::put_operation(self.tx(), id, &row);
            self.tx().note(format!("operation.leave {id}"));
        }
        Ok(())
    }

    /// Nobody decided an orphan that was presented, and whoever was asked came back all the same: it
    /// is left, and was not presented in vain.
    pub(crate) fn leave_undecided(&mut self, id: OperationId) -> Result<(), Error> {
        if let Some(mut row) = self.orphan(id)? {
            row.presentations = 0;
            self.put_with_event(id, &mut row, Call::Leave, None);
        }
        Ok(())
    }

    /// No answer to a case will come back. Answers whether that was once too often, so that it is
    /// quarantined now.
    pub(crate) fn unanswered(&mut self, case: &Case) -> Result<bool, Error> {
        match self.unchanged(case)? {
            Some(row) if row.presentations >= MAX_PRESENTATIONS => {
                self.quarantine(case.id(), row)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Keeps the report of a recovery that ran to its end.
    pub(crate) fn keep_report(&mut self, report: &RecoveryReport) {
        row::put(self.tx(), OPERATION_STATE, REPORT, &ReportRow::of(report));
        self.tx().note("operation.recovered");
    }
}
