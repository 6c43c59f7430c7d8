//! Beginning: an intent becomes a pending operation, with its money reserved and its positions taken.

use std::time::Duration;

use super::error::Error;
use super::handle::{InProgress, Pending};
use super::intent::Intent;
use super::keys::{self, IntentHash, KeyState};
use super::kind::{Kind, Role};
use super::row::{self, KeyRow, NamedAsset, NamedClaim, NamedPosition, OperationRow};
use super::run::Started;
use super::status::{Call, Status, legal};
use super::{KEYS, OPERATION_STATE, OperationId, OperationsMut, PositionId, UNFINISHED, WORKING};
use crate::engine::KeyRange;
use crate::ledger::{self, Increase, Mismatch, Position};
use crate::money::{Amount, Asset, Money};
use crate::processed::{Claim, ClaimState};

/// The row that holds the next operation's number.
const NEXT: &[u8] = b"next";

/// What beginning an operation came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Begun {
    /// It is pending, and this is its handle.
    New(Pending),
    /// It was begun before with this key. Nothing was changed.
    Existing(Box<KeyState>),
    /// The transaction it stands for is claimed. Nothing was changed.
    Duplicate(ClaimState),
}

/// What beginning and starting an operation in one commit came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum BegunStarted {
    /// It is in progress, and this is its handle.
    New(InProgress),
    /// It was begun before with this key. Nothing was changed.
    Existing(Box<KeyState>),
    /// The transaction it stands for is claimed. Nothing was changed.
    Duplicate(ClaimState),
}

impl Begun {
    /// The handle, where the operation is new.
    pub fn into_handle(self) -> Option<Pending> {
        match self {
            Self::New(pending) => Some(pending),
            Self::Existing(_) | Self::Duplicate(_) => None,
        }
    }

    /// The operation there was, where its key was used before.
    pub fn into_existing(self) -> Option<KeyState> {
        match self {
            Self::Existing(state) => Some(*state),
            Self::New(_) | Self::Duplicate(_) => None,
        }
    }
}

impl BegunStarted {
    /// The handle, where the operation is new.
    pub fn into_handle(self) -> Option<InProgress> {
        match self {
            Self::New(in_progress) => Some(in_progress),
            Self::Existing(_) | Self::Duplicate(_) => None,
        }
    }

    /// The operation there was, where its key was used before.
    pub fn into_existing(self) -> Option<KeyState> {
        match self {
            Self::Existing(state) => Some(*state),
            Self::New(_) | Self::Duplicate(_) => None,
        }
    }
}

/// What a new operation comes from.
struct Origin<'i> {
    intent: &'i Intent,
    hash: IntentHash,
    /// The rolled back operation in whose place it is begun.
    retry_of: Option<(OperationId, Option<NamedClaim>)>,
}

impl OperationsMut<'_> {
    /// Begins an operation: writes it down, reserves its money and takes its positions.
    ///
    /// With a key that was used before it answers the operation there is, also where its row was
    /// purged since. What is refused for lack of money or of a free position is tried once more after
    /// pending operations that nobody can start any more have been rolled back.
    ///
    /// # Errors
    /// [`Error::InvalidIntent`], [`Error::Conflict`], [`Error::RecoveryNeeded`],
    /// [`Error::PositionBusy`], and of the ledger those for money, positions, limits and the halt.
    pub fn begin(&mut self, intent: &Intent) -> Result<Begun, Error> {
        intent.check()?;
        let hash = IntentHash::of(intent);
        if let Some(known) = row::key_row(self.reader(), &intent.key)? {
            hash.expect_same(&known)?;
            let state = keys::known(self.reader(), &known)?;
            return Ok(Begun::Existing(Box::new(state)));
        }
        self.begin_from(&Origin { intent, hash, retry_of: None })
    }

    /// As [`OperationsMut::begin`], and starts it in the same commit.
    ///
    /// # Errors
    /// As [`OperationsMut::begin`]; [`Error::Expired`] where its deadline has passed, and then nothing
    /// was begun.
    pub fn begin_and_start(&mut self, intent: &Intent) -> Result<BegunStarted, Error> {
        self.all_or_nothing(|operations| {
            let pending = match operations.begin(intent)? {
                Begun::New(pending) => pending,
                Begun::Existing(state) => return Ok(BegunStarted::Existing(state)),
                Begun::Duplicate(state) => return Ok(BegunStarted::Duplicate(state)),
            };
            match operations.start(&pending)? {
                Started::InProgress(in_progress) => Ok(BegunStarted::New(in_progress)),
                Started::Expired => Err(Error::Expired { operation: pending.id() }),
            }
        })
    }

    /// Begins an operation anew under the key of one that was rolled back. It gets a number of its
    /// own and takes over the claim.
    ///
    /// # Errors
    /// As [`OperationsMut::begin`]; [`Error::UnknownKey`]; [`Error::IllegalTransition`] where the
    /// operation under the key was not rolled back.
    pub fn begin_again(&mut self, intent: &Intent) -> Result<Begun, Error> {
        intent.check()?;
        let hash = IntentHash::of(intent);
        let Some(known) = row::key_row(self.reader(), &intent.key)? else {
            return Err(Error::UnknownKey { key: intent.key.clone() });
        };
        hash.expect_same(&known)?;
        let (before, claim) = self.rolled_back(&known, intent)?;
        self.begin_from(&Origin { intent, hash, retry_of: Some((before, claim)) })
    }

    /// The operation under a key, which was rolled back, and its claim.
    fn rolled_back(
        &self,
        known: &KeyRow,
        intent: &Intent,
    ) -> Result<(OperationId, Option<NamedClaim>), Error> {
        let id = OperationId::new(known.operation);
        let status = keys::known(self.reader(), known)?.status();
        legal(id, status, Call::BeginAgain)?;
        let claim = match row::find(self.reader(), id)? {
            Some(row) => row.claim,
            None => intent.claim.as_ref().map(|claim| NamedClaim {
                namespace: claim.namespace.clone(),
                key: claim.key.clone(),
            }),
        };
        Ok((id, claim))
    }

    fn begin_from(&mut self, origin: &Origin<'_>) -> Result<Begun, Error> {
        if self.life.refuses_beginnings() {
            return Err(Error::RecoveryNeeded);
        }
        self.all_or_nothing(|operations| {
            let refusal = match operations.all_or_nothing(|all| all.try_begin(origin)) {
                Err(error) if is_for_lack(&error) => error,
                outcome => return outcome,
            };
            match operations.sweep(super::sweep::AT_ONCE)? {
                0 => Err(refusal),
                _ => operations.try_begin(origin),
            }
        })
    }

    fn try_begin(&mut self, origin: &Origin<'_>) -> Result<Begun, Error> {
        let intent = origin.intent;
        let id = self.next_id()?;
        match &origin.retry_of {
            Some((_, Some(claim))) => self.hand_over_claim(id, claim)?,
            Some((_, None)) => {}
            None => match self.claim(id, intent)? {
                Claim::New => {}
                Claim::Duplicate(state) => return Ok(Begun::Duplicate(state)),
            },
        }
        self.move_cursor(intent)?;
        let mut row = self.new_row(origin);
        let positions = self.take_positions(id, intent, &mut row)?;
        self.hold_money(id, intent, &positions, &row.account)?;
        self.tx().put(OPERATION_STATE, NEXT, row::encode(&id.get().saturating_add(1)));
        self.tx().put(UNFINISHED, &row::id_key(id), row::encode(&()));
        self.tx().put(KEYS, &intent.key, row::encode(&origin.hash.row(id)));
        for named in &row.positions {
            self.work_on(id, *named)?;
        }
        self.put_with_event(id, &mut row, Call::Begin, None);
        let handle = self.handle(id, &row, self.monotonic_deadline(intent));
        Ok(Begun::New(Pending(handle)))
    }

    fn next_id(&self) -> Result<OperationId, Error> {
        let next = row::load::<u64>(self.reader(), OPERATION_STATE, NEXT)?;
        Ok(OperationId::new(next.unwrap_or(1)))
    }

    /// The deadline by the clock that never jumps.
    fn monotonic_deadline(&self, intent: &Intent) -> Option<Duration> {
        let left = intent.deadline?.as_micros().saturating_sub(self.now.as_micros());
        let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
        Some(self.monotonic.saturating_add(left))
    }

    /// The operation's row, but for what the books have to say to it.
    fn new_row(&mut self, origin: &Origin<'_>) -> OperationRow {
        let intent = origin.intent;
        let claim = intent
            .claim
            .as_ref()
            .map(|claim| NamedClaim { namespace: claim.namespace.clone(), key: claim.key.clone() });
        let (retry_of, claim) = match &origin.retry_of {
            Some((before, inherited)) => (Some(before.get()), inherited.clone()),
            None => (None, claim),
        };
        OperationRow {
            kind: intent.kind.clone(),
            key: intent.key.clone(),
            account: intent.account.clone().unwrap_or_default(),
            payload: intent.payload.clone(),
            status: Status::Pending,
            epoch: self.life.epoch(),
            attempt: 0,
            tries: 0,
            max_attempts: intent.max_attempts,
            idempotent: intent.idempotent,
            deadline: intent.deadline.map(|at| at.as_micros()),
            not_before: None,
            external_ids: vec![self.life.draw_external_id()],
            positions: Vec::new(),
            accounts: Vec::new(),
            assets: Vec::new(),
            claim,
            retry_of,
            error: None,
            attention: None,
            presentations: 0,
            begun_at: self.stored_now(),
            started_at: None,
            finished_at: None,
            events: 0,
            checkpoints: 0,
            undo: 0,
            effect: None,
        }
    }

    /// Finds the positions that the intent names, checks that they are free and within the limits,
    /// opens the new ones, and writes all that the effect may touch into `row`. Answers the positions
    /// that there were before.
    fn take_positions(
        &mut self,
        id: OperationId,
        intent: &Intent,
        row: &mut OperationRow,
    ) -> Result<Vec<Position>, Error> {
        let mut positions = Vec::with_capacity(intent.named.len());
        for named in &intent.named {
            let position = self.ledger.position(named.position)?;
            if position.closed_at.is_some() {
                let position = named.position;
                return Err(ledger::Error::PositionClosed { position }.into());
            }
            if named.role.is_exclusive() {
                self.expect_free(named.position)?;
            }
            row.positions.push(NamedPosition { position: named.position.get(), role: named.role });
            positions.push(position);
        }
        if let (None, Some(position)) = (&intent.account, positions.first()) {
            row.account.clone_from(&position.account);
        }
        self.check_limits(intent, &positions)?;
        for new in &intent.opens {
            let position = self.ledger.open_position(id, new)?;
            row.positions.push(NamedPosition { position: position.get(), role: Role::Opens });
        }
        name_accounts_and_assets(intent, &positions, row);
        Ok(positions)
    }

    /// Refuses where another unfinished operation has the position for itself.
    fn expect_free(&self, position: PositionId) -> Result<(), Error> {
        match self.exclusive_owner(position)? {
            Some(operation) => Err(Error::PositionBusy { position, operation }),
            None => Ok(()),
        }
    }

    /// The unfinished operation that has the position for itself, beside which others can only
    /// reduce it.
    fn exclusive_owner(&self, position: PositionId) -> Result<Option<OperationId>, Error> {
        for row in self.reader().scan(WORKING, KeyRange::prefix(&position.get().to_be_bytes())) {
            let (key, row) = row?;
            let roles: Vec<Role> = row::decode(WORKING, &key, &row)?;
            if roles.iter().any(|role| role.is_exclusive()) {
                let (_, operation) = row::pair_of(WORKING, &key)?;
                return Ok(Some(OperationId::new(operation)));
            }
        }
        Ok(None)
    }

    /// Notes that the operation works on the position, in this role too.
    fn work_on(&mut self, id: OperationId, named: NamedPosition) -> Result<(), Error> {
        let key = row::working_key(named.position, id);
        let mut roles: Vec<Role> = row::load(self.reader(), WORKING, &key)?.unwrap_or_default();
        if !roles.contains(&named.role) {
            roles.push(named.role);
            self.tx().put(WORKING, &key, row::encode(&roles));
        }
        Ok(())
    }

    /// Holds what raises risk against the limits, account by account.
    fn check_limits(&self, intent: &Intent, positions: &[Position]) -> Result<(), Error> {
        if !intent.raises_risk() {
            return Ok(());
        }
        let spend = |quote: &Asset| {
            let hold = intent.holds.iter().find(|hold| hold.asset().key() == quote.key());
            hold.cloned().unwrap_or_else(|| Money::new(quote.clone(), Amount::ZERO))
        };
        let mut increases: Vec<(&str, Increase)> = Vec::new();
        for (named, position) in intent.named.iter().zip(positions) {
            if named.role.raises_risk() {
                let (spend, position_id) = (spend(&position.quote), Some(position.id));
                increases.push((&position.account, Increase { position: position_id, spend }));
            }
        }
        for new in &intent.opens {
            increases.push((&new.account, Increase { position: None, spend: spend(&new.quote) }));
        }
        let mut accounts: Vec<&str> = increases.iter().map(|(account, _)| *account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        for account in accounts {
            let here = increases.iter().filter(|(of, _)| *of == account);
            let here: Vec<Increase> = here.map(|(_, increase)| increase.clone()).collect();
            self.ledger.check_limits(account, &here)?;
        }
        Ok(())
    }

    /// Sets aside what the operation may spend.
    fn hold_money(
        &mut self,
        id: OperationId,
        intent: &Intent,
        positions: &[Position],
        account: &str,
    ) -> Result<(), Error> {
        if let Some(money) = &intent.money {
            match intent.kind {
                Kind::BalanceAdd => self.ledger.expect_cash(id, account, money)?,
                _ => self.ledger.reserve_cash(id, account, money)?,
            }
        }
        for hold in &intent.holds {
            self.ledger.reserve_cash(id, account, hold)?;
        }
        for (named, position) in intent.named.iter().zip(positions) {
            if named.role != Role::Reduces {
                continue;
            }
            let quantity = match &named.quantity {
                Some(quantity) => quantity.clone(),
                None => all_that_is_free(position)?,
            };
            self.ledger.reserve_units(id, named.position, &quantity)?;
        }
        Ok(())
    }
}

/// The units of a position that nothing holds. There have to be some.
fn all_that_is_free(position: &Position) -> Result<Money, Error> {
    if position.quantity.amount().is_zero() {
        return Err(Mismatch::Zero("the position's quantity").into());
    }
    let free = position.quantity.checked_sub(&position.reserved).map_err(ledger::Error::from)?;
    // Where everything is held already, asking for everything says by how much it is short.
    Ok(if free.amount().is_zero() { position.quantity.clone() } else { free })
}

/// Whether a begin was refused for something that a forgotten operation may hold.
fn is_for_lack(error: &Error) -> bool {
    matches!(
        error,
        Error::PositionBusy { .. }
            | Error::Ledger(
                ledger::Error::Insufficient { .. }
                    | ledger::Error::LimitExceeded { .. }
                    | ledger::Error::DuplicatePosition { .. }
                    | ledger::Error::PositionBusy { .. }
            )
    )
}

fn name_accounts_and_assets(intent: &Intent, positions: &[Position], row: &mut OperationRow) {
    let accounts = [row.account.clone()].into_iter().chain(intent.accounts.iter().cloned());
    let owners = positions.iter().map(|position| position.account.clone());
    let opened = intent.opens.iter().map(|new| new.account.clone());
    for account in accounts.chain(owners).chain(opened) {
        if !row.accounts.contains(&account) {
            row.accounts.push(account);
        }
    }
    let money = intent.money.iter().chain(&intent.holds).map(Money::asset);
    let held = positions.iter().flat_map(|position| [&position.asset, &position.quote]);
    let opened = intent.opens.iter().flat_map(|new| [&new.asset, &new.quote]);
    for asset in money.chain(&intent.touches).chain(held).chain(opened) {
        if !row.assets.iter().any(|named| named.is(asset)) {
            row.assets.push(NamedAsset::of(asset));
        }
    }
}
