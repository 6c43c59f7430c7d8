//! A case: the same work for several engines, in several rounds, and the table that comes out of it.

use std::collections::BTreeMap;
use std::io::Write;

use crate::engines::Name;
use crate::prepare::{self, Contents};
use crate::run::{Job, Run};
use crate::{Outcome, Settings};

/// Whether a figure is to be great or small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    More,
    Less,
}

pub struct Case {
    pub name: String,
    /// The figure that is compared.
    pub primary: &'static str,
    pub better: Better,
    pub columns: &'static [&'static str],
    pub contents: Contents,
    pub jobs: Vec<Job>,
}

/// The greatest, the middle and the least of a figure over the rounds.
#[derive(Clone, Copy, Debug)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Case {
    /// Lets the engines take turns and prints the table. Answers the runs.
    pub fn run(&self, settings: &Settings) -> Outcome<Vec<Run>> {
        let mut runs = Vec::new();
        for round in 0..settings.rounds {
            for job in self.jobs.iter().filter(|job| settings.wants(job.engine)) {
                eprintln!("{}, round {}: {}", self.name, round + 1, job.engine);
                prepare::copy(&settings.dir, job.engine, &self.contents, &job.dir)?;
                let (case, engine, sync) = (self.name.clone(), job.engine, job.sync);
                let run = Run { case, engine, round, sync, figures: job.run_apart()? };
                prepare::remove(&job.dir)?;
                settings.keep(&run)?;
                runs.push(run);
            }
        }
        self.print(&runs)?;
        Ok(runs)
    }

    fn print(&self, runs: &[Run]) -> Outcome<()> {
        let mut by_engine: BTreeMap<Name, Vec<&Run>> = BTreeMap::new();
        for run in runs {
            by_engine.entry(run.engine).or_default().push(run);
        }
        let Some(first) = runs.first() else { return Ok(()) };
        let floor = by_engine.get(&Name::Floor);
        let best = self.best(&by_engine);
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{} (sync {}; {} rounds)", self.name, first.sync, rounds(runs))?;
        write!(out, "{:<18}", "engine")?;
        for column in self.columns {
            write!(out, " {column:>16}")?;
        }
        let peer = best.map_or("best peer".to_owned(), |best| best.to_string());
        writeln!(out, "  {} of floor | of {peer}", self.primary)?;
        for (engine, mine) in &by_engine {
            write!(out, "{:<18}", engine.to_string())?;
            for column in self.columns {
                let spread = if *column == "net" {
                    self.against(mine, by_engine.get(&Name::Nothing), "cpu_us", |a, b| a - b)
                } else {
                    spread(mine.iter().filter_map(|run| run.figures.get(*column).copied()))
                };
                write!(out, " {:>16}", spread.map_or("-".to_owned(), |it| number(it.median)))?;
            }
            let of = |other: Option<&Vec<&Run>>| {
                self.against(mine, other, self.primary, |a, b| a / b).map_or("-".to_owned(), show)
            };
            let peer = best.and_then(|best| by_engine.get(&best));
            writeln!(out, "  {} | {}", of(floor), of(peer))?;
        }
        Ok(())
    }

    /// The peer whose median is the best.
    fn best(&self, by_engine: &BTreeMap<Name, Vec<&Run>>) -> Option<Name> {
        let peers = by_engine.iter().filter(|(engine, _)| engine.is_peer());
        let medians = peers.filter_map(|(engine, runs)| {
            let all = runs.iter().filter_map(|run| run.figures.get(self.primary).copied());
            Some((*engine, spread(all)?.median))
        });
        let in_order = |a: &(Name, f64), b: &(Name, f64)| match self.better {
            Better::More => a.1.total_cmp(&b.1),
            Better::Less => b.1.total_cmp(&a.1),
        };
        medians.max_by(in_order).map(|(engine, _)| engine)
    }

    /// A figure beside another engine's, each with that of the same round.
    fn against(
        &self,
        mine: &[&Run],
        other: Option<&Vec<&Run>>,
        figure: &str,
        compare: impl Fn(f64, f64) -> f64,
    ) -> Option<Spread> {
        spread(mine.iter().filter_map(|run| {
            let other = other?.iter().find(|other| other.round == run.round)?;
            Some(compare(*run.figures.get(figure)?, *other.figures.get(figure)?))
        }))
    }
}

fn rounds(runs: &[Run]) -> usize {
    runs.iter().map(|run| run.round + 1).max().unwrap_or(0)
}

pub fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    Some(spread(figures)?.median)
}

fn spread(figures: impl Iterator<Item = f64>) -> Option<Spread> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let (least, most) = (*figures.first()?, *figures.last()?);
    Some(Spread { least, median: figures[figures.len() / 2], most })
}

fn show(spread: Spread) -> String {
    format!("{:.2} ({:.2}..{:.2})", spread.median, spread.least, spread.most)
}

fn number(figure: f64) -> String {
    match figure.abs() {
        1_000.0.. => format!("{figure:.0}"),
        100.0.. => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}
