//! The model alone: scripts reach everything it can say, and never bring its books out of balance.

use std::collections::BTreeMap;

use crate::simulation::choices::Choices;

use crate::simulation::model::Model;
use crate::simulation::play::{is_possible, play};
use crate::simulation::script::{self, Line, START_MICROS};
use crate::simulation::setup::claim_bounds;

/// A script that refuses at every turn would hold the store against nothing.
#[test]
fn scripts_reach_everything_and_keep_the_books() {
    let mut answers: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..1_500 {
        let mut rng = Choices::from_seed(seed);
        let mut model = Model::new(START_MICROS);
        model.limits.claims = claim_bounds(&mut rng);
        model.open();
        for number in 0..80 {
            let action = script::draw(&mut rng, &model);
            let line = Line { number, action };
            if !is_possible(&model, &line) {
                continue;
            }
            let before = format!("{:?}", model.book);
            let played = play(&mut model, &line);
            if !played.outcome.changed {
                assert_eq!(before, format!("{:?}", model.book), "{line:?}");
            }
            assert_eq!(model.book.faults(), Vec::<String>::new(), "seed {seed}: {line:?}");
            for reply in &played.outcome.replies {
                let name = format!("{reply:?}");
                let name = name.split('(').next().unwrap_or_default().to_owned();
                *answers.entry(name).or_default() += 1;
            }
        }
    }
    for reply in EXPECTED {
        assert!(answers.contains_key(*reply), "{reply} was never answered");
    }
}

const EXPECTED: &[&str] = &[
    "New",
    "Opened",
    "Posted",
    "Existing",
    "Duplicate",
    "TooOld",
    "AlreadyDone",
    "Insufficient",
    "DuplicatePosition",
    "PositionBusy",
    "UnknownPosition",
    "PositionClosed",
    "UnknownEntry",
    "DuplicateFill",
    "TotalFell",
    "EffectMismatch",
    "AlreadyReversed",
    "NotLast",
    "AlreadyOpened",
    "Halted",
    "FromTheFuture",
    "AttributeMoved",
    "UnknownOperation",
    "Conflict",
    "StaleOwner",
    "IllegalTransition",
    "HasFills",
    "EvidenceNeeded",
    "NotIdempotent",
    "TooEarly",
    "TooLate",
    "Expired",
    "AttemptsUsedUp",
    "UndoBlocked",
    "RecoveryNeeded",
    "RecoveryRunning",
    "CursorMoved",
];
