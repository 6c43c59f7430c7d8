//! Plays a script on one store and writes down everything that it answers and shows.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::{Durability, ReadOnly, Snapshot};

use super::commits;
use super::configuration::{Checkpoints, Configuration, Ends, Form};
use super::contents;
use super::place::Place;
use super::plan::{Planned, Step};
use crate::simulation::script::{Action, Step as RecoveryStep, Way};
use crate::simulation::subject::Subject;

/// What was answered to each step, in order.
pub(crate) type Answers = Vec<String>;

struct Player<'c> {
    configuration: &'c Configuration,
    place: Place,
    subject: Subject,
    kept: Vec<Kept>,
    answers: Answers,
    steps: usize,
    lives: u64,
}

/// A snapshot, and what it showed when it was taken.
struct Kept {
    snapshot: Snapshot,
    shown: String,
}

/// Plays the whole script with as many threads as the configuration says, which take turns.
pub(crate) fn play(configuration: &Configuration, script: &[Planned<'_>]) -> Answers {
    let player = Player::new(configuration);
    if configuration.threads == 1 {
        let mut player = player;
        for planned in script {
            player.step(planned);
        }
        return player.answers;
    }
    let baton = Mutex::new(player);
    let handed_over = Condvar::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..configuration.threads)
            .map(|thread| {
                let (baton, handed_over) = (&baton, &handed_over);
                scope.spawn(move || {
                    for (index, planned) in script.iter().enumerate() {
                        if index % configuration.threads != thread {
                            continue;
                        }
                        let player = baton.lock().unwrap_or_else(PoisonError::into_inner);
                        let turn =
                            |player: &mut Player<'_>| player.steps < index && !player.is_over();
                        let player = handed_over.wait_while(player, turn);
                        let mut player = player.unwrap_or_else(PoisonError::into_inner);
                        if player.is_over() {
                            return;
                        }
                        // So that a panic in here ends the play for the others.
                        let steps = std::mem::replace(&mut player.steps, usize::MAX);
                        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            player.steps = steps;
                            player.step(planned);
                        }));
                        if let Err(panic) = ended {
                            player.steps = usize::MAX;
                            handed_over.notify_all();
                            drop(player);
                            std::panic::resume_unwind(panic);
                        }
                        handed_over.notify_all();
                    }
                })
            })
            .collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    baton.into_inner().unwrap_or_else(PoisonError::into_inner).answers
}

impl<'c> Player<'c> {
    fn new(configuration: &'c Configuration) -> Self {
        let place = Place::new(configuration.medium, configuration.seed);
        let mut subject = Subject::new(place.disk());
        subject.open_with(&configuration.options()).expect("an empty store opens");
        let (kept, answers) = (Vec::new(), Vec::new());
        Self { configuration, place, subject, kept, answers, steps: 0, lives: 1 }
    }

    /// Whether a thread panicked at its turn.
    fn is_over(&self) -> bool {
        self.steps == usize::MAX
    }

    fn step(&mut self, planned: &Planned<'_>) {
        self.live_on(planned);
        let answer = match planned.step {
            Step::Domain(line) => match &line.action {
                Action::Reopen { clean } => {
                    self.end(*clean);
                    String::new()
                }
                _ => self.act(planned, &line.action),
            },
            Step::Commits(made) => {
                commits::make(self.configuration, self.subject.store(), made).join("\n")
            }
            Step::Keep => {
                let snapshot = self.subject.store().snapshot();
                let shown = contents::of_snapshot(&snapshot) + &contents::summaries(&snapshot);
                let answer = shown.clone();
                self.kept.push(Kept { snapshot, shown });
                answer
            }
            Step::LetGo => {
                if !self.kept.is_empty() {
                    self.kept.remove(0).shows_what_it_did();
                }
                String::new()
            }
            Step::Look => {
                let snapshot = self.subject.store().snapshot();
                contents::of_snapshot(&snapshot) + &contents::summaries(&snapshot)
            }
        };
        let lsn = self.subject.store().snapshot().lsn();
        self.answers.push(format!("{answer}\nlsn {lsn}"));
        self.steps += 1;
    }

    /// What the configuration wants done before a step, none of which may be noticed.
    fn live_on(&mut self, planned: &Planned<'_>) {
        if let Checkpoints::Every(steps) = self.configuration.checkpoints
            && self.steps.is_multiple_of(steps)
        {
            self.subject.store().checkpoint().expect("the disk works");
        }
        let due = self.configuration.reopens.is_some_and(|steps| self.steps.is_multiple_of(steps));
        if due && planned.is_quiet() {
            self.end(self.lives.is_multiple_of(2));
        }
    }

    fn act(&mut self, planned: &Planned<'_>, action: &Action) -> String {
        let (before, after) = (&planned.before, &planned.after);
        let answer = match (action, self.configuration.form) {
            (Action::Deed { deeds, all_or_nothing, .. }, form) => {
                let (deeds, all_or_nothing) = (deeds.clone(), *all_or_nothing);
                let synced = self.configuration.durability == Durability::Synced;
                let way = match form {
                    Form::Direct | Form::Closure => Way::Plain,
                    Form::Finishing => Way::Finishing,
                    Form::Synced => Way::Waiting { synced: true },
                    Form::Ticket => Way::Ticket { synced },
                };
                let deed = Action::Deed { deeds, all_or_nothing, way };
                let answer = self.subject.act(before, after, &deed);
                let said = self.subject.said.clone();
                self.subject.act(before, after, &Action::Settle).expect("the disk works");
                self.subject.said = said;
                answer
            }
            _ => self.subject.act(before, after, action),
        };
        let said = &self.subject.said;
        let answer = answer.unwrap_or_else(|error| panic!("on a disk that works: {error:?}"));
        let mut text = format!("{answer:?} {said}");
        if matches!(action, Action::Recovery(RecoveryStep::Finish)) {
            text += &format!("{:?}", self.subject.report());
        }
        text
    }

    /// This life ends, in the way that the script or the configuration says, and another begins. What
    /// is found between them, and at the beginning of the next, is what was there.
    fn end(&mut self, clean: bool) {
        for kept in self.kept.drain(..) {
            kept.shows_what_it_did();
        }
        let there = contents::of_snapshot(&self.subject.store().snapshot());
        let said = if clean { Ends::Closed } else { self.unclean() };
        let ends = match self.configuration.ends {
            Ends::AsTheScriptSays => said,
            ends => ends,
        };
        self.lives += 1;
        let found = match ends {
            Ends::AsTheScriptSays | Ends::Closed => None,
            Ends::Killed => Some(self.place.after_kill()),
            Ends::PowerCut(style) => Some(self.place.after_power_cut(self.lives, style)),
        };
        if let Some(found) = found {
            std::mem::replace(&mut self.place, found).forget();
            // Nobody hears what the dead process still says to its disk.
            drop(self.subject.leave(false));
            self.subject.disk = self.place.disk();
        } else {
            self.subject.leave(true).expect("the disk works");
        }
        let offline = ReadOnly::open_on(&*self.place.disk()).expect("it is read without opening");
        assert_same("found in the files", &there, &contents::of_files(&offline));
        drop(offline);
        self.subject.open_with(&self.configuration.options()).expect("it opens again");
        let opening = self.subject.store().opening();
        assert_eq!(
            opening.clean,
            matches!(ends, Ends::AsTheScriptSays | Ends::Closed),
            "{opening:?}"
        );
        assert_eq!(opening.cut, None, "{ends:?}");
        assert_same(
            "found at opening",
            &there,
            &contents::of_snapshot(&self.subject.store().snapshot()),
        );
    }

    /// How a script's killing can be done here.
    fn unclean(&self) -> Ends {
        match self.place {
            Place::Simulated(_) => Ends::Killed,
            _ if self.configuration.threaded_background => Ends::Closed,
            _ => Ends::Killed,
        }
    }
}

impl Kept {
    fn shows_what_it_did(self) {
        let shown = contents::of_snapshot(&self.snapshot) + &contents::summaries(&self.snapshot);
        assert_same("read from a snapshot later", &self.shown, &shown);
    }
}

/// Panics with the first line that differs.
pub(crate) fn assert_same(what: &str, expected: &str, found: &str) {
    if expected == found {
        return;
    }
    let (mut expected, mut found) = (expected.lines(), found.lines());
    loop {
        match (expected.next(), found.next()) {
            (None, None) => return,
            (one, other) if one == other => {}
            (one, other) => panic!("{what}: not as it was\n  was {one:?}\n  is  {other:?}"),
        }
    }
}
