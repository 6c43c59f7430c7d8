//! Whose turn it is: all runs of a command in their order, and which prepared stores are kept for the turns to come.
//!
//! Engines take turns in every round of a case. Cases that are too large for the stores of all engines to be there
//! together come last: one engine does all of them in all rounds, then the next one does. A prepared store is
//! removed as soon as no later turn copies it. A run that fails is told and kept as such, and the others go on.

use clap::ValueEnum;

use crate::engines::Name;
use crate::prepare::{self, Contents};
use crate::run::{Figures, Job, Run};
use crate::table::Case;
use crate::{Outcome, Settings};

struct Turn<'a> {
    case: &'a Case,
    round: usize,
    job: &'a Job,
}

/// Does everything and prints the table of each case after its last run. Answers the runs, failed ones too.
pub fn take(settings: &Settings, cases: &[Case]) -> Outcome<Vec<Run>> {
    let turns = turns(settings, cases);
    let mut runs: Vec<Run> = Vec::new();
    for (nth, turn) in turns.iter().enumerate() {
        let run = turn.take(settings)?;
        settings.keep(&run)?;
        runs.push(run);
        let later = &turns[nth + 1..];
        if !later.iter().any(|later| later.copies() == turn.copies()) {
            prepare::forget(&settings.dir, turn.job.engine, &turn.case.contents)?;
        }
        if !later.iter().any(|later| std::ptr::eq(later.case, turn.case)) {
            let its: Vec<&Run> = runs.iter().filter(|run| run.case == turn.case.name).collect();
            turn.case.print(&its)?;
        }
    }
    Ok(runs)
}

fn turns<'a>(settings: &Settings, cases: &'a [Case]) -> Vec<Turn<'a>> {
    let of = |case: &'a Case, round| {
        let wanted = case.jobs.iter().filter(|job| settings.wants(job.engine));
        wanted.map(move |job| Turn { case, round, job })
    };
    let (large, others): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.large);
    let rounds = |case| (0..settings.rounds).flat_map(move |round| of(case, round));
    let mut turns: Vec<Turn> = others.into_iter().flat_map(rounds).collect();
    for engine in Name::value_variants() {
        for round in 0..settings.rounds_large {
            let its = large.iter().flat_map(|case| of(case, round));
            turns.extend(its.filter(|turn| turn.job.engine == *engine));
        }
    }
    turns
}

impl Turn<'_> {
    /// Fails only where no other turn could be taken either.
    fn take(&self, settings: &Settings) -> Outcome<Run> {
        let Self { case, round, job } = *self;
        eprintln!("{}, round {}: {}", case.name, round + 1, job.engine);
        let done = prepare::copy(&settings.dir, job.engine, &case.contents, &job.dir)
            .and_then(|()| job.run_apart());
        prepare::remove(&job.dir)?;
        let (figures, error) = match done {
            Ok(figures) => (figures, None),
            Err(error) => (Figures::new(), Some(error.to_string())),
        };
        if let Some(error) = &error {
            eprintln!("FAILED: {}, round {}: {error}", case.name, round + 1);
        }
        let (case, engine, sync) = (case.name.clone(), job.engine, job.sync);
        Ok(Run { case, engine, round, sync, figures, error })
    }

    /// The prepared store that it begins with.
    fn copies(&self) -> (Name, &Contents) {
        (self.job.engine.stored_by(), &self.case.contents)
    }
}

#[cfg(test)]
mod tests {
    use super::{Settings, turns};
    use crate::engines::Name;
    use crate::scenarios::growth;

    /// Stores of 5,000,000 tokens do not fit side by side, and ten minutes each are too long to be made for every
    /// round of the rest.
    #[test]
    fn large_cases_come_last_and_engine_by_engine() {
        let settings =
            Settings::of("--rounds 3 --rounds-large 2 --large --engines redb,highwater,lmdb");
        let cases = growth::cases(&settings);
        let turns = turns(&settings, &cases);
        let (large, others): (Vec<_>, Vec<_>) = turns.iter().partition(|turn| turn.case.large);
        assert_eq!(others.len(), 3 * 3 * 3, "sizes, rounds, engines");
        assert!(turns[..others.len()].iter().all(|turn| !turn.case.large));
        let order: Vec<_> = large.iter().map(|turn| (turn.job.engine, turn.round)).collect();
        let engines = [Name::Highwater, Name::Redb, Name::Lmdb];
        let expected: Vec<_> =
            engines.iter().flat_map(|engine| [(*engine, 0), (*engine, 1)]).collect();
        assert_eq!(order, expected);
        // Of an ordinary case all engines come before the next round.
        let first: Vec<_> = others[..6].iter().map(|turn| (turn.job.engine, turn.round)).collect();
        let expected: Vec<_> =
            [0, 1].iter().flat_map(|round| engines.map(|engine| (engine, *round))).collect();
        assert_eq!(first, expected);
    }
}
