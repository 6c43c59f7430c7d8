//! The engine's threads under a model checker: the real code, and every step of it an occasion for
//! another thread to go on.
//!
//! Each test is a scenario that is run under many schedules, half of them drawn step by step, half of
//! them with few changes of priority (PCT), which finds what needs a thread to be held up for long.
//! A schedule that ends in a panic, or with somebody asleep for ever, is printed and can be run again:
//!
//! ```sh
//! RUSTFLAGS="--cfg shuttle" CARGO_TARGET_DIR=target/shuttle cargo test --lib model_checking
//! HIGHWATER_MODEL_SCHEDULES=100000 ...      # of each kind and scenario, for longer
//! SHUTTLE_RANDOM_SEED=7 ...                 # other schedules
//! HIGHWATER_MODEL_REPLAY=failing.txt ...    # one schedule again, from a file that holds it
//! ```
//!
//! What is not explored: orders of memory weaker than sequential; redb, the slots of the memtable and
//! reference counts, each call of which is one step; and time, see `sync::modelled`.

mod checkpoints;
mod closing;
mod disk;
mod failures;
mod memory;
mod readers;
mod tasks;
mod world;
mod writers;

use std::time::Instant;

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};

/// The seed of the schedules, unless `SHUTTLE_RANDOM_SEED` is set.
const SEED: u64 = 20_260_101;
/// How many changes of priority a schedule has at most.
const PCT_DEPTH: usize = 4;
/// redb needs more than shuttle's default.
const STACK_BYTES: usize = 512 * 1024;
/// A run that takes so many steps goes round in circles.
const STEPS_AT_MOST: usize = 200_000;

/// Runs `scenario` under `schedules` schedules of each kind.
fn explore(schedules: usize, scenario: impl Fn() + Send + Sync + Copy + 'static) {
    if let Ok(path) = std::env::var("HIGHWATER_MODEL_REPLAY") {
        let replay = ReplayScheduler::new_from_file(&path);
        run("the schedule", replay.expect("HIGHWATER_MODEL_REPLAY names a file"), scenario);
        return;
    }
    let schedules = match std::env::var("HIGHWATER_MODEL_SCHEDULES") {
        Ok(number) => number.parse().expect("HIGHWATER_MODEL_SCHEDULES is a number"),
        Err(_) => schedules,
    };
    run("random", RandomScheduler::new_from_seed(SEED, schedules), scenario);
    run("PCT", PctScheduler::new_from_seed(SEED, PCT_DEPTH, schedules), scenario);
}

fn run(
    kind: &str,
    scheduler: impl Scheduler + 'static,
    scenario: impl Fn() + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_AT_MOST);
    config.silence_warnings = true;
    let began = Instant::now();
    let schedules = Runner::new(scheduler, config).run(scenario);
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    println!("{name}: {schedules} {kind} schedules in {:.1?}", began.elapsed());
}
