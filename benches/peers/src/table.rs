//! A case: the same work for several engines, in several rounds, and the table that comes out of it.

use std::collections::BTreeMap;
use std::io::Write;

use crate::Outcome;
use crate::engines::Name;
use crate::prepare::Contents;
use crate::run::{Job, Run};
use crate::spread::{Spread, number};

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
    /// Too large for the stores of all engines to be there together: it has rounds of its own.
    pub large: bool,
    pub jobs: Vec<Job>,
}

impl Case {
    /// Prints the table of its runs.
    pub fn print(&self, runs: &[&Run]) -> Outcome<()> {
        let mut by_engine: BTreeMap<Name, Vec<&Run>> = BTreeMap::new();
        for run in runs {
            by_engine.entry(run.engine).or_default().push(*run);
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
                    Spread::of(mine.iter().filter_map(|run| run.figures.get(*column).copied()))
                };
                write!(out, " {:>16}", spread.map_or("-".to_owned(), |it| number(it.median)))?;
            }
            let of = |other: Option<&Vec<&Run>>| {
                self.against(mine, other, self.primary, |a, b| a / b)
                    .map_or("-".to_owned(), |of| of.to_string())
            };
            let peer = best.and_then(|best| by_engine.get(&best));
            write!(out, "  {} | {}", of(floor), of(peer))?;
            match mine.iter().filter(|run| run.error.is_some()).count() {
                0 => writeln!(out)?,
                failed => writeln!(out, "  FAILED: {failed} of {} runs", mine.len())?,
            }
        }
        Ok(())
    }

    /// The peer whose median is the best.
    fn best(&self, by_engine: &BTreeMap<Name, Vec<&Run>>) -> Option<Name> {
        let peers = by_engine.iter().filter(|(engine, _)| engine.is_peer());
        let medians = peers.filter_map(|(engine, runs)| {
            let all = runs.iter().filter_map(|run| run.figures.get(self.primary).copied());
            Some((*engine, Spread::of(all)?.median))
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
        Spread::of(mine.iter().filter_map(|run| {
            let other = other?.iter().find(|other| other.round == run.round)?;
            Some(compare(*run.figures.get(figure)?, *other.figures.get(figure)?))
        }))
    }
}

fn rounds(runs: &[&Run]) -> usize {
    runs.iter().map(|run| run.round + 1).max().unwrap_or(0)
}
