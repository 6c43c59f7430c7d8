//! Scripts on a disk that loses power and under a process that dies: what is found is what was
//! acknowledged, or one commit more, and the work goes on from there.

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use highwater::disk::{CrashStyle, SimulatedDisk};

use crate::campaign::{Failure, alone, caught, each_seed};
use crate::model::{Limits, Model};
use crate::pair::{Dispute, Pair, judge_reply};
use crate::play::{is_possible, play};
use crate::script::{self, Action, Line};
use crate::store::look;

/// So many scripts there are if nothing else is asked for.
const SCRIPTS: u64 = 400;
const STEPS: usize = 60;

/// A line of a script, or a misfortune.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    Line(Box<Line>),
    /// The process dies between two calls.
    Kill,
    /// The power goes out at the disk's so-manieth call from here on, and again at so-manieth of the
    /// opening that follows, where that is not zero.
    PowerCut {
        calls: u64,
        again: u64,
        style: CrashStyle,
        seed: u64,
    },
}

impl Fates {
    fn add(&mut self, other: Self) {
        self.killed += other.killed;
        self.lost += other.lost;
        self.kept += other.kept;
        self.again += other.again;
    }
}

/// A pair whose disk can fail it.
struct Fated {
    pair: Pair,
    disk: SimulatedDisk,
    cut: Option<(u64, CrashStyle, u64)>,
    /// The LSN of the last commit that was acknowledged.
    acknowledged: u64,
    fates: Fates,
}

/// How lives ended, over all scripts.
#[derive(Clone, Copy, Debug, Default)]
struct Fates {
    killed: u64,
    /// The power went out inside a call, whose commit was not there.
    lost: u64,
    /// The power went out inside a call, whose commit was there all the same.
    kept: u64,
    /// The power went out in the opening that followed.
    again: u64,
}

impl Fated {
    fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed);
        let pair = Pair::new(Arc::new(disk.clone()), Limits::default());
        Self { pair, disk, cut: None, acknowledged: 0, fates: Fates::default() }
    }

    fn suffer(&mut self, event: &Event) -> Result<(), Dispute> {
        match event {
            Event::Line(line) => self.step(line),
            Event::Kill => {
                let image = self.disk.process_killed_image();
                self.fates.killed += 1;
                self.come_back(image, vec![self.pair.model.clone()])
            }
            Event::PowerCut { calls, again, style, seed } => {
                self.disk.crash_at(self.disk.calls() + calls);
                self.cut = Some((*again, *style, *seed));
                Ok(())
            }
        }
    }

    fn step(&mut self, line: &Line) -> Result<(), Dispute> {
        if !is_possible(&self.pair.model, line) {
            return Ok(());
        }
        let before = self.pair.model.clone();
        let played = play(&mut self.pair.model, line);
        let after = self.pair.model.clone();
        let answer = self.pair.subject.act(&before, &after, &line.action);
        let found = match answer {
            Ok(reply) => {
                judge_reply(&played, reply, &self.pair.subject.said)?;
                vec![after]
            }
            Err(_) if self.disk.is_powered_off() => {
                let mut found = vec![before];
                found.extend(played.between);
                found.push(after);
                found
            }
            Err(error) => return Err(format!("the power is on: {error:?}")),
        };
        if self.disk.is_powered_off() {
            return self.lose_power(found);
        }
        self.pair.judge_report(&line.action)?;
        self.acknowledged = self.pair.look()?;
        Ok(())
    }

    fn lose_power(&mut self, found: Vec<Model>) -> Result<(), Dispute> {
        let (again, style, seed) = self.cut.take().expect("the power was cut on purpose");
        let mut image = self.disk.crash_image(seed, style);
        if again > 0 {
            image.crash_at(again);
            self.fates.again += 1;
            let mut short = Pair::closed(Arc::new(image.clone()), &self.pair);
            drop(short.subject.open(Limits::default()));
            image.crash();
            drop(short);
            image = image.crash_image(seed + 1, style);
        }
        self.come_back(image, found)
    }

    /// Opens what is left and goes on with whichever of `found` it is: the first was acknowledged, and
    /// the others may have happened.
    fn come_back(&mut self, image: SimulatedDisk, found: Vec<Model>) -> Result<(), Dispute> {
        self.disk.crash();
        let subject = Pair::closed(Arc::new(image.clone()), &self.pair).subject;
        let old = std::mem::replace(&mut self.pair.subject, subject);
        drop(old);
        self.disk = image;
        let opened = self.pair.subject.open(Limits::default());
        opened.map_err(|error| format!("it does not open again: {error:?}"))?;
        let snapshot = self.pair.subject.store().snapshot();
        let (lsn, shown) = (snapshot.lsn(), look::view(&snapshot));
        if lsn < self.acknowledged {
            return Err(format!("LSN {lsn} is found, and {} was told", self.acknowledged));
        }
        let in_flight = if lsn == self.acknowledged { &found[..1] } else { &found[..] };
        let fits = in_flight.iter().rev().find(|model| model.view() == shown);
        let Some(model) = fits else {
            let differences: Vec<_> =
                in_flight.iter().map(|one| one.view().differences(&shown).join("\n")).collect();
            return Err(format!(
                "found is none of what may be:\n{}",
                differences.join("\n-- or\n")
            ));
        };
        match found.len() {
            1 => {}
            _ if lsn == self.acknowledged => self.fates.lost += 1,
            _ => self.fates.kept += 1,
        }
        self.pair.model = model.clone();
        self.pair.model.open();
        self.acknowledged = self.pair.look()?;
        Ok(())
    }
}

/// Bots die in the middle of everything. Whatever was acknowledged is there, what was in flight is
/// there wholly or not at all, and recovery finishes what an earlier life began, however often it is
/// interrupted itself.
#[test]
fn every_life_goes_on_where_the_last_one_ended() {
    let fates = Mutex::new(Fates::default());
    let live = |seed| {
        let mut rng = Rng::with_seed(seed);
        let mut fated = Fated::new(seed);
        let mut script = Vec::new();
        let mut number = 0;
        while number < STEPS {
            let event = misfortune(&mut rng).unwrap_or_else(|| {
                number += 1;
                let action = script::draw(&mut rng, &fated.pair.model);
                Event::Line(Box::new(Line { number, action }))
            });
            // Closing well is not what this is about, and a store that is dropped closes as it can.
            let reopens = |line: &Line| matches!(line.action, Action::Reopen { .. });
            if matches!(&event, Event::Line(line) if reopens(line)) {
                continue;
            }
            script.push(event);
            let last = &script[script.len() - 1];
            if let Err(dispute) = caught(|| fated.suffer(last)) {
                return Err(Failure { script, dispute });
            }
        }
        fates.lock().expect("no panic in here").add(fated.fates);
        Ok(())
    };
    each_seed("crashes", SCRIPTS, live, |seed, script| {
        caught(|| {
            let mut fated = Fated::new(seed);
            script.iter().try_for_each(|event| fated.suffer(event))
        })
    });
    let Fates { killed, lost, kept, again } = *fates.lock().expect("no panic in here");
    let rarest = [killed, lost, kept, again].into_iter().min();
    assert!(rarest >= Some(20) || alone(), "some fates are too rare to tell anything");
}

fn misfortune(rng: &mut Rng) -> Option<Event> {
    match rng.u8(..40) {
        0 | 1 => Some(Event::Kill),
        2..6 => Some(Event::PowerCut {
            calls: rng.u64(1..12),
            again: if rng.bool() { rng.u64(1..40) } else { 0 },
            style: [CrashStyle::LoseAll, CrashStyle::KeepAll, CrashStyle::Random][rng.usize(..3)],
            seed: rng.u64(..1 << 40),
        }),
        _ => None,
    }
}
