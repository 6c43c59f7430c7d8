//! Begins operations and calls on them, by handle and by number.

use crate::ledger::OperationId;
use crate::operations::{
    Begun, BegunStarted, Completed, Failed, Failure, InProgress, KeyState, Pending, RollBack,
    RolledBack,
};
use crate::store::{Error, Refused, Store};

use super::deeds::claimed;
use super::intents::intent;
use super::translate::effect;
use crate::simulation::model::Model;
use crate::simulation::model::run::Call;
use crate::simulation::model::words::{Class, Intent, Reply};

/// A handle that the store gave out.
#[derive(Debug)]
pub(crate) enum Owned {
    Pending(Pending),
    InProgress(InProgress),
    Failed(Failed),
}

/// What a call came to: an answer, and a handle where it gave one.
pub(crate) struct Answer {
    pub(crate) reply: Reply,
    pub(crate) handle: Option<Owned>,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self { reply, handle: None }
    }
}

impl From<Pending> for Answer {
    fn from(handle: Pending) -> Self {
        Self { reply: Reply::Done, handle: Some(Owned::Pending(handle)) }
    }
}

impl From<InProgress> for Answer {
    fn from(handle: InProgress) -> Self {
        Self { reply: Reply::Done, handle: Some(Owned::InProgress(handle)) }
    }
}

impl From<Failed> for Answer {
    fn from(handle: Failed) -> Self {
        Self { reply: Reply::Done, handle: Some(Owned::Failed(handle)) }
    }
}

impl From<Completed> for Answer {
    fn from(completed: Completed) -> Self {
        match completed {
            Completed::Now { .. } => Reply::Done.into(),
            Completed::AlreadyDone => Reply::AlreadyDone.into(),
        }
    }
}

impl From<RolledBack> for Answer {
    fn from(rolled_back: RolledBack) -> Self {
        match rolled_back {
            RolledBack::Now { .. } => Reply::Done.into(),
            RolledBack::AlreadyDone => Reply::AlreadyDone.into(),
            RolledBack::NeedsAttention(error) => panic!("not an error of the store: {error}"),
        }
    }
}

pub(crate) fn begin(
    store: &Store,
    model: &Model,
    told: &Intent,
    again: bool,
    start: bool,
) -> Result<Answer, Error> {
    let told = intent(model, told);
    let existing = |key: Box<KeyState>| {
        let number = match *key {
            KeyState::Known(operation) => operation.id,
            KeyState::Purged { operation, .. } => operation,
        };
        Answer::from(Reply::Existing(number.get()))
    };
    let began =
        |id: OperationId, handle| Answer { reply: Reply::New(id.get()), handle: Some(handle) };
    if start && !again {
        return Ok(match store.operations().begin_and_start(&told)? {
            BegunStarted::New(handle) => began(handle.id(), Owned::InProgress(handle)),
            BegunStarted::Existing(key) => existing(key),
            BegunStarted::Duplicate(state) => Reply::Duplicate(claimed(state)).into(),
            BegunStarted::TooOld => Reply::TooOld.into(),
        });
    }
    let begun = match again {
        true => store.operations().begin_again(&told)?,
        false => store.operations().begin(&told)?,
    };
    Ok(match begun {
        Begun::New(handle) => began(handle.id(), Owned::Pending(handle)),
        Begun::Existing(key) => existing(key),
        Begun::Duplicate(state) => Reply::Duplicate(claimed(state)).into(),
        Begun::TooOld => Reply::TooOld.into(),
    })
}

fn failure(class: Class) -> Failure {
    match class {
        Class::Definite => Failure::definite("the venue said no"),
        Class::Ambiguous => Failure::ambiguous("the venue said nothing"),
    }
}

fn roll_back(evidence: bool) -> RollBack {
    let told = RollBack::new("it did not come about");
    if evidence { told.evidence("the venue does not know it") } else { told }
}

/// Calls by number.
pub(crate) fn by_number(store: &Store, number: u64, call: &Call) -> Result<Answer, Error> {
    let (id, all) = (OperationId::new(number), store.operations());
    Ok(match call {
        Call::Start => all.start(id)?.into(),
        Call::Cancel => all.cancel(id)?.into(),
        Call::Checkpoint(reference) => {
            all.checkpoint(id, &[*reference])?;
            Reply::Done.into()
        }
        Call::Record(told) => {
            all.record(id, &effect(told))?;
            Reply::Done.into()
        }
        Call::Apply(told) => {
            all.apply(id, &effect(told))?;
            Reply::Done.into()
        }
        Call::Complete(told) => all.complete(id, &effect(told))?.into(),
        Call::Fail(class) => all.fail(id, failure(*class))?.into(),
        Call::Retry => all.retry(id)?.into(),
        Call::RollBack { evidence } => all.roll_back(id, roll_back(*evidence))?.into(),
        Call::ResolveComplete(told) => all.resolve_complete(id, &effect(told))?.into(),
        Call::TakeOver => all.take_over(id)?.into(),
        Call::TakeOverPending => all.take_over_pending(id)?.into(),
    })
}

/// Calls by handle. The handle comes back where the call refused or does not use it up.
pub(crate) fn by_handle(
    store: &Store,
    handle: Owned,
    call: &Call,
) -> (Result<Answer, Error>, Option<Owned>) {
    match (handle, call) {
        (Owned::Pending(one), Call::Start) => consumed(one.start(store), Owned::Pending),
        (Owned::Pending(one), Call::Cancel) => consumed(one.cancel(store), Owned::Pending),
        (Owned::InProgress(one), call) => in_progress(store, one, call),
        (Owned::Failed(one), call) => failed(store, one, call),
        (handle, call) => panic!("{handle:?} has no {call:?}"),
    }
}

fn in_progress(
    store: &Store,
    one: InProgress,
    call: &Call,
) -> (Result<Answer, Error>, Option<Owned>) {
    let kept = |answer: Result<(), Error>, one| {
        (answer.map(|()| Reply::Done.into()), Some(Owned::InProgress(one)))
    };
    match call {
        Call::Checkpoint(reference) => kept(one.checkpoint(store, &[*reference]), one),
        Call::Record(told) => kept(one.record(store, &effect(told)).map(drop), one),
        Call::Apply(told) => kept(one.apply(store, &effect(told)).map(drop), one),
        Call::Complete(told) => consumed(one.complete(store, &effect(told)), Owned::InProgress),
        Call::Fail(class) => consumed(one.fail(store, failure(*class)), Owned::InProgress),
        call => panic!("a handle in progress has no {call:?}"),
    }
}

fn failed(store: &Store, one: Failed, call: &Call) -> (Result<Answer, Error>, Option<Owned>) {
    match call {
        Call::Record(told) => {
            let answer = one.record(store, &effect(told)).map(|_| Reply::Done.into());
            (answer, Some(Owned::Failed(one)))
        }
        Call::Retry => consumed(one.retry(store), Owned::Failed),
        Call::RollBack { evidence } => {
            consumed(one.roll_back(store, roll_back(*evidence)), Owned::Failed)
        }
        Call::ResolveComplete(told) => {
            consumed(one.resolve_complete(store, &effect(told)), Owned::Failed)
        }
        call => panic!("a failed handle has no {call:?}"),
    }
}

fn consumed<T: Into<Answer>, H>(
    answer: Result<T, Refused<H>>,
    back: impl FnOnce(H) -> Owned,
) -> (Result<Answer, Error>, Option<Owned>) {
    match answer {
        Ok(done) => (Ok(done.into()), None),
        Err(Refused { handle, error }) => (Err(*error), Some(back(handle))),
    }
}
