//! A script with what the model says of each of its steps, so that one drawing serves many stores.

use fastrand::Rng;

use super::commits::{self, Deed};
use crate::simulation::choices::Choices;
use crate::simulation::model::Model;
use crate::simulation::play::{is_possible, play};
use crate::simulation::script::{self, Action, Line, START_MICROS, Way};

/// One step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Something of the ledger, of operations, of claims, or of time.
    Domain(Box<Line>),
    /// Commits of tokens, claims and cursors.
    Commits(Vec<Vec<Deed>>),
    /// A snapshot is taken, and kept.
    Keep,
    /// The snapshot kept longest is read again and let go.
    LetGo,
    /// Everything is read.
    Look,
}

/// A step, and what is known of the moment before it.
pub(crate) struct Planned<'s> {
    pub(crate) step: &'s Step,
    pub(crate) before: Model,
    pub(crate) after: Model,
}

impl Planned<'_> {
    /// Whether a new life may begin before this step without anybody noticing: no operation is under
    /// way, so nothing has to be recovered, and nobody has a handle.
    pub(crate) fn is_quiet(&self) -> bool {
        let model = &self.before;
        model.recovery.is_none()
            && !model.recovery_needed
            && model.handles.is_empty()
            && model.operations.iter().all(|one| one.status.is_finished())
    }
}

/// Draws a script of so many steps.
pub(crate) fn drawn(rng: &mut Rng, steps: usize) -> Vec<Step> {
    let mut model = Model::new(START_MICROS);
    model.open();
    let mut choices = Choices::from_seed(rng.u64(..));
    let mut script = Vec::new();
    for number in 0..steps {
        let step = match rng.u8(..20) {
            0..4 => {
                let count = if rng.u8(..3) == 0 { rng.usize(2..12) } else { 1 };
                Step::Commits((0..count).map(|_| commits::drawn(rng)).collect())
            }
            4 => Step::Keep,
            5 if rng.bool() => Step::LetGo,
            6 if rng.bool() => Step::Look,
            _ => {
                let line = Line { number, action: drawn_action(&mut choices, &model) };
                if is_possible(&model, &line) {
                    play(&mut model, &line);
                }
                Step::Domain(Box::new(line))
            }
        };
        script.push(step);
    }
    script.push(Step::Look);
    script.push(Step::Domain(Box::new(Line {
        number: steps,
        action: Action::Reopen { clean: rng.bool() },
    })));
    script
}

fn drawn_action(choices: &mut Choices<'_>, model: &Model) -> Action {
    if choices.u8(..30) == 0 {
        return Action::Reopen { clean: choices.bool() };
    }
    match script::draw(choices, model) {
        // Who syncs, checkpoints and waits for what is a matter of the configuration.
        Action::Checkpoint | Action::Settle | Action::Sync => Action::Wait(1),
        Action::Deed { deeds, all_or_nothing, .. } => {
            Action::Deed { deeds, all_or_nothing, way: Way::Plain }
        }
        action => action,
    }
}

/// The script with what the model says of it. Steps that have become impossible, because others were
/// left out, are left out.
pub(crate) fn planned(script: &[Step]) -> Vec<Planned<'_>> {
    let mut model = Model::new(START_MICROS);
    model.open();
    let mut planned = Vec::new();
    for step in script {
        let before = model.clone();
        if let Step::Domain(line) = step {
            if !is_possible(&model, line) {
                continue;
            }
            play(&mut model, line);
        }
        planned.push(Planned { step, before, after: model.clone() });
    }
    planned
}
