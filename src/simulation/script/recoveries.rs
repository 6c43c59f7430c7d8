//! Draws the steps of a recovery, and what is decided.

use crate::simulation::choices::Choices;

use super::{Action, SECOND, Step, effects, pick};
use crate::simulation::model::Model;
use crate::simulation::model::recovery::Verdict;

pub(super) fn needed(rng: &mut Choices<'_>) -> Action {
    match rng.u8(..12) {
        0 => Action::Recovery(Step::Skip),
        1 => Action::Reopen { clean: rng.bool() },
        _ => Action::Recovery(Step::Begin),
    }
}

pub(super) fn under_way(rng: &mut Choices<'_>, model: &Model) -> Action {
    let Some(running) = &model.recovery else { return needed(rng) };
    let presented = running.presented();
    if presented.is_empty() || rng.u8(..8) == 0 {
        return match rng.u8(..20) {
            0 => Action::Reopen { clean: rng.bool() },
            1 => Action::Recovery(Step::Abandon),
            2 => Action::Recovery(Step::Finish),
            3 => Action::Recovery(out_of_place(rng)),
            _ if running.is_over() => Action::Recovery(Step::Finish),
            _ => Action::Recovery(Step::Next),
        };
    }
    let case = *pick(rng, &presented);
    match rng.u8(..20) {
        0..3 => Action::Reopen { clean: false },
        3 => Action::Recovery(Step::GiveUp(case)),
        4 => Action::Recovery(Step::Abandon),
        _ => Action::Recovery(Step::Decide(case, verdict(rng, model, case))),
    }
}

pub(super) fn out_of_place(rng: &mut Choices<'_>) -> Step {
    pick(rng, &[Step::Begin, Step::Skip]).clone()
}

fn verdict(rng: &mut Choices<'_>, model: &Model, number: u64) -> Verdict {
    match rng.u8(..10) {
        0..4 => Verdict::Complete(effects::last(rng, model, number)),
        4 | 5 => Verdict::RollBack,
        6 | 7 => Verdict::Continue,
        8 => Verdict::RetryLater(model.now + rng.i64(-1..20) * SECOND),
        _ => Verdict::Leave,
    }
}
