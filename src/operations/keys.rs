//! Idempotency keys: what makes two intents the same, and what is known of a key.

use xxhash_rust::xxh3::xxh3_128;

use super::OperationId;
use super::canonical::Canonical;
use super::error::Error;
use super::intent::Intent;
use super::kind::Kind;
use super::row::{self, KeyRow, NamedClaim, OutcomeRow};
use super::status::Status;
use super::view::Operation;
use crate::clock::Timestamp;
use crate::engine::Reader;

/// What is compared of two intents under one key, and in this order told apart.
const PARTS: [&str; 5] = ["kind", "account", "positions", "holds", "payload"];

/// The hash of an intent: of everything together, and a short one of each part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IntentHash {
    pub(super) whole: u128,
    pub(super) parts: [u16; 5],
}

/// What is known of an idempotency key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeyState {
    /// The operation is there.
    Known(Box<Operation>),
    /// The operation's row was purged; this is how it ended.
    Purged {
        /// The operation's number.
        operation: OperationId,
        /// [`Status::Completed`] or [`Status::RolledBack`].
        status: Status,
        /// When it ended.
        finished_at: Timestamp,
    },
}

impl KeyState {
    /// The operation's number.
    pub fn id(&self) -> OperationId {
        match self {
            Self::Known(operation) => operation.id,
            Self::Purged { operation, .. } => *operation,
        }
    }

    /// The operation's state.
    pub fn status(&self) -> Status {
        match self {
            Self::Known(operation) => operation.status,
            Self::Purged { status, .. } => *status,
        }
    }

    /// The operation, where its row is still there.
    pub fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Known(operation) => Some(operation),
            Self::Purged { .. } => None,
        }
    }
}

impl IntentHash {
    pub(super) fn of(intent: &Intent) -> Self {
        let parts = [kind, account, positions, holds, payload].map(|write| {
            let mut bytes = Canonical::default();
            write(intent, &mut bytes);
            bytes.into_bytes()
        });
        let mut whole = Canonical::default();
        for part in &parts {
            whole.bytes(part);
        }
        Self { whole: whole.hash(), parts: parts.map(|part| xxh3_128(&part) as u16) }
    }

    /// Refuses where the key was used for something else.
    pub(super) fn expect_same(&self, known: &KeyRow) -> Result<(), Error> {
        if self.whole == known.hash {
            return Ok(());
        }
        let differs = (0..PARTS.len()).find(|&part| self.parts[part] != known.parts[part]);
        let which = differs.map_or("hash", |part| PARTS[part]);
        Err(Error::Conflict { operation: OperationId::new(known.operation), which })
    }

    pub(super) fn row(&self, operation: OperationId, claim: Option<NamedClaim>) -> KeyRow {
        let (operation, hash, parts) = (operation.get(), self.whole, self.parts);
        KeyRow { operation, hash, parts, claim, outcome: None }
    }
}

fn kind(intent: &Intent, bytes: &mut Canonical) {
    let (number, name) = match &intent.kind {
        Kind::BalanceDeduct => (0, ""),
        Kind::BalanceAdd => (1, ""),
        Kind::PositionOpen => (2, ""),
        Kind::PositionClose => (3, ""),
        Kind::PositionUpdate => (4, ""),
        Kind::TradeExecute => (5, ""),
        Kind::Custom(name) => (6, &**name),
    };
    bytes.number(number);
    bytes.bytes(name.as_bytes());
}

fn account(intent: &Intent, bytes: &mut Canonical) {
    bytes.bytes(intent.account.as_deref().unwrap_or_default().as_bytes());
    bytes.number(intent.accounts.len() as u64);
    for account in &intent.accounts {
        bytes.bytes(account.as_bytes());
    }
}

fn positions(intent: &Intent, bytes: &mut Canonical) {
    bytes.number(intent.named.len() as u64);
    for named in &intent.named {
        bytes.number(named.position.get());
        bytes.number(named.role as u64);
    }
    bytes.number(intent.opens.len() as u64);
    for position in &intent.opens {
        bytes.new_position(position);
    }
}

/// Money, holds and the quantity of each position stand apart: one coin to sell is not one coin for
/// the fee.
fn holds(intent: &Intent, bytes: &mut Canonical) {
    bytes.optional(intent.money.as_ref(), Canonical::money);
    bytes.number(intent.holds.len() as u64);
    for hold in &intent.holds {
        bytes.money(hold);
    }
    bytes.number(intent.named.len() as u64);
    for named in &intent.named {
        bytes.optional(named.quantity.as_ref(), Canonical::money);
    }
    bytes.number(intent.touches.len() as u64);
    for asset in &intent.touches {
        bytes.asset(asset);
    }
}

fn payload(intent: &Intent, bytes: &mut Canonical) {
    bytes.bytes(&intent.payload);
}

/// What is known of `key`.
pub(super) fn state(reader: &dyn Reader, key: &[u8]) -> Result<Option<KeyState>, Error> {
    row::key_row(reader, key)?.map(|row| known(reader, &row)).transpose()
}

/// The operation that a key's row names, or how it ended.
pub(super) fn known(reader: &dyn Reader, row: &KeyRow) -> Result<KeyState, Error> {
    let operation = OperationId::new(row.operation);
    match row.outcome {
        Some(OutcomeRow { completed, finished_at }) => {
            let status = if completed { Status::Completed } else { Status::RolledBack };
            Ok(KeyState::Purged { operation, status, finished_at: row::time(finished_at) })
        }
        None => Ok(KeyState::Known(Box::new(Operation::load(reader, operation)?))),
    }
}
