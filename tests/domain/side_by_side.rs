//! Random scripts on a store beside the model.

use std::sync::Arc;

use fastrand::Rng;
use highwater::disk::MemoryDisk;

use crate::campaign::{Failure, caught, each_seed};
use crate::model::Limits;
use crate::pair::{Pair, run};
use crate::script::{self, Action, Line};

/// So many scripts there are of each kind if nothing else is asked for.
const OF_THE_LEDGER: u64 = 200;
const OF_OPERATIONS: u64 = 500;
const STEPS: usize = 80;

/// Whatever is done by hand, in any order, the books are what plain sums of entries say, and what is
/// refused leaves no trace.
#[test]
fn the_ledger_is_what_its_entries_sum_up_to() {
    campaign("ledger", OF_THE_LEDGER, |action| {
        matches!(
            action,
            Action::Deed(_) | Action::Together { .. } | Action::Checkpoint | Action::Wait(_)
        )
    });
}

/// Bots, operators and crashed processes work on the same operations at the same time, early, late and
/// twice. After every single call the store has answered and shows what the rules say.
#[test]
fn operations_do_what_the_rules_say() {
    campaign("operations", OF_OPERATIONS, |_| true);
}

fn campaign(test: &str, count: u64, wanted: impl Fn(&Action) -> bool + Sync) {
    let live = |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut pair = Pair::new(Arc::new(MemoryDisk::new()), limits(seed));
        let mut script = Vec::new();
        while script.len() < STEPS {
            let action = script::draw(&mut rng, &pair.model);
            if wanted(&action) {
                script.push(Line { number: script.len(), action });
                let last = &script[script.len() - 1];
                if let Err(dispute) = caught(|| pair.step(last)) {
                    return Err(Failure { script, dispute });
                }
            }
        }
        Ok(())
    };
    each_seed(test, count, live, |seed, script| caught(|| run(limits(seed), script)));
}

/// Every fourth store has limits.
fn limits(seed: u64) -> Limits {
    match seed % 4 {
        3 => Limits { open_positions: Some(2), cost: Some(250) },
        _ => Limits::default(),
    }
}
