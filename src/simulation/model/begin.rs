//! Beginning an operation: everything that may stand in its way, and what it takes.

use super::book::{Held, Position};
use super::claims::Kept;
use super::effect::{Role, Scope};
use super::words::*;
use super::{Model, Operation};
use crate::simulation::cast::Owner;

const RELIEVED_BY_A_SWEEP: [Reply; 4] =
    [Reply::Insufficient, Reply::DuplicatePosition, Reply::PositionBusy, Reply::LimitExceeded];

impl Model {
    /// `begin`, and `begin_again` where `again` says so.
    pub(crate) fn begin(&mut self, intent: &Intent, again: bool, start: bool) -> Outcome {
        let mut outcome = self.begin_unless_known(intent, again, start);
        if intent.is_malformed() {
            assert!(!outcome.changed, "nothing is set aside of nothing");
            outcome.replies.extend([Reply::EffectMismatch, Reply::Invalid]);
        }
        outcome
    }

    fn begin_unless_known(&mut self, intent: &Intent, again: bool, start: bool) -> Outcome {
        let known = self.keys.get(&intent.key).copied();
        match known.and_then(|number| self.operation(number)) {
            Some(one) if !one.intent.is_same_deal(intent) => {
                return Outcome::unchanged(Reply::Conflict);
            }
            Some(_) if !again => {
                return Outcome::unchanged(Reply::Existing(known.unwrap_or_default()));
            }
            Some(one) if one.status != Status::RolledBack => {
                return Outcome::unchanged(Reply::IllegalTransition);
            }
            None if again => return Outcome::unchanged(Reply::UnknownOperation),
            _ => {}
        }
        // Beginning again takes the claim over, whether it is named or not.
        let before = known.filter(|_| again).and_then(|number| self.operation(number));
        let inherited = before.and_then(|one| one.intent.claim);
        let named = |claim: (u8, u8, i64)| (claim.0, claim.1);
        if let (Some(inherited), Some(claim)) = (inherited, intent.claim)
            && named(inherited) != named(claim)
        {
            let mut refusals = refuse(Reply::Conflict);
            refusals.extend(self.recovery_needed.then_some(Reply::RecoveryNeeded));
            return Outcome::refused(refusals);
        }
        if self.recovery_needed {
            return Outcome::unchanged(Reply::RecoveryNeeded);
        }
        let retry_of = known.filter(|_| again);
        let intent = &Intent { claim: inherited.or(intent.claim), ..intent.clone() };
        let heir_of = retry_of.filter(|_| inherited.is_some());
        if let Some(reply) = self.claimed_by_others(intent.claim, heir_of) {
            return Outcome::unchanged(reply);
        }
        match self.attempt(|next| next.take_up(intent, retry_of, start)) {
            Ok(number) => Outcome::done(Reply::New(number)),
            // The cursor is looked at before anything that a sweep could relieve.
            Err(refusals) if refusals.contains(&Reply::CursorMoved) => Outcome::refused(refusals),
            Err(first) if RELIEVED_BY_A_SWEEP.iter().any(|reply| first.contains(reply)) => {
                let after_sweep = self.attempt(|next| {
                    next.sweep();
                    next.close_empty_positions();
                    // What was swept may have let claims go, and the watermark passed this one.
                    match next.claimed_by_others(intent.claim, heir_of) {
                        Some(reply) => Ok(reply),
                        None => next.take_up(intent, retry_of, start).map(Reply::New),
                    }
                });
                match after_sweep {
                    Ok(reply) => Outcome::done(reply),
                    Err(second) => Outcome::refused(&first | &second),
                }
            }
            Err(refusals) => Outcome::refused(refusals),
        }
    }

    /// Rolls back every pending operation whose deadline passed or whose handle was dropped.
    pub(crate) fn sweep(&mut self) {
        for number in 1..=self.operations.len() as u64 {
            let one = &self.operations[number as usize - 1];
            let late = self.is_late(number);
            let dropped = self.owners(number).next().is_none();
            if one.status == Status::Pending && (late || dropped) {
                self.finish(number, Status::RolledBack);
            }
        }
    }

    fn take_up(
        &mut self,
        intent: &Intent,
        retry_of: Option<OperationNumber>,
        start: bool,
    ) -> Result<OperationNumber, Refusals> {
        let mut refusals = Refusals::new();
        let scope = self.scope(intent, &mut refusals);
        self.check_outside(intent, retry_of.is_some(), &mut refusals);
        self.check_positions(intent, &scope, &mut refusals);
        let number = self.operations.len() as u64 + 1;
        let external_ids = vec![self.draw_external_id()];
        self.operations.push(Operation {
            intent: intent.clone(),
            status: Status::Pending,
            scope,
            epoch: self.epoch,
            attempt: 0,
            tries: 0,
            external_ids,
            not_before: None,
            class: None,
            used_up: None,
            needs_attention: false,
            presentations: 0,
            calls: 0,
            retry_of,
            opened: Vec::new(),
            undo: Vec::new(),
            checkpoints: Vec::new(),
            completed_with: None,
            finished_at: None,
            patience: self.patience(intent),
        });
        self.open_positions(number);
        self.reserve(number, &mut refusals);
        self.keys.insert(intent.key, number);
        if let Some((namespace, key, at)) = intent.claim {
            let claimed = Claimed::InFlight(number);
            self.put_claim((namespace, key), Kept { claimed, at, operation: Some(number) });
        }
        if let Some((name, _, value)) = intent.cursor {
            self.cursors.insert(name, value);
        }
        if start {
            if intent.deadline.is_some_and(|deadline| self.now > deadline) {
                refusals.insert(Reply::TooLate);
            }
            self.go(number);
        }
        if refusals.is_empty() { Ok(number) } else { Err(refusals) }
    }

    /// Everything that the intent names, and which position for what.
    fn scope(&self, intent: &Intent, refusals: &mut Refusals) -> Scope {
        let mut scope = Scope::default();
        scope.owners.extend(&intent.owners);
        scope.coins.extend(&intent.touches);
        scope.coins.extend(intent.holds.iter().map(|hold| hold.0));
        let mut roles = Vec::new();
        match &intent.task {
            Task::Deduct(owner, money) | Task::Add(owner, money) => {
                scope.owners.insert(*owner);
                scope.coins.insert(money.0);
            }
            Task::Open(new) => {
                scope.owners.insert(new.owner);
                scope.coins.extend([new.coin, new.quote]);
            }
            Task::Close(position, _) => roles.push((*position, Role::Reduces)),
            Task::Update(position) => roles.push((*position, Role::Updates)),
            Task::Trade(owner) | Task::Custom(owner) => {
                scope.owners.insert(*owner);
            }
        }
        for new in &intent.opens {
            scope.owners.insert(new.owner);
            scope.coins.extend([new.coin, new.quote]);
        }
        roles.extend(intent.reduces.iter().map(|(position, _)| (*position, Role::Reduces)));
        roles.extend(intent.increases.iter().map(|position| (*position, Role::Increases)));
        for (number, role) in roles {
            match self.book.position(number) {
                None => _ = refusals.insert(Reply::UnknownPosition),
                Some(position) => {
                    if position.is_closed {
                        refusals.insert(Reply::PositionClosed);
                    }
                    scope.owners.insert(position.new.owner);
                    scope.coins.extend([position.new.coin, position.new.quote]);
                    scope.roles.insert(number, role);
                }
            }
        }
        scope
    }

    /// The clock, the cursor, the halt switch.
    fn check_outside(&self, intent: &Intent, again: bool, refusals: &mut Refusals) {
        if let Some((name, expected, value)) = intent.cursor {
            let found = self.cursors.get(&name).copied();
            // The operation in whose place this one is begun may have moved it.
            let is_moved = again && found == Some(value);
            if found != expected && !is_moved {
                refusals.insert(Reply::CursorMoved);
            }
        }
        let is_new = |claim: &(u8, u8, i64)| {
            !self.claims.contains_key(&(claim.0, claim.1)) && !self.is_too_old(*claim)
        };
        if intent.claim.filter(is_new).is_some_and(|(_, _, at)| self.is_from_the_future(at)) {
            refusals.insert(Reply::FromTheFuture);
        }
        if self.book.halted && raises_risk(intent) {
            refusals.insert(Reply::Halted);
        }
    }

    /// That all positions are free, and that there may be more of them.
    fn check_positions(&self, intent: &Intent, scope: &Scope, refusals: &mut Refusals) {
        for (number, role) in &scope.roles {
            if *role != Role::Reduces && self.at_work_on(*number).is_some() {
                refusals.insert(Reply::PositionBusy);
            }
        }
        let mut opening: Vec<&NewPosition> = intent.opens.iter().collect();
        if let Task::Open(new) = &intent.task {
            opening.push(new);
        }
        if opening.iter().any(|new| self.book.open_position_like(new).is_some()) {
            refusals.insert(Reply::DuplicatePosition);
        }
        for owner in Owner::ALL {
            let open = self.book.positions.iter();
            let open = open.filter(|one| !one.is_closed && one.new.owner == owner).count();
            let more = opening.iter().filter(|new| new.owner == owner).count();
            if more > 0 && self.limits.open_positions.is_some_and(|most| open + more > most) {
                refusals.insert(Reply::LimitExceeded);
            }
        }
        if let Some(most) = self.limits.cost {
            let planned: Amount = intent
                .holds
                .iter()
                .filter(|h| h.0 == crate::simulation::cast::Coin::Usd)
                .map(|h| h.1)
                .sum();
            let known = intent.increases.iter().filter(|n| self.book.position(**n).is_some());
            let costs = known.map(|number| self.book.standing(*number).cost());
            let held = costs.chain(opening.iter().map(|_| 0)).max();
            if held.is_some() && planned == 0 {
                refusals.insert(Reply::Invalid);
            }
            if held.is_some_and(|cost| cost + planned > most) {
                refusals.insert(Reply::LimitExceeded);
            }
        }
    }

    /// The unfinished operation that works on a position, and not only by reducing it.
    pub(crate) fn at_work_on(&self, position: PositionNumber) -> Option<OperationNumber> {
        let mut at_work = (1..).zip(&self.operations).filter(|(_, one)| {
            let role = one.scope.roles.get(&position);
            !one.status.is_finished() && role.is_some_and(|role| *role != Role::Reduces)
        });
        at_work.next().map(|(number, _)| number)
    }

    fn open_positions(&mut self, number: OperationNumber) {
        let one = self.operation(number).expect("it was just begun");
        let mut opening = Vec::new();
        if let Task::Open(new) = &one.intent.task {
            opening.push(new.clone());
        }
        opening.extend(one.intent.opens.iter().cloned());
        for new in opening {
            self.book.positions.push(Position { new, opened_by: Some(number), is_closed: false });
            let position = self.book.positions.len() as u64;
            let one = self.operation_mut(number);
            one.opened.push(position);
            one.scope.roles.insert(position, Role::Opens);
        }
    }

    /// Whose the position is. What is not there refuses in another place.
    fn owner_of(&self, position: PositionNumber) -> Owner {
        self.book.position(position).map_or(Owner::Main, |one| one.new.owner)
    }

    fn reserve(&mut self, number: OperationNumber, refusals: &mut Refusals) {
        let one = self.operation(number).expect("it was just begun").clone();
        let mut wanted: Vec<(Held, Amount)> = Vec::new();
        let owner = match &one.intent.task {
            Task::Deduct(owner, (coin, amount)) => {
                wanted.push((Held::Cash(*owner, *coin), *amount));
                *owner
            }
            Task::Add(owner, (coin, amount)) => {
                wanted.push((Held::Expected(*owner, *coin), *amount));
                *owner
            }
            Task::Open(new) => new.owner,
            Task::Close(position, quantity) => {
                let all = self.book.available_units(*position);
                wanted.push((Held::Units(*position), quantity.unwrap_or(all)));
                self.owner_of(*position)
            }
            Task::Update(position) => self.owner_of(*position),
            Task::Trade(owner) | Task::Custom(owner) => *owner,
        };
        let cash =
            one.intent.holds.iter().map(|(coin, amount)| (Held::Cash(owner, *coin), *amount));
        wanted.extend(cash);
        let units =
            one.intent.reduces.iter().map(|(number, amount)| (Held::Units(*number), *amount));
        wanted.extend(units);
        for (held, amount) in wanted {
            let available = match held {
                Held::Cash(owner, coin) => self.book.available_cash(owner, coin),
                Held::Units(position) => self.book.available_units(position),
                Held::Expected(..) => amount,
            };
            if amount <= 0 {
                refusals.extend([Reply::EffectMismatch, Reply::Invalid, Reply::Insufficient]);
            } else if amount > available {
                refusals.insert(Reply::Insufficient);
            } else {
                *self.book.holds.entry((number, held)).or_default() += amount;
            }
        }
    }
}

/// Whether the intent opens or increases a position.
fn raises_risk(intent: &Intent) -> bool {
    matches!(intent.task, Task::Open(_)) || !intent.opens.is_empty() || !intent.increases.is_empty()
}
