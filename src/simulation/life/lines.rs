//! One line of a script, played on the store and on its model: what was answered is what the model says,
//! or an error that the disk explains, and then it means what it says.

use super::{Dispute, Life};
use crate::simulation::model::Model;
use crate::simulation::model::words::Reply;
use crate::simulation::play::{Played, is_possible, play};
use crate::simulation::prefixes::End;
use crate::simulation::script::{Action, Line, Step, Way};
use crate::store::Error;

impl Life {
    pub(super) fn line(&mut self, line: &Line) -> Result<(), Dispute> {
        if let Action::Reopen { clean } = line.action {
            return self.reopen(clean);
        }
        if !is_possible(&self.model, line) {
            return Ok(());
        }
        if self.poisoned {
            return self.line_on_a_poisoned_store(line);
        }
        let before = self.model.clone();
        let played = play(&mut self.model, line);
        let answer = self.subject.act(&before, &self.model, &line.action);
        self.stalled = matches!(answer, Err(Error::Stalled { .. }));
        match answer {
            Ok(reply) => self.answered(line, played, reply)?,
            Err(error) => self.failed(line, before, played, &error)?,
        }
        match self.disk.is_powered_off() {
            true => self.lose_power(),
            false => self.look(),
        }
    }

    /// The store answered, refusals included.
    fn answered(&mut self, line: &Line, played: Played, reply: Reply) -> Result<(), Dispute> {
        if !played.outcome.replies.contains(&reply) {
            let said = &self.subject.said;
            return Err(format!("the model says {:?}, the store {reply:?} {said}", played.outcome));
        }
        self.judge_report(&line.action)?;
        let before = self.prefixes.last();
        let visible = self.subject.store().snapshot().lsn();
        let was_refused = !self.subject.said.is_empty();
        let is_staged_only =
            matches!(line.action, Action::Deed { way: Way::Ticket { .. }, .. }) && !was_refused;
        let lsn = match is_staged_only {
            true => self.subject.staged_lsn().max(before),
            false => visible.max(before),
        };
        if !played.outcome.changed && played.between.is_empty() && lsn != before {
            return Err(format!("it changed nothing, and went from commit {before} to {lsn}"));
        }
        let synced = self.survives_power_loss(&line.action, reply);
        self.prefixes.stage(lsn, played.between, &self.model, synced);
        match line.action {
            Action::Sync => self.prefixes.make_durable(lsn),
            Action::Checkpoint => self.prefixes.make_durable(self.subject.checkpointed),
            // Nothing waits for these.
            Action::Wait(_) | Action::SetClock(_) | Action::DropHandle(_) => return Ok(()),
            Action::Recovery(_) if lsn == before => return Ok(()),
            _ if is_staged_only => return Ok(()),
            _ => {}
        }
        if visible < lsn {
            return Err(format!("it returned at commit {lsn}, and {visible} is the last visible"));
        }
        self.prefixes.see(lsn);
        Ok(())
    }

    /// That a recovery which was just finished counted what the model did.
    fn judge_report(&mut self, action: &Action) -> Result<(), Dispute> {
        if *action != Action::Recovery(Step::Finish) {
            return Ok(());
        }
        let (told, counted) = (self.subject.report(), &self.model.last_report);
        if told == *counted {
            return Ok(());
        }
        Err(format!("the model reports {counted:?}, the store {told:?}"))
    }

    /// Whether what was answered promises that much.
    fn survives_power_loss(&self, action: &Action, reply: Reply) -> bool {
        use crate::simulation::model::run::Call::{Checkpoint, Retry, Start, TakeOver};
        let done = matches!(reply, Reply::Done | Reply::New(_));
        let acts = match action {
            Action::Deed { way: Way::Waiting { synced } | Way::Ticket { synced }, .. } => {
                return *synced;
            }
            Action::Begin { start, again, .. } => *start && !*again,
            Action::Call { call, .. } => {
                matches!(call, Start | Retry | TakeOver | Checkpoint(_))
            }
            Action::Recovery(Step::Next) => true,
            _ => false,
        };
        self.setup.synced || (acts && done)
    }

    /// The store answered that something is wrong with the disk, with memory, or with itself.
    fn failed(
        &mut self,
        line: &Line,
        before: Model,
        played: Played,
        error: &Error,
    ) -> Result<(), Dispute> {
        let after = std::mem::replace(&mut self.model, before);
        let mut open = played.between;
        // What was not decided is left in a commit of its own before a recovery ends.
        let finishes = line.action == Action::Recovery(Step::Finish);
        let visible = open.len() as u64 + u64::from(finishes);
        if self.disk.is_powered_off() {
            open.push(after);
            self.prefixes.left_open(open, visible);
            return Ok(());
        }
        self.forgive(error, "the call")?;
        self.coverage.answered(error);
        match error {
            Error::Unknown { .. } => {
                self.poisoned = true;
                open.push(after);
                self.prefixes.left_open(open, visible);
                Ok(())
            }
            Error::Poisoned { .. } => {
                self.poisoned = true;
                open.extend(finishes.then_some(after));
                self.prefixes.left_open(open, visible);
                Ok(())
            }
            // It did not happen; but a call of several commits may have come half of the way, and
            // a recovery that failed is begun anew.
            _ if !open.is_empty() || matches!(line.action, Action::Recovery(_)) => {
                open.push(after);
                self.prefixes.left_open(open, visible);
                let image = self.disk.process_killed_image();
                self.come_back(image, End::Killed)
            }
            _ => Ok(()),
        }
    }

    /// A poisoned store refuses every write and goes on answering reads.
    fn line_on_a_poisoned_store(&mut self, line: &Line) -> Result<(), Dispute> {
        use crate::simulation::model::run::Caller;
        match &line.action {
            Action::Wait(_) | Action::SetClock(_) => {
                play(&mut self.model, line);
            }
            Action::Deed { .. }
            | Action::Begin { .. }
            | Action::Call { caller: Caller::Anybody(_), .. }
            | Action::Sync
            | Action::Checkpoint => {}
            _ => return Ok(()),
        }
        let model = self.model.clone();
        match self.subject.act(&model, &model, &line.action) {
            Err(Error::Poisoned { .. } | Error::Io { .. } | Error::Full { .. }) => {}
            Ok(Reply::Done) if matches!(line.action, Action::Wait(_) | Action::SetClock(_)) => {}
            _ if self.disk.is_powered_off() => {}
            answer => return Err(format!("a poisoned store answers {answer:?}")),
        }
        match self.disk.is_powered_off() {
            true => self.lose_power(),
            false => self.look(),
        }
    }
}
