//! How lives end and how the next one finds things: power cuts, kills and reopenings, and what may be
//! found after each.

use std::sync::Arc;

use super::{Dispute, Life};
use crate::disk::{CrashStyle, SimulatedDisk};
use crate::engine::Lsn;
use crate::inspect::Report;
use crate::simulation::coverage::{Fate, Found};
use crate::simulation::prefixes::{End, Prefixes};
use crate::simulation::subject::{Subject, look};
use crate::store::Error;

impl Life {
    pub(super) fn lose_power(&mut self) -> Result<(), Dispute> {
        let cut = self.cut.take();
        let (seed, style) =
            cut.as_ref().map_or((0, CrashStyle::LoseAll), |cut| (cut.seed, cut.style));
        self.look_at_other_endings(seed)?;
        let image = self.disk.crash_image(seed, style);
        image.set_capacity(None);
        self.trouble = false;
        if let Some(cut) = cut {
            cut.trouble.iter().for_each(|plan| image.inject(plan.clone()));
            self.trouble = !cut.trouble.is_empty();
            if cut.again > 0 {
                image.crash_at(cut.again);
            }
        }
        self.come_back(image, End::PowerCut)
    }

    /// What else may be found where the power went out: each is a disk of its own.
    pub(super) fn look_at_other_endings(&mut self, seed: u64) -> Result<(), Dispute> {
        let random =
            |nth: u64| (self.disk.crash_image(seed ^ nth, CrashStyle::Random), End::PowerCut);
        let images = [
            (
                self.disk.process_killed_image(),
                if self.forgot { End::PowerCut } else { End::Killed },
            ),
            (self.disk.crash_image(seed, CrashStyle::LoseAll), End::PowerCut),
            (self.disk.crash_image(seed, CrashStyle::KeepAll), End::PowerCut),
            random(1),
            random(2),
            random(3),
            random(4),
        ];
        for (image, end) in images {
            image.set_capacity(None);
            let mut other = Subject::on_the_same_day(Arc::new(image.clone()), &self.subject);
            let opened = other.open(&self.setup);
            opened.map_err(|error| format!("it does not open after {end:?}: {error:?}"))?;
            let snapshot = other.store().snapshot();
            let shown = look::view(&snapshot).map_err(|error| format!("it reads {error:?}"))?;
            self.prefixes.find(snapshot.lsn(), &shown, end)?;
            self.coverage.crash_points += 1;
            image.crash();
        }
        Ok(())
    }

    pub(super) fn reopen(&mut self, clean: bool) -> Result<(), Dispute> {
        self.readers.clear();
        let answer = self.subject.leave(clean);
        if self.disk.is_powered_off() {
            return self.lose_power();
        }
        let closed = clean && answer.is_ok();
        match answer {
            Ok(()) if closed && self.poisoned => {
                return Err("a poisoned store closes as if nothing had been".to_owned());
            }
            Err(_) if self.poisoned => {}
            Err(error) => self.forgive(&error, "closing")?,
            Ok(()) => {}
        }
        if closed {
            self.prefixes.make_durable(self.prefixes.last());
        }
        self.coverage.met(if closed { Fate::Closed } else { Fate::LeftOpen });
        self.open(if closed { End::Closed } else { End::Killed })
    }

    /// Goes on with what is left on `image`.
    pub(super) fn come_back(&mut self, image: SimulatedDisk, end: End) -> Result<(), Dispute> {
        self.readers.clear();
        self.cut = None;
        self.disk.crash();
        self.coverage.hits(&self.disk);
        let subject = Subject::on_the_same_day(Arc::new(image.clone()), &self.subject);
        drop(std::mem::replace(&mut self.subject, subject));
        self.disk = image;
        self.open(end)
    }

    /// Opens the store, as often as that takes, and holds what is found against what was promised.
    pub(super) fn open(&mut self, mut end: End) -> Result<(), Dispute> {
        let mut before = self.disk.names();
        let mut tries = 0;
        let mut told = self.look_offline()?;
        while let Err(error) = self.subject.open(&self.setup) {
            if self.disk.is_powered_off() {
                self.coverage.met(Fate::CutAgain);
                self.cut = None;
                end = End::PowerCut;
                let image = self.disk.crash_image(self.setup.seed + tries, CrashStyle::Random);
                image.set_capacity(None);
                self.coverage.hits(&self.disk);
                self.subject = Subject::on_the_same_day(Arc::new(image.clone()), &self.subject);
                self.disk = image;
                self.trouble = false;
                before = self.disk.names();
                told = self.look_offline()?;
            } else {
                self.forgive(&error, "opening")?;
                self.coverage.answered(&error);
                if matches!(error, Error::Io { .. }) {
                    self.coverage.found(Found::UnreadableOrUnwritable);
                }
                tries += 1;
                if tries > 2 {
                    self.repair();
                }
            }
        }
        if self.cut.is_none() {
            // The opening took fewer calls than it was to be cut at.
            self.disk.crash_at(u64::MAX);
        }
        let opening = self.subject.store().opening();
        self.coverage.opened(&before, &opening);
        if let Some(last) = told.filter(|last| *last != opening.last_lsn) {
            return Err(format!("commit {last} was told offline, {} is found", opening.last_lsn));
        }
        if std::mem::take(&mut self.forgot) && end == End::Killed {
            end = End::PowerCut;
        }
        self.adopt(end)
    }

    /// Looks at the files before they are opened, which must not change them. Answers the last commit.
    fn look_offline(&mut self) -> Result<Option<Lsn>, Dispute> {
        if self.trouble || self.disk.is_powered_off() {
            return Ok(None);
        }
        let calls = self.disk.calls();
        let report = match Report::read_on(&self.disk) {
            Err(Error::Missing { .. }) => None,
            report => Some(report.map_err(|error| format!("looking offline: {error:?}"))?),
        };
        if self.disk.calls() != calls {
            return Err("looking offline wrote".to_owned());
        }
        let Some(report) = report else { return Ok(None) };
        let journal = report.segments.iter().filter_map(|segment| segment.last_lsn).max();
        if report.checkpoint_lsn > journal.unwrap_or(0) {
            self.coverage.found(Found::BaseAhead);
        }
        Ok(Some(report.last_lsn))
    }

    /// Takes what was found for the state of things, where it may be that.
    fn adopt(&mut self, end: End) -> Result<(), Dispute> {
        let snapshot = self.subject.store().snapshot();
        let lsn = snapshot.lsn();
        let told = self.subject.store().opening().last_lsn;
        if told != lsn {
            return Err(format!("the opening tells of commit {told}, and {lsn} is visible"));
        }
        let shown = match look::view(&snapshot) {
            Ok(shown) => shown,
            Err(_) if self.disk.is_powered_off() => return self.lose_power(),
            Err(error) => {
                self.forgive(&error, "reading everything")?;
                self.repair();
                drop(snapshot);
                drop(self.subject.leave(false));
                return self.open(end);
            }
        };
        if self.prefixes.has_open_calls() {
            let kept = self.prefixes.was_in_flight(lsn);
            self.coverage.met(if kept { Fate::Kept } else { Fate::Undone });
        }
        let found = self.prefixes.find(lsn, &shown, end)?.clone();
        // Time goes on, whatever was lost.
        let (now, monotonic, line) = (self.model.now, self.model.monotonic, self.model.line);
        self.model = found;
        (self.model.now, self.model.monotonic, self.model.line) = (now, monotonic, line);
        self.model.open();
        self.prefixes = Prefixes::of(lsn, self.model.clone());
        self.poisoned = false;
        self.coverage.crash_points += 1;
        self.look()
    }
}
