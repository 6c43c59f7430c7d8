//! The model plays an action: what must be answered, and every state on the way.

use crate::simulation::model::Model;
use crate::simulation::model::words::*;
use crate::simulation::script::{Action, Line, Step};

/// What an action must come to.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) outcome: Outcome,
    /// The model after each commit of the call but the last.
    pub(crate) between: Vec<Model>,
}

impl From<Outcome> for Played {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, between: Vec::new() }
    }
}

/// Whether the action can be tried at all as things are: there is no handle to call where none was
/// given out, and no case to decide on where none was presented.
pub(crate) fn is_possible(model: &Model, Line { action, .. }: &Line) -> bool {
    use crate::simulation::model::run::Caller;
    let handle = |line: &usize| model.handles.get(line);
    let presented = model.recovery.as_ref().map_or(Vec::new(), |running| running.presented());
    match action {
        Action::Call { caller: Caller::Handle(line), call, .. } => {
            handle(line).is_some_and(|handle| call.is_for_handles_on(handle.state))
        }
        Action::DropHandle(line) => handle(line).is_some(),
        Action::Recovery(Step::Next | Step::Finish | Step::Abandon) => model.recovery.is_some(),
        Action::Recovery(Step::Decide(case, _) | Step::GiveUp(case)) => presented.contains(case),
        _ => true,
    }
}

pub(crate) fn play(model: &mut Model, Line { number, action }: &Line) -> Played {
    model.line = *number;
    match action {
        Action::Begin { intent, again, start, keep } => {
            let outcome = model.begin(intent, *again, *start);
            if let (true, Some(Reply::New(number))) = (outcome.changed, outcome.replies.first()) {
                model.hand_out(*number);
                if !keep {
                    model.drop_handle(model.line);
                }
            }
            outcome.into()
        }
        Action::Call { caller, call, keep } => {
            let outcome = model.call(*caller, call);
            if !keep {
                model.drop_handle(model.line);
            }
            outcome.into()
        }
        Action::DropHandle(line) => {
            model.drop_handle(*line);
            nothing()
        }
        Action::Deed { deeds, all_or_nothing, .. } => match deeds.as_slice() {
            [deed] => model.by_hand(deed).into(),
            deeds => model.together(deeds, *all_or_nothing).into(),
        },
        Action::Wait(micros) => {
            model.now += micros;
            model.monotonic += micros;
            nothing()
        }
        Action::SetClock(micros) => {
            model.now = *micros;
            nothing()
        }
        Action::Reopen { .. } => {
            model.open();
            nothing()
        }
        Action::Checkpoint | Action::Settle | Action::Sync => nothing(),
        Action::Recovery(step) => recover(model, step),
    }
}

fn nothing() -> Played {
    Outcome::unchanged(Reply::Done).into()
}

fn recover(model: &mut Model, step: &Step) -> Played {
    match step {
        Step::Begin => model.begin_recovery().into(),
        Step::Next => {
            let (case, mut between) = model.next_case();
            let changed = between.pop().is_some();
            let reply = case.map_or(Reply::Done, Reply::New);
            Played { outcome: Outcome { replies: [reply].into(), changed }, between }
        }
        Step::Decide(case, verdict) => model.decide(*case, verdict).into(),
        Step::GiveUp(case) => model.give_up(*case).into(),
        Step::Finish => {
            model.finish_recovery();
            Outcome::done(Reply::Done).into()
        }
        Step::Abandon => {
            model.recovery = None;
            nothing()
        }
        Step::Skip if model.recovery.is_some() => Outcome::unchanged(Reply::RecoveryRunning).into(),
        Step::Skip => {
            model.recovery_needed = false;
            nothing()
        }
    }
}
