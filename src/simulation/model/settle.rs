//! The ends of an operation, and the ways on from a failure.

use super::Model;
use super::claims::Kept;
use super::effect::Undo;
use super::words::*;

impl Model {
    /// Complete: everything is posted, what is still held is given back.
    pub(super) fn end_well(
        &mut self,
        number: OperationNumber,
        effect: &Effect,
    ) -> Result<(), Refusals> {
        self.post(number, effect)?;
        self.operation_mut(number).completed_with = Some(effect.clone());
        self.finish(number, Status::Completed);
        Ok(())
    }

    /// The operation is over: holds go, its claim gets its outcome.
    pub(super) fn finish(&mut self, number: OperationNumber, status: Status) {
        let now = self.now;
        self.book.release(number);
        let one = self.operation_mut(number);
        one.status = status;
        one.needs_attention = false;
        one.presentations = 0;
        one.finished_at = Some(now);
        one.undo.clear();
        let claim = one.intent.claim;
        if let Some((namespace, key, at)) = claim {
            let claimed = match status {
                Status::Completed => Claimed::Completed,
                _ => Claimed::RolledBack,
            };
            self.put_claim((namespace, key), Kept { claimed, at, operation: Some(number) });
        }
    }

    pub(super) fn retry(&mut self, number: OperationNumber, by_id: bool) -> Outcome {
        let one = self.operation(number).expect("the operation is there").clone();
        let mut guards = Refusals::new();
        let decided = by_id && one.needs_attention;
        // Somebody who knows that the attempts were used up decides on what had failed.
        let class = if decided { one.used_up.or(one.class) } else { one.class };
        let is_definite = class == Some(Class::Definite);
        if !is_definite && !one.intent.idempotent {
            guards.insert(Reply::NotIdempotent);
        }
        if one.not_before.is_some_and(|time| self.now < time) {
            guards.insert(Reply::TooEarly);
        }
        if self.book.halted && one.raises_risk() {
            guards.insert(Reply::Halted);
        }
        if !guards.is_empty() {
            return Outcome::refused(guards);
        }
        if one.tries >= one.intent.max_attempts && !decided {
            let told = self.doing(|next| {
                let one = next.operation_mut(number);
                one.used_up = one.used_up.or(one.class);
                one.class = Some(Class::Ambiguous);
                one.needs_attention = true;
                Ok(())
            });
            return Outcome { replies: [Reply::AttemptsUsedUp].into(), ..told };
        }
        self.doing(|next| {
            if is_definite {
                let drawn = next.draw_external_id();
                next.operation_mut(number).external_ids.push(drawn);
            }
            next.go(number);
            let epoch = next.epoch;
            let one = next.operation_mut(number);
            one.epoch = epoch;
            (one.presentations, one.not_before) = (0, None);
            (one.class, one.used_up) = (None, None);
            one.needs_attention = false;
            Ok(())
        })
    }

    pub(super) fn roll_back(&mut self, number: OperationNumber, evidence: bool) -> Outcome {
        let one = self.operation(number).expect("the operation is there");
        let mut guards = Refusals::new();
        if self.book.has_facts(number) {
            guards.insert(Reply::HasFills);
        }
        if one.class == Some(Class::Ambiguous) && !evidence {
            guards.insert(Reply::EvidenceNeeded);
        }
        if !guards.is_empty() {
            return Outcome::refused(guards);
        }
        match self.attempt(|next| next.take_back(number)) {
            Ok(()) => Outcome::done(Reply::Done),
            Err(_) => {
                let told = self.doing(|next| {
                    next.operation_mut(number).needs_attention = true;
                    Ok(())
                });
                Outcome { replies: [Reply::UndoBlocked].into(), ..told }
            }
        }
    }

    /// Undoes what was applied, the newest first, and ends the operation.
    fn take_back(&mut self, number: OperationNumber) -> Result<(), Refusals> {
        let undo = std::mem::take(&mut self.operation_mut(number).undo);
        let versions = self.book.attributes.clone();
        for one in undo.into_iter().rev() {
            match one {
                Undo::Entry(entry) => {
                    self.book.reverse(Some(number), entry)?;
                }
                Undo::Attribute { position, name, before, write } => {
                    // However many of its writes are undone, that is one more write.
                    let version = versions[&(position, name)].version + 1;
                    self.book.restore_attribute(position, name, before, write, version);
                }
            }
        }
        self.finish(number, Status::RolledBack);
        Ok(())
    }
}
