//! The store that is held against the model: it is told what the model is told.

mod answers;
mod calls;
mod deeds;
mod intents;
pub(crate) mod look;
mod recoveries;
pub(crate) mod translate;

use std::collections::BTreeMap;
use std::sync::Arc;

use highwater::disk::Disk;
use highwater::{Background, Error, KeepLog, ManualClock, Mode, Options, Store, Timestamp};

use crate::cast::Coin;
use crate::model::recovery::Report;
use crate::model::run::Caller;
use crate::model::words::Reply;
use crate::model::{Limits, Model};
use crate::script::{Action, START_MICROS, Step};
use calls::{Answer, Owned};
use recoveries::Driven;

/// A store with the clock it looks at and the disk it lies on, and what the bot has of it.
pub(crate) struct Subject {
    disk: Arc<dyn Disk>,
    pub(crate) clock: ManualClock,
    store: Option<Arc<Store>>,
    /// Handles by the line of the script that they were given out in.
    handles: BTreeMap<usize, Owned>,
    recovery: Option<Driven>,
    /// What the last refusal said.
    pub(crate) said: String,
}

impl Subject {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        let clock = ManualClock::new(Timestamp::from_micros(START_MICROS));
        Self {
            disk,
            clock,
            store: None,
            handles: BTreeMap::new(),
            recovery: None,
            said: String::new(),
        }
    }

    pub(crate) fn open(&mut self, limits: Limits) -> Result<(), Error> {
        let keep = KeepLog { bytes: 0, age: std::time::Duration::ZERO };
        let options = Options::new(Mode::Paper, translate::asset(Coin::Usd))
            .background(Background::Manual)
            .clock(Arc::new(self.clock.clone()))
            .seed(7)
            .segment_bytes(64 * 1024, 128 * 1024)
            .keep_log(keep)
            .limits(translate::limits(limits));
        self.store = Some(Arc::new(options.open_on(self.disk.clone())?));
        Ok(())
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        self.store.as_ref().expect("the store is open")
    }

    /// Lets go of the store and all that hangs on it: as the end of the process, or closing it well.
    pub(crate) fn leave(&mut self, clean: bool) -> Result<(), Error> {
        self.recovery = None;
        self.handles.clear();
        let store = self.store.take().map(Arc::into_inner);
        match store {
            Some(Some(store)) if clean => store.close(),
            _ => Ok(()),
        }
    }

    /// Does what the model did, and answers what the store said to it, refusals included.
    pub(crate) fn act(
        &mut self,
        before: &Model,
        after: &Model,
        action: &Action,
    ) -> Result<Reply, Error> {
        let answer = self.try_to(before, action);
        self.settle(after, answer)
    }

    fn try_to(&mut self, before: &Model, action: &Action) -> Result<Answer, Error> {
        let store = self.store().clone();
        match action {
            Action::Begin { intent, again, start, .. } => {
                calls::begin(&store, before, intent, *again, *start)
            }
            Action::Call { caller: Caller::Anybody(number), call, .. } => {
                calls::by_number(&store, *number, call)
            }
            Action::Call { caller: Caller::Handle(line), call, .. } => {
                let handle = self.handles.remove(line).expect("a handle that is there");
                let (answer, back) = calls::by_handle(&store, handle, call);
                self.handles.extend(back.map(|back| (*line, back)));
                answer
            }
            Action::DropHandle(line) => {
                self.handles.remove(line);
                Ok(Reply::Done.into())
            }
            Action::Deed(deed) => deeds::deed(&store, deed).map(Answer::from),
            Action::Together { deeds, all_or_nothing } => {
                deeds::together(&store, deeds, *all_or_nothing).map(Answer::from)
            }
            Action::Wait(micros) => {
                self.clock.advance_micros(*micros);
                Ok(Reply::Done.into())
            }
            Action::SetClock(micros) => {
                self.clock.set(Timestamp::from_micros(*micros));
                Ok(Reply::Done.into())
            }
            Action::Checkpoint => store.checkpoint().map(|_| Reply::Done.into()),
            Action::Reopen { clean } => {
                drop(store);
                self.leave(*clean)?;
                self.open(before.limits)?;
                Ok(Reply::Done.into())
            }
            Action::Recovery(step) => self.recover(&store, step),
        }
    }

    fn recover(&mut self, store: &Arc<Store>, step: &Step) -> Result<Answer, Error> {
        match (step, &self.recovery) {
            (Step::Begin, running) => {
                let is_first = running.is_none();
                let (driven, answer) = Driven::begin(store);
                if is_first && answer.is_ok() {
                    self.recovery = Some(driven);
                }
                answer
            }
            (Step::Abandon, _) => {
                self.recovery = None;
                Ok(Reply::Done.into())
            }
            (Step::Skip, _) => store.skip_recovery().map(|()| Reply::Done.into()),
            (step, Some(running)) => running.step(step),
            (step, None) => panic!("{step:?} without a recovery"),
        }
    }

    /// Keeps the handles as the model does.
    fn settle(&mut self, after: &Model, answer: Result<Answer, Error>) -> Result<Reply, Error> {
        let (reply, handle) = match answer {
            Ok(Answer { reply, handle }) => {
                self.said.clear();
                (reply, handle)
            }
            Err(error) => {
                self.said = format!("{error:?}");
                (answers::told(&error).ok_or(error)?, None)
            }
        };
        self.handles.extend(handle.map(|handle| (after.line, handle)));
        self.handles.retain(|line, _| after.handles.contains_key(line));
        Ok(reply)
    }

    /// The report of the recovery that was just finished.
    pub(crate) fn report(&mut self) -> Option<Report> {
        self.recovery.take().map(|driven| driven.report())
    }
}
