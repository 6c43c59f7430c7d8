//! The store that is held against the model: it is told what the model is told.

mod answers;
mod calls;
pub(crate) mod deeds;
mod intents;
pub(crate) mod look;
mod recoveries;
mod tokens;
pub(crate) mod translate;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::{ManualClock, Timestamp};
use crate::disk::Disk;
use crate::engine::{Durability, Lsn};
use crate::store::{Error, Options, Store, Ticket, Tx};

use crate::simulation::model::Model;
use crate::simulation::model::recovery::Report;
use crate::simulation::model::run::Caller;
use crate::simulation::model::words::Reply;
use crate::simulation::script::{Action, START_MICROS, Step, Way};
use crate::simulation::setup::Setup;
use calls::{Answer, Owned};
use recoveries::Driven;

/// A store with the clock it looks at and the disk it lies on, and what the bot has of it.
pub(crate) struct Subject {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: ManualClock,
    store: Option<Arc<Store>>,
    /// Handles by the line of the script that they were given out in.
    handles: BTreeMap<usize, Owned>,
    tickets: Vec<Ticket>,
    recovery: Option<Driven>,
    /// What the last checkpoint covers.
    pub(crate) checkpointed: Lsn,
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
            tickets: Vec::new(),
            recovery: None,
            checkpointed: 0,
            said: String::new(),
        }
    }

    /// Another one, not open yet, at the time that `other` lives in.
    pub(crate) fn on_the_same_day(disk: Arc<dyn Disk>, other: &Self) -> Self {
        Self { clock: other.clock.clone(), ..Self::new(disk) }
    }

    /// The last commit that has its place in the order and that nobody waited for.
    pub(crate) fn staged_lsn(&self) -> Lsn {
        self.tickets.last().map_or(0, Ticket::lsn)
    }

    pub(crate) fn open(&mut self, setup: &Setup) -> Result<(), Error> {
        self.open_with(&setup.options(Arc::new(self.clock.clone())))
    }

    /// Opens it with options of any kind, but at its own time.
    pub(crate) fn open_with(&mut self, options: &Options) -> Result<(), Error> {
        let options = options.clone().clock(Arc::new(self.clock.clone()));
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
        self.tickets.clear();
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
            Action::Deed { deeds, all_or_nothing, way } => {
                let body = |tx: &mut Tx<'_>| deeds::in_one_commit(tx, deeds, *all_or_nothing);
                self.commit(&store, *way, body).map(Answer::from)
            }
            Action::Settle => {
                let waited = self.tickets.drain(..).try_for_each(Ticket::wait);
                waited.map(|()| Reply::Done.into())
            }
            Action::Sync => store.sync().map(|()| Reply::Done.into()),
            Action::Wait(micros) => {
                self.clock.advance_micros(*micros);
                Ok(Reply::Done.into())
            }
            Action::SetClock(micros) => {
                self.clock.set(Timestamp::from_micros(*micros));
                Ok(Reply::Done.into())
            }
            Action::Checkpoint => {
                self.checkpointed = store.checkpoint()?;
                Ok(Reply::Done.into())
            }
            Action::Reopen { .. } => unreachable!("whoever has the store opens it"),
            Action::Recovery(step) => self.recover(&store, step),
        }
    }

    fn commit(
        &mut self,
        store: &Store,
        way: Way,
        body: impl FnOnce(&mut Tx<'_>) -> Result<Reply, Error>,
    ) -> Result<Reply, Error> {
        match way {
            Way::Plain => store.write(body),
            Way::Finishing => store.write_finishing(body),
            Way::Waiting { synced } => store.write_with(durability(synced), body),
            Way::Ticket { synced } => {
                let (reply, ticket) = store.write_ticket(durability(synced), body)?;
                self.tickets.push(ticket);
                Ok(reply)
            }
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

fn durability(synced: bool) -> Durability {
    if synced { Durability::Synced } else { Durability::Written }
}
