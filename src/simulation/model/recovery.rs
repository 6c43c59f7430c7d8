//! Recovery: what becomes of the operations that an earlier opening left unfinished.

use super::Model;
use super::words::*;
use serde::{Deserialize, Serialize};

/// What is decided of one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    Complete(Effect),
    RollBack,
    Continue,
    RetryLater(i64),
    Leave,
}

/// So often an operation is presented without an answer before it is put aside.
pub(crate) const PRESENTATIONS: u32 = 3;

/// What became of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) pending_found: u64,
    pub(crate) in_progress_found: u64,
    pub(crate) failed_found: u64,
    pub(crate) completed: u64,
    pub(crate) rolled_back: u64,
    pub(crate) auto_rolled_back: u64,
    pub(crate) continued: u64,
    pub(crate) retry_later: u64,
    pub(crate) left: u64,
    pub(crate) errors: u64,
    pub(crate) quarantined: u64,
    pub(crate) raced: u64,
}

#[cfg(test)]
impl Report {
    pub(crate) fn found(&self) -> u64 {
        self.pending_found + self.in_progress_found + self.failed_found
    }

    pub(crate) fn outcomes(&self) -> u64 {
        self.completed
            + self.rolled_back
            + self.auto_rolled_back
            + self.continued
            + self.retry_later
            + self.left
            + self.errors
            + self.quarantined
            + self.raced
    }
}

/// A recovery that is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Running {
    /// The orphans found at its beginning that were not looked at yet, the lowest number first.
    ahead: Vec<OperationNumber>,
    /// What is presented and not decided on, and what it was like then.
    presented: Vec<(OperationNumber, String)>,
    pub(crate) report: Report,
}

impl Running {
    /// The operations that are presented and not decided on.
    pub(crate) fn presented(&self) -> Vec<OperationNumber> {
        self.presented.iter().map(|(number, _)| *number).collect()
    }

    /// Whether everything was presented.
    pub(crate) fn is_over(&self) -> bool {
        self.ahead.is_empty()
    }
}

impl Model {
    pub(crate) fn begin_recovery(&mut self) -> Outcome {
        if self.recovery.is_some() {
            return Outcome::unchanged(Reply::RecoveryRunning);
        }
        let mut running = Running::default();
        for number in (1..=self.operations.len() as u64).filter(|one| self.is_orphan(*one)) {
            let found = match self.operations[number as usize - 1].status {
                Status::Pending => &mut running.report.pending_found,
                Status::InProgress => &mut running.report.in_progress_found,
                _ => &mut running.report.failed_found,
            };
            *found += 1;
            running.ahead.push(number);
        }
        self.recovery = Some(running);
        Outcome::unchanged(Reply::Done)
    }

    /// The next case, and the states of the model on the way to it.
    pub(crate) fn next_case(&mut self) -> (Option<OperationNumber>, Vec<Self>) {
        let mut steps = Vec::new();
        loop {
            let running = self.recovery.as_mut().expect("a recovery is under way");
            if running.ahead.is_empty() {
                return (None, steps);
            }
            let number = running.ahead.remove(0);
            if !self.is_orphan(number) {
                self.report().raced += 1;
                continue;
            }
            let one = self.operation_mut(number);
            if one.status == Status::Pending {
                self.finish(number, Status::RolledBack);
                self.close_empty_positions();
                self.report().auto_rolled_back += 1;
            } else if one.presentations >= PRESENTATIONS {
                one.status = Status::Failed;
                one.class = Some(Class::Ambiguous);
                one.used_up = None;
                one.needs_attention = true;
                self.report().quarantined += 1;
            } else {
                one.presentations += 1;
                let seen = self.fingerprint(number);
                let running = self.recovery.as_mut().expect("it is under way");
                running.presented.push((number, seen));
                steps.push(self.clone());
                return (Some(number), steps);
            }
            steps.push(self.clone());
        }
    }

    fn report(&mut self) -> &mut Report {
        &mut self.recovery.as_mut().expect("a recovery is under way").report
    }

    /// Everything about an operation that somebody else may have changed meanwhile.
    fn fingerprint(&self, number: OperationNumber) -> String {
        let entries = self.book.entries.iter().filter(|one| one.operation == Some(number)).count();
        format!("{:?} {entries}", self.operations[number as usize - 1])
    }

    /// Decides on the case that was presented. Where the verdict is refused, that is an error of the
    /// case.
    pub(crate) fn decide(&mut self, case: OperationNumber, verdict: &Verdict) -> Outcome {
        let running = self.recovery.as_mut().expect("a recovery is under way");
        let presented = running.presented.iter().position(|(number, _)| *number == case);
        let (number, seen) = running.presented.remove(presented.expect("it was presented"));
        if self.fingerprint(number) != seen {
            self.report().raced += 1;
            let changed = self.came_back(number);
            return Outcome { replies: refuse(Reply::Raced), changed };
        }
        let is_running = self.operations[number as usize - 1].status == Status::InProgress;
        let outcome = self.doing(|next| {
            next.operation_mut(number).presentations = 0;
            match verdict {
                Verdict::Complete(effect) => next.end_well(number, effect),
                Verdict::RollBack => {
                    if is_running {
                        let one = next.operation_mut(number);
                        one.status = Status::Failed;
                        one.class = Some(Class::Ambiguous);
                    }
                    let outcome = next.roll_back(number, true);
                    // What is said of an undo that does not fit is committed, too.
                    if outcome.changed { Ok(()) } else { Err(outcome.replies) }
                }
                Verdict::Continue if !is_running => Err(refuse(Reply::IllegalTransition)),
                Verdict::Continue => {
                    let epoch = next.epoch;
                    let one = next.operation_mut(number);
                    one.epoch = epoch;
                    one.attempt += 1;
                    Ok(())
                }
                Verdict::RetryLater(time) => {
                    let one = next.operation_mut(number);
                    one.status = Status::Failed;
                    one.class = if is_running { Some(Class::Ambiguous) } else { one.class };
                    one.not_before = Some(*time);
                    Ok(())
                }
                Verdict::Leave => Ok(()),
            }
        });
        let is_over = self.operations[number as usize - 1].status == Status::RolledBack;
        let blocked = outcome.changed && *verdict == Verdict::RollBack && !is_over;
        let report = self.report();
        let counted = match verdict {
            _ if !outcome.changed => &mut report.errors,
            Verdict::Complete(_) => &mut report.completed,
            Verdict::RollBack if blocked => &mut report.errors,
            Verdict::RollBack => &mut report.rolled_back,
            Verdict::Continue => &mut report.continued,
            Verdict::RetryLater(_) => &mut report.retry_later,
            Verdict::Leave => &mut report.left,
        };
        *counted += 1;
        if !outcome.changed {
            // Any answer is an answer, also one that is refused.
            self.operation_mut(number).presentations = 0;
        } else if *verdict == Verdict::Continue {
            self.hand_out(number);
        }
        // That there was an answer is noted whatever it was.
        let replies = if blocked { refuse(Reply::UndoBlocked) } else { outcome.replies };
        Outcome { replies, changed: true }
    }

    /// No verdict could be given on a case: that is an answer, too.
    pub(crate) fn give_up(&mut self, case: OperationNumber) -> Outcome {
        let running = self.recovery.as_mut().expect("a recovery is under way");
        let presented = running.presented.iter().position(|(number, _)| *number == case);
        let (number, seen) = running.presented.remove(presented.expect("it was presented"));
        running.report.errors += 1;
        let unchanged = self.fingerprint(number) == seen;
        let changed = self.came_back(number) || unchanged;
        Outcome { replies: refuse(Reply::Done), changed }
    }

    /// Whoever was asked came back, whatever became of the operation meanwhile: as long as it is an
    /// orphan, it was not presented in vain. Answers whether that changes anything.
    fn came_back(&mut self, number: OperationNumber) -> bool {
        if !self.is_orphan(number) {
            return false;
        }
        std::mem::take(&mut self.operation_mut(number).presentations) > 0
    }

    /// The end of it. Cases that nobody looked at are left.
    pub(crate) fn finish_recovery(&mut self) -> Report {
        let mut running = self.recovery.take().expect("a recovery is under way");
        running.report.left += running.ahead.len() as u64;
        running.report.left += running.presented.len() as u64;
        // They are left as with a verdict: whoever was asked came back.
        for (number, _) in std::mem::take(&mut running.presented) {
            self.came_back(number);
        }
        self.recovery_needed = false;
        self.last_report = Some(running.report.clone());
        running.report
    }
}
