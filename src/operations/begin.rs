//! Beginning: an intent becomes a pending operation, with its money reserved and its positions taken.

use super::error::Error;
use super::handle::{InProgress, Pending};
use super::intent::{ClaimIntent, Intent};
use super::keys::{self, IntentHash, KeyState};
use super::kind::{Kind, Role};
use super::row::{self, KeyRow, NamedAsset, NamedClaim, NamedPosition, OperationRow};
use super::run::Started;
use super::status::{Call, Status, legal};
use super::{
    KEYS, OPERATION_STATE, OperationId, OperationsMut, PAYLOADS, PositionId, UNFINISHED, WORKING,
};
use crate::engine::KeyRange;
use crate::ledger::{self, Mismatch, Position};
use crate::money::Money;
use crate::processed::{Claim, ClaimState};

/// The row that holds the next operation's number.
pub(super) const NEXT: &[u8] = b"next";

/// What beginning an operation came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Begun {
    /// It is pending, and this is its handle.
    New(Pending),
    /// It was begun before with this key. Nothing was changed.
    Existing(Box<KeyState>),
    /// The transaction it stands for is claimed. Nothing was begun.
    Duplicate(ClaimState),
    /// The transaction it stands for is not known, and at or below its namespace's watermark: it may
    /// have been dealt with and let go. Nothing was begun, and nothing ever will be for it.
    TooOld,
}

/// What beginning and starting an operation in one commit came to.
#[derive(Debug)]
#[non_exhaustive]
pub enum BegunStarted {
    /// It is in progress, and this is its handle.
    New(InProgress),
    /// It was begun before with this key. Nothing was changed.
    Existing(Box<KeyState>),
    /// The transaction it stands for is claimed. Nothing was begun.
    Duplicate(ClaimState),
    /// The transaction it stands for is not known, and at or below its namespace's watermark: it may
    /// have been dealt with and let go. Nothing was begun, and nothing ever will be for it.
    TooOld,
}

impl Begun {
    /// The handle, where the operation is new.
    pub fn into_handle(self) -> Option<Pending> {
        match self {
            Self::New(pending) => Some(pending),
            Self::Existing(_) | Self::Duplicate(_) | Self::TooOld => None,
        }
    }

    /// The operation there was, where its key was used before.
    pub fn into_existing(self) -> Option<KeyState> {
        match self {
            Self::Existing(state) => Some(*state),
            Self::New(_) | Self::Duplicate(_) | Self::TooOld => None,
        }
    }
}

impl BegunStarted {
    /// The handle, where the operation is new.
    pub fn into_handle(self) -> Option<InProgress> {
        match self {
            Self::New(in_progress) => Some(in_progress),
            Self::Existing(_) | Self::Duplicate(_) | Self::TooOld => None,
        }
    }

    /// The operation there was, where its key was used before.
    pub fn into_existing(self) -> Option<KeyState> {
        match self {
            Self::Existing(state) => Some(*state),
            Self::New(_) | Self::Duplicate(_) | Self::TooOld => None,
        }
    }
}

/// What a new operation comes from.
struct Origin<'i> {
    intent: &'i Intent,
    hash: IntentHash,
    /// What is known of the rolled back operation in whose place it is begun.
    before: Option<KeyRow>,
}

impl Origin<'_> {
    /// The operation in whose place it is begun, with its claim.
    fn inherited(&self) -> Option<(u64, &NamedClaim)> {
        let before = self.before.as_ref()?;
        Some((before.operation, before.claim.as_ref()?))
    }

    /// The claim that ends with the operation.
    fn claim(&self) -> Option<NamedClaim> {
        let own = || self.intent.claim.as_ref().map(ClaimIntent::named);
        self.inherited().map(|(_, claim)| claim.clone()).or_else(own)
    }
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
        self.begin_from(&Origin { intent, hash, before: None })
    }

    /// As [`OperationsMut::begin`], and starts it in the same commit.
    ///
    /// # Errors
    /// As [`OperationsMut::begin`]; [`Error::TooLate`] where its deadline has passed, and then nothing
    /// was begun.
    pub fn begin_and_start(&mut self, intent: &Intent) -> Result<BegunStarted, Error> {
        self.all_or_nothing(|operations| {
            let pending = match operations.begin(intent)? {
                Begun::New(pending) => pending,
                Begun::Existing(state) => return Ok(BegunStarted::Existing(state)),
                Begun::Duplicate(state) => return Ok(BegunStarted::Duplicate(state)),
                Begun::TooOld => return Ok(BegunStarted::TooOld),
            };
            match operations.start(&pending)? {
                Started::InProgress(in_progress) => Ok(BegunStarted::New(in_progress)),
                Started::Expired => {
                    Err(Error::TooLate { deadline: intent.deadline.unwrap_or(operations.now) })
                }
            }
        })
    }

    /// Begins an operation anew under the key of one that was rolled back. It gets a number of its
    /// own and takes over the claim, whether the intent names it or not. Where there was no claim and
    /// the intent names one, that is made.
    ///
    /// A claim that the bounds of its namespace let go since is made again: that the operation under
    /// the key was rolled back is known all the same, and its event is too old for everybody else.
    /// Where somebody claimed the event under a later time since then, it is theirs
    /// ([`Begun::Duplicate`]).
    ///
    /// A cursor that has the value to which the intent moves it counts as moved: the first begin may
    /// have done so.
    ///
    /// # Errors
    /// As [`OperationsMut::begin`]; [`Error::UnknownKey`]; [`Error::IllegalTransition`] where the
    /// operation under the key was not rolled back; [`Error::Conflict`] also where the intent names
    /// another claim.
    pub fn begin_again(&mut self, intent: &Intent) -> Result<Begun, Error> {
        intent.check()?;
        let hash = IntentHash::of(intent);
        let Some(known) = row::key_row(self.reader(), &intent.key)? else {
            return Err(Error::UnknownKey { key: intent.key.clone() });
        };
        hash.expect_same(&known)?;
        let id = OperationId::new(known.operation);
        legal(id, keys::known(self.reader(), &known)?.status(), Call::BeginAgain)?;
        intent.expect_claim_of(&known)?;
        self.begin_from(&Origin { intent, hash, before: Some(known) })
    }

    fn begin_from(&mut self, origin: &Origin<'_>) -> Result<Begun, Error> {
        if self.life.refuses_beginnings() {
            return Err(Error::RecoveryNeeded);
        }
        self.all_or_nothing(|operations| {
            operations.sweeping(|operations| operations.try_begin(origin))
        })
    }

    fn try_begin(&mut self, origin: &Origin<'_>) -> Result<Begun, Error> {
        let intent = origin.intent;
        let id = self.next_id()?;
        let claim = match origin.inherited() {
            Some((from, claim)) => self.hand_over_claim(from, claim, id)?,
            None => self.claim(id, intent)?,
        };
        match claim {
            Claim::New => {}
            Claim::Duplicate(state) => return Ok(Begun::Duplicate(state)),
            Claim::TooOld => return Ok(Begun::TooOld),
        }
        self.move_cursor(intent, origin.before.is_some())?;
        let mut row = self.new_row(origin);
        let positions = self.take_positions(id, intent, &mut row)?;
        self.hold_money(id, intent, &positions, &row.account)?;
        row::put(self.tx(), OPERATION_STATE, NEXT, &id.get().saturating_add(1));
        row::put(self.tx(), UNFINISHED, &row::id_key(id), &());
        row::put(self.tx(), KEYS, &intent.key, &origin.hash.row(id, row.claim.clone()));
        for named in &row.positions {
            self.work_on(id, *named)?;
        }
        if !intent.payload.is_empty() {
            row::put(self.tx(), PAYLOADS, &row::id_key(id), &intent.payload);
        }
        self.put_with_event(id, &mut row, Call::Begin, None);
        let handle = self.handle(id, &row);
        Ok(Begun::New(Pending(handle)))
    }

    fn next_id(&self) -> Result<OperationId, Error> {
        let next = row::load::<u64>(self.reader(), OPERATION_STATE, NEXT)?;
        Ok(OperationId::new(next.unwrap_or(1)))
    }

    /// The operation's row, but for what the books have to say to it.
    fn new_row(&mut self, origin: &Origin<'_>) -> OperationRow {
        let intent = origin.intent;
        OperationRow {
            kind: intent.kind.clone(),
            key: intent.key.clone(),
            account: intent.account.clone().unwrap_or_default(),
            status: Status::Pending,
            epoch: self.life.epoch(),
            attempt: 0,
            owner: self.life.draw_owner(),
            failure: 0,
            tries: 0,
            max_attempts: intent.max_attempts,
            idempotent: intent.idempotent,
            deadline: intent.deadline.map(|at| at.as_micros()),
            not_before: None,
            expires: self.expires(intent.deadline.map(|at| at.as_micros())),
            external_ids: vec![self.life.draw_external_id()],
            positions: Vec::new(),
            accounts: Vec::new(),
            assets: Vec::new(),
            claim: origin.claim(),
            retry_of: origin.before.as_ref().map(|before| before.operation),
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
            row::put(self.tx(), WORKING, &key, &roles);
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
