//! A recovery on a thread of its own, which takes one step each time it is told to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use crate::clock::Timestamp;
use crate::operations::{Case, RecoveryReport, Verdict};
use crate::store::{Decided, Error, Store};

use super::answers::told;
use super::calls::{Answer, Owned};
use super::translate::effect;
use crate::simulation::model::recovery::{Report, Verdict as ModelVerdict};
use crate::simulation::model::words::{OperationNumber, Reply};
use crate::simulation::script::Step;

/// A recovery that is under way.
pub(crate) struct Driven {
    steps: Option<Sender<Step>>,
    answers: Receiver<Result<Answer, Error>>,
    reports: Receiver<RecoveryReport>,
    thread: Option<JoinHandle<()>>,
}

impl Driven {
    /// Begins one.
    pub(crate) fn begin(store: &Arc<Store>) -> (Self, Result<Answer, Error>) {
        let (steps, steps_in) = channel();
        let (answers_out, answers) = channel();
        let (reports_out, reports) = channel();
        let store = store.clone();
        let thread = std::thread::spawn(move || {
            let mut recovery = match store.recovery() {
                Ok(recovery) => recovery,
                Err(error) => return drop(answers_out.send(Err(error))),
            };
            drop(answers_out.send(Ok(Reply::Done.into())));
            let mut cases: BTreeMap<OperationNumber, Case> = BTreeMap::new();
            for step in steps_in {
                let answer = match step {
                    Step::Next => recovery.next().map(|case| {
                        let number = case.as_ref().map(|case| case.id().get());
                        cases.extend(number.zip(case));
                        number.map_or(Reply::Done, Reply::New).into()
                    }),
                    Step::Decide(number, told) => {
                        let case = cases.remove(&number).expect("it was presented");
                        recovery.decide(case, verdict(&told)).map(decided)
                    }
                    Step::GiveUp(number) => {
                        let case = cases.remove(&number).expect("it was presented");
                        recovery.give_up(case, "nobody knows").map(|()| Reply::Done.into())
                    }
                    Step::Finish => {
                        let report = recovery.finish();
                        let answer = report.map(|report| {
                            drop(reports_out.send(report));
                            Reply::Done.into()
                        });
                        drop(answers_out.send(answer));
                        return;
                    }
                    step => unreachable!("{step:?} is no step of a recovery under way"),
                };
                if answers_out.send(answer).is_err() {
                    return;
                }
            }
        });
        let first = answers.recv().expect("it answers");
        (Self { steps: Some(steps), answers, reports, thread: Some(thread) }, first)
    }

    pub(crate) fn step(&self, step: &Step) -> Result<Answer, Error> {
        let steps = self.steps.as_ref().expect("it is under way");
        steps.send(step.clone()).expect("it listens");
        self.answers.recv().expect("it answers")
    }

    /// The report, behind the last step.
    pub(crate) fn report(&self) -> Report {
        let report = self.reports.recv().expect("it reports at its end");
        assert_eq!(report.found(), report.outcomes(), "{report:?}");
        reported(&report)
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.steps = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there showed as an answer that did not come.
            drop(thread.join());
        }
    }
}

pub(crate) fn reported(report: &RecoveryReport) -> Report {
    Report {
        pending_found: report.pending_found,
        in_progress_found: report.in_progress_found,
        failed_found: report.failed_found,
        completed: report.completed,
        rolled_back: report.rolled_back,
        auto_rolled_back: report.auto_rolled_back,
        continued: report.continued,
        retry_later: report.retry_later,
        left: report.left,
        errors: report.errors,
        quarantined: report.quarantined,
        raced: report.raced,
    }
}

fn verdict(told: &ModelVerdict) -> Verdict {
    match told {
        ModelVerdict::Complete(told) => Verdict::Complete(effect(told)),
        ModelVerdict::RollBack => Verdict::roll_back("the venue does not know it"),
        ModelVerdict::Continue => Verdict::Continue,
        ModelVerdict::RetryLater(time) => {
            Verdict::RetryLater { not_before: Timestamp::from_micros(*time) }
        }
        ModelVerdict::Leave => Verdict::Leave,
    }
}

fn decided(decided: Decided) -> Answer {
    match decided {
        Decided::Continued(handle) => {
            Answer { reply: Reply::Done, handle: Some(Owned::InProgress(handle)) }
        }
        Decided::Raced => Reply::Raced.into(),
        Decided::Refused(error) => told(&error).expect("a refusal").into(),
        _ => Reply::Done.into(),
    }
}
