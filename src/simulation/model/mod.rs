//! A model of the whole domain in plain maps: what each call must answer, and what is then there.
//!
//! It is written from the rules alone and knows nothing of how the store does it. Every call works on
//! a copy that takes the place of the model where nothing refuses, so that a refusal changes nothing
//! by construction. It is slow and plain on purpose.

#[cfg(test)]
mod alone;
mod begin;
pub(crate) mod book;
pub(crate) mod claims;
pub(crate) mod effect;
#[cfg(test)]
mod examples;
pub(crate) mod hand;
pub(crate) mod life;
pub(crate) mod missing;
pub(crate) mod recovery;
pub(crate) mod run;
mod settle;
pub(crate) mod tokens;
pub(crate) mod words;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use book::Book;
use effect::{Scope, Undo};
use words::*;

/// The model of one store and of the process that has it open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) book: Book,
    /// Operation n stands at n - 1.
    pub(crate) operations: Vec<Operation>,
    /// The operation that a key names.
    pub(crate) keys: BTreeMap<u8, OperationNumber>,
    pub(crate) claims: BTreeMap<(u8, u8), claims::Kept>,
    /// What is known of the claims that were let go, by namespace.
    pub(crate) let_go: BTreeMap<u8, claims::LetGo>,
    pub(crate) cursors: BTreeMap<u8, u8>,
    /// What was said of each token.
    pub(crate) tokens: BTreeMap<u8, tokens::Known>,
    /// Claims whose price is missing.
    pub(crate) missing: BTreeMap<(u8, u8), missing::Missing>,
    pub(crate) limits: Limits,
    /// What the clock shows.
    pub(crate) now: i64,
    /// The time that only passes.
    pub(crate) monotonic: i64,
    /// How often the store was opened.
    pub(crate) epoch: u64,
    /// Whether there were orphans at the opening, and nobody looked at them yet.
    pub(crate) recovery_needed: bool,
    pub(crate) recovery: Option<recovery::Running>,
    pub(crate) last_report: Option<recovery::Report>,
    /// The handles that somebody has, by the line of the script that they were given out in.
    pub(crate) handles: BTreeMap<usize, Handle>,
    /// The line of the script that is played.
    pub(crate) line: usize,
    external_ids: u64,
}

/// What the store was opened with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) open_positions: Option<usize>,
    pub(crate) cost: Option<Amount>,
    /// What is kept of the claims in each namespace.
    #[serde(default)]
    pub(crate) claims: [claims::Bounds; claims::NAMESPACES as usize],
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) intent: Intent,
    pub(crate) status: Status,
    pub(crate) scope: Scope,
    pub(crate) epoch: u64,
    pub(crate) attempt: u64,
    /// How often it was started or retried.
    pub(crate) tries: u32,
    /// All external ids, the last of which is in use.
    pub(crate) external_ids: Vec<u64>,
    pub(crate) not_before: Option<i64>,
    pub(crate) class: Option<Class>,
    /// The class of the failure whose retry was one too many.
    pub(crate) used_up: Option<Class>,
    pub(crate) needs_attention: bool,
    pub(crate) presentations: u32,
    /// How many calls on it were carried out, those that only said again what is known included.
    pub(crate) calls: u64,
    pub(crate) retry_of: Option<OperationNumber>,
    /// Positions opened by it, in the order of the intent.
    pub(crate) opened: Vec<PositionNumber>,
    pub(crate) undo: Vec<Undo>,
    pub(crate) checkpoints: Vec<u8>,
    /// What it was completed with.
    pub(crate) completed_with: Option<Effect>,
    pub(crate) finished_at: Option<i64>,
    /// The passing time by which it has to be started in its epoch, whatever the clock shows.
    pub(crate) patience: Option<i64>,
}

impl Operation {
    pub(crate) fn raises_risk(&self) -> bool {
        self.scope.roles.values().any(|role| role.raises())
    }
}

/// A handle that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) operation: OperationNumber,
    pub(crate) epoch: u64,
    pub(crate) attempt: u64,
    pub(crate) external_id: u64,
    /// What the handle is for: `Pending`, `InProgress` or `Failed`.
    pub(crate) state: Status,
}

impl Model {
    pub(crate) fn new(now: i64) -> Self {
        Self { now, ..Self::default() }
    }

    /// The store is opened, after it was closed or its process died.
    pub(crate) fn open(&mut self) {
        self.epoch += 1;
        self.handles.clear();
        self.recovery = None;
        self.recovery_needed = self.operations.iter().any(|one| !one.status.is_finished());
    }

    pub(crate) fn operation(&self, number: OperationNumber) -> Option<&Operation> {
        self.operations.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    fn operation_mut(&mut self, number: OperationNumber) -> &mut Operation {
        &mut self.operations[number as usize - 1]
    }

    pub(crate) fn is_orphan(&self, number: OperationNumber) -> bool {
        let of_before = |one: &Operation| !one.status.is_finished() && one.epoch < self.epoch;
        self.operation(number).is_some_and(of_before)
    }

    fn draw_external_id(&mut self) -> u64 {
        self.external_ids += 1;
        self.external_ids
    }

    /// Gives out a handle on the operation as it is now.
    pub(crate) fn hand_out(&mut self, number: OperationNumber) {
        let one = &self.operations[number as usize - 1];
        let external_id = *one.external_ids.last().expect("one is drawn at the beginning");
        let (epoch, attempt, state) = (one.epoch, one.attempt, one.status);
        let handle = Handle { operation: number, epoch, attempt, external_id, state };
        self.handles.insert(self.line, handle);
    }

    pub(crate) fn drop_handle(&mut self, line: usize) {
        self.handles.remove(&line);
    }

    /// The passing time at which the clock will show the deadline, if nobody sets it.
    fn patience(&self, intent: &Intent) -> Option<i64> {
        let left = intent.deadline.map(|deadline| (deadline - self.now).max(0));
        left.map(|left| self.monotonic + left)
    }

    /// Whether the deadline passed, by the clock or by time passing.
    fn is_late(&self, number: OperationNumber) -> bool {
        let one = &self.operations[number as usize - 1];
        let by_clock = one.intent.deadline.is_some_and(|deadline| self.now > deadline);
        let by_time = one.patience.is_some_and(|patience| self.monotonic > patience);
        by_clock || (by_time && one.epoch == self.epoch)
    }

    /// The handle that owns the operation, if somebody still has it.
    fn owners(&self, number: OperationNumber) -> impl Iterator<Item = &Handle> {
        let one = &self.operations[number as usize - 1];
        self.handles.values().filter(move |handle| {
            (handle.operation, handle.epoch, handle.attempt) == (number, one.epoch, one.attempt)
                && one.external_ids.last() == Some(&handle.external_id)
        })
    }

    /// Runs `call` on a copy and keeps what it did, unless it refuses.
    pub(crate) fn attempt<T>(
        &mut self,
        call: impl FnOnce(&mut Self) -> Result<T, Refusals>,
    ) -> Result<T, Refusals> {
        let mut next = self.clone();
        let answer = call(&mut next)?;
        next.close_empty_positions();
        *self = next;
        Ok(answer)
    }

    /// A position closes when it is empty and no unfinished opening or increase names it.
    fn close_empty_positions(&mut self) {
        for index in 0..self.book.positions.len() {
            let number = index as u64 + 1;
            let awaited = self.operations.iter().any(|one| {
                !one.status.is_finished()
                    && one.scope.roles.get(&number).is_some_and(|role| role.raises())
            });
            if !awaited && self.book.standing(number).quantity() == 0 {
                self.book.positions[index].is_closed = true;
            }
        }
    }
}
