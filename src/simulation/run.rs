//! A run: events are drawn one after the other and played, and one that fails is brought down to what
//! it takes.

use std::fmt;

use super::choices::Choices;
use super::coverage::Coverage;
use super::event::Event;
use super::life::{Dispute, Life};
use super::panics::caught;
use super::script::misfortunes::{Fortune, misfortune};
use super::script::{self, Action, Line};
use super::setup::Setup;
use super::text::{Beginning, Script};

/// One run of the whole library on a simulated disk, held against a model of it.
///
/// ```
/// use highwater::simulation::Simulation;
///
/// let met = Simulation::new(7).events(60).run()?;
/// assert_eq!(met.runs, 1);
/// # Ok::<(), highwater::simulation::Failure>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Simulation {
    seed: u64,
    events: usize,
}

impl Simulation {
    /// The run of `seed`: the same seed makes the same run.
    pub fn new(seed: u64) -> Self {
        Self { seed, events: 120 }
    }

    /// So many things happen in it; 120 if nothing is said.
    pub fn events(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// Plays it. Answers what it met with.
    ///
    /// # Errors
    /// [`Failure`], with the shortest script that still fails, where the store did not keep a promise:
    /// the same seed fails again.
    pub fn run(self) -> Result<Coverage, Failure> {
        drawn(&mut Choices::from_seed(self.seed), self.events)
            .map_err(|failure| Failure { seed: Some(self.seed), ..failure.cut_down() })
    }
}

/// As [`Simulation::run`], with every decision taken from `bytes` instead of a seed: a fuzzer steers
/// the run by them. It ends where they do.
///
/// # Errors
/// [`Failure`].
pub fn steered(bytes: &[u8]) -> Result<Coverage, Failure> {
    drawn(&mut Choices::from_bytes(bytes), 400).map_err(Failure::cut_down)
}

/// Plays a script that a [`Failure`] printed.
///
/// # Errors
/// [`Failure`] where it fails, and where it is no script.
pub fn replay(text: &str) -> Result<Coverage, Failure> {
    let script = match Script::read(text) {
        Ok(script) => script,
        Err(dispute) => {
            let beginning = Beginning { setup: Setup::plain(0), first_cut: 0 };
            let script = Box::new(Script { beginning, events: Vec::new() });
            return Err(Failure { seed: None, script, dispute });
        }
    };
    play(&script).map_err(|dispute| Failure { seed: None, script: Box::new(script), dispute })
}

/// A run in which the store did not keep a promise. Prints as a test that fails as the run did.
pub struct Failure {
    seed: Option<u64>,
    script: Box<Script>,
    dispute: Dispute,
}

/// Draws and plays up to `count` events.
fn drawn(choices: &mut Choices<'_>, count: usize) -> Result<Coverage, Failure> {
    let setup = Setup::draw(choices);
    let first_cut = if choices.u8(..8) == 0 { choices.u64(1..40) } else { 0 };
    let fortune = Fortune::draw(choices);
    let beginning = Beginning { setup, first_cut };
    let mut script = Script { beginning, events: Vec::new() };
    let failed = |script, dispute| Failure { seed: None, script: Box::new(script), dispute };
    let life = caught(|| Life::new(setup, first_cut));
    let mut life = life.map_err(|dispute| failed(script.clone(), dispute))?;
    let mut lines = 0;
    while script.events.len() < count && !choices.are_used_up() {
        let event = next(choices, &life, fortune, &mut lines);
        script.events.push(event);
        let last = &script.events[script.events.len() - 1];
        if let Err(dispute) = caught(|| life.suffer(last)) {
            return Err(failed(script, dispute));
        }
    }
    let events = script.events.len();
    caught(|| life.end(events)).map_err(|dispute| failed(script, dispute))
}

/// Draws what happens next.
fn next(choices: &mut Choices<'_>, life: &Life, fortune: Fortune, lines: &mut usize) -> Event {
    let asked_for = match (life.poisoned, life.stalled) {
        (true, _) if choices.bool() => Some(Action::Reopen { clean: choices.bool() }),
        (_, true) if choices.u8(..4) > 0 => Some(Action::Checkpoint),
        _ if choices.u8(..32) == 0 => Some(Action::Checkpoint),
        _ => None,
    };
    if asked_for.is_none()
        && let Some(event) = misfortune(choices, fortune)
    {
        return event;
    }
    let action = asked_for.unwrap_or_else(|| script::draw(choices, &life.model));
    *lines += 1;
    Event::Line(Box::new(Line { number: *lines, action }))
}

/// Leaves out things, many at a time first, as long as what is left still fails.
fn shortest<T: Clone>(mut script: Vec<T>, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut size = script.len().div_ceil(2);
    while size > 0 {
        let (mut start, mut cut) = (0, false);
        while start < script.len() {
            let end = (start + size).min(script.len());
            let mut shorter = script.clone();
            shorter.drain(start..end);
            if fails(&shorter) {
                (script, cut) = (shorter, true);
            } else {
                start = end;
            }
        }
        if !cut || size > 1 {
            size /= 2;
        }
    }
    script
}

/// Plays a script from its beginning.
fn play(script: &Script) -> Result<Coverage, Dispute> {
    caught(|| {
        let Beginning { setup, first_cut } = script.beginning;
        let mut life = Life::new(setup, first_cut)?;
        for event in &script.events {
            life.suffer(event)?;
        }
        life.end(script.events.len())
    })
}

impl Failure {
    /// Leaves out what the failure does not need.
    fn cut_down(mut self) -> Self {
        let beginning = self.script.beginning;
        let mut last = self.dispute;
        let events = std::mem::take(&mut self.script.events);
        self.script.events =
            shortest(events, |events| match play(&Script { beginning, events: events.to_vec() }) {
                Err(dispute) => {
                    last = dispute;
                    true
                }
                Ok(_) => false,
            });
        Self { dispute: last, ..self }
    }

    /// How many events it takes.
    pub fn events(&self) -> usize {
        self.script.events.len()
    }

    /// What was promised and not kept.
    pub fn dispute(&self) -> &str {
        &self.dispute
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.dispute)?;
        if let Some(seed) = self.seed {
            writeln!(f, "\nin the run of seed {seed}. As a test:\n")?;
        }
        writeln!(f, "#[test]\nfn what_went_wrong() {{\n    let script = r#\"")?;
        for line in self.script.write().lines() {
            writeln!(f, "        {line}")?;
        }
        writeln!(f, "    \"#;")?;
        writeln!(f, "    highwater::simulation::replay(script).unwrap();\n}}")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads a failure at night reads what it takes and nothing else.
    #[test]
    fn a_failure_is_cut_down_to_what_it_takes() {
        let needs = |script: &[u32]| script.contains(&17) && script.contains(&80);
        assert_eq!(shortest((0..100).collect(), needs), [17, 80]);
        assert!(shortest(vec![1], |_| true).is_empty());
        assert_eq!(shortest(vec![1, 2, 3], |script| script.len() > 1).len(), 2);
    }

    /// A script that was printed is the script that failed.
    #[test]
    fn scripts_are_read_as_they_were_written() {
        for seed in 0..40 {
            let mut choices = Choices::from_seed(seed);
            let setup = Setup::draw(&mut choices);
            let fortune = Fortune { trouble: true, damage: true };
            let life = Life::new(setup, 0).expect("nothing is wrong with the disk");
            let mut lines = 0;
            let events = (0..40).map(|_| next(&mut choices, &life, fortune, &mut lines)).collect();
            let script = Script { beginning: Beginning { setup, first_cut: seed }, events };
            assert_eq!(Script::read(&script.write()), Ok(script));
        }
    }
}
