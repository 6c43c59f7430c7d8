//! Scripts: what can be done to a store, and the drawing of what is done next.
//!
//! What is drawn depends on what the model knows by then, so that most calls have something to work
//! on; but nothing keeps a drawn action from being illegal, late, double or too dear.

mod deeds;
mod effects;
mod intents;
pub(crate) mod misfortunes;
mod recoveries;

use crate::simulation::choices::Choices;
use serde::{Deserialize, Serialize};

use crate::simulation::model::Model;
use crate::simulation::model::hand::Deed;
use crate::simulation::model::recovery::Verdict;
use crate::simulation::model::run::{Call, Caller};
use crate::simulation::model::words::*;

pub(crate) const START_MICROS: i64 = 1_700_000_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000;

/// An action with its number in the script that it was drawn for, by which handles are known. It
/// keeps the number when other lines are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) action: Action,
}

/// One thing that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a script is short, and its actions are cloned")]
pub(crate) enum Action {
    Begin {
        intent: Intent,
        again: bool,
        start: bool,
        keep: bool,
    },
    Call {
        caller: Caller,
        call: Call,
        keep: bool,
    },
    DropHandle(usize),
    /// One deed by hand, or several in one commit: where one is refused, all are, or the others go on
    /// without it.
    Deed {
        deeds: Vec<Deed>,
        all_or_nothing: bool,
        way: Way,
    },
    /// Waits for all commits that nobody waited for yet.
    Settle,
    /// Makes everything durable.
    Sync,
    /// Time passes.
    Wait(i64),
    /// The clock is put forwards or backwards, but no time passes.
    SetClock(i64),
    /// The store is closed, or its process dies, and it is opened again.
    Reopen {
        clean: bool,
    },
    Checkpoint,
    Recovery(Step),
}

/// How a commit by hand is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// As the store's options say.
    Plain,
    /// The same, for a write that finishes something.
    Finishing,
    /// Until it survives power loss, or the death of the process.
    Waiting { synced: bool },
    /// Not yet.
    Ticket { synced: bool },
}

impl Action {
    /// A single deed.
    pub(crate) fn deed(deed: Deed, way: Way) -> Self {
        Self::Deed { deeds: vec![deed], all_or_nothing: true, way }
    }
}

/// A step of a recovery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Begin,
    Next,
    Decide(OperationNumber, Verdict),
    /// No verdict could be given.
    GiveUp(OperationNumber),
    Finish,
    /// The process that drove it goes on without it.
    Abandon,
    Skip,
}

/// Draws what is done next.
pub(crate) fn draw(rng: &mut Choices<'_>, model: &Model) -> Action {
    if model.recovery.is_some() && rng.u8(..8) > 0 {
        return recoveries::under_way(rng, model);
    }
    if model.recovery_needed && model.recovery.is_none() && rng.u8(..4) > 0 {
        return recoveries::needed(rng);
    }
    if let Some(deposit) = deeds::relief(rng, model) {
        return Action::deed(deposit, way(rng));
    }
    match rng.u8(..100) {
        0..28 => begin(rng, model),
        28..73 => call(rng, model),
        73..75 => Action::deed(deeds::saying(rng, model), way(rng)),
        75..86 => Action::deed(deeds::deed(rng, model), way(rng)),
        86..89 => {
            let deeds = (0..rng.usize(2..5)).map(|_| deeds::deed(rng, model)).collect();
            Action::Deed { deeds, all_or_nothing: rng.bool(), way: way(rng) }
        }
        89 => {
            if rng.bool() {
                Action::Settle
            } else {
                Action::Sync
            }
        }
        90..92 => match live_handles(model).as_slice() {
            [] => Action::Checkpoint,
            live => Action::DropHandle(*pick(rng, live)),
        },
        92..96 => Action::Wait(rng.i64(1..40) * SECOND),
        96 => Action::SetClock(START_MICROS + rng.i64(-100..1_000) * SECOND),
        97 => Action::Checkpoint,
        98 => Action::Recovery(recoveries::out_of_place(rng)),
        _ => Action::Reopen { clean: rng.bool() },
    }
}

fn way(rng: &mut Choices<'_>) -> Way {
    match rng.u8(..8) {
        0..3 => Way::Plain,
        3 => Way::Finishing,
        4 | 5 => Way::Waiting { synced: rng.bool() },
        _ => Way::Ticket { synced: rng.bool() },
    }
}

fn begin(rng: &mut Choices<'_>, model: &Model) -> Action {
    let (mut again, mut start) = (false, rng.bool());
    let intent = match model.operations.as_slice() {
        // The same deal once more, or one that only looks like it.
        [_, ..] if rng.u8(..6) == 0 => {
            let mut intent = pick(rng, &model.operations).intent.clone();
            again = rng.bool();
            start &= !again;
            match rng.u8(..8) {
                0 => intent.payload ^= 1,
                1 => intent.max_attempts += 1,
                3 => intent.claim = None,
                4 => intent.claim = Some((rng.u8(..2), rng.u8(..6), model.now)),
                2 => intent.holds.iter_mut().for_each(|hold| hold.1 += 1),
                _ => {}
            }
            intent
        }
        _ => intents::intent(rng, model),
    };
    Action::Begin { intent, again, start, keep: rng.u8(..8) > 0 }
}

fn call(rng: &mut Choices<'_>, model: &Model) -> Action {
    let Some((caller, number)) = caller(rng, model) else { return begin(rng, model) };
    let state = match caller {
        Caller::Handle(line) => model.handles.get(&line).map(|handle| handle.state),
        Caller::Anybody(_) => model.operation(number).map(|one| one.status),
    };
    let by_handle = matches!(caller, Caller::Handle(_));
    let state = match state {
        // Whoever knows the number alone can try anything.
        Some(state) if by_handle || rng.u8(..6) > 0 => state,
        _ => *pick(rng, &[Status::Pending, Status::InProgress, Status::Failed]),
    };
    let has_applied = model.operation(number).is_some_and(|one| !one.undo.is_empty());
    let call = match (state, rng.u8(..10)) {
        // What was applied is taken back more often than not.
        (Status::InProgress, 5..8) if has_applied => Call::Fail(Class::Definite),
        (Status::Failed, 0..4) if has_applied => Call::RollBack { evidence: true },
        (Status::Pending, 0) => Call::Cancel,
        (Status::Pending, 1) if !by_handle => Call::TakeOverPending,
        (Status::Pending, _) => Call::Start,
        (Status::InProgress, 0) => Call::Checkpoint(rng.u8(..3)),
        (Status::InProgress, 1) if !by_handle => Call::TakeOver,
        (Status::InProgress, 1..4) if effects::has_facts(model, number) || rng.u8(..9) == 0 => {
            Call::Record(effects::facts(rng, model, number))
        }
        (Status::InProgress, 1..5) if !effects::only_facts(model, number) || rng.u8(..9) == 0 => {
            Call::Apply(effects::provisional(rng, model, number))
        }
        (Status::InProgress, 5 | 6) => Call::Fail(*pick(rng, &[Class::Definite, Class::Ambiguous])),
        (Status::InProgress, _) => Call::Complete(effects::last(rng, model, number)),
        (Status::Failed, 0..4) => Call::Retry,
        (Status::Failed, 4..7) => Call::RollBack { evidence: rng.bool() },
        (Status::Failed, 7) => Call::Record(effects::facts(rng, model, number)),
        (Status::Failed, _) => Call::ResolveComplete(effects::last(rng, model, number)),
        // It is over: the same again, or something else.
        (Status::Completed | Status::RolledBack, nth) => repeated(rng, model, number, nth),
    };
    Action::Call { caller, call, keep: rng.u8(..8) > 0 }
}

fn repeated(rng: &mut Choices<'_>, model: &Model, number: OperationNumber, nth: u8) -> Call {
    let before = model.operation(number).and_then(|one| one.completed_with.clone());
    match (nth, before) {
        (0, _) => Call::Start,
        (1, _) => Call::Cancel,
        (2, _) => Call::RollBack { evidence: rng.bool() },
        (3, _) => Call::Record(effects::facts(rng, model, number)),
        (4, _) => Call::Retry,
        (5, _) => Call::TakeOver,
        (6, Some(effect)) => Call::ResolveComplete(effect),
        (_, Some(effect)) => Call::Complete(effect),
        (_, None) => Call::Complete(Effect::default()),
    }
}

/// Who calls next, and on which operation.
fn caller(rng: &mut Choices<'_>, model: &Model) -> Option<(Caller, OperationNumber)> {
    let live = live_handles(model);
    if !live.is_empty() && rng.u8(..4) > 0 {
        // Younger ones more often.
        let nth = rng.usize(..live.len()).max(rng.usize(..live.len()));
        let slot = live[nth];
        let handle = model.handles[&slot];
        return Some((Caller::Handle(slot), handle.operation));
    }
    let count = model.operations.len() as u64;
    if count == 0 {
        return None;
    }
    let unfinished: Vec<_> = (1..=count)
        .filter(|n| model.operation(*n).is_some_and(|one| !one.status.is_finished()))
        .collect();
    let number = match rng.u8(..10) {
        0 => count + 1,
        1 | 2 => rng.u64(1..=count),
        _ if unfinished.is_empty() => rng.u64(1..=count),
        _ => *pick(rng, &unfinished),
    };
    Some((Caller::Anybody(number), number))
}

fn live_handles(model: &Model) -> Vec<usize> {
    model.handles.keys().copied().collect()
}

pub(crate) fn pick<'a, T>(rng: &mut Choices<'_>, from: &'a [T]) -> &'a T {
    &from[rng.usize(..from.len())]
}
