//! The life of an operation between its beginning and its end: the calls, and who may make them.

use super::effect::Posting;
use super::words::*;
use super::{Handle, Model};
use serde::{Deserialize, Serialize};

/// A call on an operation that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Call {
    Start,
    Cancel,
    Checkpoint(u8),
    Record(Effect),
    Apply(Effect),
    Complete(Effect),
    Fail(Class),
    Retry,
    RollBack { evidence: bool },
    ResolveComplete(Effect),
    TakeOver,
    TakeOverPending,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Caller {
    /// Somebody who knows the number.
    Anybody(OperationNumber),
    /// Whoever has the handle that was given out in this line of the script.
    Handle(usize),
}

impl Call {
    /// The states out of which the call leads.
    fn is_legal_in(&self, status: Status) -> bool {
        match self {
            Self::Start | Self::Cancel | Self::TakeOverPending => status == Status::Pending,
            Self::Checkpoint(_) | Self::Apply(_) | Self::Complete(_) | Self::Fail(_) => {
                status == Status::InProgress
            }
            Self::Record(_) => matches!(status, Status::InProgress | Status::Failed),
            Self::Retry | Self::RollBack { .. } | Self::ResolveComplete(_) => {
                status == Status::Failed
            }
            Self::TakeOver => status == Status::InProgress,
        }
    }

    /// Whether a handle on an operation in this state has the call.
    pub(crate) fn is_for_handles_on(&self, state: Status) -> bool {
        self.is_legal_in(state) && !matches!(self, Self::TakeOver | Self::TakeOverPending)
    }

    /// Whether it answers a handle.
    pub(crate) fn hands_out(&self) -> bool {
        matches!(
            self,
            Self::Start | Self::Fail(_) | Self::Retry | Self::TakeOver | Self::TakeOverPending
        )
    }

    /// Whether the handle is used up by it.
    pub(crate) fn consumes(&self) -> bool {
        !matches!(self, Self::Checkpoint(_) | Self::Record(_) | Self::Apply(_))
    }
}

impl Model {
    pub(crate) fn call(&mut self, caller: Caller, call: &Call) -> Outcome {
        let (number, handle) = match caller {
            Caller::Anybody(number) => (number, None),
            Caller::Handle(line) => {
                let handle = self.handles[&line];
                (handle.operation, Some(handle))
            }
        };
        let Some(one) = self.operation(number) else {
            return Outcome::unchanged(Reply::UnknownOperation);
        };
        let mut guards = Refusals::new();
        if !self.is_owner(number, handle, call) {
            guards.insert(Reply::StaleOwner);
        }
        if one.status.is_finished() {
            let repeated = match call {
                Call::Complete(effect) | Call::ResolveComplete(effect) => {
                    one.completed_with.as_ref() == Some(effect)
                }
                Call::Cancel | Call::RollBack { .. } => one.status == Status::RolledBack,
                _ => false,
            };
            guards.insert(if repeated { Reply::AlreadyDone } else { Reply::IllegalTransition });
        } else if !call.is_legal_in(one.status) {
            guards.insert(Reply::IllegalTransition);
        }
        if !guards.is_empty() {
            let outcome = Outcome::refused(guards);
            if outcome.replies == [Reply::AlreadyDone].into() && call.consumes() {
                self.consume(caller);
            }
            return outcome;
        }
        let outcome = self.carry_out(number, handle.is_none(), call);
        self.operation_mut(number).calls += u64::from(outcome.changed);
        if outcome.changed && call.consumes() {
            self.consume(caller);
            self.give_back(number, call, &outcome);
        }
        outcome
    }

    fn consume(&mut self, caller: Caller) {
        if let Caller::Handle(line) = caller {
            self.handles.remove(&line);
        }
    }

    /// The handle that a call answers.
    fn give_back(&mut self, number: OperationNumber, call: &Call, outcome: &Outcome) {
        let done = outcome.replies.contains(&Reply::Done);
        if done && call.hands_out() {
            self.hand_out(number);
        }
    }

    fn is_owner(&self, number: OperationNumber, handle: Option<Handle>, call: &Call) -> bool {
        let one = &self.operations[number as usize - 1];
        match handle {
            Some(handle) => {
                handle.epoch == self.epoch
                    && one.epoch == self.epoch
                    && handle.attempt == one.attempt
                    && one.external_ids.last() == Some(&handle.external_id)
            }
            None => {
                one.status.is_finished()
                    || one.status == Status::Failed
                    || matches!(call, Call::TakeOver | Call::TakeOverPending)
                    || one.epoch == self.epoch
            }
        }
    }

    fn carry_out(&mut self, number: OperationNumber, by_id: bool, call: &Call) -> Outcome {
        match call {
            Call::Start => self.start(number),
            Call::Cancel => self.doing(|next| {
                next.finish(number, Status::RolledBack);
                Ok(())
            }),
            Call::Checkpoint(reference) => self.doing(|next| {
                next.operation_mut(number).checkpoints.push(*reference);
                Ok(())
            }),
            Call::Record(effect) => self.doing(|next| {
                if !effect.parts.iter().all(Part::is_fill) {
                    return Err(refuse(Reply::EffectMismatch));
                }
                next.post(number, effect)
            }),
            Call::Apply(effect) => self.doing(|next| {
                if effect.parts.iter().any(Part::is_fact) {
                    return Err(refuse(Reply::EffectMismatch));
                }
                next.post(number, effect)
            }),
            Call::Complete(effect) | Call::ResolveComplete(effect) => {
                self.doing(|next| next.end_well(number, effect))
            }
            Call::Fail(class) => self.doing(|next| {
                let one = next.operation_mut(number);
                one.status = Status::Failed;
                one.class = Some(*class);
                Ok(())
            }),
            Call::Retry => self.retry(number, by_id),
            Call::RollBack { evidence } => self.roll_back(number, *evidence),
            Call::TakeOver | Call::TakeOverPending => self.doing(|next| {
                let (epoch, one) = (next.epoch, &next.operations[number as usize - 1]);
                // Another process's time tells nothing; that of this one went on.
                let patience = match one.epoch == epoch {
                    true => one.patience,
                    false => next.patience(&one.intent),
                };
                let one = next.operation_mut(number);
                (one.epoch, one.patience) = (epoch, patience);
                one.attempt += 1;
                one.presentations = 0;
                Ok(())
            }),
        }
    }

    pub(crate) fn doing(
        &mut self,
        call: impl FnOnce(&mut Self) -> Result<(), Refusals>,
    ) -> Outcome {
        match self.attempt(call) {
            Ok(()) => Outcome::done(Reply::Done),
            Err(refusals) => Outcome::refused(refusals),
        }
    }

    fn start(&mut self, number: OperationNumber) -> Outcome {
        let one = &self.operations[number as usize - 1];
        if self.is_late(number) {
            let ended = self.doing(|next| {
                next.finish(number, Status::RolledBack);
                Ok(())
            });
            return Outcome { replies: [Reply::Expired].into(), ..ended };
        }
        if self.book.halted && one.raises_risk() {
            return Outcome::unchanged(Reply::Halted);
        }
        self.doing(|next| {
            next.go(number);
            Ok(())
        })
    }

    /// A new attempt begins.
    pub(super) fn go(&mut self, number: OperationNumber) {
        let one = self.operation_mut(number);
        one.status = Status::InProgress;
        one.attempt += 1;
        one.tries += 1;
    }

    pub(super) fn post(
        &mut self,
        number: OperationNumber,
        effect: &Effect,
    ) -> Result<(), Refusals> {
        let one = self.operation(number).expect("the operation is there").clone();
        let (task, scope, cover) = (&one.intent.task, &one.scope, effect.cover);
        let undo = self.book.post(&Posting { operation: number, task, scope, cover }, effect)?;
        self.operation_mut(number).undo.extend(undo);
        Ok(())
    }
}
