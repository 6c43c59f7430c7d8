//! The lives of one store: a script is played on it and on its model, misfortunes happen, and
//! whatever it answers, shows and is found to be after a crash is held against what it promised.

mod lines;
mod returns;

use std::sync::Arc;

use super::coverage::{Coverage, Fate};
use super::damage;
use super::event::{Event, PowerCut};
use super::model::Model;
use super::prefixes::{End, Prefixes};
use super::readers::{Readers, Reading};
use super::script::START_MICROS;
use super::setup::Setup;
use super::subject::{Subject, look};
use crate::disk::SimulatedDisk;
use crate::store::Error;

/// How the store and its model came apart.
pub(crate) type Dispute = String;

/// A store, its model, and the disk that can fail it.
pub(crate) struct Life {
    pub(crate) setup: Setup,
    pub(crate) model: Model,
    pub(super) subject: Subject,
    pub(super) disk: SimulatedDisk,
    pub(super) prefixes: Prefixes,
    pub(super) coverage: Coverage,
    readers: Readers,
    cut: Option<PowerCut>,
    /// Whether the disk may fail calls or be full.
    trouble: bool,
    /// Whether the system dropped what it had in memory only.
    forgot: bool,
    /// Whether the store said that it is poisoned.
    pub(crate) poisoned: bool,
    /// Whether the last write found no room in memory.
    pub(crate) stalled: bool,
}

impl Life {
    /// A store that is about to be made. Where `first_cut` is not zero the power goes out at that
    /// call of its making.
    pub(crate) fn new(setup: Setup, first_cut: u64) -> Result<Self, Dispute> {
        let disk = SimulatedDisk::new(setup.seed);
        let mut model = Model::new(START_MICROS);
        model.limits = setup.limits;
        let mut life = Self {
            setup,
            subject: Subject::new(Arc::new(disk.clone())),
            disk,
            prefixes: Prefixes::of(0, model.clone()),
            model,
            coverage: Coverage::default(),
            readers: Readers::default(),
            cut: None,
            trouble: false,
            forgot: false,
            poisoned: false,
            stalled: false,
        };
        if first_cut > 0 {
            life.disk.crash_at(first_cut);
        }
        life.open(End::Killed)?;
        Ok(life)
    }

    /// Whether a power cut is to come.
    pub(crate) fn is_doomed(&self) -> bool {
        self.cut.is_some()
    }

    pub(crate) fn suffer(&mut self, event: &Event) -> Result<(), Dispute> {
        match event {
            Event::Line(line) => self.line(line),
            Event::Kill { trouble } => {
                self.coverage.met(Fate::Killed);
                let image = self.disk.process_killed_image();
                trouble.iter().for_each(|plan| image.inject(plan.clone()));
                self.trouble |= !trouble.is_empty();
                self.come_back(image, End::Killed)
            }
            Event::PowerCut(cut) => {
                self.disk.crash_at(self.disk.calls() + cut.calls);
                self.cut = Some(cut.clone());
                Ok(())
            }
            Event::Trouble(plan) => {
                self.disk.inject(plan.clone());
                self.trouble = true;
                Ok(())
            }
            Event::LittleRoom(bytes) => {
                let names = self.disk.names();
                let len = |name: &String| self.disk.read_file(name).map_or(0, |file| file.len());
                let used: usize = names.iter().map(len).sum();
                self.disk.set_capacity(Some(used as u64 + bytes));
                self.trouble = true;
                Ok(())
            }
            Event::Repair => {
                self.repair();
                Ok(())
            }
            Event::Forget => {
                self.disk.drop_caches();
                self.forgot = true;
                Ok(())
            }
            Event::TakeSnapshot => self.take_snapshot(),
            Event::ReadSnapshot(nth) => self.read_snapshot(*nth),
            Event::DropSnapshot(nth) => {
                self.readers.drop(*nth);
                Ok(())
            }
            Event::Damage(_) | Event::Lie(_) if self.trouble || self.is_doomed() => Ok(()),
            Event::Damage(damage) => damage::damage(self, damage),
            Event::Lie(lie) => damage::lie(self, *lie),
        }
    }

    fn repair(&mut self) {
        self.disk.clear_faults();
        self.disk.set_capacity(None);
    }
    /// Whether something on this disk explains the error.
    fn forgive(&self, error: &Error, what: &str) -> Result<(), Dispute> {
        let explained = match error {
            Error::Io { .. }
            | Error::Full { .. }
            | Error::Unknown { .. }
            | Error::Poisoned { .. }
            | Error::SnapshotLost => self.trouble,
            Error::Stalled { .. } => true,
            _ => false,
        };
        match explained {
            true => Ok(()),
            false => Err(format!("{what} on a disk that works: {error:?}")),
        }
    }

    /// Lays what the store shows beside what it may show.
    fn look(&mut self) -> Result<(), Dispute> {
        let snapshot = self.subject.store().snapshot();
        let lsn = snapshot.lsn();
        let seen = look::view(&snapshot).and_then(|view| Ok((view, snapshot.verify()?)));
        let (view, findings) = match seen {
            Ok(seen) => seen,
            Err(_) if self.disk.is_powered_off() => return self.lose_power(),
            Err(error) => return self.forgive(&error, "reading"),
        };
        if lsn < self.prefixes.written() {
            let told = self.prefixes.written();
            return Err(format!("commit {lsn} is visible, and {told} was told"));
        }
        self.prefixes.at(lsn, &view)?;
        if !findings.is_empty() {
            return Err(format!("verification finds {findings:#?}"));
        }
        self.prefixes.see(lsn);
        Ok(())
    }

    fn take_snapshot(&mut self) -> Result<(), Dispute> {
        let snapshot = self.subject.store().snapshot();
        match look::view(&snapshot) {
            Ok(view) => {
                self.prefixes.see(snapshot.lsn());
                self.readers.keep(snapshot, view);
                Ok(())
            }
            Err(error) => self.forgive(&error, "reading"),
        }
    }

    fn read_snapshot(&mut self, nth: usize) -> Result<(), Dispute> {
        match self.readers.read(nth).transpose()? {
            Some(Reading::Lost) => self.coverage.met(Fate::SnapshotLost),
            Some(Reading::Whole) => self.coverage.met(Fate::SnapshotKept),
            Some(Reading::Failed(error)) => self.forgive(&error, "reading a snapshot")?,
            None => {}
        }
        Ok(())
    }

    /// The end of a run of so many events: the power goes out once more, and what it met with is told.
    pub(super) fn end(mut self, events: usize) -> Result<Coverage, Dispute> {
        self.cut = None;
        self.look_at_other_endings(self.setup.seed)?;
        self.readers.clear();
        self.disk.crash();
        self.coverage.hits(&self.disk);
        self.coverage.runs = 1;
        self.coverage.events = events as u64;
        Ok(self.coverage)
    }
}
