//! A store and its model side by side: after every step both say and show the same.

use std::sync::Arc;

use highwater::disk::{Disk, MemoryDisk};

use crate::model::words::Reply;
use crate::model::{Limits, Model};
use crate::play::{Played, is_possible, play};
use crate::script::{Action, Line, START_MICROS, Step};
use crate::store::{Subject, look};

/// How the two came apart.
pub(crate) type Dispute = String;

pub(crate) struct Pair {
    pub(crate) model: Model,
    pub(crate) subject: Subject,
}

impl Pair {
    /// An empty store and an empty model.
    pub(crate) fn new(disk: Arc<dyn Disk>, limits: Limits) -> Self {
        let mut subject = Subject::new(disk);
        let mut model = Model::new(START_MICROS);
        model.limits = limits;
        subject.open(limits).expect("an empty store opens");
        model.open();
        Self { model, subject }
    }

    /// A store that is not open yet, on another disk, with the clock and the model of `other`.
    pub(crate) fn closed(disk: Arc<dyn Disk>, other: &Self) -> Self {
        let mut subject = Subject::new(disk);
        subject.clock = other.subject.clock.clone();
        Self { model: other.model.clone(), subject }
    }

    /// Does one step on both. An action that is not possible as things are is left out.
    pub(crate) fn step(&mut self, line: &Line) -> Result<(), Dispute> {
        if !is_possible(&self.model, line) {
            return Ok(());
        }
        let action = &line.action;
        let before = self.model.clone();
        let lsn = self.subject.store().snapshot().lsn();
        let played = play(&mut self.model, line);
        match self.subject.act(&before, &self.model, action) {
            Ok(reply) => judge_reply(&played, reply, &self.subject.said)?,
            Err(error) => return Err(format!("on a disk that works: {error:?}")),
        }
        self.judge_report(action)?;
        let after = self.look()?;
        let moves = matches!(action, Action::Reopen { .. } | Action::Checkpoint);
        if !played.outcome.changed && after != lsn && !moves {
            return Err(format!("it changed nothing, and the LSN went from {lsn} to {after}"));
        }
        Ok(())
    }

    /// That a recovery which was just finished counted what the model did.
    pub(crate) fn judge_report(&mut self, action: &Action) -> Result<(), Dispute> {
        if *action != Action::Recovery(Step::Finish) {
            return Ok(());
        }
        let (told, counted) = (self.subject.report(), &self.model.last_report);
        if told == *counted {
            return Ok(());
        }
        Err(format!("the model reports {counted:?}, the store {told:?}"))
    }

    /// Lays what both show side by side. Answers the store's LSN.
    pub(crate) fn look(&self) -> Result<u64, Dispute> {
        let snapshot = self.subject.store().snapshot();
        let differences = self.model.view().differences(&look::view(&snapshot));
        if !differences.is_empty() {
            return Err(differences.join("\n"));
        }
        match snapshot.verify().expect("verification reads") {
            findings if findings.is_empty() => Ok(snapshot.lsn()),
            findings => Err(format!("{findings:#?}")),
        }
    }
}

pub(crate) fn judge_reply(played: &Played, reply: Reply, said: &str) -> Result<(), Dispute> {
    if played.outcome.replies.contains(&reply) {
        return Ok(());
    }
    Err(format!("the model says {:?}, the store {reply:?} {said}", played.outcome))
}

/// Plays a whole script on a store in memory. Answers how the two came apart, if they did.
pub(crate) fn run(limits: Limits, script: &[Line]) -> Result<(), Dispute> {
    let mut pair = Pair::new(Arc::new(MemoryDisk::new()), limits);
    script.iter().try_for_each(|line| {
        pair.step(line).map_err(|dispute| format!("in line {}: {dispute}", line.number))
    })
}
