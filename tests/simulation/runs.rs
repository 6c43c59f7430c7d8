//! Many runs, each of another seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use highwater::simulation::{Coverage, Simulation};

/// So many runs there are if nothing else is asked for.
const RUNS: u64 = 250;

/// Bots, operators and crashed processes work on the same things at the same time, early, late and
/// twice, while the disk loses power, fails, fills up, lies and is damaged. Every call answered what
/// the rules say, everybody saw what had been promised, and no crash took it back.
#[test]
fn whatever_happens_every_promise_is_kept() {
    let seeds = match (number("HIGHWATER_SIMULATION_SEED"), number("HIGHWATER_SIMULATION_RUNS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(RUNS),
    };
    let is_whole = seeds.end - seeds.start >= RUNS;
    let (next, met) = (AtomicU64::new(seeds.start), Mutex::new(Coverage::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            match Simulation::new(seed).run() {
                Ok(more) => met.lock().expect("no failure before").add(&more),
                Err(failure) => panic!("{failure}"),
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let met = met.into_inner().expect("no failure before");
    // Faults of calls that change names are too rare for so few runs.
    let missing: Vec<_> = met.missing().into_iter().filter(|one| !one.contains(" in ")).collect();
    assert!(missing.is_empty() || !is_whole, "{missing:?} was never met:\n{met}");
}

/// A failure that cannot be played again is worth nothing.
#[test]
fn the_same_seed_makes_the_same_run() {
    for seed in 0..6 {
        let run = || Simulation::new(seed).run().expect("a run that does not fail");
        assert_eq!(run(), run(), "seed {seed}");
    }
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}
